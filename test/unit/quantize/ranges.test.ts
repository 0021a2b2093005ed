import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.js';
import { distinctRanges, mseRange, percentileRange, rangesOf } from '../../../src/quantize/choose-range.js';
import { ValueHistogram } from '../../../src/quantize/value-histogram.js';

const random = createRandom(3);
const values = (n: number, make: () => number): Float32Array => Float32Array.from({ length: n }, make);

function histogramOf(...batches: Float32Array[]): ValueHistogram {
  const histogram = new ValueHistogram();
  for (const batch of batches) histogram.add(batch);
  return histogram;
}

/** Squared error of really quantizing the values to the range. */
function realError(data: Float32Array, low: number, high: number): number {
  const step = (high - low) / 255;
  const zero = Math.round(-low / step);
  return data.reduce((sum, v) => {
    const code = Math.min(255, Math.max(0, Math.round(v / step) + zero));
    return sum + (v - step * (code - zero)) ** 2;
  }, 0);
}

describe('ValueHistogram', () => {
  it('is the same whether the range was known before or grew', () => {
    const small = values(1000, () => random.normal());
    const large = values(1000, () => 50 * random.normal());
    const [grown, known] = [histogramOf(small, large), histogramOf(large, small)];
    expect(grown.width).toBe(known.width);
    expect([...grown.bins]).toEqual([...known.bins]);
    expect([grown.min, grown.max, grown.count]).toEqual([known.min, known.max, 2000]);
  });

  it('counts every value in the bin that holds it', () => {
    const data = values(5000, () => 3 * random.normal());
    data.fill(0, 0, 700);
    const histogram = histogramOf(data);
    expect(histogram.zeros).toBe(700);
    expect(histogram.bins.reduce((a, b) => a + b, 0)).toBe(4300);
    const above = data.filter((v) => v >= 2 * histogram.width * 100).length;
    expect(histogram.bins.slice(1024 + 200).reduce((a, b) => a + b, 0)).toBe(above);
  });

  it('counts every n-th value and bounds all', () => {
    const histogram = new ValueHistogram();
    histogram.add(Float32Array.of(1, 2, 9, 4, 5, 6, 7), 3);
    expect(histogram.count).toBe(3);
    expect(histogram.max).toBe(9);
  });

  it('all zeros are no range', () => {
    const [range] = rangesOf(histogramOf(new Float32Array(10)), new Set(['minmax', 'mse']));
    expect(range).toMatchObject({ low: 0, high: 0 });
  });
});

describe('ranges', () => {
  const heavy = values(100_000, () => Math.abs(random.normal()) ** 3);
  const histogram = histogramOf(heavy);
  const sorted = heavy.toSorted();

  it.each([0.99, 0.999, 0.9999])('the percentile range at %s ends where the sorted values say', (kept) => {
    const { low, high } = percentileRange(histogram, kept);
    expect(low).toBe(0);
    const exact = sorted[Math.floor(sorted.length * kept)] as number;
    expect(Math.abs(high - exact)).toBeLessThanOrEqual(2 * histogram.width);
  });

  it('percentiles of both signs leave out half at each end', () => {
    const data = values(100_000, () => random.normal());
    const { low, high } = percentileRange(histogramOf(data), 0.99);
    expect(low).toBeCloseTo(-2.576, 1);
    expect(high).toBeCloseTo(2.576, 1);
  });

  it('the mse range is about as good as the best of a brute-force search with real quantization', () => {
    const chosen = mseRange(histogram);
    let best = Number.POSITIVE_INFINITY;
    for (let ratio = 1; ratio > 0.1; ratio -= 0.01) {
      best = Math.min(best, realError(heavy, 0, (sorted.at(-1) as number) * ratio));
    }
    expect(realError(heavy, chosen.low, chosen.high)).toBeLessThan(1.1 * best);
    expect(chosen.high).toBeLessThan(0.9 * (sorted.at(-1) as number));
  });

  it('ranges that hardly differ are one', () => {
    const range = (high: number) => ({ method: 'mse' as const, low: 0, high });
    expect(distinctRanges([range(10), range(9.95), range(8)]).map((r) => r.high)).toEqual([10, 8]);
  });
});
