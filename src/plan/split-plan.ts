/** The document `build` leaves about its choice: plan.json. docs/budgets.md explains it. */
import type { Analysis, RankBy } from './analysis.js';
import type { Budgets } from './budgets.js';
import type { Reason } from './feasibility.js';

/** The two ends that a split may degenerate to. */
export const CUT_INPUT = 'input';
export const CUT_OUTPUT = 'output';

/** What a head takes of its device. */
export interface HeadSize {
  /** Weights and code. */
  readonly flashBytes: number;
  /** Size of head.tflite once it is built, before that an estimate. */
  readonly weightBytes: number;
  /** Interpreter and kernels: an estimate, see the source. */
  readonly codeBytesEstimate: number;
  /** Arena: planned offline, or what TFLite-Micro is predicted to need at most. */
  readonly ramBytes: number;
  readonly macs: number;
  /** Payload bytes of one inference, raw int8. */
  readonly wireBytes: number;
  /** null without a device. */
  readonly latencyUsEstimate: number | null;
}

export interface RejectedCut {
  readonly id: string;
  /**
   * `planned`: by sizes computed from the network; `built`: by the sizes of the head that was built for it, or for a
   * shallower cut that it contains.
   */
  readonly stage: 'planned' | 'built';
  /** Every limit it breaks; none when the head cannot be built at all. */
  readonly reasons: readonly Reason[];
  /** Why its head cannot be built (an operator without an int8 form, say); null when it can. */
  readonly problem: string | null;
  /** The cut whose built head rules this one out; null when it is its own. */
  readonly by: string | null;
}

/** Limits to raise together so that a cut fits. */
export interface Remedy {
  readonly cut: string;
  /** As on the command line: `--budget 18KB`. */
  readonly options: readonly string[];
  /** Whether the sizes are those of a built head. */
  readonly measured: boolean;
}

export interface SplitPlan {
  readonly schemaVersion: 1;
  readonly tool: { readonly name: 'isplit-edge'; readonly version: string };
  readonly seed: number;
  readonly model: { readonly name: string; readonly sha256: string };
  readonly device: Analysis['device'];
  readonly budgets: Budgets;
  readonly rankBy: RankBy;
  /** --cut; null when the ranking decided. */
  readonly asked: string | null;
  readonly chosen: {
    readonly id: string;
    readonly tensors: readonly string[];
    readonly shapes: readonly (readonly number[])[];
    /** Why this one, in words. */
    readonly why: string;
    /** What stands at the cut, `conv3x3-s2-c8-b4`; null for the raw activation. */
    readonly bottleneck: string | null;
    /** Before building. */
    readonly planned: HeadSize;
    /** As built; null when there is no head. */
    readonly built: HeadSize | null;
  } | null;
  /** Cuts that fitted when planned, best first. */
  readonly ranking: readonly string[];
  readonly rejected: readonly RejectedCut[];
  /** The rejected cut that is closest to fitting; null when none was rejected. */
  readonly nearest: string | null;
  /** What would make the wish fit; empty when it does, or when only another board helps. */
  readonly remedies: readonly Remedy[];
  readonly warnings: readonly string[];
}

/** How far over its limits: the largest ratio of what is needed to what there is. */
export function excessOf(reasons: readonly Reason[]): number {
  return reasons.reduce((worst, r) => Math.max(worst, r.needs / Math.max(r.has, 1)), 1);
}

/** The rejected cut that is closest to fitting, the shallower of equals; one that cannot be built is none. */
export function nearestRejected(rejected: readonly RejectedCut[]): RejectedCut | undefined {
  const measured = rejected.filter(({ problem }) => problem === null);
  return measured.reduce<RejectedCut | undefined>(
    (best, cut) => (best === undefined || excessOf(cut.reasons) < excessOf(best.reasons) ? cut : best),
    undefined,
  );
}

/** Limits that grow with depth: what one head breaks, every head that contains it breaks as well. */
const GROWS_WITH_DEPTH: ReadonlySet<Reason['code']> = new Set([
  'arena-block',
  'ram-total',
  'flash',
  'budget-total',
  'budget-flash',
  'budget-ram',
  'budget-macs',
]);

/** The reasons of a built head that also hold for every deeper one. */
export function inheritedReasons(reasons: readonly Reason[]): readonly Reason[] {
  return reasons.filter((reason) => GROWS_WITH_DEPTH.has(reason.code));
}
