/** Candidate ranges of one activation, from the histogram of its values. */
import type { RangeMethod } from './quantized-model.js';
import type { ValueHistogram } from './value-histogram.js';

export interface Range {
  readonly low: number;
  readonly high: number;
}

export interface RangeCandidate extends Range {
  readonly method: RangeMethod;
}

/** Shares of the values that percentile ranges keep. */
const PERCENTILES = [0.99999, 0.9999, 0.9995, 0.999, 0.998, 0.995, 0.99];
/** Clip ratios that the search for the smallest squared error tries, for each end. */
const CLIP_RATIOS = Array.from({ length: 40 }, (_, i) => 1 - i * 0.02);
const STEPS = 255;
/** Ranges closer than this are one candidate. */
const SAME_RANGE = 0.01;

/** Smallest and largest value seen, zero included. */
export function fullRange(histogram: Pick<ValueHistogram, 'min' | 'max'>): Range {
  return { low: Math.min(histogram.min, 0), high: Math.max(histogram.max, 0) };
}

/** Range that leaves out the share 1 − kept of the values, half at each end; zero included. */
export function percentileRange(histogram: ValueHistogram, kept: number): Range {
  const full = fullRange(histogram);
  // A tensor without negative values has only one end.
  const ends = (full.low < 0 ? 1 : 0) + (full.high > 0 ? 1 : 0);
  const outside = (histogram.count * (1 - kept)) / Math.max(ends, 1);
  return {
    low: Math.min(0, edge(histogram, outside, 1, full.low)),
    high: Math.max(0, edge(histogram, outside, -1, full.high)),
  };
}

/** Value with at most `outside` values beyond it, coming from the lower (step 1) or upper (−1) end. */
function edge(histogram: ValueHistogram, outside: number, step: 1 | -1, bound: number): number {
  const { bins, width } = histogram;
  if (bound === 0 || width === 0) return 0;
  let seen = 0;
  for (let i = step > 0 ? 0 : bins.length - 1; i >= 0 && i < bins.length; i += step) {
    seen += bins[i] as number;
    if (seen > outside) {
      const outer = (i + (step > 0 ? 0 : 1) - bins.length / 2) * width;
      return step > 0 ? Math.max(outer, bound) : Math.min(outer, bound);
    }
  }
  return 0;
}

/** Range with the smallest expected squared error of rounding to 256 steps and clipping, each end searched in turn. */
export function mseRange(histogram: ValueHistogram): Range {
  let best = fullRange(histogram);
  if (histogram.width === 0) return best;
  const full = best;
  let bestError = rangeError(histogram, best);
  for (let round = 0; round < 2; round++) {
    for (const end of ['high', 'low'] as const) {
      if (full[end] === 0) continue;
      for (const ratio of CLIP_RATIOS) {
        const candidate = { ...best, [end]: full[end] * ratio };
        const error = rangeError(histogram, candidate);
        if (error < bestError) {
          bestError = error;
          best = candidate;
        }
      }
    }
  }
  return best;
}

/** Expected sum of squared errors: step²/12 for each value inside (zeros are exact), the clipped distance outside. */
export function rangeError(histogram: ValueHistogram, { low, high }: Range): number {
  const step = (high - low) / STEPS;
  const { bins, width } = histogram;
  let inside = 0;
  let clipped = 0;
  for (let i = 0; i < bins.length; i++) {
    const n = bins[i] as number;
    if (n === 0) continue;
    const v = histogram.centre(i);
    const beyond = v < low ? low - v : v > high ? v - high : 0;
    if (beyond === 0) inside += n;
    else clipped += n * (beyond * beyond + (width * width) / 12);
  }
  return clipped + (inside * step * step) / 12;
}

/** One range a method (percentile: one a share), in this order for every tensor. */
export function rangesOf(histogram: ValueHistogram, methods: ReadonlySet<RangeMethod>): RangeCandidate[] {
  const all: RangeCandidate[] = [];
  if (methods.has('minmax')) all.push({ method: 'minmax', ...fullRange(histogram) });
  if (methods.has('percentile'))
    for (const kept of PERCENTILES) all.push({ method: 'percentile', ...percentileRange(histogram, kept) });
  if (methods.has('mse')) all.push({ method: 'mse', ...mseRange(histogram) });
  return all;
}

/** Without those that hardly differ from an earlier one. */
export function distinctRanges(ranges: readonly RangeCandidate[]): RangeCandidate[] {
  const distinct: RangeCandidate[] = [];
  for (const range of ranges) {
    const width = range.high - range.low;
    const isNew = distinct.every(
      (other) => Math.abs(other.low - range.low) + Math.abs(other.high - range.high) > SAME_RANGE * width,
    );
    if (isNew) distinct.push(range);
  }
  return distinct;
}
