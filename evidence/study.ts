/** The study on two networks: splits trained at every single-tensor cut from several seeds, beside what each predictor said before. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ProgressEvent, RunContext } from '../src/core/context.js';
import { packageRoot } from '../src/core/package-root.js';
import { createEngine } from '../src/engines/index.js';
import type { StudyCell } from '../src/evaluate/study.js';
import {
  assembleStudy,
  demoPaths,
  measureCell,
  openModel,
  openStageStore,
  type Study,
  type StudyOptions,
} from '../src/sdk.js';
import type { Evidence } from './evidence.js';
import { missingSharedData, sharedData } from './shared-data.js';

/** Finished runs; an interrupted study goes on from here. */
const STUDY_FOLDER = path.join(packageRoot(), '.cache', 'study');
const SUBSETS = 20;
const SEED = 0;

export interface StudyCase {
  readonly id: string;
  readonly model: string;
  readonly options: StudyOptions;
}

export function studyCases(): readonly StudyCase[] {
  return [
    {
      id: 'fashion-cnn',
      model: demoPaths().model,
      options: {
        data: sharedData('datasets/fashion-mnist'),
        testData: sharedData('datasets/fashion-mnist'),
        samples: 10_000,
        testSamples: 4000,
        wireBytes: 48,
        seeds: 5,
      },
    },
    {
      id: 'ic_resnet8',
      model: sharedData('models/mlperf-tiny/ic_resnet8.h5'),
      options: {
        data: sharedData('datasets/cifar10/train_10000.bin.gz'),
        testData: sharedData('datasets/cifar10/test_2000.bin.gz'),
        inputRange: '0..255',
        wireBytes: 220,
        seeds: 3,
      },
    },
  ];
}

/** Measures a cell, or goes on measuring it. */
export async function studyCase(
  { id, model, options }: StudyCase,
  folder: string,
  ctx: RunContext,
): Promise<StudyCell> {
  const opened = await openModel(model);
  const cell = await measureCell(opened, { seed: SEED, store: openStageStore(folder), ...options }, ctx);
  return { ...cell, model: id };
}

export const study: Evidence = {
  name: 'study',
  summary: 'which predictor finds the best cut (hours, resumable; name some: fashion-cnn ic_resnet8)',
  missing: missingSharedData,
  parts: () => studyCases().map(({ id }) => id),
  async run(report, chosen = []) {
    const cases = studyCases();
    const { description: engine } = await createEngine('onnx');
    const cells = new Map((readStudy()?.cells ?? []).map((cell) => [cell.model, cell]));
    for (const one of cases.filter(({ id }) => chosen.length === 0 || chosen.includes(id))) {
      cells.set(
        one.id,
        await studyCase(one, STUDY_FOLDER, { onProgress: tellRuns(one.id, report), onWarning: report }),
      );
    }
    const done = cases.flatMap(({ id }) => cells.get(id) ?? []);
    return assembleStudy(done, { engine, seed: SEED, subsets: SUBSETS });
  },
};

/** One line a run, with the time that is left at the pace of this run. */
function tellRuns(id: string, report: (line: string) => void): (event: ProgressEvent) => void {
  let first: { readonly done: number; readonly at: number } | undefined;
  let told = -1;
  return ({ stage, done, total = 0 }) => {
    if (stage !== 'study' || done === told) return;
    told = done;
    const at = performance.now();
    first ??= { done, at };
    const pace = done > first.done ? (at - first.at) / (done - first.done) : undefined;
    const left =
      pace === undefined
        ? ''
        : `, ${(pace / 60_000).toFixed(1)} min each, ${((pace * (total - done)) / 60_000).toFixed(0)} min left`;
    report(`${id}: ${done} of ${total} runs${left}`);
  };
}

/** What earlier runs measured; undefined when nothing is there. */
export function readStudy(): Study | undefined {
  try {
    return JSON.parse(readFileSync(new URL('../docs/evidence/study.json', import.meta.url), 'utf8')) as Study;
  } catch {
    return undefined;
  }
}
