import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.js';
import { createOnnxEngine } from '../../../src/engines/onnx.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { elementCount, type Graph, tensorOf } from '../../../src/ir/graph.js';
import { verifyGraph } from '../../../src/ir/verify.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';
import { normaliseGraph } from '../../../src/passes/normalise.js';
import { useBatchStatistics } from '../../../src/train/batch-norm.js';
import { appendRelativeError } from '../../../src/train/losses.js';
import { compileStep } from '../../../src/train/step.js';
import {
  packedPlaces,
  replaceConstants,
  trainableConstants,
  unpackValues,
} from '../../../src/train/trainable-constants.js';
import type { TrainingProblem } from '../../../src/train/training.js';

const SHAPE = [4, 5, 5, 3];

/** convolution → batch norm → relu → batch norm, batch 4. */
function network(): Graph {
  const random = createRandom(1);
  const draw = (n: number, f = (): number => random.normal()): Float32Array => Float32Array.from({ length: n }, f);
  const b = new GraphBuilder('net', SHAPES);
  const norm = (id: string, x: string): string => {
    const c = b.type(x).shape[3] as number;
    const operands = ['gamma', 'beta', 'moving_mean', 'moving_variance'].map((name) =>
      b.constant(`${id}/${name}`, [c], name.endsWith('variance') ? draw(c, () => 0.5 + random.next()) : draw(c)),
    );
    return b.op('batch_norm', [x, ...operands], { epsilon: 1e-3 }, { id });
  };
  const w = b.constant('w', [6, 3, 3, 3], draw(162));
  const attrs = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };
  const conv = b.op('conv2d', [b.input('x', SHAPE), w], attrs, { id: 'conv' });
  const active = b.op('relu', [norm('bn1', conv)], {}, { id: 'active' });
  return b.build([norm('bn2', active)]);
}

const picture = (): Float32Array => {
  const random = createRandom(8);
  return Float32Array.from({ length: elementCount(SHAPE) }, () => 2 * random.normal() + 1);
};

describe('useBatchStatistics', () => {
  it('changes batch norms only, keeps ids, and lists what follows the batch', () => {
    const before = network();
    const { graph, follow } = useBatchStatistics(before);
    verifyGraph(graph, SHAPES);
    expect(graph.nodes.map((node) => node.kind)).toEqual([
      'conv2d',
      'batch_norm_training',
      'relu',
      'batch_norm_training',
    ]);
    expect(graph.nodes.map((node) => node.outputs[0])).toEqual(before.nodes.map((node) => node.outputs[0]));
    expect(follow).toEqual([
      { constant: 'bn1/moving_mean', batch: 'bn1/batch_mean' },
      { constant: 'bn1/moving_variance', batch: 'bn1/batch_variance' },
      { constant: 'bn2/moving_mean', batch: 'bn2/batch_mean' },
      { constant: 'bn2/moving_variance', batch: 'bn2/batch_variance' },
    ]);
    expect(trainableConstants(graph)).toEqual(trainableConstants(before));
  });

  it('changes the chosen nodes only', () => {
    const { graph, follow } = useBatchStatistics(network(), ['bn2']);
    expect(graph.nodes.map((node) => node.kind)).toEqual(['conv2d', 'batch_norm', 'relu', 'batch_norm_training']);
    expect(follow.map(({ constant }) => constant)).toEqual(['bn2/moving_mean', 'bn2/moving_variance']);
  });

  it('ends in a network that does in use what it did in training', async () => {
    const before = network();
    const { graph, follow } = useBatchStatistics(before);
    const builder = new GraphBuilder('loss', SHAPES, graph);
    const target = builder.input('target', SHAPE.with(3, 6));
    const loss = appendRelativeError(builder, 'bn2', target);
    const problem: TrainingProblem = {
      graph: builder.build([loss]),
      loss,
      parameters: trainableConstants(before),
      watch: ['bn2'],
      statistics: { momentum: 0.5, follow },
    };
    const step = await compileStep(problem, {}, { engine: await createOnnxEngine(), threads: 1 });
    const feeds = { x: picture(), target: new Float32Array(600).fill(1) };
    let state = step.initial;
    let watched = new Float32Array();
    // The same batch over and over with nothing learnt: moving averages arrive at its statistics.
    for (let i = 0; i < 40; i++) {
      const result = await step.run(state, feeds, 0);
      state = result.state;
      watched = Float32Array.from(result.watch.bn2 as Float32Array);
    }
    const places = packedPlaces(
      before,
      follow.map(({ constant }) => constant),
    );
    const learnt = unpackValues(places, state.statistics);
    await step.dispose();
    const used = replaceConstants(before, learnt);
    const exact = runReference(used, { x: feeds.x }).bn2 as Float64Array;
    const folded = runReference(normaliseGraph(used), { x: feeds.x }).bn2 as Float64Array;
    expect(tensorOf(used, 'bn1/moving_mean').data).not.toEqual(tensorOf(before, 'bn1/moving_mean').data);
    for (const [i, value] of watched.entries()) {
      expect(Math.abs((exact[i] as number) - value)).toBeLessThan(1e-4);
      expect(Math.abs((folded[i] as number) - value)).toBeLessThan(1e-4);
    }
  });
});
