/** TensorFlow nodes that several ops write alike into a TF.js graph-model. Values are NHWC. */
import { dims4 } from './checks.js';
import type { FusedActivation, TfAttr, TfjsGraphEmitter } from './op-def.js';
import { type ConvAttrs, classifyPads, type Pads, type WindowAttrs } from './window.js';

/** Values of input i, which must be a float32 constant: TensorFlow keeps weights in another order. */
export function constantFloats(e: TfjsGraphEmitter, i: number, what: string): Float32Array {
  const { data } = e.inputType(i);
  return data instanceof Float32Array
    ? data
    : e.refuse(`${what} is computed by the network, only constants are written`);
}

/** [first, …rest] → [rest…, first]: OHWI → HWIO, [out, in] → [in, out]. */
export function firstAxisLast(data: Float32Array, first: number): Float32Array {
  const rest = data.length / first;
  return Float32Array.from(data, (_, at) => data[(at % first) * rest + Math.floor(at / first)] as number);
}

export function activationToTfGraph(e: TfjsGraphEmitter, value: string, activation: FusedActivation = 'none'): string {
  if (activation === 'none') return value;
  return e.add(activation === 'relu' ? 'Relu' : 'Relu6', [value]);
}

/** Adds the bias, input 2 of convolutions and dense layers, when there is one. */
export function biasToTfGraph(e: TfjsGraphEmitter, value: string): string {
  return e.inputCount > 2 ? e.add('BiasAdd', [value, e.input(2)], { data_format: { string: 'NHWC' } }) : value;
}

/** Padding of any axes; `paddings` is [before, after] of every axis, flat. */
export function padToTfGraph(e: TfjsGraphEmitter, x: string, paddings: readonly number[], value: number): string {
  const amounts = e.int32s('paddings', [paddings.length / 2, 2], paddings);
  if (value === 0) return e.add('Pad', [x, amounts]);
  return e.add('PadV2', [x, amounts, e.floats('pad_value', [], Float32Array.of(value))]);
}

export interface TfWindow {
  /** Value to slide over. */
  readonly x: string;
  readonly attrs: Readonly<Record<string, TfAttr>>;
}

/**
 * Input 0 and the attributes of a window over it: TensorFlow's SAME or VALID where the pads are such, else an explicit Pad with
 * `value` and VALID (not every backend of TF.js knows EXPLICIT).
 */
export function windowToTfGraph(
  e: TfjsGraphEmitter,
  kernel: readonly [number, number],
  { pads, strides }: WindowAttrs,
  value = 0,
  dilations: readonly [number, number] = [1, 1],
): TfWindow {
  const [, h, w] = dims4(e.inputType(0));
  const padding = classifyPads(pads, [h, w], kernel, strides, dilations);
  return {
    x: padding === 'explicit' ? padSpatialInTfGraph(e, pads, value) : e.input(0),
    attrs: {
      strides: { ints: [1, ...strides, 1] },
      padding: { string: padding === 'same' ? 'SAME' : 'VALID' },
      data_format: { string: 'NHWC' },
    },
  };
}

/** Input 0 with its height and width padded. */
export function padSpatialInTfGraph(e: TfjsGraphEmitter, pads: Pads, value: number): string {
  return padToTfGraph(e, e.input(0), [0, 0, ...pads, 0, 0], value);
}

/**
 * A convolution with bias. Strides that TensorFlow does not take (with dilation; unequal ones of depthwise kernels) become
 * every stride-th position of the dense result.
 */
export function convolutionToTfGraph(
  e: TfjsGraphEmitter,
  op: 'Conv2D' | 'DepthwiseConv2dNative',
  filter: string,
  kernel: readonly [number, number],
  attrs: ConvAttrs,
): string {
  const { strides, dilations, pads } = attrs;
  const dilated = dilations.some((d) => d > 1);
  const refused = (dilated && strides.some((s) => s > 1)) || (op !== 'Conv2D' && strides[0] !== strides[1]);
  const window = windowToTfGraph(e, kernel, { pads, strides: refused ? [1, 1] : strides }, 0, dilations);
  const convolved = e.add(op, [window.x, filter], { ...window.attrs, dilations: { ints: [1, ...dilations, 1] } });
  return biasToTfGraph(e, refused ? everyStride(e, convolved, strides) : convolved);
}

function everyStride(e: TfjsGraphEmitter, x: string, strides: readonly [number, number]): string {
  const zeros = e.int32s('from', [4], [0, 0, 0, 0]);
  // The masks say: from the first to the last of every axis.
  return e.add('StridedSlice', [x, zeros, zeros, e.int32s('strides', [4], [1, ...strides, 1])], {
    begin_mask: { int: 15 },
    end_mask: { int: 15 },
    ellipsis_mask: { int: 0 },
    new_axis_mask: { int: 0 },
    shrink_axis_mask: { int: 0 },
  });
}
