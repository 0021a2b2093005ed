/**
 * Quantization parameters as TFLite's 8-bit specification wants them: activations asymmetric int8 with a zero point in
 * −128 … 127 and zero exactly representable; weights symmetric in −127 … 127, per channel; biases int32 at the product of both scales.
 * Source: https://ai.google.dev/edge/litert/models/quantization_spec
 */
import type { QuantParams, Shape } from '../ir/graph.js';
import { activationRange } from '../ops/int8-operands.js';
import type { FusedActivation } from '../ops/op-def.js';

export const INT8_MIN = -128;
export const INT8_MAX = 127;
const WEIGHT_MAX = 127;
const STEPS = INT8_MAX - INT8_MIN;
/** Below it float32 multipliers lose digits; tensors that are always zero get a range of one. */
const SMALLEST_RANGE = 1e-10;
/**
 * Smallest input scale · weight scale / output scale of a channel, by the number of codes that the output can take. Kernels turn
 * this ratio into a 31-bit multiplier and a shift of at most 31, and the bias is counted in its units: the multiplier keeps its
 * digits and a bias as large as the whole output range takes 28 bits. For 256 codes it is 2^−20: weights below it are worth less
 * than one output step together. An output of few codes has wide steps, which small weights together do fill.
 */
const SMALLEST_MULTIPLIER_A_CODE = 2 ** -28;
/** Leaves a bit of int32 for the sum of products. */
const LARGEST_BIAS = 2 ** 30;

/** Per-tensor quantization of an activation. */
export interface ActivationQuant {
  /** A float32 value. */
  readonly scale: number;
  readonly zeroPoint: number;
}

/**
 * Scale and zero point for real values low … high; zero is made part of the range and is a multiple of the scale.
 * @param low @param high finite
 */
export function chooseActivationQuant(low: number, high: number): ActivationQuant {
  const min = Math.min(low, 0);
  const max = Math.max(high, 0);
  const range = max - min > SMALLEST_RANGE ? max - min : 1;
  const scale = Math.fround(range / STEPS);
  // Adding zero makes −0 a 0.
  const zeroPoint = Math.round(INT8_MIN - min / scale) + 0;
  return { scale, zeroPoint: Math.min(INT8_MAX, Math.max(INT8_MIN, zeroPoint)) };
}

/** Real values that −128 and 127 stand for. */
export function representableRange({ scale, zeroPoint }: ActivationQuant): { low: number; high: number } {
  return { low: scale * (INT8_MIN - zeroPoint), high: scale * (INT8_MAX - zeroPoint) };
}

export function toQuantParams({ scale, zeroPoint }: ActivationQuant): QuantParams {
  return { scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: 0 };
}

/**
 * Number of codes that a fused clamp leaves, as kernels compute them.
 * Source: CalculateActivationRangeQuantizedImpl in kernels/kernel_util.cc.
 */
export function usedCodes({ scale, zeroPoint }: ActivationQuant, clamp: FusedActivation = 'none'): number {
  const [low, high] = activationRange({ scale, zeroPoint }, clamp);
  return Math.max(0, high - low + 1);
}

export function sameQuant(a: ActivationQuant, b: ActivationQuant): boolean {
  return a.scale === b.scale && a.zeroPoint === b.zeroPoint;
}

/** Real values as int8, halves away from zero, out of range clamped. */
export function quantizeValues(values: Float32Array, { scale, zeroPoint }: ActivationQuant): Int8Array {
  return Int8Array.from(values, (v) =>
    Math.min(INT8_MAX, Math.max(INT8_MIN, roundAwayFromZero(v / scale) + zeroPoint)),
  );
}

function roundAwayFromZero(value: number): number {
  return value < 0 ? -Math.round(-value) : Math.round(value);
}

export interface QuantizedWeights {
  readonly data: Int8Array;
  readonly bias: Int32Array;
  /** One scale a channel along the axis, or one for all. */
  readonly scale: Float32Array;
  /** Channels whose bias did not fit and was cut. */
  readonly clippedBiases: number;
}

export interface WeightRequest {
  readonly weights: Float32Array;
  readonly shape: Shape;
  readonly channelAxis: number;
  readonly perChannel: boolean;
  /** (channels) */
  readonly bias: Float32Array;
  readonly inputScale: number;
  readonly outputScale: number;
  /** Codes that the output can take, its fused clamp considered; default all. */
  readonly outputCodes?: number;
}

/**
 * Weights in −127 … 127 and biases at inputScale · scale[c]. A channel without weights, or with very small ones, gets the
 * smallest scale that kernels can multiply by; a bias that would not fit int32 makes its channel's scale larger.
 */
export function quantizeWeights(request: WeightRequest): QuantizedWeights {
  const { weights, shape, channelAxis, perChannel, bias, inputScale, outputScale } = request;
  const smallest = SMALLEST_MULTIPLIER_A_CODE * (request.outputCodes ?? STEPS + 1);
  const channels = shape[channelAxis] as number;
  const inner = shape.slice(channelAxis + 1).reduce((a, b) => a * b, 1);
  const largest = new Float64Array(channels);
  for (let i = 0; i < weights.length; i++) {
    const c = Math.floor(i / inner) % channels;
    largest[c] = Math.max(largest[c] as number, Math.abs(weights[i] as number));
  }
  if (!perChannel) largest.fill(largest.reduce((a, b) => Math.max(a, b), 0));
  const floor = (outputScale / inputScale) * smallest;
  const channelScale = Float32Array.from(largest, (m, c) =>
    Math.max(m / WEIGHT_MAX, floor, Math.abs(bias[c] as number) / (inputScale * LARGEST_BIAS)),
  );
  if (!perChannel) channelScale.fill(channelScale.reduce((a, b) => Math.max(a, b), 0));
  const data = new Int8Array(weights.length);
  for (let i = 0; i < weights.length; i++) {
    const q = roundAwayFromZero((weights[i] as number) / (channelScale[Math.floor(i / inner) % channels] as number));
    data[i] = Math.min(WEIGHT_MAX, Math.max(-WEIGHT_MAX, q));
  }
  let clippedBiases = 0;
  const quantizedBias = Int32Array.from(bias, (b, c) => {
    const q = roundAwayFromZero(b / Math.fround(inputScale * (channelScale[c] as number)));
    // Only infinite or absurd biases end here: the scale was chosen for them to fit.
    if (Math.abs(q) <= LARGEST_BIAS * 1.01) return q;
    clippedBiases++;
    return Math.sign(q) * LARGEST_BIAS;
  });
  return { data, bias: quantizedBias, scale: perChannel ? channelScale : channelScale.slice(0, 1), clippedBiases };
}

/** Weights that the int8 ones stand for. */
export function dequantizeWeights(quantized: QuantizedWeights, shape: Shape, channelAxis: number): Float32Array {
  const channels = shape[channelAxis] as number;
  const inner = shape.slice(channelAxis + 1).reduce((a, b) => a * b, 1);
  const { data, scale } = quantized;
  const out = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const c = scale.length === 1 ? 0 : Math.floor(i / inner) % channels;
    out[i] = (data[i] as number) * (scale[c] as number);
  }
  return out;
}
