import type { Interval, PairedDifference } from './evaluation.js';

/** 95 % of the normal distribution lies within ±Z_95. */
const Z_95 = 1.959963984540054;

/**
 * Difference of two accuracies on the same samples with its 95 % interval, by inverting the score test.
 * Source: Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample design",
 * Statistics in Medicine 17 (1998). Only samples on which the two disagree count; without any the interval still has a width.
 * @param onlyFirst samples that only the first classified rightly
 * @param onlySecond samples that only the second classified rightly
 * @returns first − second, in shares
 */
export function comparePaired(onlyFirst: number, onlySecond: number, samples: number): PairedDifference {
  const value = samples === 0 ? 0 : (onlyFirst - onlySecond) / samples;
  return { value, interval: scoreInterval(onlyFirst, onlySecond, samples), onlyFirst, onlySecond };
}

function scoreInterval(b: number, c: number, n: number): Interval {
  if (n === 0) return [-1, 1];
  const observed = (b - c) / n;
  const low = observed <= -1 ? -1 : bisect(-1, observed, (d) => scoreStatistic(b, c, n, d) > Z_95);
  const high = observed >= 1 ? 1 : bisect(observed, 1, (d) => scoreStatistic(b, c, n, d) >= -Z_95);
  return [low, high];
}

/**
 * How far the counts are from a true difference d, in standard errors under it: (b − c − n·d) / √(n·(2q + d·(1 − d))) with q
 * the most likely share of c given d. Falls as d rises.
 */
function scoreStatistic(b: number, c: number, n: number, d: number): number {
  const distance = b - c - n * d;
  const linear = -b - c + (2 * n - b + c) * d;
  const root = Math.sqrt(Math.max(0, linear * linear + 8 * n * c * d * (1 - d)));
  const q = Math.max(0, (root - linear) / (4 * n));
  const variance = n * (2 * q + d * (1 - d));
  if (variance <= 0) return distance === 0 ? 0 : Math.sign(distance) * Number.POSITIVE_INFINITY;
  return distance / Math.sqrt(variance);
}

/** The place in [low, high] where `left` turns from true to false, to the last bits. */
function bisect(low: number, high: number, left: (d: number) => boolean): number {
  let [a, b] = [low, high];
  for (let i = 0; i < 60; i++) {
    const middle = (a + b) / 2;
    if (left(middle)) a = middle;
    else b = middle;
  }
  return (a + b) / 2;
}
