/** What `train` writes is what it measured: float TFLite files of every architecture, read back. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readModel } from '../../converters/index.js';
import { writeTflite } from '../../converters/tflite/write.js';
import { ARCHITECTURES } from '../../models/index.js';
import { findCutPoints } from '../../src/analyze/cut-points.js';
import { createRandom } from '../../src/core/random.js';
import { createOnnxEngine } from '../../src/engines/onnx.js';
import { type Graph, type TypedArray, tensorOf } from '../../src/ir/graph.js';
import { legaliseTflite } from '../../src/passes/legalise-tflite.js';
import { findLogits } from '../../src/passes/logits.js';
import { normaliseGraph } from '../../src/passes/normalise.js';

const SIDE = 32;

async function readBack(network: Graph): Promise<Graph> {
  const bytes = writeTflite(legaliseTflite(network, { keepMeans: true }), { classNames: ['a', 'b', 'c'] });
  const sibling = () => Promise.reject(new Error('a TFLite file has no siblings'));
  const read = await readModel({ name: 'trained.tflite', bytes, sibling });
  expect(read.classNames).toEqual(['a', 'b', 'c']);
  return normaliseGraph(read.graph);
}

const cutIds = (graph: Graph): string[] => findCutPoints(graph, findLogits(graph).id).map((point) => point.id);

const hashOf = (data: TypedArray): string =>
  createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');

/** Every node with a hash of its constants instead of their ids: vgg16 has 15 million values. */
const layersOf = (graph: Graph) =>
  graph.nodes.map(({ kind, inputs, outputs, attrs }) => ({
    kind,
    outputs,
    attrs,
    inputs: inputs.map((id) => {
      const { data, shape } = tensorOf(graph, id);
      return data ? [...shape, hashOf(data)] : id;
    }),
  }));

describe.each(ARCHITECTURES.map((a) => [a.id, a] as const))('%s as a float TFLite file', (_id, architecture) => {
  const network = normaliseGraph(
    architecture.build({ inputShape: [SIDE, SIDE, 1], classes: 3, seed: 5, batchNorm: true }),
  );

  it('is read back with the same cuts and the same layers, bit by bit', async () => {
    const read = await readBack(network);
    expect(cutIds(read)).toEqual(cutIds(network));
    expect(layersOf(read)).toEqual(layersOf(network));
  });
});

describe('a network read back', () => {
  it('computes the same bits', async () => {
    const [architecture] = ARCHITECTURES.filter((a) => a.id === 'resnet8');
    const network = normaliseGraph(architecture?.build({ inputShape: [SIDE, SIDE, 1], classes: 3, seed: 5 }) as Graph);
    const random = createRandom(2);
    const picture = Float32Array.from({ length: SIDE * SIDE }, () => random.next());
    const engine = await createOnnxEngine();
    const outputs: Float32Array[] = [];
    for (const graph of [network, await readBack(network)]) {
      const compiled = await engine.compile(graph, { threads: 1 });
      const values = await compiled.run({ [graph.inputs[0] as string]: picture });
      outputs.push(values[graph.outputs[0] as string] as Float32Array);
      await compiled.dispose();
    }
    expect(outputs[1]).toEqual(outputs[0]);
  });
});

describe('vgg16 with batch norm', () => {
  it('has the cuts of vgg16 without', () => {
    const [vgg16] = ARCHITECTURES.filter((a) => a.id === 'vgg16');
    const cuts = [true, false].map((batchNorm) =>
      cutIds(normaliseGraph(vgg16?.build({ inputShape: [SIDE, SIDE, 1], classes: 3, seed: 5, batchNorm }) as Graph)),
    );
    expect(cuts[0]).toEqual(cuts[1]);
    expect(cuts[0]).toContain('block3_conv2');
  });
});
