/** From trained splits to statements: which predictor would have found the best cut, and how sure that is. */
import { spearman } from '../../analyze/curve.js';
import { createRandom } from '../../core/random.js';
import { wilsonInterval } from '../../core/statistics.js';
import {
  type CellResult,
  type CutResult,
  type Estimate,
  PREDICTORS,
  type Predictor,
  type PredictorResult,
  type Regret,
  type StudiedCut,
  type StudyCell,
  type SubsetResult,
} from '../../evaluate/study.js';
import {
  accuracyOver,
  bestCut,
  type Correctness,
  deviation,
  mean,
  readCorrectness,
  splitHalves,
} from './correctness.js';
import { measureReliability, partialSpearman } from './rank-statistics.js';

/** Head budgets at which regret is stated; the last is none: with its encoder a late head may have more than the network had. */
const ANY_HEAD = 1;
const MACS_SHARES = [0.25, 0.5, 0.75, ANY_HEAD] as const;
const RESAMPLES = 1000;
/** Cuts count as at the same bytes within this share of the target. */
export const BYTES_TOLERANCE = 0.05;
/** Divisions into halves that regret is averaged over, so that it does not hang on one of them. */
const DIVISIONS = 20;

export interface AnalyseOptions {
  readonly seed: number;
  /** Random class subsets; 0 for none. */
  readonly subsets: number;
  /** Classes in each; default: half of them. */
  readonly classesEach?: number;
}

/** @throws RangeError when runs do not belong to the cell */
export function analyseCell(cell: StudyCell, options: AnalyseOptions): CellResult {
  const correctness = readCorrectness(cell);
  const cuts = correctness.cuts.map((id) => cell.cuts.find((cut) => cut.id === id) as StudiedCut);
  const perSeed = correctness.bySeed.map((shares) => shares.map(mean));
  const resampled = resampleAccuracies(correctness, options.seed);
  return {
    model: cell.model,
    data: cell.data,
    targetBytes: cell.targetBytes,
    seeds: correctness.bySeed.length,
    testSamples: correctness.samples,
    fullAccuracy: cell.fullAccuracy,
    cuts: cuts.map((cut, c) => describeCut(cell, cut, correctness, perSeed, c)),
    leftOut: cell.leftOut,
    reliability: measureReliability(perSeed) ?? null,
    predictors: PREDICTORS.map((predictor) =>
      judgePredictor(predictor, { cell, cuts, correctness, resampled }, options.seed),
    ),
    subsets: options.subsets > 0 ? judgeSubsets(cell, cuts, correctness, options) : null,
  };
}

function describeCut(
  cell: StudyCell,
  cut: StudiedCut,
  { share, samples }: Correctness,
  perSeed: readonly (readonly number[])[],
  c: number,
): CutResult {
  const values = share[c] as Float64Array;
  const accuracy = mean(values);
  const spread = (1.96 * deviation([...values])) / Math.sqrt(samples);
  const codedBytes = mean(cell.runs.filter((run) => run.cut === cut.id).map((run) => run.codedBytes));
  const seeds = perSeed.map((accuracies) => accuracies[c] as number);
  return {
    id: cut.id,
    elements: cut.elements,
    bottleneck: cell.runs.find((run) => run.cut === cut.id)?.bottleneck ?? '',
    headShare: cut.headMacs / cell.networkMacs,
    codedBytes,
    accuracy: { value: accuracy, interval: [accuracy - spread, accuracy + spread] },
    seedDeviation: seeds.length > 1 ? deviation(seeds) : null,
    atTarget: Math.abs(codedBytes - cell.targetBytes) <= BYTES_TOLERANCE * cell.targetBytes,
  };
}

interface Measured {
  readonly cell: StudyCell;
  /** Those of `correctness`, in its order. */
  readonly cuts: readonly StudiedCut[];
  readonly correctness: Correctness;
  readonly resampled: readonly (readonly number[])[];
}

function judgePredictor(
  predictor: Predictor,
  { cell, cuts, correctness, resampled }: Measured,
  seed: number,
): PredictorResult {
  const values = cuts.map((cut) => cut.predictors[predictor]);
  const known = cuts.flatMap((_, c) => (values[c] === null ? [] : [c]));
  const predicted = known.map((c) => values[c] as number);
  const measured = known.map((c) => mean(correctness.share[c] as Float64Array));
  const size = known.map((c) => -(cuts[c] as StudiedCut).elements);
  const macs = known.map((c) => (cuts[c] as StudiedCut).headMacs);
  const resampledRho = (x: readonly number[]): number[] =>
    resampled.map((accuracies) =>
      spearman(
        x,
        known.map((c) => accuracies[c] as number),
      ),
    );
  const rhos = resampledRho(predicted);
  const sizeRhos = resampledRho(size);
  const rho = spearman(predicted, measured);
  const controls = [...(predictor === 'size' ? [] : [size]), ...(predictor === 'depth' ? [] : [known])];
  return {
    predictor,
    rho: estimate(rho, rhos),
    beyondSize:
      predictor === 'size'
        ? null
        : estimate(
            rho - spearman(size, measured),
            rhos.map((r, i) => r - (sizeRhos[i] as number)),
          ),
    partialRho: finite(partialSpearman(predicted, measured, controls)),
    partialRhoWithMacs: finite(partialSpearman(predicted, measured, [...controls, macs])),
    regrets: MACS_SHARES.flatMap((macsShare): Regret[] => {
      const within = (c: number): boolean =>
        macsShare === ANY_HEAD || (cuts[c] as StudiedCut).headMacs <= macsShare * cell.networkMacs;
      // Where a predictor says nothing it cannot choose, but the best cut may well be there.
      const among = cuts.map((_, c) => c).filter(within);
      const choices = known.filter(within);
      if (choices.length === 0) return [];
      const pick = argmax(choices, (c) => values[c] as number);
      const regret = regretOf(pick, among, cell.testLabels, correctness.share, seed);
      return [{ macsShare, candidates: among.length, pick: (cuts[pick] as StudiedCut).id, regret }];
    }),
  };
}

/**
 * Accuracy lost by following a pick. The best cut is found on one half of the test samples and compared on the other: found and
 * compared on the same ones, the luck of the best would count as loss. The interval is of paired differences per sample.
 */
function regretOf(
  pick: number,
  among: readonly number[],
  labels: readonly number[],
  share: readonly Float64Array[],
  seed: number,
): Estimate {
  const differences = new Float64Array(labels.length);
  for (let division = 0; division < DIVISIONS; division++) {
    const [a, b] = splitHalves(labels, seed + division);
    for (const [chooseOn, judgeOn] of [
      [a, b],
      [b, a],
    ] as const) {
      const best = share[bestCut(share, among, chooseOn)] as Float64Array;
      const picked = share[pick] as Float64Array;
      for (const i of judgeOn) {
        differences[i] = (differences[i] as number) + ((best[i] as number) - (picked[i] as number)) / DIVISIONS;
      }
    }
  }
  return normalEstimate([...differences]);
}

/** For random sets of classes: does another cut become the best, and does the predictor know? */
function judgeSubsets(
  cell: StudyCell,
  cuts: readonly StudiedCut[],
  { share }: Correctness,
  options: AnalyseOptions,
): SubsetResult {
  const classes = cell.classSamples.length;
  const classesEach = options.classesEach ?? Math.max(2, Math.floor(classes / 2));
  const random = createRandom(options.seed);
  const all = cuts.map((_, c) => c);
  const labels = cell.testLabels;
  const predictors = PREDICTORS.filter((predictor) => cuts.every((cut) => cut.byClass[predictor] !== undefined));
  const overall = new Map(
    predictors.map((predictor) => [predictor, argmax(all, (c) => cuts[c]?.predictors[predictor] ?? -Infinity)]),
  );
  const gain = new PairedGain(share, labels.length, options.subsets);
  let moved = 0;
  const rows = new Map(
    predictors.map((predictor) => [
      predictor,
      { moved: 0, gain: new PairedGain(share, labels.length, options.subsets) },
    ]),
  );
  for (let n = 0; n < options.subsets; n++) {
    const chosen = [...random.permutation(classes)].slice(0, classesEach);
    const inSubset = new Set(chosen);
    const within = (places: readonly number[]): number[] => places.filter((i) => inSubset.has(labels[i] as number));
    const [a, b] = splitHalves(labels, options.seed + n);
    // Both cuts are chosen on one half and compared on the other, then the other way round.
    const sides = (
      [
        [a, b],
        [b, a],
      ] as const
    ).map(([chooseOn, judgeOn]) => {
      const own = bestCut(share, all, within(chooseOn));
      const common = bestCut(share, all, chooseOn);
      gain.add(own, common, within(judgeOn), 0.5);
      return own !== common;
    });
    if (sides.every((side) => side)) moved++;
    const places = within(Array.from(labels, (_, i) => i));
    for (const [predictor, row] of rows) {
      const pick = argmax(all, (c) => joinClasses(cuts[c] as StudiedCut, predictor, chosen, cell.classSamples));
      const usual = overall.get(predictor) as number;
      if (pick !== usual) row.moved++;
      row.gain.add(pick, usual, places, 1);
    }
  }
  return {
    subsets: options.subsets,
    classesEach,
    moved,
    movedInterval: wilsonInterval(moved, options.subsets),
    gain: gain.estimate(),
    predictors: [...rows].map(([predictor, row]) => ({
      predictor,
      moved: row.moved,
      gain: row.gain.estimate(),
    })),
  };
}

/**
 * Mean over subsets of one cut's accuracy minus another's. Subsets share test samples, so they are no independent observations: the
 * gain is kept as a sum over test samples, and the interval is of these.
 */
class PairedGain {
  readonly #share: readonly Float64Array[];
  readonly #terms: Float64Array;
  readonly #subsets: number;

  constructor(share: readonly Float64Array[], samples: number, subsets: number) {
    this.#share = share;
    this.#terms = new Float64Array(samples);
    this.#subsets = subsets;
  }

  add(cut: number, other: number, places: readonly number[], weight: number): void {
    if (cut === other || places.length === 0) return;
    const [a, b] = [this.#share[cut] as Float64Array, this.#share[other] as Float64Array];
    const scale = (weight * this.#terms.length) / (places.length * this.#subsets);
    for (const i of places) {
      this.#terms[i] = (this.#terms[i] as number) + scale * ((a[i] as number) - (b[i] as number));
    }
  }

  estimate(): Estimate {
    return normalEstimate([...this.#terms]);
  }
}

/** Mean over the samples of several classes. */
function joinClasses(
  cut: StudiedCut,
  predictor: Predictor,
  classes: readonly number[],
  classSamples: readonly number[],
): number {
  let sum = 0;
  let samples = 0;
  for (const c of classes) {
    const value = cut.byClass[predictor]?.[c];
    const n = classSamples[c] as number;
    if (value === null || value === undefined) continue;
    sum += n * value;
    samples += n;
  }
  return samples === 0 ? Number.NEGATIVE_INFINITY : sum / samples;
}

function argmax(among: readonly number[], value: (c: number) => number): number {
  return among.reduce((best, c) => (value(c) > value(best) ? c : best));
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** Mean with its 95 % interval by the normal approximation. */
function normalEstimate(values: readonly number[]): Estimate {
  const value = mean(values);
  const half = values.length > 1 ? (1.96 * deviation(values)) / Math.sqrt(values.length) : Number.POSITIVE_INFINITY;
  return { value, interval: [value - half, value + half] };
}

/**
 * Accuracies of every cut on resampled test samples, one row a resample. Source: Efron and Tibshirani, "An Introduction to the
 * Bootstrap", ch. 13.
 */
function resampleAccuracies({ share, samples }: Correctness, seed: number): readonly (readonly number[])[] {
  const random = createRandom(seed);
  const drawn = new Int32Array(samples);
  return Array.from({ length: RESAMPLES }, () => {
    for (let i = 0; i < samples; i++) drawn[i] = random.int(samples);
    return share.map((values) => accuracyOver(values, drawn));
  });
}

/** With the percentile interval of the resampled values; null when it is not defined. */
function estimate(value: number, resampled: readonly number[]): Estimate | null {
  if (!Number.isFinite(value)) return null;
  const sorted = resampled.filter(Number.isFinite).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] as number;
  return { value, interval: [at(0.025), at(0.975)] };
}
