/** Networks of one op, as float32 and as int8: one row for every way an op is written. */
import { createRandom, type Random } from '../../src/core/random.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { type Attrs, elementCount, type Graph, type QuantParams, type Shape } from '../../src/ir/graph.js';
import { SHAPES } from '../../src/ops/index.js';

export interface OneOpCase {
  readonly name: string;
  readonly kind: string;
  readonly inputs: readonly Shape[];
  /** Shapes of constant operands that follow the inputs: filter and bias. */
  readonly weights?: readonly Shape[];
  readonly attrs?: Attrs;
  /** Version of the written operator: float32, int8. */
  readonly versions: readonly [number, number];
  /** int8: quantization of inputs and output; [scale, zero point]. Default: one for all. */
  readonly quant?: { readonly inputs?: readonly [number, number][]; readonly output: [number, number] };
  /** False: there is no int8 form, or TFLite has none; say why in a comment. */
  readonly int8?: boolean;
  /** Interpreters that cannot run it, and what they say. */
  readonly refusedBy?: Readonly<Record<string, RegExp>>;
  /** Interpreters that compute something else: a defect of theirs that is known. */
  readonly wrongIn?: readonly string[];
  /** int8: allowed distance from the dequantized float64 result, in output codes. Default 1. */
  readonly codes?: number;
  /** The file has a bias of zeros that the graph lacks. */
  readonly zeroBias?: boolean;
  /** Axis of the filter's scales. */
  readonly channelAxis?: number;
}

const window = (strides: number, pads: readonly number[], dilations = 1): Attrs => ({
  strides: [strides, strides],
  pads,
  dilations: [dilations, dilations],
});
const pool = (kernel: number, strides: number, pads: readonly number[]): Attrs => ({
  kernelSize: [kernel, kernel],
  strides: [strides, strides],
  pads,
});
const VALID = [0, 0, 0, 0] as const;
const resize = (height: number, width: number, alignCorners: boolean, halfPixelCenters: boolean): Attrs => ({
  size: [height, width],
  alignCorners,
  halfPixelCenters,
});

const RELU6_WINDOW: Attrs = { ...window(2, [0, 1, 0, 1]), activation: 'relu6' };

/** What TFLite 2.2 says to an operator version that it does not know. */
const CREATE_FAILED = /Failed to create Interpreter/;
const VERSION_UNKNOWN = /Didn't find op for builtin opcode/;

export const ONE_OP_CASES: readonly OneOpCase[] = [
  conv('conv2d, SAME', [1, 6, 5, 3], [4, 3, 3, 3], window(1, [1, 1, 1, 1])),
  conv('conv2d, SAME with stride 2 on an even size', [1, 6, 8, 3], [4, 3, 3, 3], window(2, [0, 1, 0, 1])),
  conv('conv2d, VALID, fused relu', [1, 6, 5, 2], [3, 2, 2, 2], { ...window(1, VALID), activation: 'relu' }),
  conv('conv2d, dilated, fused relu6', [1, 7, 7, 2], [3, 3, 3, 2], { ...window(1, VALID, 2), activation: 'relu6' }),
  { ...conv('conv2d without bias', [1, 4, 4, 2], [3, 1, 1, 2], window(1, VALID), false), zeroBias: true },
  {
    ...depthwise('depthwise without bias', [1, 4, 4, 2], [1, 3, 3, 2], window(1, VALID)),
    weights: [[1, 3, 3, 2]],
    zeroBias: true,
  },
  depthwise('depthwise, SAME', [1, 6, 5, 3], [1, 3, 3, 3], window(1, [1, 1, 1, 1])),
  {
    ...depthwise('depthwise, multiplier 2, stride 2, fused relu6', [1, 6, 6, 2], [1, 3, 3, 4], RELU6_WINDOW),
    quant: { output: [6 / 255, -128] },
  },
  {
    ...depthwise(
      'depthwise, fused relu6 that the output range does not imply',
      [1, 6, 6, 2],
      [1, 3, 3, 4],
      RELU6_WINDOW,
    ),
    // TFLite 2.2 drops the activation of an int8 depthwise convolution; relu's zero point of −128 hides that.
    wrongIn: ['node-tflite int8'],
  },
  { ...depthwise('depthwise, dilated', [1, 7, 7, 2], [1, 3, 3, 2], window(1, [2, 2, 2, 2], 2)), versions: [2, 3] },
  {
    ...conv('conv2d_transpose, SAME', [1, 3, 4, 3], [2, 3, 3, 3], {
      ...window(2, [0, 1, 0, 1]),
      outputSize: [6, 8],
    }),
    kind: 'conv2d_transpose',
    versions: [3, 3],
    refusedBy: { 'node-tflite': CREATE_FAILED },
  },
  {
    ...conv(
      'conv2d_transpose, VALID, without bias',
      [1, 3, 4, 3],
      [2, 3, 3, 3],
      {
        ...window(2, VALID),
        outputSize: [7, 9],
      },
      false,
    ),
    kind: 'conv2d_transpose',
    versions: [1, 2],
  },
  {
    ...conv('conv2d_transpose, fused relu', [1, 3, 4, 3], [2, 2, 2, 3], {
      ...window(2, VALID),
      outputSize: [6, 8],
      activation: 'relu',
    }),
    kind: 'conv2d_transpose',
    versions: [4, 4],
    refusedBy: { 'node-tflite': CREATE_FAILED, 'tfjs-tflite-node': VERSION_UNKNOWN, 'tfjs-tflite': VERSION_UNKNOWN },
  },
  dense('dense', [1, 6], 4),
  dense('dense, fused relu', [1, 6], 4, { activation: 'relu' }),
  { ...dense('dense without bias', [1, 6], 4), weights: [[4, 6]], versions: [6, 6] },
  { ...dense('dense over the last axis', [1, 3, 6], 4), versions: [5, 5] },
  {
    ...dense('dense per channel', [1, 6], 4),
    versions: [1, 12],
    channelAxis: 0,
    refusedBy: {
      'node-tflite int8': CREATE_FAILED,
      'tfjs-tflite-node int8': VERSION_UNKNOWN,
      'tfjs-tflite int8': VERSION_UNKNOWN,
    },
  },
  unary('relu', [1, 4, 4, 2], [1, 2]),
  unary('relu6', [1, 4, 4, 2], [1, 2]),
  {
    ...unary('leaky_relu', [1, 4, 4, 2], [1, 1], { alpha: 0.125 }),
    refusedBy: { 'node-tflite int8': /Invoke failed/ },
  },
  { ...unary('hard_swish', [1, 4, 4, 2], [1, 1]), codes: 2 },
  { ...unary('sigmoid', [1, 10], [1, 2]), quant: { output: [1 / 256, -128] } },
  { ...unary('tanh', [1, 10], [1, 2]), quant: { output: [1 / 128, 0] } },
  { ...unary('softmax', [1, 10], [1, 2], { axis: -1 }), quant: { output: [1 / 256, -128] } },
  {
    ...unary('softmax', [1, 3, 2, 5], [1, 2], { axis: -1 }),
    name: 'softmax of a map',
    quant: { output: [1 / 256, -128] },
  },
  binary('add', [1, 4, 4, 2], [1, 4, 4, 2]),
  binary('add', [1, 4, 4, 2], [1, 1, 1, 2], { activation: 'relu' }),
  binary('sub', [1, 4, 4, 2], [1, 4, 4, 2]),
  binary('sub', [1, 4, 4, 2], [1, 1, 1, 2], { activation: 'relu6' }),
  binary('mul', [1, 4, 4, 2], [1, 4, 4, 2]),
  binary('mul', [1, 4, 4, 2], [1, 1, 1, 2], { activation: 'relu' }),
  {
    ...binary('mul', [1, 4], [1, 4]),
    name: 'mul that scales up',
    versions: [1, 3],
    quant: {
      inputs: [
        [0.5, 0],
        [0.25, 3],
      ],
      output: [0.125, 0],
    },
  },
  {
    name: 'concat',
    kind: 'concat',
    inputs: [
      [1, 3, 2, 2],
      [1, 3, 2, 4],
    ],
    attrs: { axis: 3 },
    versions: [1, 2],
  },
  {
    name: 'concat, three',
    kind: 'concat',
    inputs: [
      [1, 3, 2],
      [1, 1, 2],
      [1, 2, 2],
    ],
    attrs: { axis: 1 },
    versions: [1, 2],
  },
  {
    name: 'pad',
    kind: 'pad',
    inputs: [[1, 3, 2, 2]],
    attrs: { paddings: [0, 0, 1, 2, 0, 3, 0, 0], value: 0 },
    versions: [1, 2],
  },
  {
    name: 'pad with a value',
    kind: 'pad',
    inputs: [[1, 3, 2, 2]],
    attrs: { paddings: [0, 0, 1, 2, 0, 3, 0, 0], value: -0.5 },
    versions: [1, 2],
    quant: { inputs: [[0.03125, -3]], output: [0.03125, -3] },
  },
  { name: 'transpose', kind: 'transpose', inputs: [[1, 3, 2, 4]], attrs: { perm: [0, 3, 1, 2] }, versions: [1, 2] },
  { name: 'reshape', kind: 'reshape', inputs: [[1, 3, 2, 4]], attrs: { shape: [-1, 24] }, versions: [1, 1] },
  {
    name: 'slice',
    kind: 'slice',
    inputs: [[1, 5, 4, 2]],
    attrs: { begin: [0, 1, 0, 1], size: [-1, 3, -1, -1] },
    versions: [1, 2],
  },
  { name: 'max_pool2d, VALID', kind: 'max_pool2d', inputs: [[1, 6, 5, 2]], attrs: pool(2, 2, VALID), versions: [1, 2] },
  {
    name: 'max_pool2d, SAME',
    kind: 'max_pool2d',
    inputs: [[1, 6, 5, 2]],
    attrs: pool(3, 2, [0, 1, 1, 1]),
    versions: [1, 2],
  },
  { name: 'avg_pool2d, VALID', kind: 'avg_pool2d', inputs: [[1, 6, 5, 2]], attrs: pool(2, 1, VALID), versions: [1, 2] },
  {
    name: 'avg_pool2d, SAME',
    kind: 'avg_pool2d',
    inputs: [[1, 6, 5, 2]],
    attrs: pool(3, 1, [1, 1, 1, 1]),
    versions: [1, 2],
  },
  {
    name: 'mean over the map',
    kind: 'mean',
    inputs: [[1, 4, 3, 2]],
    attrs: { axes: [1, 2], keepDims: false },
    versions: [1, 2],
  },
  {
    name: 'mean, dimensions kept',
    kind: 'mean',
    inputs: [[1, 4, 3, 2]],
    attrs: { axes: [1, 2], keepDims: true },
    versions: [1, 2],
  },
  {
    name: 'reduce_max',
    kind: 'reduce_max',
    inputs: [[1, 4, 3, 2]],
    attrs: { axes: [1, 2], keepDims: false },
    versions: [1, 2],
  },
  {
    name: 'resize_nearest',
    kind: 'resize_nearest',
    inputs: [[1, 3, 4, 2]],
    attrs: resize(6, 8, false, false),
    versions: [1, 2],
  },
  {
    name: 'resize_nearest, half-pixel centres',
    kind: 'resize_nearest',
    inputs: [[1, 3, 4, 2]],
    attrs: resize(5, 7, false, true),
    versions: [3, 3],
    refusedBy: { 'node-tflite': CREATE_FAILED },
  },
  {
    name: 'resize_bilinear',
    kind: 'resize_bilinear',
    inputs: [[1, 3, 4, 2]],
    attrs: resize(6, 8, false, false),
    versions: [1, 2],
  },
  {
    name: 'resize_bilinear, corners',
    kind: 'resize_bilinear',
    inputs: [[1, 3, 4, 2]],
    attrs: resize(5, 7, true, false),
    versions: [1, 2],
  },
  {
    name: 'resize_bilinear, half-pixel centres',
    kind: 'resize_bilinear',
    inputs: [[1, 3, 4, 2]],
    attrs: resize(6, 8, false, true),
    versions: [3, 3],
  },
];

function conv(name: string, input: Shape, filter: Shape, attrs: Attrs, bias = true): OneOpCase {
  const weights = bias ? [filter, [filter[0] as number]] : [filter];
  return { name, kind: 'conv2d', inputs: [input], weights, attrs, versions: [1, 3], channelAxis: 0 };
}

function depthwise(name: string, input: Shape, filter: Shape, attrs: Attrs): OneOpCase {
  const weights = [filter, [filter[3] as number]];
  return { name, kind: 'depthwise_conv2d', inputs: [input], weights, attrs, versions: [1, 3], channelAxis: 3 };
}

function dense(name: string, input: Shape, units: number, attrs: Attrs = {}): OneOpCase {
  const weights = [[units, input.at(-1) as number], [units]];
  return { name, kind: 'dense', inputs: [input], weights, attrs, versions: [1, 4] };
}

function unary(kind: string, input: Shape, versions: readonly [number, number], attrs: Attrs = {}): OneOpCase {
  return { name: kind, kind, inputs: [input], attrs, versions };
}

function binary(kind: string, a: Shape, b: Shape, attrs: Attrs = {}): OneOpCase {
  const name = a.join() === b.join() ? kind : `${kind}, broadcast, fused ${attrs.activation}`;
  return {
    name,
    kind,
    inputs: [a, b],
    attrs,
    versions: [1, 2],
    quant: {
      inputs: [
        [0.02, 3],
        [0.015, -5],
      ],
      output: [0.04, 1],
    },
  };
}

const INPUT_NAMES = ['image', 'second', 'third'];

export function buildFloat(c: OneOpCase): Graph {
  const random = createRandom(7);
  const b = new GraphBuilder('one-op', SHAPES);
  const inputs = c.inputs.map((shape, i) => b.input(INPUT_NAMES[i] as string, shape));
  const weights = (c.weights ?? []).map((shape, i) =>
    b.constant(i === 0 ? 'layer/weights' : 'layer/bias', shape, randomFloats(random, shape, 0.5)),
  );
  return b.build([b.op(c.kind, [...inputs, ...weights], c.attrs ?? {}, { id: 'layer' })]);
}

export function buildInt8(c: OneOpCase): Graph {
  const random = createRandom(8);
  const b = new GraphBuilder('one-op', SHAPES);
  const inputQuant = c.inputs.map((_, i) => perTensor(...(c.quant?.inputs?.[i] ?? [0.02, -3])));
  const inputs = c.inputs.map((shape, i) => b.input(INPUT_NAMES[i] as string, shape, 'int8', inputQuant[i]));
  const weights: string[] = [];
  const [filter, bias] = c.weights ?? [];
  if (filter) {
    const channels = c.channelAxis === undefined ? 1 : (filter[c.channelAxis] as number);
    const scale = Float32Array.from({ length: channels }, (_, i) => 0.004 + 0.001 * i);
    const quant = { scale, zeroPoint: new Int32Array(channels), axis: c.channelAxis ?? 0 };
    const codes = Int8Array.from({ length: elementCount(filter) }, () => random.int(255) - 127);
    weights.push(b.constant('layer/weights', filter, codes, 'int8', quant));
    if (bias) {
      const biasScale = scale.map((s) => Math.fround(0.02 * s));
      const values = Int32Array.from({ length: bias[0] as number }, () => random.int(2001) - 1000);
      const biasQuant = { scale: biasScale, zeroPoint: new Int32Array(channels), axis: 0 };
      weights.push(b.constant('layer/bias', bias, values, 'int32', biasQuant));
    }
  }
  const output = c.quant ? perTensor(...c.quant.output) : filter ? perTensor(0.04, -7) : perTensor(0.02, -3);
  return b.build([b.op(c.kind, [...inputs, ...weights], c.attrs ?? {}, { id: 'layer', quant: output })]);
}

function perTensor(scale: number, zeroPoint: number): QuantParams {
  return { scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: 0 };
}

export function randomFloats(random: Random, shape: Shape, size: number): Float32Array {
  return Float32Array.from({ length: elementCount(shape) }, () => size * random.normal());
}

export function randomCodes(random: Random, shape: Shape): Int8Array {
  return Int8Array.from({ length: elementCount(shape) }, () => random.int(256) - 128);
}
