/** Forward pass and gradients of the parts of a batch, each in a thread of its own. */
import { availableParallelism } from 'node:os';
import type { CompiledGraph, Engine, Values } from '../engines/engine.js';
import { elementCount, tensorOf } from '../ir/graph.js';
import { setBatch } from '../passes/set-batch.js';
import { buildGradientGraph } from './step-graph.js';
import type { TrainingProblem } from './training.js';

/**
 * Every part transforms all filters for itself: with 1.4 million values that is 6 % of the processor time of a batch of 32, with 3.8
 * million 14 %, while layers that large keep all threads busy by themselves.
 */
const MOST_PARAMETERS = 2e6;

export interface DivisionOptions {
  readonly engine: Engine;
  readonly threads?: number;
}

/** Into how many parts a step divides its batch; 1: it stays whole. */
export function countParts(
  problem: TrainingProblem,
  { engine, threads = availableParallelism() }: DivisionOptions,
): number {
  const { smallestPart, partMultiple = 1 } = problem;
  if (smallestPart === undefined || !engine.compileApart) return 1;
  const learnt = problem.parameters.reduce((sum, id) => sum + elementCount(tensorOf(problem.graph, id).shape), 0);
  if (learnt > MOST_PARAMETERS) return 1;
  const batch = batchOf(problem);
  let parts = Math.min(threads, Math.floor(batch / smallestPart));
  while (parts > 1 && batch % (parts * partMultiple) !== 0) parts--;
  return Math.max(1, parts);
}

function batchOf({ graph }: TrainingProblem): number {
  const batches = graph.inputs.map((id) => tensorOf(graph, id).shape[0]);
  const [batch] = batches;
  if (batch === undefined || batches.some((b) => b !== batch)) {
    throw new RangeError(`the inputs of "${graph.name}" have not one row a sample`);
  }
  return batch;
}

export interface DividedResult {
  readonly loss: number;
  readonly watch: Values;
}

/** The parts of a batch, compiled. */
export class DividedGradients {
  /** `GradientGraph.vector` of each part, written by every run. */
  readonly vectors: readonly Float32Array[];
  readonly #problem: TrainingProblem;
  readonly #parameters: string;
  readonly #vector: string;
  readonly #compiled: readonly CompiledGraph[];

  private constructor(
    problem: TrainingProblem,
    parameters: string,
    vector: Vector,
    compiled: readonly CompiledGraph[],
  ) {
    this.#problem = problem;
    this.#parameters = parameters;
    this.#vector = vector.id;
    this.#compiled = compiled;
    this.vectors = compiled.map(() => new Float32Array(vector.length));
  }

  /** @throws RangeError when a watched tensor has not one row a sample @throws IsplitError E_SHAPE, E_HOOK_UNSUPPORTED, E_ENGINE */
  static async compile(
    problem: TrainingProblem,
    parts: number,
    { engine, threads = availableParallelism() }: DivisionOptions,
  ): Promise<DividedGradients> {
    const rows = batchOf(problem) / parts;
    const part: TrainingProblem = { ...problem, graph: setBatch(problem.graph, rows) };
    for (const id of problem.watch ?? []) {
      if (tensorOf(part.graph, id).shape[0] !== rows) throw new RangeError(`"${id}" has not one row a sample`);
    }
    const { graph, parameters, vector } = buildGradientGraph(part);
    const options = { threads: Math.max(1, Math.floor(threads / parts)) };
    const compileApart = engine.compileApart as NonNullable<Engine['compileApart']>;
    const started = await Promise.allSettled(Array.from({ length: parts }, () => compileApart(graph, options)));
    const compiled = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = started.find((one) => one.status === 'rejected');
    if (failed) {
      await Promise.all(compiled.map((one) => one.dispose()));
      throw failed.reason;
    }
    const length = elementCount(tensorOf(graph, vector).shape);
    return new DividedGradients(problem, parameters, { id: vector, length }, compiled);
  }

  /** @param feeds of the whole batch */
  async run(parameters: Float32Array, feeds: Values): Promise<DividedResult> {
    const { graph, loss, watch = [] } = this.#problem;
    const parts = this.#compiled.length;
    const results = await Promise.all(
      this.#compiled.map((one, i) => {
        const fed: Record<string, Float32Array> = { [this.#parameters]: parameters };
        for (const id of graph.inputs) {
          const rows = feeds[id] ?? new Float32Array(0);
          fed[id] = rows.subarray((i * rows.length) / parts, ((i + 1) * rows.length) / parts);
        }
        return one.run(fed, { [this.#vector]: this.vectors[i] as Float32Array });
      }),
    );
    const sum = results.reduce((total, values) => total + (values[loss]?.[0] as number), 0);
    const joined = (id: string): Float32Array => joinRows(results.map((values) => values[id] as Float32Array));
    return { loss: sum / parts, watch: Object.fromEntries(watch.map((id) => [id, joined(id)])) };
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#compiled.map((one) => one.dispose()));
  }
}

interface Vector {
  readonly id: string;
  readonly length: number;
}

function joinRows(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
