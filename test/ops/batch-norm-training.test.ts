import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { appendGradients } from '../../src/autodiff/gradients.js';
import { createRandom } from '../../src/core/random.js';
import { createOnnxEngine } from '../../src/engines/onnx.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { elementCount, type Graph } from '../../src/ir/graph.js';
import { verifyGraph } from '../../src/ir/verify.js';
import { opDef, SHAPES } from '../../src/ops/index.js';
import { runReference } from '../../src/ops/reference.js';
import { type CaseInput, describeOp, expectClose, type OpCase } from './harness.js';

const EPSILON = 1e-3;
const IMAGE = [3, 4, 2, 5];
const axesOf = (shape: readonly number[]): string => `[${shape.slice(1).map((_, i) => i)}]`;
const perChannel = (shape: readonly number[], values: CaseInput['values'] = 'normal'): CaseInput => ({
  shape: [shape.at(-1) as number],
  values,
});

const trainingOf = (shape: number[]): OpCase => ({
  name: `[${shape}]`,
  inputs: [shape, { ...perChannel(shape), weight: true }, { ...perChannel(shape), weight: true }],
  attrs: { epsilon: EPSILON },
  oracle: `(lambda m, v: tf.nn.batch_normalization(a, m, v, c, b, 1e-3))(*tf.nn.moments(a, ${axesOf(shape)}))`,
  // The converter has no business with a layer in training mode.
  litert: false,
  shape,
});

const sumsOf = (shape: number[]): OpCase => ({
  name: `[${shape}]`,
  inputs: [shape, perChannel(shape), perChannel(shape, 'positive'), shape],
  attrs: { epsilon: EPSILON },
  oracle: `tf.stack([tf.reduce_sum(d, ${axesOf(shape)}), tf.reduce_sum(d * (a - b) / tf.sqrt(c + 1e-3), ${axesOf(shape)})])`,
  litert: false,
  wrt: [],
  shape: [2, shape.at(-1) as number],
});

/** Independent of the sums' own op: they are fed. */
const inputGradOf = (shape: number[]): OpCase => {
  const count = elementCount(shape.slice(0, -1));
  return {
    name: `[${shape}]`,
    inputs: [
      shape,
      perChannel(shape),
      perChannel(shape, 'positive'),
      shape,
      perChannel(shape),
      [2, shape.at(-1) as number],
    ],
    attrs: { epsilon: EPSILON },
    oracle: `e / tf.sqrt(c + 1e-3) * (d - f[0] / ${count} - (a - b) / tf.sqrt(c + 1e-3) * f[1] / ${count})`,
    litert: false,
    wrt: [],
    shape,
  };
};

describeOp('batch_norm_training', [trainingOf(IMAGE), trainingOf([6, 3]), trainingOf([4, 1, 1, 3])]);
describeOp('batch_norm_sums', [sumsOf(IMAGE), sumsOf([6, 3])]);
describeOp('batch_norm_input_grad', [inputGradOf(IMAGE), inputGradOf([6, 3])]);

interface Golden {
  readonly epsilon: number;
  readonly cases: readonly ({ readonly shape: readonly number[] } & Record<string, readonly number[]>)[];
}

/** y, the statistics and every gradient as outputs `y`, `mean`, `variance`, `dx`, `dgamma`, `dbeta`. */
function wholeGraph(shape: readonly number[], epsilon: number): Graph {
  const b = new GraphBuilder('whole', SHAPES);
  const channels = shape.at(-1) as number;
  const x = b.input('x', shape);
  const gamma = b.input('gamma', [channels]);
  const beta = b.input('beta', [channels]);
  const seed = b.input('seed', shape);
  const [y, mean, variance] = b.addNode('batch_norm_training', [x, gamma, beta], { epsilon }, { id: 'y' });
  const forward = b.build([y as string]);
  const gradients = appendGradients(b, forward, { of: y as string, seed, wrt: [x, gamma, beta] });
  const named = { mean, variance, dx: gradients.get(x), dgamma: gradients.get(gamma), dbeta: gradients.get(beta) };
  const outputs = Object.entries(named).map(([id, from]) => b.op('identity', [from as string], {}, { id }));
  return b.build([y as string, ...outputs]);
}

describe('batch_norm_training', () => {
  const golden = JSON.parse(readFileSync(new URL('./batch-norm-torch.json', import.meta.url), 'utf8')) as Golden;

  it.each(golden.cases.map((c) => [`[${c.shape}]`, c] as const))(
    "gives PyTorch's values and gradients for %s",
    async (_name, c) => {
      const graph = wholeGraph(c.shape, golden.epsilon);
      verifyGraph(graph, SHAPES);
      const feeds = Object.fromEntries(graph.inputs.map((id) => [id, Float32Array.from(c[id] as readonly number[])]));
      const exact = runReference(graph, feeds);
      const compiled = await (await createOnnxEngine()).compile(graph, { threads: 1 });
      const onEngine = await compiled.run(feeds);
      await compiled.dispose();
      for (const id of graph.outputs) {
        expectClose(exact[id] as Float64Array, c[id] as readonly number[], 1e-9, `PyTorch's ${id}`);
        expectClose(onEngine[id] as Float32Array, c[id] as readonly number[], 2e-6, `PyTorch's ${id} on onnx`);
      }
    },
  );

  it('keeps its variance when the mean is far from zero', async () => {
    const random = createRandom(3);
    const shape = [8, 16, 16, 2];
    const x = Float32Array.from({ length: elementCount(shape) }, (_, i) => random.normal() * 0.1 + (i % 2 ? 300 : 0));
    const graph = wholeGraph(shape, EPSILON);
    const ones = new Float32Array(2).fill(1);
    const feeds = { x, gamma: ones, beta: new Float32Array(2), seed: new Float32Array(x.length).fill(1) };
    const compiled = await (await createOnnxEngine()).compile(graph, { threads: 1 });
    const { variance } = await compiled.run(feeds);
    await compiled.dispose();
    expectClose(variance as Float32Array, runReference(graph, feeds).variance as Float64Array, 1e-5, 'float64');
  });

  // onnxruntime folds batch norms with constant operands into convolutions: not these.
  it('stays itself behind a convolution with constants', async () => {
    const random = createRandom(5);
    const normal = (n: number): Float32Array => Float32Array.from({ length: n }, () => random.normal());
    const b = new GraphBuilder('conv', SHAPES);
    const w = b.constant('w', [3, 3, 3, 2], normal(54));
    const attrs = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };
    const conv = b.op('conv2d', [b.input('x', [2, 5, 5, 2]), w], attrs);
    const [gamma, beta] = ['gamma', 'beta'].map((id) => b.constant(id, [3], normal(3))) as [string, string];
    const graph = b.build(b.addNode('batch_norm_training', [conv, gamma, beta], { epsilon: EPSILON }, { id: 'y' }));
    const feeds = { x: normal(100) };
    const compiled = await (await createOnnxEngine()).compile(graph, { threads: 1 });
    const values = await compiled.run(feeds);
    await compiled.dispose();
    const exact = runReference(graph, feeds);
    for (const id of graph.outputs) {
      expectClose(values[id] as Float32Array, exact[id] as Float64Array, 1e-5, `float64, ${id}`);
    }
  });

  // The kernel writes over some of its operands' buffers.
  it('touches neither what it was fed nor what an earlier run returned', async () => {
    const random = createRandom(9);
    const draw = (n: number): Float32Array => Float32Array.from({ length: n }, () => random.normal());
    const graph = wholeGraph([4, 3, 3, 2], EPSILON);
    const feedsOnce = { x: draw(72), gamma: draw(2), beta: draw(2), seed: draw(72) };
    const feedsTwice = { ...feedsOnce, x: draw(72) };
    const compiled = await (await createOnnxEngine()).compile(graph, { threads: 1 });
    const before = structuredClone(feedsOnce);
    const once = await compiled.run(feedsOnce);
    const copy = structuredClone({ ...once });
    await compiled.run(feedsTwice);
    const again = await compiled.run(feedsOnce);
    await compiled.dispose();
    expect(feedsOnce).toEqual(before);
    expect({ ...once }).toEqual(copy);
    expect({ ...again }).toEqual(copy);
  });

  it.each([
    ['batch_norm_training', [[2, 3, 4], [4], [4]], /rank 2 or 4/],
    ['batch_norm_training', [[2, 4], [4], [3]], /input 2 must be \[4\]/],
    ['batch_norm_sums', [[2, 4], [4], [4], [3, 4]], /input 3 must be \[2,4\]/],
    ['batch_norm_input_grad', [[2, 4], [4], [4], [2, 4], [4], [3, 4]], /input 5 must be \[2,4\]/],
  ])('%s refuses %j', (kind, shapes, message) => {
    const inputs = shapes.map((shape) => ({ shape, dtype: 'float32' as const }));
    expect(() => opDef(kind).inferShape(inputs, { epsilon: EPSILON })).toThrow(message);
  });
});
