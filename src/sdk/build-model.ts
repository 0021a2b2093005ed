import { existsSync } from 'node:fs';
import path from 'node:path';
import { checkReplaceable, holdsBuild, PLAN_FILE, removeLeftovers, replaceFolder } from '../artifact/replace-folder.js';
import { cacheFolderOf, rememberSources, type SourceHints } from '../artifact/source-hints.js';
import { openStageStore, removeStaleTemporaries } from '../artifact/stage-store.js';
import { checkWritable } from '../artifact/write-files.js';
import { parseBottleneck } from '../bottleneck/spec.js';
import type { RecipeName } from '../bottleneck/train-recipe.js';
import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import { drawStratified, splitRoles } from '../data/roles.js';
import { createEngine } from '../engines/index.js';
import { build } from '../pipeline/build.js';
import type { BaselineWish, BottleneckWish, Build, BuildOutcome } from '../pipeline/build-request.js';
import type { Analysis } from '../plan/analysis.js';
import type { SplitPlan } from '../plan/split-plan.js';
import { canonicalSpec, type PreprocessSpec } from '../preprocess/spec.js';
import { loadSamples, loadTrainingSet } from '../train/training-set.js';
import { verifyHead } from '../verify/verify-head.js';
import { type AnalyzeOptions, chooseDeployment, openLabelledData, prepareAnalysis } from './analyze-model.js';
import { CALIBRATION_SAMPLES, heldOutShare, MOST_TEST_SAMPLES, openTestData, validationShare } from './held-out.js';
import { choosePreprocess, type OpenedModel } from './open-model.js';
import { VERSION } from './version.js';

/** Importance settles with far fewer: docs/evidence.md. */
const MOST_IMPORTANCE_SAMPLES = 1000;

export interface BuildOptions extends Omit<AnalyzeOptions, 'store'> {
  /** Cut id, `input` or `output`; default: the best that fits. */
  readonly cut?: string | undefined;
  /** Samples no choice is made on; default: a seeded part of the data is held out. Of a divided set the test part is taken. */
  readonly testData?: string | undefined;
  readonly testLabels?: string | undefined;
  readonly calibrationSamples?: number | undefined;
  /**
   * What stands at the cut: `none`; `auto`, what the probes choose for the wire budget; or one such as `conv3x3-s2-c8-b4`, `i-split`.
   * Default: `auto` with a wire budget, else `none`.
   */
  readonly bottleneck?: string | undefined;
  /** Samples it is trained on, at most. Default: 20 000. */
  readonly trainSamples?: number | undefined;
  readonly recipe?: RecipeName | undefined;
  /** Whether simpler ideas are measured on the test samples. Default: where a bottleneck is wanted. */
  readonly baselines?: boolean | undefined;
  /** Payload bytes of their curves beside the split's own. Default: none. */
  readonly rates?: readonly number[] | undefined;
  /** Also with the classifier trained further on pictures as they arrive; `own`: at the split's own bytes alone. */
  readonly fineTune?: boolean | 'own' | undefined;
  /** False: nothing is taken from the stage cache beside the folder. */
  readonly cache?: boolean | undefined;
  /** Preprocessing as an earlier build had it, in the place of options and model card. */
  readonly preprocessing?: PreprocessSpec | undefined;
}

/** The samples of a build by what they are for; none is in two groups, except that calibration and importance share theirs. */
export interface BuildSamples {
  readonly importance: number;
  readonly calibration: number;
  /** Of the bottleneck; 0 without one. */
  readonly training: number;
  readonly validation: number;
  readonly test: number;
  readonly on: 'test' | 'held-out';
  readonly testName: string;
  /** As it was given; null when samples were held out. */
  readonly testPath: string | null;
}

export type BuiltModel =
  | ({ readonly kind: 'built'; readonly samples: BuildSamples; readonly folder: string } & Build)
  | {
      readonly kind: 'infeasible';
      readonly analysis: Analysis;
      readonly plan: SplitPlan;
      readonly error: Extract<BuildOutcome, { kind: 'infeasible' }>['error'];
      /** Where plan.json went; undefined when the folder holds an earlier build, which stays as it is. */
      readonly planFile: string | undefined;
    };

/** `build/<model>-<device>`; a TF.js model is called after its folder. */
export function defaultBuildFolder(model: string, device: string | undefined): string {
  const file =
    path.basename(model) === 'model.json' ? path.basename(path.dirname(path.resolve(model))) : path.basename(model);
  return path.join('build', `${file.replace(/\.[^.]+$/, '')}${device === undefined ? '' : `-${nameDevice(device)}`}`);
}

/** `./my-board.json` → `my-board`. */
function nameDevice(device: string): string {
  return path.basename(device).replace(/\.json$/, '');
}

/**
 * The job of `isplit-edge build`: DIR appears whole or not at all. When nothing fits, plan.json alone is written there, unless
 * DIR holds an earlier build, which stays untouched.
 * @param modelPath for the hints that let `evaluate` and `verify` find the float model again
 * @throws IsplitError of every kind; then nothing is written
 */
export async function buildModel(
  model: OpenedModel,
  modelPath: string,
  folder: string,
  options: BuildOptions,
  ctx: RunContext = {},
): Promise<BuiltModel> {
  await checkWritable(path.dirname(path.resolve(folder)));
  await removeLeftovers(folder);
  await checkReplaceable(folder);
  const cacheFolder = cacheFolderOf(folder);
  await removeStaleTemporaries(cacheFolder);
  const store = options.cache === false ? undefined : openStageStore(cacheFolder);
  const deployment = chooseDeployment(options.device, options.link, options.gateway);
  const { preprocessing } = options;
  const { spec, assumed } = preprocessing ? { spec: preprocessing, assumed: [] } : choosePreprocess(model, options);
  const data = await openBuildData(model, options, ctx);
  const engine = await createEngine(options.engine ?? 'onnx');
  const inputs = { model, dataset: data.importance, spec, assumed, engine, deployment };
  const prepared = await prepareAnalysis(inputs, { ...options, store }, ctx);
  const bottleneck = wishForBottleneck(options, data, spec, ctx);
  const analyze = bottleneck
    ? { ...prepared, planBottlenecks: bottleneck.spec === 'planned' ? ('probed' as const) : bottleneck.spec }
    : prepared;
  const calibrationSha256 = await data.calibration.contentSha256(ctx);
  const outcome = await build(
    {
      analyze,
      preprocessing: spec,
      pictures: data.calibration.describe().stored === 'u8',
      bottleneck,
      baselines: wishForBaselines(options, data),
      cut: options.cut,
      calibration: {
        samples: () => data.calibration.batches({ batchSize: 64, spec, ...ctx }),
        count: data.calibration.count,
        data: { name: data.calibration.describe().name, sha256: calibrationSha256 },
      },
      test: { dataset: data.test, on: data.on },
      classNames: model.classNames ?? data.calibration.classNames,
      verify: ({ bytes, graph, samples, count, seed }, run) =>
        verifyHead(
          { bytes, graph },
          samples,
          count,
          { seed, ...(deployment ? { device: deployment.device } : {}) },
          run,
        ),
      store,
      storeInputs: {
        tool: VERSION,
        model: model.sha256,
        data: calibrationSha256,
        spec: canonicalSpec(spec),
        engine: engine.description,
        threads: options.threads ?? null,
        ...(data.training && data.validation
          ? {
              training: await data.training.contentSha256(ctx),
              validation: await data.validation.contentSha256(ctx),
            }
          : {}),
      },
    },
    ctx,
  );
  if (outcome.kind === 'infeasible') return { ...outcome, planFile: await keepPlan(folder, outcome.plan) };
  await replaceFolder(folder, outcome.files);
  await rememberSources(folder, await describeSources(model, modelPath, options, data, ctx));
  const samples: BuildSamples = {
    importance: data.importance.count,
    calibration: data.calibration.count,
    training: outcome.training?.trainingSamples ?? 0,
    validation: outcome.training?.validationSamples ?? 0,
    test: data.test.count,
    on: data.on,
    testName: data.test.describe().name,
    testPath: options.testData ?? null,
  };
  return { ...outcome, samples, folder };
}

interface BuildData {
  /** Only where a bottleneck is wanted. */
  readonly training: Dataset | undefined;
  readonly validation: Dataset | undefined;
  readonly importance: Dataset;
  readonly calibration: Dataset;
  readonly test: Dataset;
  readonly on: 'test' | 'held-out';
}

/** Test samples are set apart before anything sees the data. @throws IsplitError E_DATA_*, E_USAGE */
async function openBuildData(model: OpenedModel, options: BuildOptions, ctx: RunContext): Promise<BuildData> {
  const seed = options.seed ?? 0;
  const whole = await openLabelledData(model, options, ctx);
  const given = await openTestData(whole, options, ctx);
  const roles = given ? { train: whole, test: given } : splitRoles(whole, seed, { test: heldOutShare(whole.count) });
  const draw = (from: Dataset, atMost: number, stream: number): Dataset =>
    from.count <= atMost ? from : from.select(drawStratified(from.labels, atMost, seed + stream));
  const choices =
    wantsBottleneck(options) || wantsBaselines(options)
      ? splitRoles(roles.train, seed, { validation: validationShare(roles.train.count) })
      : undefined;
  const train = choices?.train ?? roles.train;
  return {
    training: choices && draw(train, options.trainSamples ?? MOST_TRAINING_SAMPLES, 4),
    validation: choices?.validation,
    importance: draw(train, MOST_IMPORTANCE_SAMPLES, 1),
    calibration: draw(train, options.calibrationSamples ?? CALIBRATION_SAMPLES, 2),
    test: draw(roles.test, MOST_TEST_SAMPLES, 3),
    on: given ? 'test' : 'held-out',
  };
}

const MOST_TRAINING_SAMPLES = 20_000;

function wantsBottleneck({ bottleneck, budgets }: BuildOptions): boolean {
  return (bottleneck ?? (budgets?.wireBytes === undefined ? 'none' : 'auto')) !== 'none';
}

function wantsBaselines(options: BuildOptions): boolean {
  return options.baselines ?? wantsBottleneck(options);
}

function wishForBaselines(options: BuildOptions, { training, validation }: BuildData): BaselineWish | undefined {
  if (!training || !validation || !wantsBaselines(options)) return undefined;
  const { fineTune, rates = [], seed = 0 } = options;
  return {
    search: validation,
    rates,
    ...(fineTune
      ? { fineTune: { train: training, rates: fineTune === 'own' ? 'own' : 'all', options: { seed } } }
      : {}),
  };
}

/** @throws IsplitError E_BOTTLENECK_SPEC, E_USAGE for `auto` without probes */
function wishForBottleneck(
  options: BuildOptions,
  { training, validation }: BuildData,
  spec: PreprocessSpec,
  ctx: RunContext,
): BottleneckWish | undefined {
  if (!training || !validation || !wantsBottleneck(options)) return undefined;
  const { bottleneck = 'auto', recipe = 'default' } = options;
  if (bottleneck === 'auto' && options.probe === false) {
    fail('E_USAGE', 'a bottleneck is chosen by the probes, which --no-probe leaves out', { bottleneck }, 'Name one.');
  }
  let loaded: ReturnType<BottleneckWish['samples']> | undefined;
  const load = async (): ReturnType<BottleneckWish['samples']> => ({
    training: await loadTrainingSet(training, spec, ctx),
    validation: await loadSamples(validation, spec, ctx),
  });
  return {
    spec: bottleneck === 'auto' ? 'planned' : parseBottleneck(bottleneck),
    recipe,
    samples: () => {
      loaded ??= load();
      return loaded;
    },
  };
}

async function keepPlan(folder: string, plan: SplitPlan): Promise<string | undefined> {
  if (await holdsBuild(folder)) return undefined;
  await replaceFolder(folder, { [PLAN_FILE]: `${JSON.stringify(plan, null, 2)}\n` });
  return path.join(folder, PLAN_FILE);
}

/** Absolute paths, for this machine only. */
async function describeSources(
  model: OpenedModel,
  modelPath: string,
  options: BuildOptions,
  data: BuildData,
  ctx: RunContext,
): Promise<SourceHints> {
  const found = (file: string | undefined): string | undefined => (file === undefined ? undefined : path.resolve(file));
  const describe = (from: string, part: string, labels: string | undefined): Record<string, string> =>
    Object.fromEntries(
      Object.entries({
        path: path.resolve(from),
        part,
        labels: found(labels),
        labelMap: typeof options.labelMap === 'string' ? found(options.labelMap) : undefined,
        recordShape: typeof options.recordShape === 'string' ? options.recordShape : undefined,
      }).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
  const training = describe(options.data, options.part ?? 'train', options.labels);
  const test = options.testData === undefined ? training : describe(options.testData, 'test', options.testLabels);
  return {
    models: existsSync(modelPath) ? { [model.sha256]: path.resolve(modelPath) } : {},
    data: { [await data.calibration.contentSha256(ctx)]: training, [await data.test.contentSha256(ctx)]: test },
  };
}
