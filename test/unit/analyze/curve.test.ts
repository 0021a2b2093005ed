import { describe, expect, it } from 'vitest';
import { localMaxima, pearson, ranks, spearman } from '../../../src/analyze/curve.js';

describe('localMaxima', () => {
  it('marks strict maxima and the global one, no plateau', () => {
    expect(localMaxima([1, 3, 2, 2, 5, 5, 4])).toEqual([false, true, false, false, true, false, false]);
  });
  it('compares an end with its one neighbour and ignores NaN', () => {
    expect(localMaxima([2, 1, Number.NaN, 4])).toEqual([true, false, false, true]);
    expect(localMaxima([])).toEqual([]);
  });
});

describe('correlations', () => {
  // Expected values: computed in Python from the definitions.
  it('equal their definitions', () => {
    const x = [1, 2, 3, 4, 5];
    const y = [2, 1, 4, 3, 7];
    expect(pearson(x, y)).toBeCloseTo(0.824163383692134, 12);
    expect(spearman(x, y)).toBeCloseTo(0.8, 12);
  });
  it('give ties their mean rank and NaN without spread', () => {
    expect([...ranks([3, 1, 3, 2])]).toEqual([3.5, 1, 3.5, 2]);
    expect(pearson([1, 1], [2, 3])).toBeNaN();
  });
});
