/** Chooses the range of every group of activations by the output error that was measured with it. */
import { type RunContext, throwIfAborted } from '../core/context.js';
import type { RangeCandidate } from './choose-range.js';
import type { QuantMap } from './lower.js';
import { type ErrorMeter, isBetter, type MeasuredError } from './output-error.js';
import { type ActivationQuant, chooseActivationQuant, sameQuant } from './quant-params.js';
import type { QuantGroup } from './shared-quantization.js';

/** A candidate replaces another when it lowers the error by this share: less is chance of the samples. */
const WORTH_IT = 0.01;

export interface GroupChoice {
  readonly group: QuantGroup;
  /** At least one; the first is where the search starts. */
  readonly candidates: readonly RangeCandidate[];
}

export interface RangeSearch {
  readonly quants: QuantMap;
  readonly chosen: ReadonlyMap<QuantGroup, RangeCandidate>;
  /** Error of `quants` as the meter says it. */
  readonly error: MeasuredError;
}

/**
 * First each method for all groups at once; then, from the best of these on, group by group in order of the graph.
 * @param fixed quantization of everything that is not chosen here
 */
export async function searchRanges(
  choices: readonly GroupChoice[],
  fixed: QuantMap,
  meter: ErrorMeter,
  ctx: RunContext,
): Promise<RangeSearch> {
  const chosen = new Map(choices.map(({ group, candidates }) => [group, candidates[0] as RangeCandidate]));
  let steps = 0;
  const total = choices.reduce((n, { candidates }) => n + candidates.length - 1, 0) + 3;
  const measure = async (picked: ReadonlyMap<QuantGroup, RangeCandidate>): Promise<MeasuredError> => {
    throwIfAborted(ctx);
    const error = await meter.measure(quantsOf(fixed, picked));
    ctx.onProgress?.({ stage: 'choose ranges', done: Math.min(++steps, total), total, unit: 'trials' });
    return error;
  };
  let best = await measure(chosen);
  for (const method of ['percentile', 'mse'] as const) {
    const all = new Map(chosen);
    for (const { group, candidates } of choices) {
      // The widest percentile: the narrower ones are for single tensors with outliers.
      const same = candidates.filter((c) => c.method === method).at(-1);
      if (same) all.set(group, same);
    }
    const error = await measure(all);
    if (isBetter(error, best, WORTH_IT)) {
      best = error;
      for (const [group, candidate] of all) chosen.set(group, candidate);
    }
  }
  for (const { group, candidates } of choices) {
    for (const candidate of candidates) {
      const held = chosen.get(group) as RangeCandidate;
      if (candidate === held || sameQuant(toQuant(candidate), toQuant(held))) continue;
      const error = await measure(new Map(chosen).set(group, candidate));
      if (isBetter(error, best, WORTH_IT)) {
        best = error;
        chosen.set(group, candidate);
      }
    }
  }
  return { quants: quantsOf(fixed, chosen), chosen, error: best };
}

export function toQuant({ low, high }: RangeCandidate): ActivationQuant {
  return chooseActivationQuant(low, high);
}

export function quantsOf(
  fixed: QuantMap,
  chosen: ReadonlyMap<QuantGroup, RangeCandidate>,
): Map<string, ActivationQuant> {
  const quants = new Map(fixed);
  for (const [group, candidate] of chosen) {
    const quant = toQuant(candidate);
    for (const id of group.members) quants.set(id, quant);
  }
  return quants;
}
