/** From int32 accumulators to int8 outputs: the step that every output of a convolution or dense layer takes. */
import { multiplyByQuantizedMultiplier, quantizeMultiplier } from '../core/fixed-point.js';
import type { QuantParams } from '../ir/graph.js';
import { activationRange, type PerTensor } from './int8-operands.js';
import type { FusedActivation } from './op-def.js';

/** Per channel a multiplier and shift; then the output's zero point and clamp. */
export interface Rescaling {
  readonly multipliers: Int32Array;
  readonly shifts: Int32Array;
  readonly zeroPoint: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Rescaling of a convolution or dense layer; the product of the scales is taken in float64.
 * Source: PopulateConvolutionQuantizationParams in kernels/kernel_util.cc.
 */
export function convolutionRescaling(
  input: PerTensor,
  weights: QuantParams,
  output: PerTensor,
  channels: number,
  activation: FusedActivation | undefined,
): Rescaling {
  const multipliers = new Int32Array(channels);
  const shifts = new Int32Array(channels);
  for (let c = 0; c < channels; c++) {
    const scale = weights.scale[weights.scale.length === 1 ? 0 : c] as number;
    const { multiplier, shift } = quantizeMultiplier((input.scale * scale) / output.scale);
    multipliers[c] = multiplier;
    shifts[c] = shift;
  }
  const [min, max] = activationRange(output, activation);
  return { multipliers, shifts, zeroPoint: output.zeroPoint, min, max };
}

/** Products up to here are exact in float64, with room for the rounding term. */
const EXACT = 2 ** 52;
const TWO_30 = 2 ** 30;
const PER_TWO_31 = 2 ** -31;

/** Writes `count` sums of the channels from `channel` on, starting at `sums[from]`, to `output[at]` and after. */
export type Rescale = (
  sums: Int32Array,
  from: number,
  count: number,
  channel: number,
  output: Int8Array,
  at: number,
) => void;

/**
 * The arithmetic of multiplyByQuantizedMultiplier, written out for sums whose product is exact in float64 and that are not
 * shifted left: nearly all. A quarter of the time of the general form, and every output passes here.
 */
export function prepareRescale({ multipliers, shifts, zeroPoint, min, max }: Rescaling): Rescale {
  const factors = Float64Array.from(multipliers, (m, c) => ((shifts[c] as number) > 0 ? Number.NaN : m));
  const rights = shifts.map((s) => Math.max(-s, 0));
  const halves = rights.map((r) => (r > 0 ? 1 << (r - 1) : 0));
  // Halves are rounded away from zero: negative values get one less, unless nothing is shifted out.
  const signs = rights.map((r) => (r > 0 ? -1 : 0));
  return (sums, from, count, channel, output, at) => {
    for (let k = 0; k < count; k++) {
      const c = channel + k;
      const acc = sums[from + k] as number;
      const product = acc * (factors[c] as number);
      let value: number;
      // Not a number where the channel shifts left.
      if (product < EXACT && product > -EXACT) {
        const high = Math.floor((product + TWO_30) * PER_TWO_31) | 0;
        value = (((high + (halves[c] as number)) | 0) + ((high >> 31) & (signs[c] as number))) >> (rights[c] as number);
      } else {
        value = multiplyByQuantizedMultiplier(acc, multipliers[c] as number, shifts[c] as number);
      }
      value = (value + zeroPoint) | 0;
      output[at + k] = value < min ? min : value > max ? max : value;
    }
  };
}
