/** Where importance is measured and where a network may be cut. */
import { describe, expect, it } from 'vitest';
import { findCutPoints, findLayerOutputs } from '../../../src/analyze/cut-points.js';
import { measureImportance } from '../../../src/analyze/importance.js';
import { createEngine } from '../../../src/engines/index.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import type { Graph } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';
import { findLogits } from '../../../src/passes/logits.js';

function network(build: (b: GraphBuilder, x: string) => string, shape: readonly number[] = [1, 4, 4, 2]): Graph {
  const b = new GraphBuilder('net', SHAPES);
  const x = b.input('x', shape);
  return b.build([build(b, x)]);
}

const conv = (b: GraphBuilder, x: string, id: string, channels: number): string => {
  const c = b.type(x).shape[3] as number;
  const weights = b.constant(`${id}/kernel`, [channels, 1, 1, c], new Float32Array(channels * c).fill(0.5));
  return b.op('conv2d', [x, weights], { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] }, { id });
};
const dense = (b: GraphBuilder, x: string, id: string, units: number): string => {
  const c = b.type(x).shape.at(-1) as number;
  return b.op('dense', [x, b.constant(`${id}/kernel`, [units, c], new Float32Array(units * c).fill(0.1))], {}, { id });
};
const pool = (b: GraphBuilder, x: string): string =>
  b.op('mean', [x], { axes: [1, 2], keepDims: false }, { id: 'pool' });

describe('findLogits', () => {
  it('looks behind a softmax, also one that is regrouped', () => {
    const plain = network((b, x) => b.op('softmax', [dense(b, pool(b, x), 'scores', 3)], { axis: -1 }));
    expect(findLogits(plain)).toEqual({ id: 'scores', width: 3, classes: 3, squashing: 'softmax' });
    const regrouped = network((b, x) =>
      b.op('reshape', [b.op('softmax', [dense(b, pool(b, x), 'scores', 3)], { axis: -1 })], { shape: [-1, 3] }),
    );
    expect(findLogits(regrouped).id).toBe('scores');
  });
  it('takes the output when nothing squashes it, and one sigmoid score for two classes', () => {
    expect(findLogits(network((b, x) => dense(b, pool(b, x), 'scores', 4)))).toMatchObject({
      id: 'scores',
      squashing: 'none',
    });
    const binary = network((b, x) => b.op('sigmoid', [dense(b, pool(b, x), 'score', 1)]));
    expect(findLogits(binary)).toMatchObject({ id: 'score', width: 1, classes: 2, squashing: 'sigmoid' });
  });
  it('refuses a network that gives no class scores', () => {
    expect(() => findLogits(network((b, x) => b.op('relu', [x])))).toThrow(
      expect.objectContaining({ code: 'E_NO_CLASSES' }),
    );
    expect(() => findLogits(network((b, x) => dense(b, pool(b, x), 'value', 1)))).toThrow(/not one score per class/);
  });
});

describe('findLayerOutputs and findCutPoints', () => {
  it('leave out values before an activation, views, and everything from the logits on', () => {
    const graph = network((b, x) => {
      const a = b.op('leaky_relu', [conv(b, x, 'conv', 4)], { alpha: 0.1 }, { id: 'act' });
      const flat = b.op('reshape', [a], { shape: [-1, 64] }, { id: 'flat' });
      return b.op('softmax', [dense(b, flat, 'scores', 3)], { axis: -1 });
    });
    expect(findLayerOutputs(graph, 'scores')).toEqual(['act']);
    expect(findCutPoints(graph, 'scores').map((p) => p.id)).toEqual(['act']);
  });
  it('see x·sigmoid(x) as one activation', () => {
    const graph = network((b, x) => {
      const c = conv(b, x, 'conv', 4);
      const swish = b.op('mul', [c, b.op('sigmoid', [c], {}, { id: 'gate' })], {}, { id: 'swish' });
      return dense(b, pool(b, swish), 'scores', 3);
    });
    expect(findLayerOutputs(graph, 'scores')).toEqual(['swish', 'pool']);
    expect(findCutPoints(graph, 'scores').map((p) => p.id)).toEqual(['swish', 'pool']);
  });
  it('list a residual block as a cut of two tensors, after the single ones', () => {
    const graph = network((b, x) => {
      const a = b.op('relu', [conv(b, x, 'c1', 4)], {}, { id: 'a' });
      const inner = b.op('relu', [conv(b, a, 'c2', 4)], {}, { id: 'inner' });
      return dense(b, pool(b, b.op('add', [conv(b, inner, 'c3', 4), a], {}, { id: 'sum' })), 'scores', 3);
    });
    expect(findCutPoints(graph, 'scores').map((p) => [p.id, p.elements])).toEqual([
      ['a', 64],
      ['sum', 64],
      ['pool', 4],
      ['a+inner', 128],
      ['a+c3', 128],
    ]);
  });
});

describe('measureImportance', () => {
  const graph = network((b, x) => {
    const a = b.op('relu', [conv(b, x, 'conv', 4)], {}, { id: 'a' });
    return dense(b, pool(b, a), 'scores', 3);
  });
  const logits = findLogits(graph);
  const batch = (labels: number[], value = 1) => ({
    count: labels.length,
    inputs: new Float32Array(labels.length * 32).fill(value),
    labels: Int32Array.from(labels),
  });
  const measure = async (batches: readonly ReturnType<typeof batch>[], batchSize = 4) =>
    measureImportance(
      await createEngine('onnx'),
      graph,
      logits,
      ['a'],
      async function* () {
        yield* batches;
      },
      {},
      { batchSize },
    );

  it('equals the definition worked out by hand, in any grouping of the samples', async () => {
    // a = relu(0.5·1 + 0.5·1) = 1 everywhere; ∂y/∂a = 0.1 / 16 at each of 16 pixels; w = 0.1 / 16; M = mean_c(w · 1) = 0.1 / 16.
    for (const batches of [[batch([0, 1, 2, 0, 1])], [batch([0, 1]), batch([2]), batch([0, 1])]]) {
      const table = await measure(batches);
      expect(table.labels).toEqual(Int32Array.of(0, 1, 2, 0, 1));
      expect(table.scores.cui).toHaveLength(5);
      for (const v of table.scores.cui) expect(v).toBeCloseTo(0.1 / 16, 8);
      // Taylor: |mean_hw(g · a)| = 0.1 / 16 in every channel.
      for (const v of table.scores.taylor) expect(v).toBeCloseTo(0.1 / 16, 8);
      // All logits are equal and move together: the margin does not change, so its importance is zero.
      for (const v of table.scores.margin) expect(Math.abs(v)).toBeLessThan(1e-8);
    }
  });
  it('refuses labels outside the classes, no samples, and values that are not finite', async () => {
    await expect(measure([batch([0, 3])])).rejects.toMatchObject({ code: 'E_LABEL_RANGE' });
    await expect(measure([batch([-1])])).rejects.toMatchObject({ code: 'E_LABEL_RANGE' });
    await expect(measure([])).rejects.toMatchObject({ code: 'E_DATA_EMPTY' });
    await expect(measure([batch([0], Number.NaN)])).rejects.toMatchObject({ code: 'E_NOT_FINITE' });
  });
});
