import { type FileHandle, realpath } from 'node:fs/promises';
import path from 'node:path';
import { readModel } from '../../converters/index.js';
import { openModelFile } from '../artifact/open-model-file.js';
import { checkOutputFile, checkWritable } from '../artifact/write-files.js';
import { writeStreamAtomically } from '../artifact/write-stream.js';
import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import { formatBytes, formatCount } from '../core/units.js';
import { openFile } from '../data/byte-source.js';
import { createEngine, type EngineChoice } from '../engines/index.js';
import { createRecordRunner, type RecordRunner } from '../evaluate/record-runner.js';
import { type DType, type Graph, tensorOf } from '../ir/graph.js';

/** Records are read in pieces of about so many bytes of input and output, so that memory does not grow with the file. */
const PIECE_BYTES = 8 * 1024 * 1024;
const LARGEST_PIECE = 1024;

export interface RunFileOptions {
  /** Records back to back: raw tensor bytes, little-endian, inputs in the order of the model file. */
  readonly input: string;
  /** Written whole or not at all. */
  readonly output: string;
  /** For float models. */
  readonly engine?: EngineChoice | undefined;
  readonly threads?: number | undefined;
}

export interface RunTensor {
  readonly id: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** What `isplit-edge run` did. */
export interface RunSummary {
  readonly model: { readonly name: string; readonly description: string; readonly sha256: string };
  readonly inputs: readonly RunTensor[];
  readonly outputs: readonly RunTensor[];
  readonly records: number;
  /** Bytes of one record. */
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** `int8 executor`, or the engine's library and version. */
  readonly by: string;
  /** Without reading the model and starting the engine. */
  readonly seconds: number;
  readonly recordsPerSecond: number;
}

/**
 * The job of `isplit-edge run`: a TFLite file over records of raw bytes.
 * @throws IsplitError E_USAGE when the output would replace what is read, E_MODEL_*, E_OP_UNSUPPORTED, E_INT8_UNSUPPORTED,
 * E_HOOK_UNSUPPORTED when the engine cannot run a float model, E_DATA_UNREADABLE, E_DATA_EMPTY, E_DATA_TRUNCATED, E_WRITE, E_ENGINE
 */
export async function runFile(model: string, options: RunFileOptions, ctx: RunContext = {}): Promise<RunSummary> {
  await checkOutput(model, options);
  const file = await openModelFile(model);
  const { graph, format, description, warnings } = await readModel(file, ctx);
  if (format !== 'tflite') {
    const hint = 'isplit-edge build makes a TFLite file of a model.';
    fail('E_MODEL_FORMAT', `${file.name} is no TFLite file`, { file: file.name, format }, hint);
  }
  for (const warning of warnings) ctx.onWarning?.(warning);
  const threads = options.threads === undefined ? {} : { threads: options.threads };
  const runner = await createRecordRunner(graph, { engine: () => createEngine(options.engine ?? 'onnx'), ...threads });
  const name = path.basename(options.input);
  const opened = await openFile(options.input, name);
  try {
    const records = countRecords(name, opened.sizeBytes, runner, graph);
    const started = performance.now();
    await writeStreamAtomically(options.output, runPieces(opened.handle, name, records, runner, ctx));
    const seconds = (performance.now() - started) / 1000;
    const describe = (id: string): RunTensor => {
      const { dtype, shape } = tensorOf(graph, id);
      return { id, dtype, shape };
    };
    return {
      model: { name: file.name, description, sha256: file.sha256 },
      inputs: graph.inputs.map(describe),
      outputs: graph.outputs.map(describe),
      records,
      inputBytes: runner.inputBytes,
      outputBytes: runner.outputBytes,
      by: runner.by,
      seconds: Number(seconds.toFixed(3)),
      recordsPerSecond: Number((records / Math.max(seconds, 1e-6)).toPrecision(4)),
    };
  } finally {
    await opened.handle.close();
    await runner.dispose();
  }
}

/** Says before the work that the output cannot go where it shall. @throws IsplitError E_USAGE, E_WRITE */
async function checkOutput(model: string, { input, output }: RunFileOptions): Promise<void> {
  await checkOutputFile(output);
  await checkWritable(path.dirname(output));
  const replaced = await realpath(output).catch(() => undefined);
  for (const [what, file] of Object.entries({ input, model })) {
    if (replaced === undefined || (await realpath(file).catch(() => undefined)) !== replaced) continue;
    const message = `the output ${output} is the ${what} itself, which would be lost`;
    fail('E_USAGE', message, { output, [what]: file }, 'Name another file with --output.');
  }
}

function countRecords(name: string, sizeBytes: number, { inputBytes }: RecordRunner, graph: Graph): number {
  const inputs = graph.inputs.map((id) => `${id} ${tensorOf(graph, id).dtype} [${tensorOf(graph, id).shape}]`);
  const context = { file: name, bytes: sizeBytes, recordBytes: inputBytes, inputs };
  const record = `a record of ${graph.name} is ${formatBytes(inputBytes)} (${inputs.join(', ')})`;
  if (sizeBytes === 0) fail('E_DATA_EMPTY', `${name} is empty; ${record}`, context, 'Write at least one record.');
  const records = Math.floor(sizeBytes / inputBytes);
  const rest = sizeBytes - records * inputBytes;
  if (rest > 0) {
    const message = `${name} has ${formatBytes(sizeBytes)}: ${formatCount(records)} record${records === 1 ? '' : 's'} and ${formatBytes(rest)} more; ${record}`;
    fail(
      'E_DATA_TRUNCATED',
      message,
      { ...context, rest },
      'Write whole records, raw tensor bytes back to back, without a header.',
    );
  }
  return records;
}

async function* runPieces(
  handle: FileHandle,
  name: string,
  records: number,
  runner: RecordRunner,
  ctx: RunContext,
): AsyncGenerator<Uint8Array> {
  const most = Math.floor(PIECE_BYTES / (runner.inputBytes + runner.outputBytes));
  const piece = Math.max(1, Math.min(LARGEST_PIECE, most, records));
  const report = (done: number): void => ctx.onProgress?.({ stage: 'run', done, total: records, unit: 'records' });
  report(0);
  for (let from = 0; from < records; from += piece) {
    throwIfAborted(ctx);
    const count = Math.min(piece, records - from);
    const bytes = await readFully(handle, count * runner.inputBytes, from * runner.inputBytes, name);
    const inPiece: RunContext = {
      ...(ctx.signal ? { signal: ctx.signal } : {}),
      onProgress: ({ done }) => report(from + done),
    };
    yield await runner.run(bytes, count, inPiece);
    report(from + count);
  }
}

async function readFully(handle: FileHandle, length: number, position: number, name: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let have = 0; have < length; ) {
    const { bytesRead } = await handle.read(bytes, have, length - have, position + have);
    if (bytesRead === 0) fail('E_DATA_TRUNCATED', `${name} became shorter while it was read`, { file: name });
    have += bytesRead;
  }
  return bytes;
}
