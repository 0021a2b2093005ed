import type { ImportanceCheckpoints } from '../analyze/importance.js';
import { parseTable, serialiseTable } from '../analyze/importance-table.js';
import type { StageStore } from '../artifact/stage-store.js';
import { writeFilesAtomically } from '../artifact/write-files.js';
import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import { resolveClassList } from '../data/class-names.js';
import type { Dataset } from '../data/dataset.js';
import { type DatasetOptions, openDataset } from '../data/open-dataset.js';
import { loadDevice, loadGateway, loadLink } from '../devices/index.js';
import type { Engine } from '../engines/engine.js';
import { createEngine, type EngineChoice } from '../engines/index.js';
import { tensorOf } from '../ir/graph.js';
import { type AnalyzeRequest, analyze, type Deployment } from '../pipeline/analyze.js';
import type { Analysis, RankBy } from '../plan/analysis.js';
import type { Budgets } from '../plan/budgets.js';
import type { PreprocessOptions } from '../preprocess/options.js';
import { canonicalSpec, type PreprocessSpec } from '../preprocess/spec.js';
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
  return analyze(await prepareAnalysis({ model, dataset, spec, assumed, engine, deployment }, options, ctx), ctx);
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
    tool: VERSION,
    model: model.sha256,
    data: await dataset.contentSha256(ctx),
    spec: canonicalSpec(spec),
    engine: engine.description,
    threads: options.threads ?? null,
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
