import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it, vi } from 'vitest';
import { gradientGraph } from '../../../src/autodiff/gradients.js';
import { createRandom } from '../../../src/core/random.js';
import { createEngine } from '../../../src/engines/index.js';
import { createTfjsEngine } from '../../../src/engines/tfjs.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { elementCount, type Graph, tensorOf } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';
import { expectClose } from '../../ops/harness.js';
import { describeNeeding, type Requirement } from '../../support/shared-data.js';

const random = createRandom(3);
const normal = (shape: readonly number[], scale = 1): Float32Array =>
  Float32Array.from({ length: elementCount(shape) }, () => random.normal() * scale);
const CONV = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };

/** Convolution, batch norm, residual sum, concatenation, pooling, softmax; two outputs, one of them an inner value. */
function branchedNet(): Graph {
  const b = new GraphBuilder('branched', SHAPES);
  const x = b.input('x', [2, 6, 6, 3]);
  const w1 = b.constant('w1', [4, 3, 3, 3], normal([4, 3, 3, 3], 0.3));
  const w2 = b.constant('w2', [4, 3, 3, 4], normal([4, 3, 3, 4], 0.3));
  const w3 = b.constant('w3', [5, 8], normal([5, 8], 0.3));
  const bias = b.constant('bias', [5], normal([5]));
  const statistics = ['gamma', 'beta', 'mean'].map((id) => b.constant(id, [4], normal([4])));
  const variance = b.constant('variance', [4], Float32Array.of(0.5, 1, 2, 3));
  const conv = b.op('conv2d', [x, w1], CONV, { id: 'conv' });
  const normed = b.op('batch_norm', [conv, ...statistics, variance], { epsilon: 1e-3 }, { id: 'normed' });
  const active = b.op('hard_swish', [normed], {}, { id: 'active' });
  const second = b.op('conv2d', [active, w2], { ...CONV, activation: 'relu6' }, { id: 'second' });
  const joined = b.op('concat', [b.op('add', [active, second]), second], { axis: 3 }, { id: 'joined' });
  const pooled = b.op('mean', [joined], { axes: [1, 2], keepDims: false });
  const logits = b.op('dense', [pooled, w3, bias], {}, { id: 'logits' });
  return b.build([b.op('softmax', [logits], { axis: -1 }, { id: 'y' }), joined]);
}

const gradients = (): Graph => gradientGraph(branchedNet(), { of: 'logits', wrt: ['x', 'w1', 'w2', 'joined'] }).graph;

/** The input and a constant as outputs, an output nobody reads, quantization there and back. */
function oddNet(): Graph {
  const b = new GraphBuilder('odd', SHAPES);
  const x = b.input('x', [2, 6, 6, 3]);
  const c = b.constant('c', [2], Float32Array.of(1, 2));
  const attrs = { scale: 0.05, zeroPoint: -3 };
  const q = b.op('quantize', [x], { ...attrs, dtype: 'int8' });
  const back = b.op('dequantize', [q], attrs, { id: 'back' });
  b.op('relu', [x], {}, { id: 'unread' });
  return b.build([back, b.op('identity', [x], {}, { id: 'same' }), x, c]);
}

const GRAPHS = { branched: branchedNet(), gradients: gradients(), odd: oddNet() };

const ids = ['tfjs-node', 'tfjs-wasm', 'tfjs-cpu'] as const;
const hasTfjsNode = await createTfjsEngine('tfjs-node').then(
  () => true,
  () => false,
);
const tfjsNode: Requirement = {
  name: 'tfjs-node',
  install: 'npm run setup:tfjs-node',
  kind: 'tool',
  available: () => hasTfjsNode,
};
const needsOf = (id: string): Requirement[] => (id === 'tfjs-node' ? [tfjsNode] : []);

for (const id of ['onnx', ...ids] as const) {
  describeNeeding(needsOf(id), id, () => {
    it.each(Object.entries(GRAPHS))('runs %s as the reference does', async (name, graph) => {
      const feeds = { x: normal([2, 6, 6, 3]) };
      const expected = runReference(graph, feeds);
      const compiled = await (await createEngine(id)).compile(graph);
      for (let round = 0; round < 2; round++) {
        const values = await compiled.run(feeds);
        expect(Object.keys(values).sort()).toEqual([...graph.outputs].sort());
        for (const out of graph.outputs) {
          expectClose(values[out] as Float32Array, expected[out] as Float64Array, 2e-5, `${name}: ${out}`);
        }
      }
      await compiled.dispose();
    });
  });
}

for (const id of ids) {
  describeNeeding(needsOf(id), `memory of ${id}`, () => {
    it('leaves no tensor behind', async () => {
      const engine = await createTfjsEngine(id);
      const before = tf.memory().numTensors;
      const compiled = await engine.compile(GRAPHS.gradients);
      const feeds = { x: normal([2, 6, 6, 3]) };
      await compiled.run(feeds);
      const warm = tf.memory().numTensors;
      const results = await compiled.run(feeds);
      expect(tf.memory().numTensors).toBe(warm);
      const copy = Float32Array.from(results.y as Float32Array);
      await compiled.run({ x: normal([2, 6, 6, 3]) });
      expect(results.y, 'results belong to the caller').toEqual(copy);
      await compiled.dispose();
      expect(tf.memory().numTensors).toBe(before);
    });

    it('leaves no tensor behind when an op fails', async () => {
      const engine = await createTfjsEngine(id);
      const net = branchedNet();
      // A shape that contradicts the node makes tfjs throw in the middle of the graph.
      const tensors = new Map(net.tensors).set('w2', { ...tensorOf(net, 'w2'), shape: [4, 4, 3, 3] });
      const compiled = await engine.compile({ ...net, tensors });
      const before = tf.memory().numTensors;
      await expect(compiled.run({ x: normal([2, 6, 6, 3]) })).rejects.toMatchObject({ code: 'E_ENGINE' });
      await compiled.dispose();
      expect(tf.memory().numTensors).toBe(before);
    });
  });
}

describe('tfjs', () => {
  it('takes the fastest backend that is there', async () => {
    expect((await createTfjsEngine('tfjs')).id).toBe(hasTfjsNode ? 'tfjs-node' : 'tfjs-wasm');
  });

  it('keeps engines on different backends apart when they run at once', async () => {
    const [cpu, wasm] = await Promise.all([createTfjsEngine('tfjs-cpu'), createTfjsEngine('tfjs-wasm')]);
    const runs = [cpu, wasm, cpu, wasm].map(async (engine) => {
      const compiled = await engine.compile(GRAPHS.branched);
      const feeds = { x: normal([2, 6, 6, 3]) };
      const values = await Promise.all([compiled.run(feeds), compiled.run(feeds)]);
      const expected = runReference(GRAPHS.branched, feeds).y as Float64Array;
      for (const { y } of values) expectClose(y as Float32Array, expected, 2e-5, engine.id);
      await compiled.dispose();
    });
    await Promise.all(runs);
  });

  it('goes on after a failed run', async () => {
    const engine = await createTfjsEngine('tfjs-wasm');
    const compiled = await engine.compile(GRAPHS.branched);
    await expect(compiled.run({ x: new Float32Array(3) })).rejects.toThrow(/needs 216 values, got 3/);
    await expect(compiled.run({ x: normal([2, 6, 6, 3]) })).resolves.toHaveProperty('y');
    await compiled.dispose();
  });

  it('says how to install tfjs-node when it cannot be loaded', async () => {
    vi.doMock('@tensorflow/tfjs-node', () => {
      throw new Error('libtensorflow.so.2: cannot open shared object file');
    });
    try {
      await expect(createTfjsEngine('tfjs-node')).rejects.toMatchObject({
        code: 'E_ENGINE_MISSING',
        hint: 'npm run setup:tfjs-node',
      });
      // Without a backend named, the next one takes over.
      expect((await createTfjsEngine('tfjs')).id).toBe('tfjs-wasm');
    } finally {
      vi.doUnmock('@tensorflow/tfjs-node');
    }
  });
});
