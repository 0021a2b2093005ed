/** A split as `build` makes and measures it, in the figures that tables show. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { ProgressEvent } from '../src/core/context.js';
import { packageRoot } from '../src/core/package-root.js';
import { countMacs } from '../src/cost/cut-cost.js';
import type { Evaluation, Interval } from '../src/evaluate/evaluation.js';
import { type BuildOptions, buildModel, openModel } from '../src/sdk.js';

export interface SplitRow {
  readonly cut: string;
  /** null: the raw int8 values are sent, or nothing but the answer. */
  readonly bottleneck: string | null;
  readonly headMacs: number;
  /** Of the whole network's. */
  readonly headMacsShare: number;
  /** Payload after coding, test samples. */
  readonly wireBytes: { readonly mean: number; readonly p99: number };
  readonly testSamples: number;
  /** The whole float network. */
  readonly full: number;
  /** int8 head, coded wire, float tail. */
  readonly accuracy: number;
  readonly interval: Interval;
  /** accuracy − full, on the same samples. */
  readonly difference: Evaluation['difference'];
  /** Of everything that is trained, quantization and settling included; null when a part of it was taken from an earlier run. */
  readonly trainingMinutes: number | null;
}

export interface MeasuredSplit {
  readonly row: SplitRow;
  readonly evaluation: Evaluation;
}

/**
 * Builds into .cache/<folder> from nothing and measures on the test samples.
 * @param folder two names, such as `bottlenecks/ic_resnet8-450`
 */
export async function buildSplit(
  model: string,
  folder: string,
  options: BuildOptions,
  report: (line: string) => void,
): Promise<MeasuredSplit> {
  const target = path.join(packageRoot(), '.cache', folder);
  const opened = await openModel(model);
  const watch = new TrainingWatch(report);
  const built = await buildModel(opened, model, target, options, { onProgress: (event) => watch.see(event) });
  if (built.kind === 'infeasible') throw built.error;
  // What was trained stays in the stage cache beside it.
  rmSync(target, { recursive: true, force: true });
  const { evaluation, manifest } = built;
  const { accuracy, intervals, wireBytes, samples, difference, headMacs } = evaluation;
  const whole = countMacs(opened.network);
  return {
    evaluation,
    row: {
      cut: manifest.cut,
      bottleneck: manifest.bottleneck,
      headMacs: headMacs ?? 0,
      headMacsShare: Number(((headMacs ?? 0) / whole).toFixed(4)),
      wireBytes,
      testSamples: samples,
      full: accuracy.full as number,
      accuracy: accuracy.splitInt8 as number,
      interval: intervals.splitInt8 as Interval,
      difference,
      trainingMinutes: watch.minutes,
    },
  };
}

const TRAINING_STAGES: ReadonlySet<string> = new Set(['frozen layers', 'reconstruct', 'fine-tune', 'settle']);

/** From the first to the last sign of training; says which epoch it is in. */
class TrainingWatch {
  readonly #report: (line: string) => void;
  #first: number | undefined;
  #last = 0;
  #told = '';
  /** Epoch at which each stage was first seen. */
  readonly #began = new Map<string, number>();

  constructor(report: (line: string) => void) {
    this.#report = report;
  }

  see({ stage, metrics }: ProgressEvent): void {
    const { epoch = 0, loss, accuracy } = metrics ?? {};
    const words = [
      stage,
      ...(epoch > 0 ? [`epoch ${epoch}`] : []),
      ...(epoch > 1 && accuracy !== undefined ? [`validation ${(100 * accuracy).toFixed(1)} %`] : []),
    ];
    const place = `${stage} ${epoch}`;
    if (place !== this.#told)
      this.#report(`${words.join(', ')}${loss === undefined ? '' : `, loss ${loss.toFixed(3)}`}`);
    this.#told = place;
    if (!TRAINING_STAGES.has(stage)) return;
    if (epoch > 0 && !this.#began.has(stage)) this.#began.set(stage, epoch);
    this.#first ??= performance.now();
    this.#last = performance.now();
  }

  get minutes(): number | null {
    const whole = this.#began.has('fine-tune') && [...this.#began.values()].every((epoch) => epoch === 1);
    return this.#first === undefined || !whole ? null : Number(((this.#last - this.#first) / 60_000).toFixed(2));
  }
}
