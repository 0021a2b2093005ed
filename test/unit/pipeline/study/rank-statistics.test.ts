import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spearman } from '../../../../src/analyze/curve.js';
import { measureReliability, partialSpearman } from '../../../../src/pipeline/study/rank-statistics.js';

/** The recursion of partial correlations, by which textbooks compute them from the plain ones: another way to the same number. */
function byRecursion(x: readonly number[], y: readonly number[], controls: readonly (readonly number[])[]): number {
  const [first, ...others] = controls;
  if (first === undefined) return spearman(x, y);
  const xy = byRecursion(x, y, others);
  const xz = byRecursion(x, first, others);
  const yz = byRecursion(y, first, others);
  return (xy - xz * yz) / Math.sqrt((1 - xz * xz) * (1 - yz * yz));
}

const column = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 12, maxLength: 12 });

describe('partialSpearman', () => {
  it('is the plain one without controls', () => {
    expect(partialSpearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], [])).toBeCloseTo(0.8, 12);
  });

  it('is what the recursion gives, with one, two and three controls', () => {
    fc.assert(
      fc.property(column, column, fc.array(column, { minLength: 1, maxLength: 3 }), (x, y, controls) => {
        const expected = byRecursion(x, y, controls);
        fc.pre(Number.isFinite(expected) && Math.abs(expected) < 0.999);
        expect(partialSpearman(x, y, controls)).toBeCloseTo(expected, 6);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('leaves nothing where the control determines the variable, or where there are too few points', () => {
    const x = [3, 1, 4, 2, 9, 5];
    expect(partialSpearman(x, [1, 2, 3, 4, 5, 7], [x.map((v) => 10 * v)])).toBeNaN();
    expect(partialSpearman([1, 2, 3], [1, 3, 2], [[2, 1, 3]])).toBeNaN();
  });

  it('finds a predictor that is only size in disguise', () => {
    const size = [1, 2, 3, 4, 5, 6, 7, 8];
    const accuracy = [1, 2, 3, 5, 4, 6, 8, 7];
    const disguised = [1, 3, 2, 4, 5, 6, 7, 8];
    expect(spearman(disguised, accuracy)).toBeGreaterThan(0.9);
    expect(partialSpearman(disguised, accuracy, [size])).toBeLessThan(0.1);
  });
});

describe('measureReliability', () => {
  it('is 1 for seeds that agree and by Spearman-Brown for those that do not quite', () => {
    expect(
      measureReliability([
        [1, 2, 3],
        [1, 2, 3],
      ]),
    ).toEqual({ single: 1, mean: 1, ceiling: 1 });
    const half = measureReliability([
      [1, 2, 3, 4, 5],
      [2, 1, 4, 3, 5],
    ]);
    expect(half?.single).toBeCloseTo(0.8, 12);
    expect(half?.mean).toBeCloseTo((2 * 0.8) / 1.8, 12);
    expect(half?.ceiling).toBeCloseTo(Math.sqrt(1.6 / 1.8), 12);
  });

  it('needs two seeds, and promises nothing when they contradict one another', () => {
    expect(measureReliability([[1, 2, 3]])).toBeUndefined();
    expect(
      measureReliability([
        [1, 2, 3],
        [3, 2, 1],
      ]),
    ).toEqual({ single: -1, mean: 0, ceiling: 0 });
  });
});
