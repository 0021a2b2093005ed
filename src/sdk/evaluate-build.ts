import path from 'node:path';
import { readModel } from '../../converters/index.js';
import { type BuiltFolder, openBuiltFolder } from '../artifact/built-folder.js';
import type { ArtifactManifest } from '../artifact/manifest.js';
import { readSourceHints } from '../artifact/source-hints.js';
import { writeFilesAtomically } from '../artifact/write-files.js';
import type { RunContext } from '../core/context.js';
import { fail, IsplitError } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import { type DatasetOptions, openDataset } from '../data/open-dataset.js';
import { createEngine, type EngineChoice } from '../engines/index.js';
import { type EvaluatedSplit, evaluateSplit, type SplitUnderTest } from '../evaluate/evaluate-split.js';
import type { Prediction } from '../evaluate/evaluation.js';
import { formatPredictions } from '../evaluate/predictions-csv.js';
import type { Graph } from '../ir/graph.js';
import { dequantizeGraph, isQuantized } from '../passes/dequantize-graph.js';
import { normaliseGraph } from '../passes/normalise.js';
import { openModel } from './open-model.js';

export const HEAD_FILE = 'head.tflite';
export const TAIL_FILE = 'tail.onnx';

export interface EvaluateBuildOptions extends Omit<DatasetOptions, 'classCount' | 'classNames' | 'labelsRequired'> {
  readonly testData: string;
  /** The float model the folder was built from; another one is refused. */
  readonly model?: string | undefined;
  /** Where the model may lie: taken when it is the one. */
  readonly modelHint?: string | undefined;
  readonly engine?: EngineChoice | undefined;
  readonly threads?: number | undefined;
}

/**
 * The job of `isplit-edge evaluate`: a built folder on labelled test samples, next to the float model where that can be found.
 * @throws IsplitError E_FOLDER_*, E_MANIFEST_INVALID, E_MODEL_MISMATCH, E_DATA_*, and what evaluateSplit throws
 */
export async function evaluateBuild(
  folder: string,
  options: EvaluateBuildOptions,
  ctx: RunContext = {},
): Promise<EvaluatedSplit> {
  const built = await openBuiltFolder(folder);
  const full = await findFloatModel(built, options, ctx);
  const dataset = await openTestData(built.manifest, options, ctx);
  const engine = await createEngine(options.engine ?? 'onnx');
  const split = { ...(await openSplit(built, ctx)), ...(full ? { full } : {}) };
  const threads = options.threads === undefined ? {} : { threads: options.threads };
  const result = await evaluateSplit(split, dataset, { engine, ...threads }, ctx);
  if (result.evaluation.data.sha256 === built.manifest.calibration.data.sha256) {
    ctx.onWarning?.(
      'these are the samples that the head was calibrated on: accuracy on them says little about new ones',
    );
  }
  return result;
}

/** Head and tail of a built folder as the device and the gateway run them. @throws IsplitError E_FOLDER_CHANGED, E_MODEL_* */
export async function openSplit(built: BuiltFolder, ctx: RunContext = {}): Promise<SplitUnderTest> {
  const { manifest } = built;
  const head = built.has(HEAD_FILE) ? await readGraph(built, HEAD_FILE, ctx) : undefined;
  const tail = built.has(TAIL_FILE) ? await readTail(built, ctx) : undefined;
  return {
    splitId: manifest.splitId,
    wire: manifest.wire,
    input: manifest.input,
    preprocessing: manifest.preprocessing,
    classNames: manifest.classes,
    ...(head ? { head } : {}),
    ...(tail ? { tail } : {}),
  };
}

export async function readGraph(built: BuiltFolder, name: string, ctx: RunContext): Promise<Graph> {
  const sibling = (wanted: string): Promise<Uint8Array> =>
    fail('E_MODEL_READ', `${name} names "${wanted}", but models of a build stand alone`, {
      file: name,
      sibling: wanted,
    });
  return (await readModel({ name, bytes: built.bytesOf(name), sibling }, ctx)).graph;
}

/** The float tail behind the wire: undefined when it only dequantizes, because everything runs on the device. */
async function readTail(built: BuiltFolder, ctx: RunContext): Promise<Graph | undefined> {
  const graph = await readGraph(built, TAIL_FILE, ctx);
  const float = normaliseGraph(isQuantized(graph) ? dequantizeGraph(graph) : graph);
  return float.nodes.length === 0 ? undefined : float;
}

/** Test data with the classes and the preprocessing of the build. Of a set that comes divided the test part is taken. */
export function openTestData(
  manifest: ArtifactManifest,
  options: EvaluateBuildOptions,
  ctx: RunContext,
): Promise<Dataset> {
  const { testData, model, modelHint, engine, threads, ...rest } = options;
  return openDataset(
    testData,
    { part: 'test', ...rest, classCount: manifest.classes.length, classNames: manifest.classes },
    ctx,
  );
}

/** The network the folder was built from: the model named, else one that is found by its hash; undefined with a note when there is none. */
async function findFloatModel(
  built: BuiltFolder,
  { model, modelHint }: EvaluateBuildOptions,
  ctx: RunContext,
): Promise<Graph | undefined> {
  const { manifest } = built;
  if (model !== undefined) {
    const opened = await openModel(model, {}, ctx);
    if (opened.sha256 !== manifest.model.sha256) failOtherModel(model, opened.sha256, manifest);
    return opened.network;
  }
  const remembered = (await readSourceHints(built.folder)).models[manifest.model.sha256];
  for (const candidate of [modelHint, remembered]) {
    if (candidate === undefined) continue;
    try {
      const opened = await openModel(candidate, {}, ctx);
      if (opened.sha256 === manifest.model.sha256) return opened.network;
    } catch (error) {
      // A hint may be out of date; whatever lies there now is not what was asked for.
      if (!(error instanceof IsplitError) || error.code === 'E_INTERRUPTED') throw error;
    }
  }
  ctx.onWarning?.(
    `the float model ${manifest.model.name} was not found: only the int8 split is evaluated; --model FILE names it`,
  );
  return undefined;
}

function failOtherModel(model: string, sha256: string, manifest: ArtifactManifest): never {
  const message = `${path.basename(model)} has sha256 ${sha256.slice(0, 16)}…; the folder was built from ${manifest.model.name} with ${manifest.model.sha256.slice(0, 16)}…`;
  fail('E_MODEL_MISMATCH', message, { model: path.basename(model), sha256, expected: manifest.model.sha256 });
}

/** Writes one line a sample; the file appears whole or not at all. @returns its path @throws IsplitError E_WRITE */
export async function writePredictions(file: string, predictions: readonly Prediction[]): Promise<string> {
  const [written] = await writeFilesAtomically(path.dirname(file), {
    [path.basename(file)]: formatPredictions(predictions),
  });
  return written as string;
}
