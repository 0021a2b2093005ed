/** What `study` measures and what it says of it. docs/study-json.md describes the document field by field. */

/** A larger value predicts a better split. `depth` is the place among the cuts, `size` the negated number of elements. */
export const PREDICTORS = ['cui', 'cuiSum', 'margin', 'taylor', 'depth', 'size', 'probe'] as const;
export type Predictor = (typeof PREDICTORS)[number];

/** One single-tensor cut of a network, before any training. */
export interface StudiedCut {
  readonly id: string;
  /** Of the cut tensor, before any bottleneck. */
  readonly elements: number;
  /** Encoder included. */
  readonly headMacs: number;
  /** By predictor; null where it is not defined. */
  readonly predictors: Readonly<Record<Predictor, number | null>>;
  /** By predictor, then by class: mean over the samples of that class; only for predictors that depend on classes. */
  readonly byClass: Readonly<Partial<Record<Predictor, readonly (number | null)[]>>>;
}

/** One trained split on the test samples. */
export interface StudyRun {
  readonly cut: string;
  readonly seed: number;
  readonly bottleneck: string;
  /** Mean coded payload bytes on the test samples. */
  readonly codedBytes: number;
  /** The same on validation samples: what the rate was adjusted by. */
  readonly validationBytes: number;
  /** Trainings until the bytes were near the target; all but the last were thrown away. */
  readonly attempts: number;
  /** Whether a test sample was classified rightly: one character each, 1 or 0, in the order of the test samples. */
  readonly correct: string;
}

/** One network on one data set at one byte rate: what was measured. */
export interface StudyCell {
  readonly model: string;
  readonly data: string;
  readonly targetBytes: number;
  readonly networkMacs: number;
  /** In order of depth. */
  readonly cuts: readonly StudiedCut[];
  /** Single-tensor cuts that were asked for and could not be studied. */
  readonly leftOut: readonly LeftOutCut[];
  /** Samples that each predictor and each role had. */
  readonly samples: StudySamples;
  /** How every split was trained, as the recipe says it. */
  readonly training: object;
  /** Samples of each class that the predictors saw: weights when classes are joined. */
  readonly classSamples: readonly number[];
  /** Class of every test sample. */
  readonly testLabels: readonly number[];
  readonly runs: readonly StudyRun[];
  /** Accuracy of the whole float32 network on the test samples. */
  readonly fullAccuracy: number;
}

export interface LeftOutCut {
  readonly id: string;
  readonly why: string;
}

export interface StudySamples {
  readonly training: number;
  readonly validation: number;
  readonly test: number;
  /** Training samples that importance was measured on, and those that probes were measured on. */
  readonly importance: number;
  readonly probes: number;
}

export interface Estimate {
  readonly value: number;
  /** 95 %. Test samples are resampled, cuts never: they are all there are. */
  readonly interval: readonly [number, number];
}

/** How far from the best a predictor leads. */
export interface Regret {
  /** Largest share of the network's MACs that a head may have; 1 = any cut. */
  readonly macsShare: number;
  /** Cuts within it. */
  readonly candidates: number;
  /** What the predictor chooses. */
  readonly pick: string;
  /** Accuracy of the best cut minus accuracy of the pick, both on samples that the best was not chosen on. */
  readonly regret: Estimate;
}

export interface PredictorResult {
  readonly predictor: Predictor;
  /** Spearman's ρ with the accuracy, mean over seeds, over the cuts where the predictor is defined; null without spread. */
  readonly rho: Estimate | null;
  /** ρ minus that of `size`, both on the same resampled test samples; null for `size` itself. */
  readonly beyondSize: Estimate | null;
  /** The same with the ranks of size and depth held constant, and with those of head MACs as well. */
  readonly partialRho: number | null;
  readonly partialRhoWithMacs: number | null;
  readonly regrets: readonly Regret[];
}

export interface SubsetResult {
  readonly subsets: number;
  readonly classesEach: number;
  /** Subsets whose best measured cut is another than that of all classes, judged on samples it was not chosen on. */
  readonly moved: number;
  /** Share of all subsets of that many classes that this speaks for; Wilson, 95 %. */
  readonly movedInterval: readonly [number, number];
  /** Accuracy on the subset's classes: its own best cut minus the best cut of all classes; mean over subsets, interval over test samples. */
  readonly gain: Estimate;
  /** By predictor: subsets whose pick is another, and what following it gains over following the pick of all classes. */
  readonly predictors: readonly { readonly predictor: Predictor; readonly moved: number; readonly gain: Estimate }[];
}

export interface CutResult {
  readonly id: string;
  readonly elements: number;
  readonly bottleneck: string;
  readonly headShare: number;
  readonly codedBytes: number;
  /** Mean over seeds, with the interval over test samples. */
  readonly accuracy: Estimate;
  /** Standard deviation over seeds; null with one. */
  readonly seedDeviation: number | null;
  /** Bytes within ±5 % of the target; a cut that has fewer bytes than the target even when sent whole cannot be. */
  readonly atTarget: boolean;
}

/** What follows from a cell. */
export interface CellResult {
  readonly model: string;
  readonly data: string;
  readonly targetBytes: number;
  readonly seeds: number;
  readonly testSamples: number;
  readonly fullAccuracy: number;
  readonly cuts: readonly CutResult[];
  readonly leftOut: readonly LeftOutCut[];
  /**
   * Spearman's ρ between the accuracies of two seeds, mean over pairs; of the mean over seeds (Spearman-Brown); and its root, the
   * most that any predictor could correlate with it. null with one seed.
   */
  readonly reliability: { readonly single: number; readonly mean: number; readonly ceiling: number } | null;
  readonly predictors: readonly PredictorResult[];
  readonly subsets: SubsetResult | null;
}

/** study.json: cells as measured and what follows from them. */
export interface Study {
  readonly schemaVersion: 1;
  readonly tool: { readonly name: 'isplit-edge'; readonly version: string };
  readonly engine: string;
  readonly seed: number;
  readonly cells: readonly StudyCell[];
  readonly results: readonly CellResult[];
}
