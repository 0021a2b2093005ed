import { resolvePads, samePadding } from '../../src/ops/window.js';
import { hwioToOhwi, hwoiToOhwi, transposeMatrix } from '../../src/passes/keras/index.js';
import { addNode, checkedConstant, constantInts, type GraphBuild, type Handler, imageSize } from './graph-build.js';
import type { GraphNode } from './graph-node.js';

type Pads = [number, number, number, number];

export function requireNhwc(node: GraphNode): void {
  const format = node.text('dataFormat', 'nhwc');
  if (format !== 'nhwc') node.refuse(`data_format ${format.toUpperCase()} is not read, only NHWC`);
}

/** Height and width entries of a [batch, height, width, channels] parameter. */
export function spatialPair(node: GraphNode, param: string): [number, number] {
  const list = node.ints(param);
  if (list.length === 0) return [1, 1];
  const [n, h, w, c] = list;
  if (list.length !== 4 || n !== 1 || c !== 1) return node.refuse(`${param} [${list}] is not supported`);
  if ((h as number) < 1 || (w as number) < 1) return node.corrupt(`${param} is [${list}]`);
  return [h as number, w as number];
}

/** Explicit padding of a window over a picture. */
export function windowPads(
  node: GraphNode,
  size: [number, number],
  kernel: [number, number],
  strides: [number, number],
  dilations: [number, number] = [1, 1],
): Pads {
  const padding = node.text('pad', 'valid');
  if (padding === 'same') return resolvePads('same', size, kernel, strides, dilations);
  if (padding === 'valid') return [0, 0, 0, 0];
  const explicit = node.ints('explicitPaddings');
  const outside = [0, 1, 6, 7].some((i) => explicit[i] !== 0);
  if (padding !== 'explicit' || explicit.length !== 8 || outside)
    return node.refuse(`padding ${padding} is not supported`);
  return explicit.slice(2, 6) as Pads;
}

/** Names of TensorFlow activations that may be fused, in lower case → kinds. */
const FUSED: Readonly<Record<string, string>> = {
  relu: 'relu',
  relu6: 'relu6',
  sigmoid: 'sigmoid',
  tanh: 'tanh',
  leakyrelu: 'leaky_relu',
};

interface FusedOps {
  readonly bias: boolean;
  /** Kind and attributes of the activation. */
  readonly activation?: readonly [string, Readonly<Record<string, number>>];
}

function fusedOps(node: GraphNode): FusedOps {
  const ops = node.texts('fusedOps');
  const bias = ops[0] === 'biasadd';
  const rest = bias ? ops.slice(1) : ops;
  if (rest.length === 0) return { bias };
  const [name] = rest;
  if (rest.length > 1 || !name || !Object.hasOwn(FUSED, name)) {
    return node.refuse(`the fused operations ${ops.join(', ')} are not supported`);
  }
  const kind = FUSED[name] as string;
  if (kind !== 'leaky_relu') return { bias, activation: [kind, {}] };
  // TF.js reads it of two of the three fused ops.
  const alpha = node.number('leakyreluAlpha', node.rawNumber('leakyrelu_alpha') ?? 0.2);
  return { bias, activation: [kind, { alpha }] };
}

/** Bias of a convolution as input `i` of `node`, which must be one value an output channel. */
function addBias(build: GraphBuild, node: GraphNode, i: number, channels: number): string {
  const value = checkedConstant(node, build.requireConstant(node, i, 'the bias'), [channels]);
  return build.addConstant(node, 'bias', value.shape, value.data);
}

/**
 * Adds a weighted node with what is fused into it. An unfused BiasAdd behind it is taken along when nothing else reads the
 * value between; then the node has the BiasAdd's name.
 */
function addWeighted(
  build: GraphBuild,
  node: GraphNode,
  kind: string,
  inputs: readonly string[],
  attrs: Readonly<Record<string, number | readonly number[]>>,
  channels: number,
): { tensor: string } {
  const fused = fusedOps(node);
  const all = [...inputs];
  let named = node;
  if (fused.bias) all.push(addBias(build, node, 2, channels));
  else if (!fused.activation) {
    const biasAdd = build.soleReader(node, 'BiasAdd');
    if (biasAdd && build.constantOf(biasAdd, 1)) {
      all.push(addBias(build, biasAdd, 1, channels));
      named = biasAdd;
    }
  }
  if (!fused.activation) return { tensor: addNode(build, named, kind, all, attrs) };
  const linear = addNode(build, node, kind, all, attrs, 'linear');
  return { tensor: addNode(build, node, fused.activation[0], [linear], fused.activation[1]) };
}

const conv2d: Handler = (node, build) => {
  requireNhwc(node);
  const x = build.tensor(node, 0);
  const size = imageSize(build, node, x);
  const channels = build.builder.type(x).shape[3] as number;
  const filter = build.requireConstant(node, 1, 'the filter');
  const [kh, kw, i, o] = checkedConstant(node, filter, [undefined, undefined, undefined, undefined]).shape as Pads;
  if (i !== channels)
    node.refuse(`its input has ${channels} channels, its filter ${i}: grouped convolutions are not supported`);
  const strides = spatialPair(node, 'strides');
  const dilations = spatialPair(node, 'dilations');
  const pads = windowPads(node, size, [kh, kw], strides, dilations);
  const kernel = build.addConstant(node, 'kernel', [o, kh, kw, i], hwioToOhwi(filter.data, [kh, kw, i, o]));
  return addWeighted(build, node, 'conv2d', [x, kernel], { strides, dilations, pads }, o);
};

const depthwise: Handler = (node, build) => {
  requireNhwc(node);
  const x = build.tensor(node, 0);
  const size = imageSize(build, node, x);
  const channels = build.builder.type(x).shape[3] as number;
  const filter = build.requireConstant(node, 1, 'the filter');
  const [kh, kw, c, m] = checkedConstant(node, filter, [undefined, undefined, channels, undefined]).shape as Pads;
  const strides = spatialPair(node, 'strides');
  const dilations = spatialPair(node, 'dilations');
  const pads = windowPads(node, size, [kh, kw], strides, dilations);
  const kernel = build.addConstant(node, 'kernel', [1, kh, kw, c * m], filter.data);
  return addWeighted(build, node, 'depthwise_conv2d', [x, kernel], { strides, dilations, pads }, c * m);
};

/** Inputs: output size, filter [kh, kw, out, in], value. */
const transposed: Handler = (node, build) => {
  requireNhwc(node);
  const outSize = constantInts(build, node, 0, 'the output size');
  const filter = build.requireConstant(node, 1, 'the filter');
  const x = build.tensor(node, 2);
  const [height, width] = imageSize(build, node, x);
  const channels = build.builder.type(x).shape[3] as number;
  const [kh, kw, o, i] = checkedConstant(node, filter, [undefined, undefined, undefined, channels]).shape as Pads;
  const strides = spatialPair(node, 'strides');
  const dilations = spatialPair(node, 'dilations');
  if (dilations.some((d) => d !== 1)) node.refuse('dilated transposed convolutions are not supported');
  const size = outSize.slice(-3, -1) as [number, number];
  const padding = node.text('pad', 'valid');
  if (padding !== 'same' && padding !== 'valid') node.refuse(`padding ${padding} is not supported`);
  const same = padding === 'same';
  const expected = (out: number, k: number, s: number): number =>
    same ? Math.ceil(out / s) : Math.ceil((out - k + 1) / s);
  if (expected(size[0], kh, strides[0]) !== height || expected(size[1], kw, strides[1]) !== width) {
    node.corrupt(`an output of [${size}] does not belong to an input of [${height},${width}]`);
  }
  const pads = same ? [...samePadding(size[0], kh, strides[0]), ...samePadding(size[1], kw, strides[1])] : [0, 0, 0, 0];
  const kernel = build.addConstant(node, 'kernel', [o, kh, kw, i], hwoiToOhwi(filter.data, [kh, kw, o, i]));
  return addWeighted(build, node, 'conv2d_transpose', [x, kernel], { strides, dilations, pads, outputSize: size }, o);
};

const matMul: Handler = (node, build) => {
  if (node.flag('transposeA')) node.refuse('transpose_a is not supported');
  const x = build.tensor(node, 0);
  const { shape } = build.builder.type(x);
  if (shape.length !== 2) node.refuse(`its input has the shape [${shape}], a matrix was expected`);
  const weights = build.requireConstant(node, 1, 'the matrix');
  const flipped = node.flag('transposeB');
  const inputs = shape[1] as number;
  const [rows, columns] = checkedConstant(node, weights, flipped ? [undefined, inputs] : [inputs, undefined]).shape as [
    number,
    number,
  ];
  const units = flipped ? rows : columns;
  const data = flipped ? weights.data : transposeMatrix(weights.data, rows, columns);
  const kernel = build.addConstant(node, 'kernel', [units, inputs], data);
  return addWeighted(build, node, 'dense', [x, kernel], {}, units);
};

const batchNorm: Handler = (node, build) => {
  requireNhwc(node);
  if (node.rawFlag('is_training') ?? true) node.refuse('batch normalisation in training mode is not supported');
  const x = build.tensor(node, 0);
  const channels = build.builder.type(x).shape.at(-1) as number;
  const vectors = ['gamma', 'beta', 'mean', 'variance'].map((name, i) => {
    const value = checkedConstant(node, build.requireConstant(node, i + 1, name), [channels]);
    return build.addConstant(node, name, value.shape, value.data);
  });
  return { tensor: addNode(build, node, 'batch_norm', [x, ...vectors], { epsilon: node.number('epsilon') }) };
};

/** Behind a convolution that took it along there is nothing left to add. */
const biasAdd: Handler = (node, build) => {
  requireNhwc(node);
  const x = build.tensor(node, 0);
  if (x === node.name) return { tensor: x };
  const channels = build.builder.type(x).shape.at(-1) as number;
  return { tensor: addNode(build, node, 'add', [x, addBias(build, node, 1, channels)]) };
};

export const CONV_OPS: Readonly<Record<string, Handler>> = {
  BiasAdd: biasAdd,
  Conv2D: conv2d,
  Conv2DBackpropInput: transposed,
  DepthwiseConv2dNative: depthwise,
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  FusedDepthwiseConv2dNative: depthwise,
  MatMul: matMul,
  _FusedConv2D: conv2d,
  _FusedMatMul: matMul,
};
