/** What `evaluate` needs for baselines beside the folder: samples that are not the test's, and rivals that are built on the way. */
import path from 'node:path';
import type { BuiltFolder } from '../artifact/built-folder.js';
import { cacheFolderOf, readSourceHints } from '../artifact/source-hints.js';
import { openStageStore, type StageStore } from '../artifact/stage-store.js';
import type { RunContext } from '../core/context.js';
import { fail, IsplitError } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import { openDataset } from '../data/open-dataset.js';
import { drawStratified, splitRoles } from '../data/roles.js';
import { checkMemory } from '../devices/memory.js';
import type { Engine } from '../engines/engine.js';
import { DEFAULT_RATES } from '../evaluate/baselines/baseline-request.js';
import { measureBaselines } from '../evaluate/baselines/measure-baselines.js';
import type { EvaluatedSplit } from '../evaluate/evaluate-split.js';
import type { BaselineCurve } from '../evaluate/evaluation.js';
import type { DeployedOn } from '../evaluate/split-costs.js';
import type { Graph } from '../ir/graph.js';
import { parseCutId } from '../ir/partition.js';
import { buildHead } from '../pipeline/build-head.js';
import { buildRivals } from '../pipeline/rivals.js';
import { CUT_INPUT, CUT_OUTPUT } from '../plan/split-plan.js';
import { chooseInputQuantization } from '../preprocess/choose-input-quantization.js';
import { canonicalSpec } from '../preprocess/spec.js';
import { chooseDeployment } from './analyze-model.js';
import { CALIBRATION_SAMPLES, MOST_VALIDATION_SAMPLES, validationShare } from './held-out.js';
import { VERSION } from './version.js';

export interface BaselineOptions {
  /** Samples that settings are searched on and classifiers fine-tuned on; default: where the calibration samples came from. */
  readonly data?: string | undefined;
  /** Payload bytes; default 900, 450, 225 and 110. The split's own are added. */
  readonly rates?: readonly number[] | undefined;
  /** Train the classifier further for each codec and rate. */
  readonly fineTune?: boolean | undefined;
}

export interface BaselineInputs {
  readonly built: BuiltFolder;
  /** Whole float network. */
  readonly full: Graph;
  readonly test: Dataset;
  /** Samples that are not the test's. */
  readonly data: Dataset;
  readonly result: EvaluatedSplit;
  readonly engine: Engine;
  readonly threads?: number | undefined;
  readonly seed?: number | undefined;
}

/**
 * Baselines of a built folder on the samples it was just evaluated on.
 * @throws IsplitError E_DATA_*, E_TRAIN_*, E_ENGINE …
 */
export async function measureBuildBaselines(
  inputs: BaselineInputs,
  options: BaselineOptions,
  ctx: RunContext,
): Promise<BaselineCurve[]> {
  const { built, data, engine, result, seed = 0, test, threads } = inputs;
  const { manifest } = built;
  const { preprocessing } = manifest;
  const network: Graph = { ...inputs.full, outputs: inputs.full.outputs.slice(0, 1) };
  const { train, validation } = splitRoles(data, seed, {
    validation: validationShare(data.count),
  });
  const store = openStageStore(cacheFolderOf(built.folder));
  const storeInputs = {
    tool: VERSION,
    model: manifest.model.sha256,
    data: await data.contentSha256(ctx),
    spec: canonicalSpec(preprocessing),
    engine: engine.description,
    threads: threads ?? null,
    seed,
  };
  const rivals = await makeRivals({ built, network, train, engine, threads, seed, store, storeInputs }, ctx);
  return measureBaselines(
    {
      network,
      preprocessing,
      engine,
      threads,
      test,
      search: validation,
      searchSamples: MOST_VALIDATION_SAMPLES,
      rates: options.rates ?? DEFAULT_RATES,
      split: { splitId: manifest.splitId, predictions: result.predictions },
      ...rivals,
      ...(options.fineTune ? { fineTune: { train, options: { seed } } } : {}),
      store,
      storeInputs,
    },
    ctx,
  );
}

/**
 * What baselines need, before anything long is run. Samples that are not the test's: those named, else those the calibration samples were
 * drawn from.
 * @param testPath as it was given
 * @throws IsplitError E_USAGE without the float model or without other samples than the test's; E_DATA_*
 */
export async function prepareBaselines(
  {
    built,
    full,
    seed,
    test,
    testPath,
  }: {
    readonly built: BuiltFolder;
    readonly full: Graph | undefined;
    readonly test: Dataset;
    readonly testPath: string;
    readonly seed: number | undefined;
  },
  named: string | undefined,
  ctx: RunContext,
): Promise<{ readonly full: Graph; readonly data: Dataset }> {
  if (!full) {
    fail(
      'E_USAGE',
      'baselines run the whole float network, which was not found',
      { model: built.manifest.model.name },
      '--model FILE names it.',
    );
  }
  const { manifest } = built;
  const classes = { classCount: manifest.classes.length, classNames: manifest.classes };
  const hint = (await readSourceHints(built.folder)).data[manifest.calibration.data.sha256];
  const remembered = typeof hint?.path === 'string' ? hint.path : undefined;
  const from = named ?? remembered;
  const missing = 'Baselines choose their settings on samples that are not the test samples: --data PATH names them.';
  if (from === undefined) {
    fail(
      'E_USAGE',
      'where the training samples lie is not remembered',
      { data: manifest.calibration.data.name },
      missing,
    );
  }
  const known = named === undefined || path.resolve(named) === remembered ? hint : undefined;
  const text = (key: string): string | undefined => (typeof known?.[key] === 'string' ? known[key] : undefined);
  const dataset = await openDataset(
    from,
    {
      ...classes,
      part: 'train',
      labels: text('labels'),
      labelMap: text('labelMap'),
      recordShape: text('recordShape'),
      seed,
    },
    ctx,
  );
  const samePart = dataset.describe().part === test.describe().part;
  const samePath = path.resolve(from) === path.resolve(testPath) && samePart;
  if (samePath || (await dataset.contentSha256(ctx)) === (await test.contentSha256(ctx))) {
    fail(
      'E_USAGE',
      `${path.basename(from)} holds the test samples: settings chosen on them would flatter the baselines`,
      { data: path.basename(from) },
      missing,
    );
  }
  return { full, data: dataset };
}

interface RivalInputs {
  readonly built: BuiltFolder;
  readonly network: Graph;
  readonly train: Dataset;
  readonly engine: Engine;
  readonly threads: number | undefined;
  readonly seed: number;
  readonly store: StageStore;
  readonly storeInputs: object;
}

async function makeRivals(inputs: RivalInputs, ctx: RunContext): ReturnType<typeof buildRivals> {
  const { built, engine, network, seed, store, storeInputs, threads, train } = inputs;
  const { manifest } = built;
  const spec = manifest.preprocessing;
  const calibration = train.select(drawStratified(train.labels, CALIBRATION_SAMPLES, seed + 2));
  const sha256 = await calibration.contentSha256(ctx);
  const deployment = deploymentOf(built, ctx);
  return buildRivals(
    {
      network,
      preprocessing: spec,
      bottleneckAt: bottleneckAt(built, network),
      wholeNetwork: manifest.cut !== CUT_OUTPUT,
      deployment,
      buildHead: (head) =>
        buildHead(
          {
            head,
            calibration: {
              samples: () => calibration.batches({ batchSize: 64, spec, ...ctx }),
              count: calibration.count,
              data: { name: calibration.describe().name, sha256 },
            },
            input: calibration.describe().stored === 'u8' ? chooseInputQuantization(spec) : undefined,
            perChannelDense: deployment?.device.toolchain.perChannelDense ?? true,
            engine,
            threads,
            description: `${manifest.model.name}, for comparison`,
            device: deployment?.device,
            store,
            storeInputs: { ...storeInputs, calibration: sha256 },
          },
          ctx,
        ),
    },
    ctx,
  );
}

/** Tensors of the cut when what is sent are not their own values; undefined otherwise. */
function bottleneckAt({ manifest }: BuiltFolder, network: Graph): readonly string[] | undefined {
  if (manifest.cut === CUT_INPUT || manifest.cut === CUT_OUTPUT) return undefined;
  const tensors = parseCutId(network, manifest.cut);
  const sent = manifest.wire.map(({ id }) => id);
  return sent.length === tensors.length && sent.every((id, i) => id === tensors[i]) ? undefined : tensors;
}

type Deployed = ReturnType<typeof chooseDeployment>;

/** The board that the folder was built for; undefined, with a warning, when it is not known here. */
function deploymentOf({ manifest }: BuiltFolder, ctx: RunContext): Deployed {
  if (!manifest.device) return undefined;
  try {
    return chooseDeployment(manifest.device.id, manifest.device.link);
  } catch (error) {
    if (!(error instanceof IsplitError)) throw error;
    ctx.onWarning?.(`${manifest.device.id} is not known here, so there are no times: ${error.message}`);
    return undefined;
  }
}

/** The same with where arena and weights live. */
export function deployedOn(built: BuiltFolder, ctx: RunContext): DeployedOn | undefined {
  const deployment = deploymentOf(built, ctx);
  const { ramBytes, weightBytes } = built.manifest.budgets.met;
  if (!deployment || ramBytes === undefined || weightBytes === undefined) return deployment;
  const memory = checkMemory(deployment.device, { arenaBytes: ramBytes, weightBytes }, { link: deployment.link });
  return { ...deployment, memory };
}
