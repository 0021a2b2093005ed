/** Public API and composition root: wires readers, engines, data, devices and the pipeline. The command line is one of its users. */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { readModel } from '../converters/index.js';
import { ARCHITECTURES } from '../models/index.js';
import type { ImportanceCheckpoints } from './analyze/importance.js';
import { parseTable, serialiseTable } from './analyze/importance-table.js';
import { type ModelCard, parseModelCard } from './artifact/model-card.js';
import { openModelFile, readJsonBeside } from './artifact/open-model-file.js';
import type { StageStore } from './artifact/stage-store.js';
import { writeFilesAtomically } from './artifact/write-files.js';
import type { RunContext } from './core/context.js';
import { fail } from './core/errors.js';
import { findNearestNames } from './core/nearest-names.js';
import { packageRoot } from './core/package-root.js';
import { countMacs, countParameters, int8WeightBytes, nodeMacs } from './cost/cut-cost.js';
import { resolveClassList } from './data/class-names.js';
import type { Dataset } from './data/dataset.js';
import { type DatasetOptions, openDataset } from './data/open-dataset.js';
import { listDevices, loadDevice, loadGateway, loadLink } from './devices/index.js';
import { checkMemory } from './devices/memory.js';
import type { Engine } from './engines/engine.js';
import { createEngine, type EngineChoice } from './engines/index.js';
import { elementCount, type Graph, tensorOf } from './ir/graph.js';
import { verifyGraph } from './ir/verify.js';
import { planArena } from './memory/plan-arena.js';
import { SHAPES } from './ops/index.js';
import { dequantizeGraph, inputQuantization, isQuantized } from './passes/dequantize-graph.js';
import { normaliseGraph } from './passes/normalise.js';
import { analyze, type Deployment } from './pipeline/analyze.js';
import type { Analysis, RankBy } from './plan/analysis.js';
import type { Budgets } from './plan/budgets.js';
import { type PreprocessOptions, specFromOptions } from './preprocess/options.js';
import { canonicalSpec, type PreprocessSpec } from './preprocess/spec.js';

export { openStageStore, type StageStore } from './artifact/stage-store.js';
export { checkWritable } from './artifact/write-files.js';
export type { RunContext } from './core/context.js';
export { IsplitError } from './core/errors.js';
export { listDevices, listGateways, listLinks, loadDevice, loadGateway, loadLink } from './devices/index.js';
export { ENGINE_CHOICES, type EngineChoice } from './engines/index.js';
export type { Deployment } from './pipeline/analyze.js';
export type { Analysis, AnalyzedCut, RankBy } from './plan/analysis.js';
export { RANK_BY } from './plan/analysis.js';
export type { Budgets } from './plan/budgets.js';
export type { DatasetOptions, PreprocessOptions, PreprocessSpec };

export const VERSION: string = (
  JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')) as { version: string }
).version;

/** A model ready to be analysed. */
export interface OpenedModel {
  /** Base name, or the architecture's id. */
  readonly name: string;
  readonly format: string;
  readonly description: string;
  readonly sha256: string;
  /** As read: original layers, quantization kept. */
  readonly source: Graph;
  /** float32, batch norm folded, activations fused, batch size 1. */
  readonly network: Graph;
  /** As the model's own framework counts them. */
  readonly parameters: number;
  readonly classNames: readonly string[] | null;
  readonly card: ModelCard | undefined;
  readonly warnings: readonly string[];
}

export interface OpenModelOptions {
  /** For architectures: picture shape [height, width, channels], number of classes, seed of the weights. */
  readonly inputShape?: readonly [number, number, number] | undefined;
  readonly classes?: number | undefined;
  readonly seed?: number | undefined;
}

/**
 * Opens a model file (Keras, TF.js, ONNX, TFLite; claimed by content) or builds an architecture by name (`vgg16`, …).
 * @throws IsplitError E_MODEL_*, E_OP_UNSUPPORTED, E_SHAPE, E_GRAPH_INVALID
 */
export async function openModel(
  nameOrPath: string,
  options: OpenModelOptions = {},
  ctx: RunContext = {},
): Promise<OpenedModel> {
  const architecture = ARCHITECTURES.find((a) => a.id === nameOrPath);
  if (architecture && !existsSync(nameOrPath)) {
    const inputShape = options.inputShape ?? architecture.defaultInput;
    const built = { inputShape, classes: options.classes ?? 10, seed: options.seed ?? 0 };
    const graph = architecture.build(built);
    verifyGraph(graph, SHAPES);
    return {
      name: architecture.id,
      format: 'architecture',
      description: `${architecture.id} ${inputShape.join('x')}, untrained, seed ${built.seed}`,
      sha256: createHash('sha256')
        .update(JSON.stringify([architecture.id, built]))
        .digest('hex'),
      source: graph,
      network: normaliseGraph(graph),
      parameters: countParameters(graph),
      classNames: null,
      card: undefined,
      warnings: [
        'the weights are random: importance shows what the architecture does, not what a trained network does',
      ],
    };
  }
  if (!architecture && !existsSync(nameOrPath)) failUnknownModel(nameOrPath);
  const file = await openModelFile(nameOrPath);
  const read = await readModel(file, ctx);
  const cardJson = await readJsonBeside(nameOrPath, 'card.json');
  const card = cardJson === undefined ? undefined : parseModelCard(cardJson, 'card.json');
  const applies = card !== undefined && card.modelSha256 === file.sha256;
  const warnings = [...read.warnings];
  if (card && !applies)
    warnings.push('card.json beside the model speaks of another file (sha256 differs); it is ignored');
  const network = isQuantized(read.graph) ? dequantizeGraph(read.graph) : read.graph;
  if (network !== read.graph)
    warnings.push('the model is quantized: importance is measured on its dequantized float32 network');
  return {
    name: file.name,
    format: read.format,
    description: read.description,
    sha256: file.sha256,
    source: read.graph,
    network: normaliseGraph(network),
    parameters: countParameters(read.graph),
    classNames: (applies ? card.classNames : read.classNames) ?? null,
    card: applies ? card : undefined,
    warnings,
  };
}

function failUnknownModel(nameOrPath: string): never {
  const names = ARCHITECTURES.map((a) => a.id);
  const nearest = findNearestNames(nameOrPath, names);
  fail(
    'E_MODEL_READ',
    `there is no file "${nameOrPath}", nor an architecture of that name${nearest.length > 0 ? `; did you mean ${nearest.join(', ')}?` : ''}`,
    { model: nameOrPath, architectures: names },
    `Give a model file, or one of the architectures ${names.join(', ')}.`,
  );
}

/** Preprocessing of a model: options over its card over what a quantized input implies. */
export function choosePreprocess(
  model: OpenedModel,
  options: PreprocessOptions,
): { spec: PreprocessSpec; assumed: readonly string[] } {
  const shape = tensorOf(model.network, model.network.inputs[0] as string).shape.slice(1);
  const implied = inputQuantization(model.source);
  const scaled = options.inputRange !== undefined || options.mean !== undefined || options.std !== undefined;
  if (implied && !model.card && !scaled) {
    // A quantized input that takes u8 pixels: real = scale · (q − zeroPoint) with q = u8 − 128.
    const low = implied.scale * (-128 - implied.zeroPoint);
    const high = implied.scale * (127 - implied.zeroPoint);
    const chosen = specFromOptions({ ...options, inputRange: [low, high] }, shape);
    return chosen;
  }
  return specFromOptions(options, shape, model.card?.preprocess);
}

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
  const classes = options.classes === undefined ? undefined : chooseClasses(options.classes, dataset);
  const description = dataset.describe();
  const checkpoints =
    options.store && (await keepImportance(options.store, model, dataset, spec, engine, options, ctx));
  const warnings = [
    ...model.warnings,
    ...assumed.map((what) => `${what} was assumed; say so with an option if it is not`),
    ...(description.part === undefined
      ? []
      : [`the data comes divided; its ${description.part} part was used (--part chooses)`]),
  ];
  return analyze(
    {
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
    },
    ctx,
  );
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

/** The embedded demo model and its samples. */
export function demoPaths(): { model: string; calibration: string; test: string } {
  const folder = path.join(packageRoot(), 'models', 'fashion-cnn');
  return {
    model: path.join(folder, 'fashion-cnn.h5'),
    calibration: path.join(folder, 'samples', 'calibration'),
    test: path.join(folder, 'samples', 'test'),
  };
}

export type { Engine };

export interface Inspection {
  readonly name: string;
  readonly format: string;
  readonly description: string;
  readonly sha256: string;
  readonly inputs: readonly { id: string; dtype: string; shape: readonly number[] }[];
  readonly outputs: readonly { id: string; dtype: string; shape: readonly number[] }[];
  readonly parameters: number;
  readonly macs: number;
  readonly weightBytesInt8: number;
  readonly weightBytesFloat32: number;
  readonly arenaBytesInt8: number;
  /** Number of nodes by kind, as read. */
  readonly ops: Readonly<Record<string, number>>;
  readonly layers: readonly { id: string; kind: string; shape: readonly number[]; macs: number; parameters: number }[];
  /** Whether the whole network would run on each board, with its default link. */
  readonly devices: readonly { id: string; fits: boolean; reasons: readonly string[] }[];
  readonly classNames: readonly string[] | null;
  readonly warnings: readonly string[];
}

/** The job of `isplit-edge inspect`: everything about a model that needs no data. */
export function inspectModel(model: OpenedModel): Inspection {
  const { source, network } = model;
  const describe = (id: string): { id: string; dtype: string; shape: readonly number[] } => {
    const { dtype, shape } = tensorOf(source, id);
    return { id, dtype, shape };
  };
  const ops: Record<string, number> = {};
  for (const node of source.nodes) ops[node.kind] = (ops[node.kind] ?? 0) + 1;
  const arenaBytes = planArena(network, { elementBytes: 1 }).arenaBytes;
  const weightBytes = int8WeightBytes(network);
  return {
    name: model.name,
    format: model.format,
    description: model.description,
    sha256: model.sha256,
    inputs: source.inputs.map(describe),
    outputs: source.outputs.map(describe),
    parameters: model.parameters,
    macs: countMacs(network),
    weightBytesInt8: weightBytes,
    weightBytesFloat32: 4 * countParameters(network),
    arenaBytesInt8: arenaBytes,
    ops: Object.fromEntries(Object.entries(ops).sort(([a], [b]) => (a < b ? -1 : 1))),
    layers: network.nodes.map((node) => {
      const id = node.outputs[0] as string;
      const constants = node.inputs.filter((input) => tensorOf(network, input).data !== undefined);
      return {
        id,
        kind: node.kind,
        shape: tensorOf(network, id).shape,
        macs: nodeMacs(network, node),
        parameters: constants.reduce((n, c) => n + elementCount(tensorOf(network, c).shape), 0),
      };
    }),
    devices: listDevices().map((device) => {
      const fit = checkMemory(device, { arenaBytes, weightBytes }, { link: loadLink(device.defaultLink) });
      return { id: device.id, fits: fit.fits, reasons: fit.reasons.map((r) => r.message) };
    }),
    classNames: model.classNames,
    warnings: model.warnings,
  };
}
