import { createRandom } from '../../core/random.js';
import type { StudyCell } from '../../evaluate/study.js';

/** For every cut and test sample the share of seeds that classified it rightly: accuracies of any subset are means of it. */
export interface Correctness {
  readonly cuts: readonly string[];
  readonly samples: number;
  /** By cut (in the order of `cuts`), one value a test sample. */
  readonly share: readonly Float64Array[];
  /** By seed, then by cut: the same for one seed alone. */
  readonly bySeed: readonly (readonly Float64Array[])[];
}

/** Only cuts that every seed has trained: the others could not be compared fairly. */
export function readCorrectness(cell: StudyCell): Correctness {
  const seeds = [...new Set(cell.runs.map(({ seed }) => seed))].sort((a, b) => a - b);
  const samples = cell.testLabels.length;
  const runOf = (cut: string, seed: number) => cell.runs.find((run) => run.cut === cut && run.seed === seed);
  const complete = cell.cuts.map(({ id }) => id).filter((id) => seeds.every((seed) => runOf(id, seed)));
  const bySeed = seeds.map((seed) =>
    complete.map((id) => {
      const { correct } = runOf(id, seed) as StudyCell['runs'][number];
      if (correct.length !== samples) throw new RangeError(`run ${id}/${seed} has ${correct.length} of ${samples}`);
      return Float64Array.from(correct, Number);
    }),
  );
  const share = complete.map((_, c) =>
    Float64Array.from({ length: samples }, (_unused, i) => mean(bySeed.map((cuts) => cuts[c]?.[i] as number))),
  );
  return { cuts: complete, samples, share, bySeed };
}

/** Accuracy over the samples at these places. */
export function accuracyOver(share: Float64Array, places: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < places.length; i++) sum += share[places[i] as number] as number;
  return places.length === 0 ? Number.NaN : sum / places.length;
}

/** The best of some cuts on these samples, the first of equals. @param among indices of cuts */
export function bestCut(shares: readonly Float64Array[], among: readonly number[], places: ArrayLike<number>): number {
  let best = among[0] as number;
  let most = Number.NEGATIVE_INFINITY;
  for (const c of among) {
    const accuracy = accuracyOver(shares[c] as Float64Array, places);
    if (accuracy > most) {
      best = c;
      most = accuracy;
    }
  }
  return best;
}

/** Two halves of the test samples with the same classes in each: what is chosen on one is judged on the other. */
export function splitHalves(labels: readonly number[], seed: number): readonly [number[], number[]] {
  const order = createRandom(seed).permutation(labels.length);
  const halves: [number[], number[]] = [[], []];
  const seen = new Map<number, number>();
  for (const place of order) {
    const label = labels[place] as number;
    const count = seen.get(label) ?? 0;
    (halves[count % 2] as number[]).push(place);
    seen.set(label, count + 1);
  }
  return halves;
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum / values.length;
}

/** Standard deviation with n − 1. */
export function deviation(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, v) => sum + (v - centre) ** 2, 0) / (values.length - 1));
}
