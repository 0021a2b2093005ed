import { elementCount, type Graph, tensorOf } from '../ir/graph.js';

/** Values by tensor id: float32, row-major, graph layout (NHWC). */
export type Values = Readonly<Record<string, Float32Array>>;

/** A graph made ready to run many times. */
export interface CompiledGraph {
  /**
   * @param feeds every graph input, with exactly the declared number of elements
   * @param into arrays that some outputs are written to instead of new ones; they may not share memory with a feed
   * @returns every graph output; those of `into` are the arrays given
   * @throws IsplitError E_ENGINE
   */
  run(feeds: Values, into?: Values): Promise<Values>;
  dispose(): Promise<void>;
}

/** @throws RangeError when an array has not the declared number of elements, or is for no output */
export function checkRunArrays(graph: Graph, feeds: Values, into: Values): void {
  const check = (what: string, id: string, data: Float32Array | undefined): void => {
    const count = elementCount(tensorOf(graph, id).shape);
    if (data?.length !== count)
      throw new RangeError(`${what} "${id}" needs ${count} values, got ${data?.length ?? 'none'}`);
  };
  for (const id of graph.inputs) check('feed', id, feeds[id]);
  for (const [id, data] of Object.entries(into)) {
    if (!graph.outputs.includes(id)) throw new RangeError(`"${id}" is no output`);
    check('output', id, data);
  }
}

export interface CompileOptions {
  /** Threads inside one op. Default: the number of cores. Results may differ in the last bits between thread counts. */
  readonly threads?: number;
  /** False skips the engine's own graph optimisation: quicker to compile, slower to run. Default true. */
  readonly optimise?: boolean;
}

export type EngineId = 'onnx' | 'tfjs-node' | 'tfjs-wasm' | 'tfjs-cpu';

/** One interface, same tests for all. Float32 graphs only; every engine honours the graph's own batch size. */
export interface Engine {
  readonly id: EngineId;
  /** Library and version, e.g. `onnxruntime-node 1.30.0`. */
  readonly description: string;
  /** @throws IsplitError E_HOOK_UNSUPPORTED naming every op the engine cannot run, E_ENGINE */
  compile(graph: Graph, options?: CompileOptions): Promise<CompiledGraph>;
  /**
   * As `compile`, but what is compiled runs in a thread of its own: several run at the same time, where those of `compile` run one
   * after another. Arrays are copied there and back. Absent where an engine has no such threads.
   */
  compileApart?(graph: Graph, options?: CompileOptions): Promise<CompiledGraph>;
}
