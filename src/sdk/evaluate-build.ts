import path from 'node:path';
import { readModel } from '../../converters/index.js';
import { type BuiltFolder, openBuiltFolder } from '../artifact/built-folder.js';
import type { ArtifactManifest, WireTensor } from '../artifact/manifest.js';
import { readSourceHints } from '../artifact/source-hints.js';
import { writeFilesAtomically } from '../artifact/write-files.js';
import type { RunContext } from '../core/context.js';
import { fail, IsplitError } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import { type DatasetOptions, openDataset } from '../data/open-dataset.js';
import { createEngine, type EngineChoice } from '../engines/index.js';
import { type OnnxFile, openOnnxFile } from '../engines/onnx-file.js';
import { type EvaluatedSplit, evaluateSplit, type SplitUnderTest } from '../evaluate/evaluate-split.js';
import type { Evaluation, Prediction, SplitCosts } from '../evaluate/evaluation.js';
import { formatPredictions } from '../evaluate/predictions-csv.js';
import { measureSplitCosts } from '../evaluate/split-costs.js';
import { addBaselines } from '../evaluate/verdict.js';
import { splitWire } from '../evaluate/wire-values.js';
import { elementCount, type Graph } from '../ir/graph.js';
import { CUT_INPUT, CUT_OUTPUT } from '../plan/split-plan.js';
import { renderEvaluationReport } from '../report/evaluation-report.js';
import { type BaselineOptions, deployedOn, measureBuildBaselines, prepareBaselines } from './evaluate-baselines.js';
import { findBuiltModel, type ModelPlaces } from './find-model.js';

export const HEAD_FILE = 'head.tflite';
const TAIL_FILE = 'tail.onnx';

/** Records in one run of the tail, at most. */
const TAIL_BATCH = 64;

export interface EvaluateBuildOptions
  extends Omit<DatasetOptions, 'classCount' | 'classNames' | 'labelsRequired'>,
    ModelPlaces {
  readonly testData: string;
  readonly engine?: EngineChoice | undefined;
  readonly threads?: number | undefined;
  /** Measure simpler ideas on the same samples too. */
  readonly baselines?: BaselineOptions | undefined;
}

/**
 * The job of `isplit-edge evaluate`: a built folder on labelled test samples, next to the float model where that can be found, and next
 * to simpler ideas where that is asked for.
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
  const { testData: testPath, seed } = options;
  const prepared =
    options.baselines &&
    (await prepareBaselines({ built, full, test: dataset, testPath, seed }, options.baselines.data, ctx));
  const engine = await createEngine(options.engine ?? 'onnx');
  const threads = options.threads === undefined ? {} : { threads: options.threads };
  const tail = await openOnnxFile(TAIL_FILE, built.bytesOf(TAIL_FILE), threads);
  try {
    const { wire } = built.manifest;
    const split: SplitUnderTest = {
      ...(await openSplit(built, ctx)),
      gateway: (sent, count) => runTail(tail, wire, sent, count),
      ...(full ? { full } : {}),
    };
    const result = await evaluateSplit(split, dataset, { engine, ...threads }, ctx);
    const overlap = await findCalibrationOverlap(built, options.testData, result.evaluation);
    if (overlap) ctx.onWarning?.(`${overlap}: accuracy on them says little about new ones`);
    const evaluation = { ...result.evaluation, ...(await measureCosts(built, split, result.evaluation, full, ctx)) };
    if (!options.baselines || !prepared) return { ...result, evaluation };
    const inputs = { built, ...prepared, test: dataset, result, engine, ...threads, seed: options.seed };
    const curves = await measureBuildBaselines(inputs, options.baselines, ctx);
    return { ...result, evaluation: addBaselines(evaluation, curves) };
  } finally {
    await tail.dispose();
  }
}

/** Work, times and overhead for the payloads that were just sent. */
async function measureCosts(
  built: BuiltFolder,
  { head, wire }: SplitUnderTest,
  { wireBytes }: Evaluation,
  full: Graph | undefined,
  ctx: RunContext,
): Promise<SplitCosts> {
  const { cut } = built.manifest;
  return measureSplitCosts(
    {
      head,
      tail: cut === CUT_OUTPUT ? undefined : await findTail(built, full, ctx),
      wireElements: wire.reduce((sum, { shape }) => sum + elementCount(shape), 0),
      wireBytes: wireBytes.mean,
    },
    deployedOn(built, ctx),
  );
}

/** The gateway's part as a graph: the file's, as far as the reader knows its operators. */
async function findTail(built: BuiltFolder, full: Graph | undefined, ctx: RunContext): Promise<Graph | undefined> {
  if (built.manifest.cut === CUT_INPUT && full) return full;
  try {
    return await readGraph(built, TAIL_FILE, ctx);
  } catch (error) {
    if (!(error instanceof IsplitError) || error.code === 'E_INTERRUPTED') throw error;
    return undefined;
  }
}

/** The device's side of a built folder, and what the gateway must know of it; the tail is a file of its own. */
export async function openSplit(built: BuiltFolder, ctx: RunContext = {}): Promise<SplitUnderTest> {
  const { manifest } = built;
  return {
    splitId: manifest.splitId,
    ...(built.has(HEAD_FILE) ? { head: await readGraph(built, HEAD_FILE, ctx) } : {}),
    wire: manifest.wire,
    input: manifest.input,
    preprocessing: manifest.preprocessing,
    classNames: manifest.classes,
  };
}

/** Words when the samples are those of the calibration, or drawn from where those were drawn; undefined otherwise. */
async function findCalibrationOverlap(
  { folder, manifest }: BuiltFolder,
  testData: string,
  { data }: Evaluation,
): Promise<string | undefined> {
  const { sha256 } = manifest.calibration.data;
  if (data.sha256 === sha256) return 'these are the samples that the head was calibrated on';
  const source = (await readSourceHints(folder)).data[sha256];
  if (source?.path !== path.resolve(testData) || (data.part !== null && data.part !== source.part)) return undefined;
  return `the samples that the head was calibrated on were drawn from ${data.name} too, and may be among these`;
}

/** Class scores from decoded wire values by the file itself; a few records at a time, so that memory stays bounded. */
async function runTail(
  tail: OnnxFile,
  wire: readonly WireTensor[],
  sent: Int8Array,
  count: number,
): Promise<Float32Array> {
  const recordBytes = sent.length / count;
  const pieces: Float32Array[] = [];
  for (let from = 0; from < count; from += TAIL_BATCH) {
    const rows = Math.min(TAIL_BATCH, count - from);
    const piece = sent.subarray(from * recordBytes, (from + rows) * recordBytes);
    const feeds = splitWire(piece, rows, wire).map((data, i) => ({ data, shape: [rows, ...(wire[i]?.shape ?? [])] }));
    pieces.push((await tail.run(feeds))[0] as Float32Array);
  }
  const scores = new Float32Array(pieces.reduce((n, piece) => n + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    scores.set(piece, at);
    at += piece.length;
  }
  return scores;
}

/** A model of the folder as a graph. */
export async function readGraph(built: BuiltFolder, name: string, ctx: RunContext): Promise<Graph> {
  const sibling = (wanted: string): Promise<Uint8Array> =>
    fail('E_MODEL_READ', `${name} names "${wanted}", but models of a build stand alone`, {
      file: name,
      sibling: wanted,
    });
  return (await readModel({ name, bytes: built.bytesOf(name), sibling }, ctx)).graph;
}

/** Test data with the classes and the preprocessing of the build. Of a set that comes divided the test part is taken. */
function openTestData(manifest: ArtifactManifest, options: EvaluateBuildOptions, ctx: RunContext): Promise<Dataset> {
  const { testData, model, modelHint, engine, threads, baselines, ...rest } = options;
  return openDataset(
    testData,
    { part: 'test', ...rest, classCount: manifest.classes.length, classNames: manifest.classes },
    ctx,
  );
}

/** The network the folder was built from; undefined with a note when it is not found. */
async function findFloatModel(
  built: BuiltFolder,
  places: EvaluateBuildOptions,
  ctx: RunContext,
): Promise<Graph | undefined> {
  const found = await findBuiltModel(built, places, ctx);
  if (!found) {
    const { name } = built.manifest.model;
    ctx.onWarning?.(`the float model ${name} was not found: only the int8 split is evaluated; --model FILE names it`);
  }
  return found?.opened.network;
}

/** Writes one line a sample; the file appears whole or not at all. @returns its path @throws IsplitError E_WRITE */
export async function writePredictions(file: string, predictions: readonly Prediction[]): Promise<string> {
  const [written] = await writeFilesAtomically(path.dirname(file), {
    [path.basename(file)]: formatPredictions(predictions),
  });
  return written as string;
}

/** Writes the report; the file appears whole or not at all. @param folder whose base name is the title @returns its path @throws IsplitError E_WRITE */
export async function writeEvaluationReport(file: string, folder: string, evaluation: Evaluation): Promise<string> {
  const page = await renderEvaluationReport(path.basename(path.resolve(folder)), evaluation);
  const [written] = await writeFilesAtomically(path.dirname(file), { [path.basename(file)]: page });
  return written as string;
}
