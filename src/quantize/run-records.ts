/** Many records through an int8 network, on all processor cores. */
import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { type RunContext, throwIfAborted } from '../core/context.js';
import { IsplitError, type Problem } from '../core/errors.js';
import { startWorkerThread } from '../core/worker-thread.js';
import { type Graph, tensorOf } from '../ir/graph.js';
import { opDef } from '../ops/index.js';
import { prepareRecords, type RecordProgram, tensorBytes } from './record-program.js';

export interface RunRecordsOptions {
  /** Worker threads at most; default: one a processor core. Small jobs run in this thread. */
  readonly threads?: number;
  /** Progress is reported in records; an abort ends the run with E_INTERRUPTED. */
  readonly ctx?: RunContext;
}

/** What a worker thread gets. */
export interface RecordJob {
  readonly graph: Graph;
  readonly inputs: SharedArrayBuffer;
  readonly outputs: SharedArrayBuffer;
  /** One int32: the first record that nobody has taken. */
  readonly counter: SharedArrayBuffer;
  readonly count: number;
  readonly chunk: number;
}

export type WorkerMessage = { readonly done: number } | { readonly problems: readonly Problem[] };

/** Starting a thread costs about as much as this many multiply-accumulates. */
const MACS_WORTH_A_THREAD = 2e8;
/** The event loop gets a turn after about this long. */
const TURN_MS = 50;

/**
 * @param inputs raw little-endian bytes of `count` records; a record is every input of the graph in order (int8 as a rule)
 * @returns raw bytes of `count` results; a result is every output in order
 * @throws IsplitError E_INT8_UNSUPPORTED, E_INTERRUPTED
 */
export async function runRecords(
  graph: Graph,
  inputs: Int8Array,
  count: number,
  options: RunRecordsOptions = {},
): Promise<Int8Array> {
  const ctx = options.ctx ?? {};
  const inputBytes = graph.inputs.reduce((sum, id) => sum + tensorBytes(tensorOf(graph, id)), 0);
  if (inputs.length !== count * inputBytes) {
    throw new RangeError(`${count} records of ${inputBytes} B take ${count * inputBytes} B, got ${inputs.length} B`);
  }
  const wanted = options.threads ?? availableParallelism();
  const threads = Math.min(wanted, count, Math.floor((count * macsOf(graph)) / MACS_WORTH_A_THREAD));
  const bytes = new Uint8Array(inputs.buffer, inputs.byteOffset, inputs.length);
  if (threads <= 1) return runHere(prepareRecords(graph), bytes, count, ctx);
  return runInThreads(graph, bytes, count, threads, ctx);
}

function macsOf(graph: Graph): number {
  let macs = 0;
  for (const node of graph.nodes) {
    const types = (ids: readonly string[]) => ids.map((id) => tensorOf(graph, id));
    macs += opDef(node.kind).macs(types(node.inputs), types(node.outputs), node.attrs);
  }
  return macs;
}

async function runHere(program: RecordProgram, inputs: Uint8Array, count: number, ctx: RunContext): Promise<Int8Array> {
  const outputs = new Uint8Array(count * program.outputBytes);
  let turnEnds = performance.now() + TURN_MS;
  for (let i = 0; i < count; i++) {
    program.runRecord(inputs, outputs, i);
    if (performance.now() < turnEnds) continue;
    ctx.onProgress?.({ stage: 'int8', done: i + 1, total: count, unit: 'records' });
    await nextTurn();
    throwIfAborted(ctx);
    turnEnds = performance.now() + TURN_MS;
  }
  return new Int8Array(outputs.buffer);
}

async function runInThreads(
  graph: Graph,
  inputs: Uint8Array,
  count: number,
  threads: number,
  ctx: RunContext,
): Promise<Int8Array> {
  throwIfAborted(ctx);
  const outputBytes = graph.outputs.reduce((sum, id) => sum + tensorBytes(tensorOf(graph, id)), 0);
  const job: RecordJob = {
    graph,
    inputs: new SharedArrayBuffer(inputs.length),
    outputs: new SharedArrayBuffer(count * outputBytes),
    counter: new SharedArrayBuffer(4),
    count,
    chunk: Math.min(Math.max(Math.floor(count / (8 * threads)), 1), 64),
  };
  new Uint8Array(job.inputs).set(inputs);
  let done = 0;
  const onDone = (records: number): void => {
    done += records;
    ctx.onProgress?.({ stage: 'int8', done, total: count, unit: 'records' });
  };
  const workers = Array.from({ length: threads }, () =>
    startWorkerThread('./run-records-worker.js', import.meta.url, job),
  );
  try {
    await Promise.all(workers.map((worker) => awaitWorker(worker, onDone, ctx)));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return new Int8Array(job.outputs).slice();
}

function awaitWorker(worker: Worker, onDone: (records: number) => void, ctx: RunContext): Promise<void> {
  return new Promise((resolve, reject) => {
    const { signal } = ctx;
    const stop = (): void => {
      try {
        throwIfAborted(ctx);
      } catch (error) {
        reject(error);
      }
    };
    signal?.addEventListener('abort', stop, { once: true });
    worker.on('message', (message: WorkerMessage) => {
      if ('done' in message) onDone(message.done);
      else reject(new IsplitError(message.problems));
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
  });
}
