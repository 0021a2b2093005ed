import { fail, IsplitError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import type { CompiledGraph, Engine, Values } from '../engines/engine.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { setBatch } from '../passes/set-batch.js';

/** Records in one engine run, at most: larger batches gain little and hold memory. */
const LARGEST_BATCH = 64;
/** Activations of a batch, at most, all at once. */
const BATCH_BYTES = 2 ** 28;
/** Of one record; VGG16 at 224×224 has 60 MB. Files may state any shape, and engines then ask for any memory. */
const LARGEST_ACTIVATIONS_BYTES = 2 ** 30;

export interface BatchRunnerOptions {
  readonly threads?: number;
  readonly batchSize?: number;
}

/** Runs a float32 graph over any number of records, several at a time where its shapes allow. */
export class BatchRunner {
  readonly #graph: Graph;
  readonly #compiled: CompiledGraph;
  readonly #batch: number;
  /** Values of one record, by input and by output. */
  readonly inputSizes: readonly number[];
  readonly outputSizes: readonly number[];

  private constructor(graph: Graph, compiled: CompiledGraph, batch: number) {
    this.#graph = graph;
    this.#compiled = compiled;
    this.#batch = batch;
    const sizes = (ids: readonly string[]): number[] =>
      ids.map((id) => elementCount(tensorOf(graph, id).shape) / batch);
    this.inputSizes = sizes(graph.inputs);
    this.outputSizes = sizes(graph.outputs);
  }

  /** @param graph float32, batch 1 @throws IsplitError E_HOOK_UNSUPPORTED, E_ENGINE, E_MODEL_TOO_LARGE */
  static async create(engine: Engine, graph: Graph, options: BatchRunnerOptions = {}): Promise<BatchRunner> {
    const bytes = activationBytes(graph);
    const fitting = Math.max(1, Math.floor(BATCH_BYTES / bytes));
    const { graph: batched, batch } = batchWherePossible(graph, Math.min(options.batchSize ?? LARGEST_BATCH, fitting));
    const compiled = await engine.compile(batched, options.threads === undefined ? {} : { threads: options.threads });
    return new BatchRunner(batched, compiled, batch);
  }

  /**
   * @param inputs per graph input `count` records, one after the other
   * @returns per graph output `count` records
   * @throws IsplitError E_ENGINE
   */
  async run(inputs: readonly Float32Array[], count: number): Promise<Float32Array[]> {
    const outputs = this.outputSizes.map((size) => new Float32Array(count * size));
    for (let from = 0; from < count; from += this.#batch) {
      const used = Math.min(this.#batch, count - from);
      const values = await this.#compiled.run(this.#feeds(inputs, from, used));
      this.#graph.outputs.forEach((id, i) => {
        const size = this.outputSizes[i] as number;
        (outputs[i] as Float32Array).set((values[id] as Float32Array).subarray(0, used * size), from * size);
      });
    }
    return outputs;
  }

  /** A full batch; rows that are not used stay zero. */
  #feeds(inputs: readonly Float32Array[], from: number, used: number): Values {
    return Object.fromEntries(
      this.#graph.inputs.map((id, i) => {
        const size = this.inputSizes[i] as number;
        const rows = (inputs[i] as Float32Array).subarray(from * size, (from + used) * size);
        if (used === this.#batch) return [id, rows];
        const padded = new Float32Array(this.#batch * size);
        padded.set(rows);
        return [id, padded];
      }),
    );
  }

  dispose(): Promise<void> {
    return this.#compiled.dispose();
  }
}

/** Some graphs fix their batch in an attribute, and some have no batch dimension at all: those run record by record. */
function batchWherePossible(graph: Graph, batch: number): { graph: Graph; batch: number } {
  const ends = [...graph.inputs, ...graph.outputs];
  const firstIs = (g: Graph, n: number): boolean => ends.every((id) => tensorOf(g, id).shape[0] === n);
  if (batch > 1 && firstIs(graph, 1)) {
    try {
      const batched = setBatch(graph, batch);
      const scaled = (id: string): boolean =>
        elementCount(tensorOf(batched, id).shape) === batch * elementCount(tensorOf(graph, id).shape);
      if (firstIs(batched, batch) && ends.every(scaled)) return { graph: batched, batch };
    } catch (error) {
      if (!(error instanceof IsplitError)) throw error;
    }
  }
  return { graph, batch: 1 };
}

function activationBytes(graph: Graph): number {
  let bytes = 0;
  for (const { data, shape } of graph.tensors.values()) if (data === undefined) bytes += 4 * elementCount(shape);
  if (bytes > LARGEST_ACTIVATIONS_BYTES) {
    const message = `the activations of ${graph.name} take ${formatBytes(bytes)} a record, more than ${formatBytes(LARGEST_ACTIVATIONS_BYTES)}`;
    fail(
      'E_MODEL_TOO_LARGE',
      message,
      { bytes, limit: LARGEST_ACTIVATIONS_BYTES },
      'Check the shapes in the model file.',
    );
  }
  return bytes;
}
