/** What a build is asked for and what it gives. */
import type { ArtifactManifest } from '../artifact/manifest.js';
import type { StageStore } from '../artifact/stage-store.js';
import type { BottleneckSpec } from '../bottleneck/bottleneck.js';
import type { BottleneckReport } from '../bottleneck/report.js';
import type { RecipeName } from '../bottleneck/train-recipe.js';
import type { RunContext } from '../core/context.js';
import type { IsplitError } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import type { FineTuneOptions } from '../evaluate/baselines/baseline-request.js';
import type { Evaluation } from '../evaluate/evaluation.js';
import type { Graph } from '../ir/graph.js';
import type { Analysis } from '../plan/analysis.js';
import type { SplitPlan } from '../plan/split-plan.js';
import type { PreprocessSpec } from '../preprocess/spec.js';
import type { QuantizationReport } from '../quantize/quantized-model.js';
import type { TrainingSet } from '../train/training-set.js';
import type { VerifyReport } from '../verify/verify-report.js';
import type { AnalyzeRequest } from './analyze.js';
import type { CalibrationSource } from './build-head.js';

/** What the head is compared on. */
export interface VerifyRequest {
  readonly bytes: Uint8Array;
  readonly graph: Graph;
  /** `count` int8 inputs, one after the other. */
  readonly samples: Int8Array;
  readonly count: number;
  readonly seed: number;
}

/** That a bottleneck stands at the cut, and what it is trained on. */
export interface BottleneckWish {
  /** One for all cuts; `planned`: for each cut what the analysis planned, none where the raw activation is small enough. */
  readonly spec: BottleneckSpec | 'planned';
  readonly recipe: RecipeName;
  /** Read when the first bottleneck is trained. `validation` samples are for choices and in no batch. */
  readonly samples: () => Promise<{ readonly training: TrainingSet; readonly validation: TrainingSet }>;
}

export interface BaselineWish {
  /** Settings are chosen on these; none of them is a test sample. */
  readonly search: Dataset;
  /** Payload bytes beside the split's own. */
  readonly rates: readonly number[];
  readonly fineTune?: FineTuneOptions | undefined;
}

export interface BuildRequest {
  readonly analyze: AnalyzeRequest;
  readonly preprocessing: PreprocessSpec;
  /** Samples are bytes that preprocessing turns into inputs; false when they are stored as floats. */
  readonly pictures: boolean;
  /** Absent: raw activations cross the link. */
  readonly bottleneck?: BottleneckWish | undefined;
  /** Simpler ideas on the same test samples; absent: not measured. */
  readonly baselines?: BaselineWish | undefined;
  /** --cut; default: the best that fits. */
  readonly cut?: string | undefined;
  readonly calibration: CalibrationSource;
  /** Samples that no choice was made on, and whether they were given or held out. */
  readonly test: { readonly dataset: Dataset; readonly on: 'test' | 'held-out' };
  readonly classNames: readonly string[] | undefined;
  readonly verify: (request: VerifyRequest, ctx: RunContext) => Promise<VerifyReport>;
  readonly store?: StageStore | undefined;
  /** Model, calibration samples, preprocessing, engine, threads, version: what a stored head depends on. */
  readonly storeInputs: unknown;
}

export type BuildOutcome =
  | { readonly kind: 'infeasible'; readonly analysis: Analysis; readonly plan: SplitPlan; readonly error: IsplitError }
  | ({ readonly kind: 'built' } & Build);

export interface Build {
  readonly analysis: Analysis;
  readonly plan: SplitPlan;
  readonly manifest: ArtifactManifest;
  readonly quantization: QuantizationReport | null;
  readonly verify: VerifyReport | null;
  readonly evaluation: Evaluation;
  /** How the bottleneck was trained; null without one. */
  readonly training: BottleneckReport | null;
  /** Contents by path, manifest.json included. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
}
