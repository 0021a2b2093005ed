/** Chooses the range of every group of activations by the output error that was measured with it. */
import { type RunContext, throwIfAborted } from '../core/context.js';
import type { RangeCandidate } from './choose-range.js';
import type { QuantMap } from './lower.js';
import type { ErrorMeter, MeasuredError } from './output-error.js';
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

/** Rounds over all groups: a narrower range here makes room for one there. */
const ROUNDS = 2;

/**
 * First each method for all groups at once; then, from the best of these on, group by group in order of the graph, to the next
 * narrower and the next wider candidate for as long as the error falls.
 * @param fixed quantization of everything that is not chosen here
 */
export async function searchRanges(
  choices: readonly GroupChoice[],
  fixed: QuantMap,
  meter: ErrorMeter,
  ctx: RunContext,
): Promise<RangeSearch> {
  const chosen = new Map(choices.map(({ group, candidates }) => [group, candidates[0] as RangeCandidate]));
  let trials = 0;
  let best = await meter.measure(quantsOf(fixed, chosen));
  const beatBest = async (picked: ReadonlyMap<QuantGroup, RangeCandidate>): Promise<boolean> => {
    throwIfAborted(ctx);
    const error = await meter.beat(quantsOf(fixed, picked), { error: best, share: WORTH_IT });
    trials++;
    ctx.onProgress?.({ stage: 'choose ranges', done: trials, unit: 'trials' });
    best = error ?? best;
    return error !== undefined;
  };
  for (const all of uniformChoices(choices)) {
    if (!(await beatBest(all))) continue;
    for (const [group, candidate] of all) chosen.set(group, candidate);
  }
  for (let round = 0, changed = true; round < ROUNDS && changed; round++) {
    changed = false;
    for (const { group, candidates } of choices) {
      const byWidth = [...candidates].sort((a, b) => b.high - b.low - (a.high - a.low));
      for (const step of [1, -1]) {
        for (;;) {
          const held = chosen.get(group) as RangeCandidate;
          const next = byWidth[byWidth.indexOf(held) + step];
          if (!next || sameQuant(toQuant(next), toQuant(held))) break;
          if (!(await beatBest(new Map(chosen).set(group, next)))) break;
          chosen.set(group, next);
          changed = true;
        }
      }
    }
  }
  return { quants: quantsOf(fixed, chosen), chosen, error: best };
}

/** The same method for every group: of the percentiles the one that keeps 99.99 %, the others are for single tensors. */
function uniformChoices(choices: readonly GroupChoice[]): Map<QuantGroup, RangeCandidate>[] {
  return (['percentile', 'mse'] as const).map(
    (method) =>
      new Map(
        choices.map(({ group, candidates }) => {
          const same = candidates.filter((c) => c.method === method);
          return [group, same[Math.min(1, same.length - 1)] ?? (candidates[0] as RangeCandidate)];
        }),
      ),
  );
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
