/** Element-wise ops, activations, reductions and changes of shape. */
import type * as tfjs from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { gradientGraph } from '../../src/autodiff/gradients.js';
import { createRandom } from '../../src/core/random.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { elementCount } from '../../src/ir/graph.js';
import { opDef, SHAPES } from '../../src/ops/index.js';
import { runReference } from '../../src/ops/reference.js';
import { type CaseInput, describeOp, type OpCase } from './harness.js';

const IMAGE = [2, 3, 4, 5];

/** Uniform in [low, high], away from the bends of the function. */
function uniform(shape: number[], low: number, high: number, bends: readonly number[] = []): CaseInput {
  const random = createRandom(elementCount(shape));
  const values = Array.from({ length: elementCount(shape) }, () => {
    let v: number;
    do v = low + (high - low) * random.next();
    while (bends.some((b) => Math.abs(v - b) < 1e-2));
    return v;
  });
  return { shape, values };
}

/** One rank-4 and one rank-2 case of an op of one input. */
function unary(
  oracle: string,
  ours: NonNullable<OpCase['tfjs']>,
  feed: (shape: number[]) => CaseInput | number[] = (shape) => shape,
  attrs: OpCase['attrs'] = {},
): OpCase[] {
  return [IMAGE, [3, 7]].map((shape) => ({
    name: `rank ${shape.length}`,
    inputs: [feed(shape)],
    attrs,
    oracle,
    tfjs: ours,
    shape,
  }));
}

/** Broadcasting as it occurs in networks. */
function binary(
  op: (a: string, b: string) => string,
  ours: NonNullable<OpCase['tfjs']>,
  second: CaseInput['values'] = 'normal',
): OpCase[] {
  const row = (name: string, a: number[], b: number[], shape: number[], weight = false): OpCase => ({
    name,
    inputs: [a, { shape: b, weight, values: second }],
    oracle: op('a', 'b'),
    tfjs: ours,
    shape,
  });
  return [
    row('equal shapes', IMAGE, IMAGE, IMAGE),
    row('a channel vector', IMAGE, [5], IMAGE, true),
    row('a vector first', [5], IMAGE, IMAGE),
    row('squeeze and excite', IMAGE, [2, 1, 1, 5], IMAGE),
    row('one per pixel', IMAGE, [3, 4, 1], IMAGE),
    row('rank 2 into rank 4', IMAGE, [4, 5], IMAGE),
    row('a scalar', [3, 4], [], [3, 4], true),
    row('both broadcast', [3, 1], [1, 4], [3, 4]),
  ];
}

function fused(op: (a: string, b: string) => string, second: CaseInput['values'] = 'normal'): OpCase[] {
  // Gradients of fused activations are added by autodiff, not by the op's own vjp.
  return ['relu', 'relu6'].map((activation) => ({
    name: `fused ${activation}`,
    inputs: [uniform([9, 4], -15, 15), { shape: [9, 4], values: second }],
    attrs: { activation },
    oracle: `tf.nn.${activation}(${op('a', 'b')})`,
    wrt: [],
  }));
}

function reductions(name: string, op: 'mean' | 'max' | 'sum'): OpCase[] {
  const row = (title: string, from: number[], axes: number[], keepDims: boolean, shape: number[]): OpCase => ({
    name: title,
    inputs: [from],
    attrs: { axes, keepDims },
    oracle: `tf.${name}(a, ${JSON.stringify(axes)}, ${keepDims ? 'True' : 'False'})`,
    tfjs: (tf, x) => tf[op](x as tfjs.Tensor, axes, keepDims),
    shape,
  });
  return [
    row('global pooling', IMAGE, [1, 2], false, [2, 5]),
    row('global pooling, kept', IMAGE, [1, 2], true, [2, 1, 1, 5]),
    row('channels', IMAGE, [-1], false, [2, 3, 4]),
    row('height, channels stay', IMAGE, [1], false, [2, 4, 5]),
    row('width and channels', IMAGE, [2, 3], false, [2, 3]),
    row('batch', IMAGE, [0], false, [3, 4, 5]),
    row('everything', IMAGE, [0, 1, 2, 3], false, []),
    row('rank 2', [3, 7], [1], false, [3]),
    row('rank 3, kept', [2, 3, 4], [-2], true, [2, 1, 4]),
  ];
}

const concatOf = (shapes: number[][], axis: number, shape: number[]): OpCase => ({
  name: `${shapes.length} of rank ${shape.length} along ${axis}`,
  inputs: shapes,
  attrs: { axis },
  oracle: `tf.concat([${shapes.map((_, i) => 'abc'[i]).join(', ')}], ${axis})`,
  tfjs: (tf, ...x) => tf.concat(x, axis),
  shape,
});

const reshapeOf = (from: number[], to: number[], shape: number[]): OpCase => ({
  name: `[${from}] to [${to}]`,
  inputs: [from],
  attrs: { shape: to },
  oracle: `tf.reshape(a, ${JSON.stringify(to)})`,
  shape,
});

const transposeOf = (from: number[], perm: number[]): OpCase => ({
  name: `[${from}] by [${perm}]`,
  inputs: [from],
  attrs: { perm },
  oracle: `tf.transpose(a, ${JSON.stringify(perm)})`,
  shape: perm.map((p) => from[p] as number),
});

const broadcastOf = (from: number[], shape: number[]): OpCase => ({
  name: `[${from}] to [${shape}]`,
  inputs: [from],
  attrs: { shape },
  oracle: `tf.broadcast_to(a, ${JSON.stringify(shape)})`,
  shape,
});

const softmaxOf = (shape: number[], axis: number): OpCase => ({
  name: `[${shape}] along ${axis}`,
  inputs: [uniform(shape, -6, 6)],
  attrs: { axis },
  oracle: `tf.nn.softmax(a, ${axis})`,
  shape,
});

const batchNormOf = (shape: number[]): OpCase => {
  const statistics: CaseInput = { shape: [shape.at(-1) as number], weight: true };
  const positive: CaseInput = { ...statistics, values: 'positive' };
  return {
    name: `[${shape}]`,
    inputs: [shape, positive, statistics, statistics, positive],
    attrs: { epsilon: 1e-3 },
    oracle: 'tf.nn.batch_normalization(a, d, e, c, b, 1e-3)',
    shape,
  };
};

type Binary = (a: string, b: string) => string;
const plus: Binary = (a, b) => `${a} + ${b}`;
const minus: Binary = (a, b) => `${a} - ${b}`;
const times: Binary = (a, b) => `${a} * ${b}`;
const over: Binary = (a, b) => `${a} / ${b}`;

const offZero = (shape: number[]): CaseInput => ({ shape, values: 'offZero' });
const positive = (shape: number[]): CaseInput => ({ shape, values: 'positive' });

describeOp(
  'abs',
  unary('tf.abs(a)', (tf, x) => tf.abs(x as tfjs.Tensor), offZero),
);
describeOp('add', [...binary(plus, (tf, a, b) => tf.add(a as tfjs.Tensor, b as tfjs.Tensor)), ...fused(plus)]);
describeOp('batch_norm', [batchNormOf(IMAGE), batchNormOf([3, 5]), batchNormOf([2, 3, 5])]);
describeOp('broadcast_to', [
  broadcastOf([5], IMAGE),
  broadcastOf([2, 1, 1, 5], IMAGE),
  broadcastOf([2, 3, 4, 1], IMAGE),
  broadcastOf([3, 1], [3, 4]),
]);
describeOp('concat', [
  concatOf([IMAGE, [2, 3, 4, 2], [2, 3, 4, 1]], -1, [2, 3, 4, 8]),
  concatOf([[2, 1, 4, 5], IMAGE], 1, [2, 4, 4, 5]),
  concatOf(
    [
      [2, 3],
      [2, 4],
    ],
    1,
    [2, 7],
  ),
  concatOf([[2, 3]], 0, [2, 3]),
]);
describeOp('div', [
  ...binary(over, (tf, a, b) => tf.div(a as tfjs.Tensor, b as tfjs.Tensor), 'positive'),
  ...fused(over, 'positive'),
]);
describeOp(
  'exp',
  unary('tf.exp(a)', (tf, x) => tf.exp(x as tfjs.Tensor)),
);
describeOp(
  'greater',
  // Steps have no gradient.
  binary(
    (a, b) => `tf.cast(${a} > ${b}, tf.float32)`,
    (tf, a, b) => tf.cast(tf.greater(a as tfjs.Tensor, b as tfjs.Tensor), 'float32'),
    'ties',
  ).map((c) => ({ ...c, wrt: [] })),
);
describeOp(
  'hard_swish',
  unary(
    'a * tf.nn.relu6(a + np.float32(3)) * np.float32(1 / 6)',
    (tf, x) => tf.mul(x as tfjs.Tensor, tf.div(tf.clipByValue(tf.add(x as tfjs.Tensor, 3), 0, 6), 6)),
    (shape) => uniform(shape, -5, 5, [-3, 3]),
  ),
);
describeOp(
  'identity',
  unary('tf.identity(a)', (tf, x) => tf.clone(x as tfjs.Tensor)),
);
describeOp(
  'leaky_relu',
  unary('tf.nn.leaky_relu(a, 0.3)', (tf, x) => tf.leakyRelu(x as tfjs.Tensor, 0.3), offZero, { alpha: 0.3 }),
);
describeOp(
  'log',
  unary('tf.math.log(a)', (tf, x) => tf.log(x as tfjs.Tensor), positive),
);
describeOp('mean', reductions('reduce_mean', 'mean'));
describeOp('mul', [...binary(times, (tf, a, b) => tf.mul(a as tfjs.Tensor, b as tfjs.Tensor)), ...fused(times)]);
describeOp('reduce_max', [
  ...reductions('reduce_max', 'max'),
  {
    name: 'equal maxima share the gradient',
    inputs: [{ shape: IMAGE, values: 'ties' }],
    attrs: { axes: [1, 2], keepDims: false },
    oracle: 'tf.reduce_max(a, [1, 2])',
    // Not differentiable at ties.
    finiteDifferences: false,
  },
]);
describeOp(
  'relu',
  unary('tf.nn.relu(a)', (tf, x) => tf.relu(x as tfjs.Tensor), offZero),
);
describeOp(
  'relu6',
  unary(
    'tf.nn.relu6(a)',
    (tf, x) => tf.relu6(x as tfjs.Tensor),
    (shape) => uniform(shape, -3, 9, [0, 6]),
  ),
);
describeOp('reshape', [
  reshapeOf(IMAGE, [-1, 60], [2, 60]),
  reshapeOf([2, 60], [-1, 3, 4, 5], IMAGE),
  reshapeOf(IMAGE, [-1, 4, 3, 5], [2, 4, 3, 5]),
  reshapeOf(IMAGE, [-1, 1, 12, 5], [2, 1, 12, 5]),
  reshapeOf([2, 3, 4, 1], [-1, 12], [2, 12]),
  reshapeOf([2, 1, 1, 12], [-1, 12], [2, 12]),
  reshapeOf([2, 12], [-1, 1, 1, 12], [2, 1, 1, 12]),
  reshapeOf([2, 12], [-1, 3, 4, 1], [2, 3, 4, 1]),
  reshapeOf([2, 3, 4, 1], [-1, 1, 1, 12], [2, 1, 1, 12]),
  reshapeOf(IMAGE, [2, 12, 5], [2, 12, 5]),
  reshapeOf([1], [], []),
]);
describeOp(
  'round',
  [
    ...unary(
      'tf.round(a)',
      (tf, x) => tf.round(x as tfjs.Tensor),
      (shape) => uniform(shape, -9, 9),
    ),
    {
      name: 'halves go to the even neighbour',
      inputs: [{ shape: [1, 10], values: [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 0.49999997, 8388609] }],
      oracle: 'tf.round(a)',
    },
    // What the straight-through estimator gives is no derivative: TensorFlow's is zero. See `passes straight through` below.
  ].map((c) => ({ ...c, wrt: [] })),
);
describeOp(
  'sigmoid',
  unary('tf.sigmoid(a)', (tf, x) => tf.sigmoid(x as tfjs.Tensor)),
);
describeOp('softmax', [softmaxOf([2, 7], -1), softmaxOf(IMAGE, 3), softmaxOf(IMAGE, 1), softmaxOf([2, 3, 4], 1)]);
describeOp(
  'sqrt',
  unary('tf.sqrt(a)', (tf, x) => tf.sqrt(x as tfjs.Tensor), positive),
);
describeOp(
  'stop_gradient',
  unary('tf.stop_gradient(a)', (tf, x) => tf.clone(x as tfjs.Tensor)).map((c) => ({ ...c, wrt: [] })),
);
describeOp('sub', [...binary(minus, (tf, a, b) => tf.sub(a as tfjs.Tensor, b as tfjs.Tensor)), ...fused(minus)]);
describeOp('sum', reductions('reduce_sum', 'sum'));
describeOp(
  'tanh',
  unary('tf.tanh(a)', (tf, x) => tf.tanh(x as tfjs.Tensor)),
);
describeOp('transpose', [
  transposeOf(IMAGE, [0, 3, 1, 2]),
  transposeOf(IMAGE, [3, 1, 0, 2]),
  transposeOf(IMAGE, [0, 2, 1, 3]),
  transposeOf([3, 4], [1, 0]),
  transposeOf([2, 3, 4], [1, 2, 0]),
]);

describe('gradients that are chosen, not derived', () => {
  const gradientOf = (kind: string): string | undefined => {
    const builder = new GraphBuilder('chosen', SHAPES);
    const x = builder.input('x', [2, 3]);
    const y = builder.op(kind, [x], {}, { id: 'y' });
    // d(y · y)/dx, so that what arrives at y is 2 · y.
    const z = builder.op('mul', [y, y], {}, { id: 'z' });
    const graph = builder.build([z]);
    const { graph: gradient, gradients } = gradientGraph(graph, { of: 'z', wrt: ['x'] });
    const id = gradients.get('x');
    if (id === undefined) return undefined;
    const values = runReference(gradient, { x: [0.4, 0.5, 1.5, -0.6, -1.2, 7] });
    return Array.from(values[id] as Float64Array, String).join(' ');
  };
  it('of round passes straight through', () => {
    expect(gradientOf('round')).toBe('0 0 4 -2 -2 14');
  });
  it('of stop_gradient is none', () => {
    expect(gradientOf('stop_gradient')).toBeUndefined();
  });
});

describe('shape errors name the values', () => {
  const float = (shape: number[]) => ({ shape, dtype: 'float32' as const });
  it.each([
    ['reshape', [float([2, 6])], { shape: [-1, 5] }, /12 elements do not fit \[-1,5\]/],
    ['reshape', [float([2, 6])], { shape: [-1, -1] }, /at most one -1/],
    ['concat', [float([2, 3]), float([3, 3])], { axis: 1 }, /every axis but 1/],
    ['transpose', [float([2, 3])], { perm: [0, 0] }, /perm must order the axes 0 to 1/],
    ['softmax', [float([2, 3])], { axis: 2 }, /axis 2 is outside rank 2/],
    ['batch_norm', [[2, 3], [3], [3], [2], [3]].map(float), { epsilon: 0.001 }, /must have 3 values/],
    ['broadcast_to', [float([3])], { shape: [2, 4] }, /do not broadcast/],
    ['sub', [float([3]), float([4])], {}, /do not broadcast/],
    ['mean', [float([3, 4])], { axes: [2], keepDims: false }, /axis 2 is outside rank 2/],
    ['leaky_relu', [float([3])], { alpha: Number.NaN }, /finite/],
    ['quantize', [float([3])], { scale: 0, zeroPoint: 0, dtype: 'int8' }, /scale must be positive/],
    ['quantize', [float([3])], { scale: 1, zeroPoint: 200, dtype: 'int8' }, /zero point 200 is outside -128..127/],
    ['dequantize', [float([3])], { scale: 1, zeroPoint: 0 }, /float32 is not a quantized dtype/],
  ])('%s', (kind, inputs, attrs, message) => {
    expect(() => opDef(kind).inferShape(inputs, attrs as Record<string, number>)).toThrow(message);
  });
});
