import type { ImportanceCheckpoints } from '../analyze/importance.js';
import { parseTable, serialiseTable } from '../analyze/importance-table.js';
import type { StageStore } from '../artifact/stage-store.js';
import { writeFilesAtomically } from '../artifact/write-files.js';
import type { Probes } from '../bottleneck/probe.js';
import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import { resolveClassList } from '../data/class-names.js';
import type { Dataset } from '../data/dataset.js';
import { type DatasetOptions, openDataset } from '../data/open-dataset.js';
import { drawStratified } from '../data/roles.js';
import { loadDevice, loadGateway, loadLink } from '../devices/index.js';
import type { Engine } from '../engines/engine.js';
import { createEngine, type EngineChoice } from '../engines/index.js';
import { tensorOf } from '../ir/graph.js';
import { type AnalyzeRequest, analyze, type Deployment, type ProbeWish } from '../pipeline/analyze.js';
import type { Analysis, RankBy } from '../plan/analysis.js';
import type { Budgets } from '../plan/budgets.js';
import type { PreprocessOptions } from '../preprocess/options.js';
import { canonicalSpec, inputElements, type PreprocessSpec } from '../preprocess/spec.js';
import { choosePreprocess, type OpenedModel } from './open-model.js';
import { VERSION } from './version.js';

export interface AnalyzeOptions
  extends PreprocessOptions,
    Omit<DatasetOptions, 'classes' | 'classCount' | 'classNames'> {
  readonly data: string;
  /** Class numbers or names that importance is restricted to. */
  readonly classes?: string | readonly (string | number)[] | undefined;
  readonly engine?: EngineChoice | undefined;
  readonly threads?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly device?: string | undefined;
  readonly link?: string | undefined;
  readonly gateway?: string | undefined;
  readonly budgets?: Budgets | undefined;
  readonly rankBy?: RankBy | undefined;
  /** False: no probes. */
  readonly probe?: boolean | undefined;
  readonly seed?: number | undefined;
  /** Where finished work is kept and found again; absent = nowhere. */
  readonly store?: StageStore | undefined;
}

/** Board, link (default: the board's) and gateway by id or file. @throws IsplitError E_DEVICE_*, E_LINK_* */
export function chooseDeployment(device: string | undefined, link?: string, gateway?: string): Deployment | undefined {
  if (device === undefined) {
    if (link !== undefined)
      fail(
        'E_USAGE',
        '--link needs --device: a link is judged from a board',
        { link },
        'Add --device ID; isplit-edge devices lists them.',
      );
    return undefined;
  }
  const profile = loadDevice(device);
  return {
    device: profile,
    link: loadLink(link ?? profile.defaultLink),
    gateway: gateway === undefined ? loadGateway() : loadGateway(gateway),
  };
}

/**
 * The job of `isplit-edge analyze`.
 * @throws IsplitError of every kind; nothing is written
 */
export async function analyzeModel(
  model: OpenedModel,
  options: AnalyzeOptions,
  ctx: RunContext = {},
): Promise<Analysis> {
  const deployment = chooseDeployment(options.device, options.link, options.gateway);
  const { spec, assumed } = choosePreprocess(model, options);
  const dataset = await openLabelledData(model, options, ctx);
  const engine = await createEngine(options.engine ?? 'onnx');
  const request = await prepareAnalysis({ model, dataset, spec, assumed, engine, deployment }, options, ctx);
  // With a wire budget `build` puts a bottleneck at the cut: what fits is judged with it.
  const plans = request.probe !== undefined && options.budgets?.wireBytes !== undefined;
  return analyze(plans ? { ...request, planBottlenecks: 'probed' } : request, ctx);
}

/** What analysis needs, opened. */
export interface OpenedInputs {
  readonly model: OpenedModel;
  readonly dataset: Dataset;
  readonly spec: PreprocessSpec;
  /** What of the preprocessing was assumed, for warnings. */
  readonly assumed: readonly string[];
  readonly engine: Engine;
  readonly deployment: Deployment | undefined;
}

/** Puts together what the pipeline takes. @throws IsplitError E_CLASS_UNKNOWN, E_DATA_* */
export async function prepareAnalysis(
  { model, dataset, spec, assumed, engine, deployment }: OpenedInputs,
  options: AnalyzeOptions,
  ctx: RunContext,
): Promise<AnalyzeRequest> {
  const classes = options.classes === undefined ? undefined : chooseClasses(options.classes, dataset);
  const description = dataset.describe();
  const checkpoints =
    options.store && (await keepImportance(options.store, model, dataset, spec, engine, options, ctx));
  const warnings = [
    ...model.warnings,
    // Floats are taken as the network gets them: nothing is assumed of them.
    ...(description.stored === 'u8' ? assumed : []).map(
      (what) => `${what} was assumed; say so with an option if it is not`,
    ),
    ...(description.part === undefined
      ? []
      : [`the data comes divided; its ${description.part} part was used (--part chooses)`]),
  ];
  return {
    network: model.network,
    model: {
      name: model.name,
      format: model.format,
      description: model.description,
      sha256: model.sha256,
      classNames: model.classNames ?? dataset.classNames ?? null,
      parameters: model.parameters,
    },
    data: { name: description.name, format: description.format, part: description.part ?? null },
    samples: (first) => dropFirst(dataset, first).batches({ batchSize: 64, spec, ...ctx }),
    ...(checkpoints ? { checkpoints } : {}),
    ...(options.probe === false ? {} : { probe: await wishForProbes({ model, dataset, spec, engine }, options, ctx) }),
    sampleCount: dataset.count,
    engine,
    toolVersion: VERSION,
    warnings,
    seed: options.seed ?? 0,
    ...(classes ? { classes } : {}),
    ...(deployment ? { deployment } : {}),
    ...(options.budgets ? { budgets: options.budgets } : {}),
    ...(options.rankBy ? { rankBy: options.rankBy } : {}),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(options.batchSize === undefined ? {} : { batchSize: options.batchSize }),
  };
}

/** Samples that probes look at: their accuracy is told with its interval. */
const MOST_PROBE_SAMPLES = 1000;
const PROBE_STREAM = 5;
/** Without a wire budget probes compress to this share of the input's bytes: beyond it the picture itself would be sent. */
const PROBED_SHARE = 0.25;

/** Probes depend on what importance depends on, and on the bytes they compress to. */
async function wishForProbes(
  { model, dataset, spec, engine }: Pick<OpenedInputs, 'model' | 'dataset' | 'spec' | 'engine'>,
  options: AnalyzeOptions,
  ctx: RunContext,
): Promise<ProbeWish> {
  const seed = options.seed ?? 0;
  const drawn =
    dataset.count <= MOST_PROBE_SAMPLES
      ? dataset
      : dataset.select(drawStratified(dataset.labels, MOST_PROBE_SAMPLES, seed + PROBE_STREAM));
  const budgetWireBytes = options.budgets?.wireBytes ?? Math.max(1, Math.round(PROBED_SHARE * inputElements(spec)));
  const { store } = options;
  const inputs = store && {
    ...(await describeInputs(model, drawn, spec, engine, options, ctx)),
    budgetWireBytes,
    seed,
  };
  return {
    budgetWireBytes,
    samples: () => drawn.batches({ batchSize: 64, spec, ...ctx }),
    ...(store
      ? {
          kept: {
            async load() {
              const text = await store.load('probes', inputs);
              return text === undefined ? undefined : (JSON.parse(text) as Probes);
            },
            save: (probes) => store.save('probes', inputs, JSON.stringify(probes)),
          },
        }
      : {}),
  };
}

/** The samples from this place on. */
function dropFirst(dataset: Dataset, first: number): Dataset {
  return first === 0 ? dataset : dataset.select(Array.from({ length: dataset.count - first }, (_, i) => first + i));
}

/** Importance depends on the network, the samples as the network sees them, and the engine: not on board, link or budgets. */
async function keepImportance(
  store: StageStore,
  model: OpenedModel,
  dataset: Dataset,
  spec: PreprocessSpec,
  engine: Engine,
  options: AnalyzeOptions,
  ctx: RunContext,
): Promise<ImportanceCheckpoints> {
  const inputs = {
    ...(await describeInputs(model, dataset, spec, engine, options, ctx)),
    batchSize: options.batchSize ?? null,
  };
  return {
    async load() {
      const text = await store.load('importance', inputs);
      return text === undefined ? undefined : parseTable(text);
    },
    save: (table) => store.save('importance', inputs, serialiseTable(table)),
  };
}

async function describeInputs(
  model: OpenedModel,
  dataset: Dataset,
  spec: PreprocessSpec,
  engine: Engine,
  options: AnalyzeOptions,
  ctx: RunContext,
): Promise<object> {
  return {
    tool: VERSION,
    model: model.sha256,
    data: await dataset.contentSha256(ctx),
    spec: canonicalSpec(spec),
    engine: engine.description,
    threads: options.threads ?? null,
  };
}

/** Opens samples for a model: its classes bound the labels. @throws IsplitError E_DATA_* */
export function openLabelledData(model: OpenedModel, options: AnalyzeOptions, ctx: RunContext): Promise<Dataset> {
  const { data, classes: _restriction, ...rest } = options;
  const width = tensorOf(model.network, model.network.outputs[0] as string).shape.at(-1) as number;
  return openDataset(
    data,
    // Importance never sees a test part: of a set that comes divided, the training part is used unless another is named.
    {
      part: 'train',
      ...rest,
      classCount: width === 1 ? 2 : width,
      ...(model.classNames ? { classNames: model.classNames } : {}),
    },
    ctx,
  );
}

function chooseClasses(wanted: string | readonly (string | number)[], dataset: Dataset): readonly number[] {
  return resolveClassList(wanted, { names: dataset.classNames, count: dataset.classCount });
}

/** Writes analysis.json and report.html; both appear at once or not at all. @returns their paths */
export async function writeAnalysis(folder: string, analysis: Analysis, report: string): Promise<string[]> {
  return writeFilesAtomically(folder, {
    'analysis.json': `${JSON.stringify(analysis, null, 2)}\n`,
    'report.html': report,
  });
}
