/** What the integer kernels need to know of their operands, and how they refuse what TFLite-Micro has no kernel for. */

import { fail } from '../core/errors.js';
import { roundHalfAway } from '../core/fixed-point.js';
import type { DType, QuantParams, Tensor, TypedArray } from '../ir/graph.js';
import type { FusedActivation } from './op-def.js';

/** Smallest and largest value of an 8-bit activation. */
export const INT8_MIN = -128;
export const INT8_MAX = 127;

/** @throws IsplitError E_INT8_UNSUPPORTED */
export function refuseInt8(why: string, tensor?: Tensor): never {
  fail('E_INT8_UNSUPPORTED', tensor ? `"${tensor.id}": ${why}` : why, tensor ? { tensor: tensor.id } : {});
}

/** @throws IsplitError E_INT8_UNSUPPORTED unless the tensor has this dtype */
export function requireDType(tensor: Tensor | undefined, dtype: DType): Tensor {
  if (tensor === undefined) refuseInt8('an operand is missing');
  if (tensor.dtype !== dtype) refuseInt8(`${tensor.dtype} where the integer kernel needs ${dtype}`, tensor);
  return tensor;
}

export interface PerTensor {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** Scale and zero point of an int8 activation. @throws IsplitError E_INT8_UNSUPPORTED */
export function activationQuant(tensor: Tensor | undefined): PerTensor {
  const { quant } = requireDType(tensor, 'int8');
  const t = tensor as Tensor;
  if (!quant) refuseInt8('an int8 tensor without quantization', t);
  if (quant.scale.length !== 1 || quant.zeroPoint.length !== 1) refuseInt8('an activation quantized per channel', t);
  const scale = quant.scale[0] as number;
  const zeroPoint = quant.zeroPoint[0] as number;
  if (!(scale > 0) || !Number.isFinite(scale)) refuseInt8(`scale ${scale} is not a positive number`, t);
  if (zeroPoint < INT8_MIN || zeroPoint > INT8_MAX) refuseInt8(`zero point ${zeroPoint} is no int8 value`, t);
  return { scale, zeroPoint };
}

/**
 * Quantization that input and output must share, because the kernel moves codes without rescaling them.
 * @throws IsplitError E_INT8_UNSUPPORTED
 */
export function sharedQuant(input: Tensor | undefined, output: Tensor | undefined, tolerance = 0): PerTensor {
  const from = activationQuant(input);
  const to = activationQuant(output);
  if (Math.abs(from.scale - to.scale) > tolerance || from.zeroPoint !== to.zeroPoint) {
    refuseInt8(
      `quantization ${from.scale}, ${from.zeroPoint} differs from the output's ${to.scale}, ${to.zeroPoint}; the kernel does not rescale`,
      input,
    );
  }
  return to;
}

/** Clamp of a fused activation in codes of the output. Source: CalculateActivationRangeQuantized in kernels/kernel_util.cc. */
export function activationRange(
  { scale, zeroPoint }: PerTensor,
  activation: FusedActivation = 'none',
): [number, number] {
  if (activation === 'none') return [INT8_MIN, INT8_MAX];
  const six = zeroPoint + roundHalfAway(Math.fround(6 / scale));
  return [Math.max(INT8_MIN, zeroPoint), activation === 'relu6' ? Math.min(INT8_MAX, six) : INT8_MAX];
}

/** Data of an int8 weight constant. @throws IsplitError E_INT8_UNSUPPORTED */
export function constantWeights(tensor: Tensor | undefined): Int8Array {
  const t = requireDType(tensor, 'int8');
  if (!t.data) refuseInt8('weights that are computed at run time', t);
  return t.data as Int8Array;
}

/** Data of the int32 bias, zeros when there is none. @throws IsplitError E_INT8_UNSUPPORTED */
export function constantBias(tensor: Tensor | undefined, channels: number): Int32Array {
  if (tensor === undefined) return new Int32Array(channels);
  const t = requireDType(tensor, 'int32');
  if (!t.data) refuseInt8('a bias that is computed at run time', t);
  if (t.data.length !== channels) refuseInt8(`${t.data.length} bias values for ${channels} channels`, t);
  return Int32Array.from(t.data);
}

/** Scales of weights: one for all or one a channel. @throws IsplitError E_INT8_UNSUPPORTED */
export function weightQuant(tensor: Tensor, channelAxis: number): QuantParams {
  const { quant } = tensor;
  if (!quant) refuseInt8('int8 weights without quantization', tensor);
  const channels = tensor.shape[channelAxis] as number;
  if (quant.scale.length !== 1 && (quant.scale.length !== channels || quant.axis !== channelAxis)) {
    refuseInt8(`${quant.scale.length} weight scales along axis ${quant.axis} for ${channels} channels`, tensor);
  }
  if (quant.scale.some((s) => !(s >= 0) || !Number.isFinite(s)))
    refuseInt8('weight scales that are no numbers', tensor);
  return quant;
}

export function clampInt8(value: number): number {
  return value < INT8_MIN ? INT8_MIN : value > INT8_MAX ? INT8_MAX : value;
}

/** Kernel of an op that maps every code on its own: a table of 256 codes, made once. */
export function tableKernel(
  map: (code: number) => number,
): (inputs: readonly TypedArray[], outputs: readonly TypedArray[]) => void {
  const table = new Int8Array(256);
  for (let code = INT8_MIN; code <= INT8_MAX; code++) table[code & 0xff] = map(code);
  return (inputs, outputs) => {
    const x = inputs[0] as Int8Array;
    const y = outputs[0] as Int8Array;
    for (let i = 0; i < y.length; i++) y[i] = table[(x[i] as number) & 0xff] as number;
  };
}

/** Kernel that hands the elements on as they are. */
export function copyKernel(inputs: readonly TypedArray[], outputs: readonly TypedArray[]): void {
  (outputs[0] as TypedArray).set(inputs[0] as TypedArray);
}
