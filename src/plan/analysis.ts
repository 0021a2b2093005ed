/** The document `analyze` leaves: analysis.json. docs/analysis-json.md describes it field by field. */
import type { Budgets } from './budgets.js';
import type { Reason } from './feasibility.js';

export const RANK_BY = ['cui', 'cuiSum', 'margin', 'taylor', 'probe'] as const;
export type RankBy = (typeof RANK_BY)[number];

export interface LatencyUs {
  readonly head: number;
  readonly encode: number;
  readonly link: number;
  readonly tail: number;
  readonly total: number;
  /** Always an estimate here; says from which coefficients. */
  readonly source: string;
}

export interface LayerImportance {
  readonly id: string;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly cui: number | null;
  readonly log10Cui: number | null;
  readonly cuiSum: number | null;
  readonly margin: number | null;
  readonly taylor: number | null;
}

export interface AnalyzedCut extends Omit<LayerImportance, 'shape'> {
  readonly tensors: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  readonly localMaximum: boolean;
  /** Of the frozen network behind an untrained bottleneck of about the wire budget; null without probes, or where there is none. */
  readonly probeAccuracy: number | null;
  readonly probeInterval: readonly [number, number] | null;
  readonly probeSamples: number;
  readonly headMacs: number;
  readonly tailMacs: number;
  readonly headParameters: number;
  readonly headWeightBytes: number;
  readonly headWeightBytesFloat32: number;
  /** RAM of the head: what the device's runtime needs where its allocator is known, else what our planner needs. */
  readonly arenaBytes: number;
  /** Activations alone, planned offline by us. */
  readonly arenaPlannedBytes: number;
  /** Weights plus the code estimate. */
  readonly flashBytes: number;
  readonly wireBytes: number;
  /** Coded payload behind the bottleneck, as the probe estimates it; null without one. */
  readonly wireBytesPlanned: number | null;
  /** What the probe put at the cut, `conv1x1-s2-c8-b4`; null for the raw activation. */
  readonly bottleneck: string | null;
  /** What it adds to the head; 0 unless the plan is to build it. */
  readonly encoderMacs: number;
  /** null without a device. */
  readonly latencyUs: LatencyUs | null;
  /** Joules an inference on the device; null without sources. */
  readonly energyJ: number | null;
  readonly feasible: boolean;
  readonly reasons: readonly Reason[];
}

export interface Analysis {
  readonly schemaVersion: 1;
  readonly tool: { readonly name: 'isplit-edge'; readonly version: string };
  readonly seed: number;
  readonly engine: string;
  readonly model: {
    readonly name: string;
    readonly format: string;
    readonly description: string;
    readonly sha256: string;
    readonly inputShape: readonly number[];
    readonly classes: number;
    readonly classNames: readonly string[] | null;
    readonly parameters: number;
    readonly macs: number;
  };
  /** `part`: of a set that comes divided into training and test samples, the one used. */
  readonly data: { readonly name: string; readonly format: string; readonly part: string | null };
  readonly samples: number;
  readonly accuracy: { readonly full: number; readonly interval: readonly [number, number] };
  /** Class numbers importance was restricted to; null = all. */
  readonly classes: readonly number[] | null;
  readonly device: {
    readonly id: string;
    readonly name: string;
    readonly link: string;
    readonly gateway: string;
  } | null;
  readonly budgets: Budgets;
  readonly rankBy: RankBy;
  readonly cuts: readonly AnalyzedCut[];
  /** Every layer output, cuttable alone or not, in order of depth. */
  readonly layers: readonly LayerImportance[];
  /** log10 CUI of every single-tensor cut, class by class; classes without samples are absent. */
  readonly perClass: readonly {
    readonly class: number;
    readonly name: string;
    readonly samples: number;
    readonly log10Cui: readonly (number | null)[];
  }[];
  /** Feasible cuts from best to worst by `rankBy`. */
  readonly ranking: readonly string[];
  readonly pareto: readonly string[];
  /** All single-tensor cuts as the other predictors would rank them. */
  readonly baselines: Readonly<Record<'depth' | 'size' | 'cui' | 'cuiSum' | 'margin' | 'taylor', readonly string[]>> & {
    readonly probe?: readonly string[];
  };
  /** null without probes. */
  readonly probe: {
    /** Payload that every cut was compressed to, at most. */
    readonly wireBytes: number;
    /** Samples the projections were fitted to, and others that accuracy was measured on. */
    readonly fittedOn: number;
    readonly measuredOn: number;
    /** Accuracy of the whole network on those. */
    readonly full: number;
  } | null;
  /** Pearson r between log10 CUI and −log10 elements over the single-tensor cuts; null when undefined. */
  readonly sizeExplains: number | null;
  /** Spearman ρ between CUI's ranking and each other predictor's. */
  readonly agreement: Readonly<Record<string, number | null>>;
  readonly advice: string;
  readonly warnings: readonly string[];
}
