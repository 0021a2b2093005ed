/** Sessions in threads of their own: onnxruntime-node's `run` holds the thread that calls it until the result is there. */
import type { Worker } from 'node:worker_threads';
import { outputName, writeOnnx } from '../../converters/onnx/write.js';
import { fail } from '../core/errors.js';
import { startWorkerThread } from '../core/worker-thread.js';
import { elementCount, type Graph, type Shape, tensorOf } from '../ir/graph.js';
import { type CompiledGraph, type CompileOptions, checkRunArrays, type Values } from './engine.js';

/** What the thread gets. Values go there and back in shared memory. */
export interface ApartJob {
  /** An ONNX file. */
  readonly model: Uint8Array;
  readonly options: CompileOptions;
  readonly inputs: readonly SharedValue[];
  readonly outputs: readonly SharedValue[];
}

export interface SharedValue {
  /** In the ONNX file. */
  readonly name: string;
  readonly shape: Shape;
  /** float32. */
  readonly memory: SharedArrayBuffer;
}

/** After the session was made, and after each run. */
export type ApartMessage = 'ok' | { readonly failed: string };

/** @throws IsplitError E_HOOK_UNSUPPORTED, E_ENGINE */
export async function compileApart(graph: Graph, options: CompileOptions = {}): Promise<CompiledGraph> {
  const share = (id: string, name: string): SharedValue => {
    const { shape } = tensorOf(graph, id);
    return { name, shape, memory: new SharedArrayBuffer(4 * elementCount(shape)) };
  };
  const job: ApartJob = {
    model: writeOnnx(graph),
    options,
    inputs: graph.inputs.map((id) => share(id, id)),
    outputs: graph.outputs.map((id) => share(id, outputName(graph, id))),
  };
  const thread = new ApartThread(startWorkerThread('./onnx-worker.js', import.meta.url, job));
  const failed = (what: string, reason: string): never =>
    fail('E_ENGINE', `onnxruntime ${what} "${graph.name}": ${reason}`, { engine: 'onnx', graph: graph.name });
  const loaded = await thread.answer();
  if (loaded !== 'ok') {
    await thread.end();
    failed('cannot load the graph', loaded.failed);
  }
  const run = async (feeds: Values, into: Values): Promise<Values> => {
    job.inputs.forEach(({ memory, name }) => {
      new Float32Array(memory).set(feeds[name] as Float32Array);
    });
    const ended = await thread.ask();
    if (ended !== 'ok') failed('failed on', ended.failed);
    const values: Record<string, Float32Array> = {};
    job.outputs.forEach(({ memory }, i) => {
      const id = graph.outputs[i] as string;
      const array = into[id] ?? new Float32Array(memory.byteLength / 4);
      array.set(new Float32Array(memory));
      values[id] = array;
    });
    return values;
  };
  let before: Promise<unknown> = Promise.resolve();
  return {
    async run(feeds, into = {}) {
      checkRunArrays(graph, feeds, into);
      // The memory holds the values of one run.
      const result = before.then(() => run(feeds, into));
      before = result.catch(() => undefined);
      return result;
    },
    dispose: () => thread.end(),
  };
}

/** Keeps the process alive only while an answer is awaited. */
class ApartThread {
  readonly #worker: Worker;
  #ended: string | undefined;
  #resolve: ((message: ApartMessage) => void) | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.unref();
    worker.on('message', (message: ApartMessage) => this.#settle(message));
    worker.on('error', (error) => this.#end(error.message));
    worker.on('exit', () => this.#end('its thread has ended'));
  }

  ask(): Promise<ApartMessage> {
    this.#worker.postMessage('run');
    return this.answer();
  }

  answer(): Promise<ApartMessage> {
    if (this.#ended !== undefined) return Promise.resolve({ failed: this.#ended });
    this.#worker.ref();
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    this.#settle({ failed: this.#ended });
  }

  #settle(message: ApartMessage): void {
    this.#worker.unref();
    this.#resolve?.(message);
    this.#resolve = undefined;
  }
}
