/** Random one-op int8 networks: shapes, windows, scales and zero points at their extremes, multipliers above 1, saturation. */
import { createRandom, type Random } from '../../src/core/random.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { type Attrs, elementCount, type Graph, type QuantParams, type Shape, tensorOf } from '../../src/ir/graph.js';
import { SHAPES } from '../../src/ops/index.js';
import { resolvePads } from '../../src/ops/window.js';

interface Draft {
  readonly graph: Graph;
  readonly about: string;
}

export interface Int8Case {
  readonly name: string;
  make(random: Random, builder: GraphBuilder): Draft;
  /** Random networks to make; default 8. */
  readonly variants?: number;
}

export interface MadeCase extends Draft {
  readonly records: Uint8Array;
  readonly count: number;
}

const RECORDS = 6;

/** The case's network for a seed, with records: noise, each code alone, and mixtures of extremes. */
export function makeInt8Case(row: Int8Case, seed: number): MadeCase {
  let hash = seed;
  for (const c of row.name) hash = (Math.imul(hash, 31) + c.charCodeAt(0)) | 0;
  const random = createRandom(hash);
  const draft = row.make(random, new GraphBuilder(row.name, SHAPES));
  const bytes = draft.graph.inputs.reduce((sum, id) => {
    const { shape, dtype } = tensorOf(draft.graph, id);
    return sum + elementCount(shape) * (dtype === 'float32' ? 4 : 1);
  }, 0);
  const records = new Uint8Array(RECORDS * bytes);
  const floats = tensorOf(draft.graph, draft.graph.inputs[0] as string).dtype === 'float32';
  for (let r = 0; r < RECORDS; r++) {
    if (floats) {
      const scale = [0.1, 1, 10, 1000, 1e10, 1e-4][r] as number;
      const values = Float32Array.from(
        { length: bytes / 4 },
        (_, i) => (i % 7 === 0 ? i / 2 : random.normal()) * scale,
      );
      records.set(new Uint8Array(values.buffer), r * bytes);
      continue;
    }
    for (let i = 0; i < bytes; i++) {
      const extremes = random.int(2) === 0 ? 0x80 : 0x7f;
      records[r * bytes + i] = [random.int(256), 0x80, 0x7f, extremes, random.int(256), (r * bytes + i) & 0xff][
        r
      ] as number;
    }
  }
  return { ...draft, records, count: RECORDS };
}

function perTensor(scale: number, zeroPoint: number): QuantParams {
  return { scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: 0 };
}

const pick = <T>(random: Random, values: readonly T[]): T => values[random.int(values.length)] as T;
const between = (random: Random, low: number, high: number): number => low + random.int(high - low + 1);
const randomScale = (random: Random): number => 10 ** (-3 + 3 * random.next());
const randomZero = (random: Random): number =>
  pick(random, [-128, 127, 0, between(random, -128, 127), between(random, -40, 40), between(random, -40, 40)]);
const randomQuant = (random: Random): QuantParams => perTensor(randomScale(random), randomZero(random));
const scaleOf = (quant: QuantParams): number => quant.scale[0] as number;
const ACTIVATIONS = ['none', 'relu', 'relu6'] as const;

function codes(random: Random, length: number): Int8Array {
  const extreme = random.int(4) === 0;
  return Int8Array.from({ length }, () => (extreme ? pick(random, [-127, 127, -128, 1]) : between(random, -127, 127)));
}

function weightQuant(random: Random, channels: number, axis: number, perChannel: boolean): QuantParams {
  const count = perChannel ? channels : 1;
  return {
    scale: Float32Array.from({ length: count }, () => 10 ** (-4 + 3 * random.next())),
    zeroPoint: new Int32Array(count),
    axis: perChannel ? axis : 0,
  };
}

function biasOf(b: GraphBuilder, random: Random, input: QuantParams, weights: QuantParams, channels: number): string {
  const size = pick(random, [0, 1000, 2 ** 20, 2 ** 29]);
  const data = Int32Array.from({ length: channels }, () => Math.round((2 * random.next() - 1) * size));
  const scale = weights.scale.map((s) => s * scaleOf(input));
  return b.constant('bias', [channels], data, 'int32', { scale, zeroPoint: new Int32Array(scale.length), axis: 0 });
}

/** Output scale: fitting, saturating, coarse, or finer than the accumulator (multipliers above 1). */
function outputQuant(random: Random, input: QuantParams, weights: QuantParams, taps: number): QuantParams {
  const unit = scaleOf(input) * (weights.scale[weights.scale.length >> 1] as number);
  const factor = pick(random, [Math.sqrt(taps) * 100, Math.sqrt(taps) * 30, Math.sqrt(taps) * 2, taps * 50, 0.3]);
  return perTensor(unit * factor, randomZero(random));
}

interface WindowChoice {
  readonly strides: [number, number];
  readonly dilations: [number, number];
  readonly pads: [number, number, number, number];
}

function randomWindow(
  random: Random,
  size: [number, number],
  kernel: [number, number],
  dilated: boolean,
): WindowChoice {
  const dilations: [number, number] = dilated ? [between(random, 1, 3), between(random, 1, 3)] : [1, 1];
  const strides: [number, number] = dilated ? [1, 1] : [between(random, 1, 3), between(random, 1, 3)];
  const fits = size.every((s, i) => (kernel[i as 0 | 1] - 1) * dilations[i as 0 | 1] < s);
  const padding = !fits || random.int(3) > 0 ? 'same' : 'valid';
  return { strides, dilations, pads: resolvePads(padding, size, kernel, strides, dilations) };
}

function convolution(kind: 'conv2d' | 'depthwise_conv2d', name: string, dilated: boolean, big = false): Int8Case {
  return {
    name,
    make(random, b) {
      const size: [number, number] = [between(random, 1, 9), between(random, 1, 9)];
      const kernel: [number, number] = big ? [3, 3] : [between(random, 1, 4), between(random, 1, 4)];
      const c = big ? 300 : between(random, 1, 9);
      const multiplier = kind === 'conv2d' ? 0 : between(random, 1, 3);
      const o = kind === 'conv2d' ? between(random, 1, 19) : c * multiplier;
      const n = between(random, 1, 2);
      const window = randomWindow(random, size, kernel, dilated);
      const input = randomQuant(random);
      const axis = kind === 'conv2d' ? 0 : 3;
      const shape: Shape = kind === 'conv2d' ? [o, ...kernel, c] : [1, ...kernel, o];
      const weights = weightQuant(random, o, axis, random.int(4) > 0);
      const x = b.input('x', [n, ...size, c], 'int8', input);
      const w = b.constant('w', shape, codes(random, elementCount(shape)), 'int8', weights);
      const bias = biasOf(b, random, input, weights, o);
      const output = outputQuant(random, input, weights, elementCount(shape) / o);
      const activation = pick(random, ACTIVATIONS);
      const y = b.op(kind, [x, w, bias], { ...window, activation } as Attrs, { id: 'y', quant: output });
      return { graph: b.build([y]), about: JSON.stringify({ n, size, c, o, kernel, ...window, activation }) };
    },
  };
}

function dense(name: string, perChannel: boolean, longest: number): Int8Case {
  return {
    name,
    make(random, b) {
      const n = between(random, 1, 3);
      const i = between(random, 1, longest);
      const o = between(random, perChannel ? 2 : 1, 20);
      const input = randomQuant(random);
      const weights = weightQuant(random, o, 0, perChannel);
      const x = b.input('x', [n, i], 'int8', input);
      const w = b.constant('w', [o, i], codes(random, o * i), 'int8', weights);
      const bias = biasOf(b, random, input, weights, o);
      const activation = pick(random, ACTIVATIONS);
      const y = b.op('dense', [x, w, bias], { activation }, { id: 'y', quant: outputQuant(random, input, weights, i) });
      return { graph: b.build([y]), about: JSON.stringify({ n, i, o, activation }) };
    },
  };
}

/** Sums as large as they can be, and outputs coarse enough to tell them apart. */
const largestSums: Int8Case = {
  name: 'dense, largest sums',
  make(random, b) {
    const i = between(random, 2000, 9000);
    const o = between(random, 2, 20);
    const input = perTensor(0.1, pick(random, [-128, 127, 0]));
    const weights = perTensor(0.01, 0);
    const signs = Array.from({ length: o }, () => pick(random, [-127, 127, 126]));
    const x = b.input('x', [1, i], 'int8', input);
    const w = b.constant(
      'w',
      [o, i],
      Int8Array.from({ length: o * i }, (_, k) => signs[Math.floor(k / i)] as number),
      'int8',
      weights,
    );
    const bias = biasOf(b, random, input, weights, o);
    const y = b.op('dense', [x, w, bias], {}, { id: 'y', quant: perTensor(0.001 * i * 300, between(random, -9, 9)) });
    return { graph: b.build([y]), about: JSON.stringify({ i, o, signs }) };
  },
};

const transposedConvolution: Int8Case = {
  name: 'conv2d_transpose',
  make(random, b) {
    const kernel: [number, number] = [between(random, 1, 4), between(random, 1, 4)];
    const strides: [number, number] = [between(random, 1, 3), between(random, 1, 3)];
    const size: [number, number] = [between(random, 1, 5), between(random, 1, 5)];
    const same = random.int(2) === 0;
    const outputSize = size.map((s, i) => {
      const stride = strides[i as 0 | 1];
      return same ? s * stride - random.int(stride) : (s - 1) * stride + kernel[i as 0 | 1];
    }) as [number, number];
    const pads = resolvePads(same ? 'same' : 'valid', outputSize, kernel, strides);
    const c = between(random, 1, 6);
    const o = between(random, 1, 6);
    const input = randomQuant(random);
    const weights = weightQuant(random, o, 0, random.int(4) > 0);
    const x = b.input('x', [between(random, 1, 2), ...size, c], 'int8', input);
    const w = b.constant('w', [o, ...kernel, c], codes(random, o * kernel[0] * kernel[1] * c), 'int8', weights);
    const bias = biasOf(b, random, input, weights, o);
    const attrs = { strides, dilations: [1, 1], pads, outputSize, activation: pick(random, ACTIVATIONS) };
    const quant = outputQuant(random, input, weights, kernel[0] * kernel[1] * c);
    const y = b.op('conv2d_transpose', [x, w, bias], attrs, { id: 'y', quant });
    return { graph: b.build([y]), about: JSON.stringify({ size, c, o, kernel, ...attrs }) };
  },
};

function binary(kind: 'add' | 'sub' | 'mul', name: string, shapes: readonly (readonly [Shape, Shape])[]): Int8Case {
  return {
    name,
    make(random, b) {
      const [first, second] = pick(random, shapes);
      const a = randomQuant(random);
      const other = perTensor(scaleOf(a) * 10 ** (1.5 * random.next() - 0.75), randomZero(random));
      const reach = kind === 'mul' ? scaleOf(a) * scaleOf(other) : Math.max(scaleOf(a), scaleOf(other));
      const output = perTensor(reach * pick(random, [2, 1, 0.3, 20, 0.01]), randomZero(random));
      const activation = pick(random, ACTIVATIONS);
      const x = b.input('a', first, 'int8', a);
      const z = b.input('b', second, 'int8', other);
      const y = b.op(kind, [x, z], { activation }, { id: 'y', quant: output });
      return { graph: b.build([y]), about: JSON.stringify({ first, second, activation, a, other, output }) };
    },
  };
}

/** An op of one input whose output has its own quantization. */
function unary(kind: string, name: string, attrsOf: (random: Random) => Attrs, fixed?: [number, number]): Int8Case {
  return {
    name,
    make(random, b) {
      const input = randomQuant(random);
      const attrs = attrsOf(random);
      const output = fixed
        ? perTensor(...fixed)
        : perTensor(scaleOf(input) * pick(random, [1, 0.5, 2, 7.3, 0.11]), randomZero(random));
      const x = b.input('x', [1, 4, 8, 8], 'int8', input);
      const y = b.op(kind, [x], attrs, { id: 'y', quant: output });
      return { graph: b.build([y]), about: JSON.stringify({ attrs, input, output }) };
    },
  };
}

/** An op that hands the quantization on. */
function keeps(kind: string, name: string, choose: (random: Random) => { shape: Shape; attrs: Attrs }): Int8Case {
  return {
    name,
    make(random, b) {
      const { shape, attrs } = choose(random);
      const quant = randomQuant(random);
      const x = b.input('x', shape, 'int8', quant);
      const y = b.op(kind, [x], attrs, { id: 'y', quant });
      return { graph: b.build([y]), about: JSON.stringify({ shape, attrs, quant }) };
    },
  };
}

function pool(kind: 'max_pool2d' | 'avg_pool2d'): Int8Case {
  return keeps(kind, kind, (random) => {
    const size: [number, number] = [between(random, 3, 9), between(random, 3, 9)];
    const kernelSize: [number, number] = [between(random, 1, 3), between(random, 1, 3)];
    const { strides, pads } = randomWindow(random, size, kernelSize, false);
    return { shape: [between(random, 1, 2), ...size, between(random, 1, 5)], attrs: { kernelSize, strides, pads } };
  });
}

function reduction(kind: 'mean' | 'reduce_max', name: string, axesOf: (random: Random) => number[]): Int8Case {
  return {
    name,
    make(random, b) {
      const attrs = { axes: axesOf(random), keepDims: random.int(2) === 0 };
      const input = randomQuant(random);
      const scale = scaleOf(input) * pick(random, [1, 0.2, 3]);
      const output = kind === 'mean' ? perTensor(scale, randomZero(random)) : input;
      const shape = [between(random, 1, 3), between(random, 1, 9), between(random, 1, 9), between(random, 1, 5)];
      const x = b.input('x', shape, 'int8', input);
      const y = b.op(kind, [x], attrs, { id: 'y', quant: output });
      return { graph: b.build([y]), about: JSON.stringify({ shape, attrs, input, output }) };
    },
  };
}

function resize(kind: 'resize_nearest' | 'resize_bilinear'): Int8Case {
  return keeps(kind, kind, (random) => ({
    shape: [between(random, 1, 2), between(random, 1, 7), between(random, 1, 7), between(random, 1, 3)],
    attrs: {
      size: [between(random, 1, 15), between(random, 1, 15)],
      ...pick(random, [
        { alignCorners: false, halfPixelCenters: false },
        { alignCorners: true, halfPixelCenters: false },
        { alignCorners: false, halfPixelCenters: true },
      ]),
    },
  }));
}

const concat: Int8Case = {
  name: 'concat',
  make(random, b) {
    const quant = randomQuant(random);
    const axis = between(random, 0, 3);
    const shape = [1, 3, 2, 4];
    const parts = Array.from({ length: between(random, 2, 4) }, (_, i) =>
      b.input(`x${i}`, shape.with(axis, axis === 0 ? 1 : between(random, 1, 5)), 'int8', quant),
    );
    const y = b.op('concat', parts, { axis }, { id: 'y', quant });
    return { graph: b.build([y]), about: JSON.stringify({ axis, parts: parts.length }) };
  },
};

const softmax: Int8Case = {
  name: 'softmax',
  make(random, b) {
    const shape = [between(random, 1, 4), between(random, 1, 40)];
    const input = perTensor(10 ** (-3 + 4 * random.next()), randomZero(random));
    const x = b.input('x', shape, 'int8', input);
    const y = b.op('softmax', [x], { axis: -1 }, { id: 'y', quant: perTensor(1 / 256, -128) });
    return { graph: b.build([y]), about: JSON.stringify({ shape, input }) };
  },
};

const fromFloat: Int8Case = {
  name: 'quantize from float32',
  make(random, b) {
    const scale = Math.fround(randomScale(random));
    const zeroPoint = randomZero(random);
    const x = b.input('x', [1, 100]);
    const y = b.op(
      'quantize',
      [x],
      { scale, zeroPoint, dtype: 'int8' },
      { id: 'y', quant: perTensor(scale, zeroPoint) },
    );
    return { graph: b.build([y]), about: JSON.stringify({ scale, zeroPoint }) };
  },
};

const requantize: Int8Case = {
  name: 'quantize from int8',
  make(random, b) {
    const input = randomQuant(random);
    const scale = Math.fround(scaleOf(input) * pick(random, [1, 0.37, 2.5, 100, 0.01]));
    const zeroPoint = randomZero(random);
    const attrs = {
      scale,
      zeroPoint,
      dtype: 'int8',
      inputScale: scaleOf(input),
      inputZeroPoint: input.zeroPoint[0] as number,
    };
    const x = b.input('x', [1, 256], 'int8', input);
    const y = b.op('quantize', [x], attrs, { id: 'y', quant: perTensor(scale, zeroPoint) });
    return { graph: b.build([y]), about: JSON.stringify(attrs) };
  },
};

const dequantize: Int8Case = {
  name: 'dequantize',
  make(random, b) {
    const input = randomQuant(random);
    const attrs = { scale: scaleOf(input), zeroPoint: input.zeroPoint[0] as number };
    const x = b.input('x', [1, 256], 'int8', input);
    return { graph: b.build([b.op('dequantize', [x], attrs, { id: 'y' })]), about: JSON.stringify(attrs) };
  },
};

const SAME: readonly (readonly [Shape, Shape])[] = [
  [
    [1, 5, 7, 9],
    [1, 5, 7, 9],
  ],
  [
    [2, 300],
    [2, 300],
  ],
];
const BROADCAST: readonly (readonly [Shape, Shape])[] = [
  [
    [2, 3, 4, 5],
    [1, 1, 1, 5],
  ],
  [
    [1, 1, 4, 1],
    [2, 3, 4, 5],
  ],
  [
    [2, 3, 4, 5],
    [2, 1, 4, 1],
  ],
  [
    [1, 1, 1, 1],
    [2, 3, 4, 5],
  ],
];
const NONE = (): Attrs => ({});

export const INT8_CASES: readonly Int8Case[] = [
  convolution('conv2d', 'conv2d', false),
  convolution('conv2d', 'conv2d, dilated', true),
  convolution('conv2d', 'conv2d, more taps than one float64 sum holds', false, true),
  convolution('depthwise_conv2d', 'depthwise_conv2d', false),
  convolution('depthwise_conv2d', 'depthwise_conv2d, dilated', true),
  transposedConvolution,
  dense('dense per tensor', false, 60),
  dense('dense per channel', true, 60),
  dense('dense, long', true, 9000),
  largestSums,
  binary('add', 'add', SAME),
  binary('add', 'add, broadcast', BROADCAST),
  binary('sub', 'sub', SAME),
  binary('sub', 'sub, broadcast', BROADCAST),
  binary('mul', 'mul', SAME),
  binary('mul', 'mul, broadcast', BROADCAST),
  unary('relu', 'relu', NONE),
  unary('leaky_relu', 'leaky_relu', (random) => ({ alpha: Math.fround(pick(random, [0.1, 0.3, 1.5, 0, 0.01])) })),
  // Its 16-bit roundings are seldom seen in 8 bits.
  { ...unary('hard_swish', 'hard_swish', NONE), variants: 200 },
  { ...unary('sigmoid', 'sigmoid', NONE, [1 / 256, -128]), variants: 40 },
  { ...unary('tanh', 'tanh', NONE, [1 / 128, 0]), variants: 40 },
  keeps('relu6', 'relu6', () => ({ shape: [1, 256], attrs: {} })),
  { ...softmax, variants: 40 },
  pool('max_pool2d'),
  pool('avg_pool2d'),
  reduction('mean', 'mean over height and width', () => [1, 2]),
  reduction('mean', 'mean over other axes', (random) => pick(random, [[3], [0], [1], [-1, 1], [0, 1, 2, 3]])),
  reduction('reduce_max', 'reduce_max', (random) => pick(random, [[1, 2], [3], [-1, 1]])),
  resize('resize_nearest'),
  resize('resize_bilinear'),
  concat,
  keeps('pad', 'pad', (random) => ({
    shape: [1, 3, 4, 2],
    attrs: { paddings: Array.from({ length: 8 }, () => random.int(3)), value: 0 },
  })),
  {
    name: 'pad with a value',
    make(random, b) {
      const quant = randomQuant(random);
      const code = between(random, -128, 127);
      const value = scaleOf(quant) * (code - (quant.zeroPoint[0] as number));
      const paddings = Array.from({ length: 8 }, () => random.int(3));
      const x = b.input('x', [1, 3, 4, 2], 'int8', quant);
      const y = b.op('pad', [x], { paddings, value }, { id: 'y', quant });
      return { graph: b.build([y]), about: JSON.stringify({ paddings, code, quant }) };
    },
  },
  keeps('transpose', 'transpose', (random) => ({
    shape: [2, 3, 4, 5],
    attrs: { perm: [...random.permutation(4)] },
  })),
  keeps('reshape', 'reshape', () => ({ shape: [2, 3, 4, 5], attrs: { shape: [2, 60] } })),
  keeps('slice', 'slice', (random) => {
    const begin = [0, random.int(2), random.int(3), random.int(4)];
    return { shape: [1, 3, 4, 5], attrs: { begin, size: [1, 2, 2, -1] } };
  }),
  fromFloat,
  requantize,
  dequantize,
];
