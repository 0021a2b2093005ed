/** The range of a channel that loses least when it is quantized to few codes. */
import type { WireBits } from './bottleneck.js';

export interface ClipRange {
  readonly low: number;
  readonly high: number;
  /** Mean square of what quantizing with this range loses. */
  readonly meanSquaredError: number;
}

/** Shares of the values that a range may leave out at one end. With one bit, what is best lies near a fifth. */
const CUT_OFF = [0, 0.0005, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.14, 0.18, 0.22, 0.27, 0.33];
const ROUNDS = 2;
/** Several bins a code. */
const FEWEST_BINS = 512;
const BINS_PER_CODE = 8;

/**
 * Tries quantiles as the lowest and highest of 2^bits equally spaced codes: symmetric pairs first, then each end by itself.
 * @returns the range of smallest mean squared error; low = high when all values are equal
 */
export function chooseClipRange(values: Float32Array, bits: WireBits): ClipRange {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const v of values) {
    if (v < min) min = v;
    if (v > max) max = v;
  }
  if (!(max > min)) return { low: min, high: min, meanSquaredError: 0 };
  const histogram = countBins(values, min, max, Math.max(FEWEST_BINS, BINS_PER_CODE * 2 ** bits));
  const lows = CUT_OFF.map((share) => histogram.quantile(share));
  const highs = CUT_OFF.map((share) => histogram.quantile(1 - share));
  let best: ClipRange = { low: min, high: max, meanSquaredError: Number.POSITIVE_INFINITY };
  const attempt = (low: number, high: number): void => {
    if (!(high > low)) return;
    const meanSquaredError = histogram.quantizationError(low, high, 2 ** bits - 1, best.meanSquaredError);
    // From the widest on: of equals the widest is kept.
    if (meanSquaredError < best.meanSquaredError) best = { low, high, meanSquaredError };
  };
  lows.forEach((low, i) => {
    attempt(low, highs[i] as number);
  });
  for (let round = 0; round < ROUNDS; round++) {
    const { high } = best;
    for (const low of lows) attempt(low, high);
    const { low } = best;
    for (const other of highs) attempt(low, other);
  }
  return best;
}

interface Histogram {
  quantile(share: number): number;
  /** Stops when it exceeds `most`. */
  quantizationError(low: number, high: number, steps: number, most: number): number;
}

function countBins(values: Float32Array, min: number, max: number, bins: number): Histogram {
  const width = (max - min) / bins;
  const counts = new Float64Array(bins);
  for (const v of values) {
    const bin = Math.min(bins - 1, Math.floor((v - min) / width));
    counts[bin] = (counts[bin] as number) + 1;
  }
  const centre = (bin: number): number => min + (bin + 0.5) * width;
  const occupied = Array.from(counts.keys()).filter((bin) => (counts[bin] as number) > 0);
  return {
    quantile(share) {
      if (share <= 0) return min;
      if (share >= 1) return max;
      let below = 0;
      for (const bin of occupied) {
        below += counts[bin] as number;
        if (below >= share * values.length) return centre(bin);
      }
      return max;
    },
    quantizationError(low, high, steps, most) {
      const step = (high - low) / steps;
      let sum = 0;
      for (const bin of occupied) {
        const v = centre(bin);
        const code = Math.min(steps, Math.max(0, Math.round((v - low) / step)));
        sum += (counts[bin] as number) * (v - low - code * step) ** 2;
        if (sum > most * values.length) break;
      }
      return sum / values.length;
    },
  };
}
