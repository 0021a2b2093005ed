/**
 * What the `tflite.encode` hooks share. Operator versions follow GetBuiltinOperatorVersion in
 * tensorflow/compiler/mlir/lite/tools/versioning/op_version.cc: the lowest one whose kernel knows the operands.
 */
import type { DType, QuantParams, Tensor, TypedArray } from '../ir/graph.js';
import { dims4 } from './checks.js';
import type { FusedActivation, TfliteEncode, TfliteEncoder, TfliteOperatorSpec } from './op-def.js';
import { type ConvAttrs, classifyPads, type Pads } from './window.js';

/** Enum ActivationFunctionType. */
const ACTIVATION_NAMES: Readonly<Record<FusedActivation, string>> = { none: 'NONE', relu: 'RELU', relu6: 'RELU6' };

export function fusedActivationName(activation: FusedActivation = 'none'): string {
  return ACTIVATION_NAMES[activation];
}

/** Element type that the kernel computes in: that of the first input. */
export function computedType(encoder: TfliteEncoder): DType {
  return (encoder.inputs[0] as Tensor).dtype;
}

/** Version of the many operators that learned int8 in their second one. */
export function versionSinceInt8(encoder: TfliteEncoder): number {
  return computedType(encoder) === 'int8' ? 2 : 1;
}

export function inputIdsOf(encoder: TfliteEncoder): string[] {
  return encoder.inputs.map((t) => t.id);
}

/** An operator of one input without options. */
export function encodeUnary<A>(
  builtin: string,
  version: (encoder: TfliteEncoder) => number = versionSinceInt8,
): TfliteEncode<A> {
  return (encoder) => ({ builtin, version: version(encoder), options: {}, inputs: inputIdsOf(encoder) });
}

/** TFLite knows two paddings; everything else is refused. Input [N, h, w, C]. */
export function paddingName(
  encoder: TfliteEncoder,
  attrs: { readonly pads: Pads; readonly strides: readonly [number, number] },
  kernel: readonly [number, number],
  dilations: readonly [number, number] = [1, 1],
): 'SAME' | 'VALID' {
  const [, h, w] = dims4(encoder.inputs[0]);
  const padding = classifyPads(attrs.pads, [h, w], kernel, attrs.strides, dilations);
  if (padding === 'explicit') encoder.refuse(`pads [${attrs.pads}] are neither SAME nor VALID`);
  return padding === 'same' ? 'SAME' : 'VALID';
}

/** Options that CONV_2D and DEPTHWISE_CONV_2D share; the filter has height and width at axes 1 and 2. */
export function convolutionOptions(
  encoder: TfliteEncoder,
  attrs: ConvAttrs & { readonly activation?: FusedActivation },
): TfliteOperatorSpec['options'] {
  const [, kh, kw] = dims4(encoder.inputs[1]);
  return {
    padding: paddingName(encoder, attrs, [kh, kw], attrs.dilations),
    stride_h: attrs.strides[0],
    stride_w: attrs.strides[1],
    dilation_h_factor: attrs.dilations[0],
    dilation_w_factor: attrs.dilations[1],
    fused_activation_function: fusedActivationName(attrs.activation),
  };
}

/** Input, filter and bias of a convolution: runtimes ask for a bias, so an absent one is written as zeros. */
export function convolutionInputs(encoder: TfliteEncoder, channelAxis: 0 | 3): string[] {
  const ids = inputIdsOf(encoder);
  if (ids.length > 2) return ids;
  const [input, filter] = encoder.inputs as readonly [Tensor, Tensor];
  const shape = [filter.shape[channelAxis] as number];
  if (filter.dtype === 'float32') {
    return [...ids, encoder.constant('bias', { shape, dtype: 'float32', data: new Float32Array(shape[0] as number) })];
  }
  const data = new Int32Array(shape[0] as number);
  return [...ids, encoder.constant('bias', { shape, dtype: 'int32', data, quant: biasQuantization(input, filter) })];
}

/** Scale of an int32 bias: the input's times the filter's, per channel. */
function biasQuantization(input: Tensor, filter: Tensor): QuantParams {
  const inputScale = input.quant?.scale[0] as number;
  const scale = (filter.quant as QuantParams).scale.map((s) => inputScale * s);
  return { scale, zeroPoint: new Int32Array(scale.length), axis: 0 };
}

/** A real value as a constant of shape [] in the type and quantization of the first input. */
export function scalarLike(encoder: TfliteEncoder, value: number): Omit<Tensor, 'id'> & { readonly data: TypedArray } {
  const { dtype, quant } = encoder.inputs[0] as Tensor;
  if (dtype === 'float32') return { shape: [], dtype, data: Float32Array.of(value) };
  if (dtype !== 'int8' || !quant) return encoder.refuse(`a constant ${value} in ${dtype}`);
  const code = Math.round(value / (quant.scale[0] as number)) + (quant.zeroPoint[0] as number);
  return { shape: [], dtype, data: Int8Array.of(Math.min(Math.max(code, -128), 127)), quant };
}

/** ADD, SUB and MUL. */
export function encodeBinary(
  builtin: string,
  version: (encoder: TfliteEncoder) => number = versionSinceInt8,
): TfliteEncode<{ readonly activation?: FusedActivation }> {
  return (encoder, attrs) => ({
    builtin,
    version: version(encoder),
    options: { fused_activation_function: fusedActivationName(attrs.activation) },
    inputs: inputIdsOf(encoder),
  });
}
