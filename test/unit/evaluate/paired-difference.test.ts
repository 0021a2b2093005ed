import { describe, expect, it } from 'vitest';
import { comparePaired } from '../../../src/evaluate/paired-difference.js';

/**
 * The definition, without the paper's closed form: log-likelihood of b and c given a true difference d, maximised over the
 * nuisance probability q (of c) by search; then the score of d in standard errors.
 */
function scoreBySearch(b: number, c: number, n: number, d: number): number {
  const term = (k: number, p: number): number => (k === 0 ? 0 : k * Math.log(p));
  const logLikelihood = (q: number): number => term(b, q + d) + term(c, q) + term(n - b - c, 1 - 2 * q - d);
  let [low, high] = [Math.max(0, -d), (1 - d) / 2];
  const golden = (Math.sqrt(5) - 1) / 2;
  for (let i = 0; i < 200; i++) {
    const [x, y] = [high - golden * (high - low), low + golden * (high - low)];
    if (logLikelihood(x) < logLikelihood(y)) low = x;
    else high = y;
  }
  const q = (low + high) / 2;
  return (b - c - n * d) / Math.sqrt(n * (2 * q + d - d * d));
}

/** All of a multinomial with three outcomes: probability that the interval holds the truth. */
function coverage(n: number, p: number, q: number): number {
  const logFactorial = [0];
  for (let i = 1; i <= n; i++) logFactorial.push((logFactorial[i - 1] as number) + Math.log(i));
  const f = (k: number): number => logFactorial[k] as number;
  let covered = 0;
  for (let b = 0; b <= n; b++) {
    for (let c = 0; b + c <= n; c++) {
      const rest = n - b - c;
      const log = f(n) - f(b) - f(c) - f(rest) + b * Math.log(p) + c * Math.log(q) + rest * Math.log(1 - p - q);
      const [low, high] = comparePaired(b, c, n).interval;
      if (low <= p - q && p - q <= high) covered += Math.exp(log);
    }
  }
  return covered;
}

describe('paired difference of two accuracies', () => {
  it.each([
    [1, 0, 44],
    [12, 2, 50],
    [5, 5, 30],
    [3, 9, 200],
    [40, 61, 2000],
  ])('ends where the score test of the definition rejects: %i against %i of %i', (b, c, n) => {
    const { value, interval } = comparePaired(b, c, n);
    expect(value).toBeCloseTo((b - c) / n, 12);
    expect(scoreBySearch(b, c, n, interval[0])).toBeCloseTo(1.959964, 3);
    expect(scoreBySearch(b, c, n, interval[1])).toBeCloseTo(-1.959964, 3);
  });

  it('is the mirror image when the two are swapped', () => {
    const [low, high] = comparePaired(12, 2, 50).interval;
    const swapped = comparePaired(2, 12, 50).interval;
    expect(swapped[0]).toBeCloseTo(-high, 10);
    expect(swapped[1]).toBeCloseTo(-low, 10);
  });

  it('is not certain when no sample differs: ± z² / (n + z²), and narrower with more samples', () => {
    const z2 = 1.959963984540054 ** 2;
    for (const n of [1, 20, 2000]) {
      const [low, high] = comparePaired(0, 0, n).interval;
      expect(high).toBeCloseTo(z2 / (n + z2), 10);
      expect(low).toBeCloseTo(-z2 / (n + z2), 10);
    }
  });

  it('stays within −1 and 1, also at the ends and without samples', () => {
    expect(comparePaired(10, 0, 10).interval[1]).toBe(1);
    expect(comparePaired(0, 10, 10).interval[0]).toBe(-1);
    expect(comparePaired(0, 0, 0)).toEqual({ value: 0, interval: [-1, 1], onlyFirst: 0, onlySecond: 0 });
  });

  it.each([
    [40, 0.1, 0.1],
    [40, 0.02, 0.05],
    [60, 0.3, 0.1],
  ])('holds the truth in about 95 of 100 data sets: n = %i, p = %f, q = %f', (n, p, q) => {
    const share = coverage(n, p, q);
    expect(share).toBeGreaterThan(0.93);
    expect(share).toBeLessThan(0.99);
  });
});
