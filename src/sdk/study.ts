import path from 'node:path';
import { writeFilesAtomically } from '../artifact/write-files.js';
import type { BottleneckRecipe } from '../bottleneck/train-recipe.js';
import type { RunContext } from '../core/context.js';
import type { Dataset } from '../data/dataset.js';
import { drawStratified, splitRoles } from '../data/roles.js';
import { createEngine } from '../engines/index.js';
import type { Study, StudyCell } from '../evaluate/study.js';
import { analyseCell } from '../pipeline/study/analyse-cell.js';
import { runStudy } from '../pipeline/study/run-study.js';
import { checkBudgets } from '../plan/budgets.js';
import { canonicalSpec, inputElements, type PreprocessSpec } from '../preprocess/spec.js';
import { drawStudyCharts, renderStudyReport } from '../report/study-report.js';
import { loadSamples, loadTrainingSet } from '../train/training-set.js';
import { type AnalyzeOptions, openLabelledData } from './analyze-model.js';
import { heldOutShare, openTestData, validationShare } from './held-out.js';
import { choosePreprocess, type OpenedModel } from './open-model.js';
import { VERSION } from './version.js';

export interface StudyOptions
  extends Omit<
    AnalyzeOptions,
    'classes' | 'device' | 'link' | 'gateway' | 'budgets' | 'rankBy' | 'probe' | 'batchSize'
  > {
  /** Default: a seeded part of the data is held out. */
  readonly testData?: string | undefined;
  /** Test samples at most, drawn by the seed. Default 2000. */
  readonly testSamples?: number | undefined;
  /** Coded payload at every cut; default a sixteenth of the input's bytes. */
  readonly wireBytes?: number | undefined;
  /** Trainings of every cut. Default 3. */
  readonly seeds?: number | undefined;
  /** Ids of single-tensor cuts; default: all. */
  readonly cuts?: readonly string[] | undefined;
  /** Random class subsets. Default 20. */
  readonly subsets?: number | undefined;
  /** How each split is trained; default: the recipe `quick`. */
  readonly recipe?: BottleneckRecipe | undefined;
}

/** Below a quarter of the input, which probes look at, cuts differ; at a sixteenth they differ more than seeds do. */
const WIRE_SHARE = 1 / 16;
const SEEDS = 3;
const SUBSETS = 20;
const MOST_TEST_SAMPLES = 2000;
const TEST_STREAM = 7;

/**
 * The job of `isplit-edge study` for one model on one data set.
 * @throws IsplitError of every kind; finished runs stay in the store
 */
export async function studyModel(model: OpenedModel, options: StudyOptions, ctx: RunContext = {}): Promise<Study> {
  const seed = options.seed ?? 0;
  const engine = await createEngine(options.engine ?? 'onnx');
  const cell = await measureCell(model, options, ctx);
  return assembleStudy([cell], { engine: engine.description, seed, subsets: options.subsets ?? SUBSETS });
}

/** One cell, measured. @throws IsplitError of every kind */
export async function measureCell(model: OpenedModel, options: StudyOptions, ctx: RunContext): Promise<StudyCell> {
  if (options.wireBytes !== undefined) checkBudgets({ wireBytes: options.wireBytes });
  const { spec } = choosePreprocess(model, options);
  const seed = options.seed ?? 0;
  const whole = await openLabelledData(model, options, ctx);
  const given = await openTestData(whole, { ...options, seed }, ctx);
  const roles = splitRoles(whole, seed, {
    validation: validationShare(whole.count),
    ...(given ? {} : { test: heldOutShare(whole.count) }),
  });
  const test = drawMost(given ?? roles.test, options.testSamples ?? MOST_TEST_SAMPLES, seed);
  const engine = await createEngine(options.engine ?? 'onnx');
  const sets = { training: roles.train, validation: roles.validation, test };
  return runStudy(
    {
      model: model.name,
      data: whole.describe().name,
      network: model.network,
      cuts: options.cuts,
      targetBytes: options.wireBytes ?? defaultWireBytes(spec),
      seeds: options.seeds ?? SEEDS,
      seed,
      training: await loadTrainingSet(sets.training, spec, ctx),
      validation: await loadSamples(sets.validation, spec, ctx),
      test: await loadSamples(sets.test, spec, ctx),
      recipe: options.recipe,
      engine,
      threads: options.threads,
      store: options.store,
      storeInputs: {
        tool: VERSION,
        model: model.sha256,
        training: await sets.training.contentSha256(ctx),
        validation: await sets.validation.contentSha256(ctx),
        test: await sets.test.contentSha256(ctx),
        spec: canonicalSpec(spec),
        engine: engine.description,
      },
    },
    ctx,
  );
}

function defaultWireBytes(spec: PreprocessSpec): number {
  return Math.max(1, Math.round(WIRE_SHARE * inputElements(spec)));
}

function drawMost(data: Dataset, most: number, seed: number): Dataset {
  return data.count <= most ? data : data.select(drawStratified(data.labels, most, seed + TEST_STREAM));
}

/** What follows from measured cells; needs nothing else, so that it can be done again from a document. */
export function assembleStudy(
  cells: readonly StudyCell[],
  { engine, seed, subsets }: { readonly engine: string; readonly seed: number; readonly subsets: number },
): Study {
  return {
    schemaVersion: 1,
    tool: { name: 'isplit-edge', version: VERSION },
    engine,
    seed,
    cells,
    results: cells.map((cell) => analyseCell(cell, { seed, subsets })),
  };
}

/** study.json, study.html and the charts as SVG; all of them or none. @returns their paths */
export async function writeStudy(folder: string, study: Study): Promise<string[]> {
  const charts: Record<string, string> = {};
  for (const result of study.results) {
    const { cuts, predictors } = await drawStudyCharts(result, { onPaper: true });
    const name = path.parse(result.model).name.replace(/[^\w.-]+/g, '-');
    charts[`${name}-cuts.svg`] = cuts;
    charts[`${name}-predictors.svg`] = predictors;
  }
  return writeFilesAtomically(folder, {
    'study.json': `${JSON.stringify(study, null, 2)}\n`,
    'study.html': await renderStudyReport(study),
    ...charts,
  });
}
