import { wilsonInterval } from '../core/statistics.js';
import type { Evaluation, Interval, Prediction, SplitCosts, Variant } from './evaluation.js';
import { comparePaired } from './paired-difference.js';

export const VARIANTS: readonly Variant[] = ['full', 'splitFloat', 'splitInt8'];

/** What is known before the first sample. */
export interface EvaluationSubject {
  readonly splitId: string;
  readonly data: Evaluation['data'];
  /** One name a class of the network. */
  readonly classNames: readonly string[];
  readonly costs?: SplitCosts | undefined;
}

/**
 * Accuracies with intervals, paired difference, per class and confusion matrix from one prediction a sample. A variant counts when
 * every sample has its prediction.
 * @param predictions at least one
 */
export function tally(subject: EvaluationSubject, predictions: readonly Prediction[]): Evaluation {
  const { classNames } = subject;
  const accuracy = eachVariant((variant) => shareRight(predictions, variant));
  const intervals = eachVariant((variant): Interval | null =>
    accuracy[variant] === null ? null : wilsonInterval(countRight(predictions, variant), predictions.length),
  );
  const known = accuracy.full !== null;
  const only = (right: Variant, wrong: Variant): number =>
    predictions.filter((p) => p[right] === p.label && p[wrong] !== p.label).length;
  return {
    schemaVersion: 1,
    splitId: subject.splitId,
    data: subject.data,
    samples: predictions.length,
    accuracy,
    intervals,
    difference: known ? comparePaired(only('splitInt8', 'full'), only('full', 'splitInt8'), predictions.length) : null,
    agreement: known ? predictions.filter((p) => p.full === p.splitInt8).length / predictions.length : null,
    perClass: classNames.map((name, c) => {
      const own = predictions.filter((p) => p.label === c);
      return {
        class: c,
        name,
        samples: own.length,
        accuracy: eachVariant((variant) => (accuracy[variant] === null ? null : shareRight(own, variant))),
      };
    }),
    confusion: countConfusion(predictions, classNames.length),
    wireBytes: summariseBytes(predictions.map((p) => p.wireBytes)),
    linkOverheadBytes: subject.costs?.linkOverheadBytes ?? null,
    headMacs: subject.costs?.headMacs ?? null,
    latencyUs: subject.costs?.latencyUs ?? null,
    baselines: null,
    verdict: null,
  };
}

function eachVariant<T>(of: (variant: Variant) => T): Record<Variant, T> {
  return { full: of('full'), splitFloat: of('splitFloat'), splitInt8: of('splitInt8') };
}

function countRight(predictions: readonly Prediction[], variant: Variant): number {
  return predictions.filter((p) => p[variant] === p.label).length;
}

/** null without samples, or when one of them has no prediction. */
function shareRight(predictions: readonly Prediction[], variant: Variant): number | null {
  if (predictions.length === 0 || predictions.some((p) => p[variant] === null)) return null;
  return countRight(predictions, variant) / predictions.length;
}

/** counts[label][predicted] of the int8 split. */
function countConfusion(predictions: readonly Prediction[], classes: number): number[][] {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const { label, splitInt8 } of predictions) {
    const row = counts[label] as number[];
    row[splitInt8] = (row[splitInt8] as number) + 1;
  }
  return counts;
}

/** Mean and the smallest size that at least 99 % of the samples do not exceed. */
export function summariseBytes(bytes: readonly number[]): Evaluation['wireBytes'] {
  const sorted = bytes.toSorted((a, b) => a - b);
  const at = Math.max(0, Math.ceil(0.99 * sorted.length) - 1);
  return { mean: bytes.reduce((sum, b) => sum + b, 0) / bytes.length, p99: sorted[at] ?? 0 };
}
