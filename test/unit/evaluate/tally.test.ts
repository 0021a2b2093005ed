import { describe, expect, it } from 'vitest';
import type { Prediction } from '../../../src/evaluate/evaluation.js';
import { formatPredictions } from '../../../src/evaluate/predictions-csv.js';
import { summariseBytes, tally } from '../../../src/evaluate/tally.js';

const subject = {
  splitId: 'ab'.repeat(32),
  data: { name: 'd', format: 'idx', part: null, sha256: 'cd'.repeat(32) },
  classNames: ['cat', 'dog', 'eel'],
};

/** label, full, splitFloat, splitInt8 */
const ROWS: readonly (readonly [number, number, number, number])[] = [
  [0, 0, 0, 0],
  [0, 0, 0, 1],
  [0, 1, 1, 0],
  [1, 1, 1, 1],
  [1, 1, 1, 1],
  [1, 2, 0, 0],
  [0, 0, 0, 2],
  [1, 1, 0, 1],
];
const predictions = ROWS.map(
  ([label, full, splitFloat, splitInt8], index): Prediction => ({
    index,
    label,
    full,
    splitFloat,
    splitInt8,
    wireBytes: 100,
  }),
);

describe('tally', () => {
  const evaluation = tally(subject, predictions);

  it('counts right answers of each variant', () => {
    expect(evaluation.samples).toBe(8);
    expect(evaluation.accuracy).toEqual({ full: 6 / 8, splitFloat: 5 / 8, splitInt8: 5 / 8 });
    // Wilson, JASA 1927, computed by hand for 6 of 8 and z = 1.96.
    expect(evaluation.intervals.full?.[0]).toBeCloseTo(0.4093, 4);
    expect(evaluation.intervals.full?.[1]).toBeCloseTo(0.9285, 4);
  });

  it('compares int8 and full on the same samples', () => {
    expect(evaluation.difference).toMatchObject({ value: -1 / 8, onlyFirst: 1, onlySecond: 2 });
    expect(evaluation.agreement).toBe(4 / 8);
  });

  it('has one row a class, also for a class without samples', () => {
    expect(evaluation.perClass.map((row) => [row.name, row.samples, row.accuracy.splitInt8])).toEqual([
      ['cat', 4, 2 / 4],
      ['dog', 4, 3 / 4],
      ['eel', 0, null],
    ]);
  });

  it('counts confusion[label][predicted] of the int8 split', () => {
    expect(evaluation.confusion).toEqual([
      [2, 1, 1],
      [1, 3, 0],
      [0, 0, 0],
    ]);
  });

  it('has no accuracy of a variant that was not run', () => {
    const without = tally(
      subject,
      predictions.map((p) => ({ ...p, full: null, splitFloat: null })),
    );
    expect(without.accuracy).toEqual({ full: null, splitFloat: null, splitInt8: 5 / 8 });
    expect(without.intervals.full).toBeNull();
    expect(without.difference).toBeNull();
    expect(without.agreement).toBeNull();
    expect(without.perClass[0]?.accuracy).toEqual({ full: null, splitFloat: null, splitInt8: 0.5 });
  });

  it('takes the 99th percentile of sizes from above', () => {
    const sizes = Array.from({ length: 200 }, (_, i) => i + 1);
    expect(summariseBytes(sizes)).toEqual({ mean: 100.5, p99: 198 });
    expect(summariseBytes([7])).toEqual({ mean: 7, p99: 7 });
  });

  it('writes one line a sample, empty where nothing ran', () => {
    const text = formatPredictions([predictions[1] as Prediction, { ...(predictions[5] as Prediction), full: null }]);
    expect(text).toBe('index,label,full,splitFloat,splitInt8,wireBytes\n1,0,0,0,1,100\n5,1,,0,0,100\n');
  });
});
