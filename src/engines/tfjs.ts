/** Second engine: a graph's nodes run eagerly on TensorFlow.js, natively when @tensorflow/tfjs-node is installed. */
import { createRequire } from 'node:module';
import path from 'node:path';
import type * as tfjs from '@tensorflow/tfjs-core';
import { fail, IsplitError, Problems } from '../core/errors.js';
import { type Graph, type Node, tensorOf } from '../ir/graph.js';
import { opDef } from '../ops/index.js';
import { isUnsupported, type Tfjs } from '../ops/op-def.js';
import { type CompiledGraph, checkRunArrays, type Engine, type EngineId, type Values } from './engine.js';
import { importTfjsNode } from './tfjs-node.js';

export type TfjsEngineId = Extract<EngineId, `tfjs-${string}`>;

/** Backend names as tfjs registers them. */
const BACKENDS: Readonly<Record<TfjsEngineId, string>> = {
  'tfjs-node': 'tensorflow',
  'tfjs-wasm': 'wasm',
  'tfjs-cpu': 'cpu',
};

/**
 * @param choice one backend, or `tfjs` for the first that is there of tfjs-node, wasm and cpu
 * @throws IsplitError E_ENGINE_MISSING when the backend asked for cannot be loaded
 */
export async function createTfjsEngine(choice: 'tfjs' | TfjsEngineId = 'tfjs'): Promise<Engine> {
  if (choice !== 'tfjs') return loadEngine(choice);
  let problem: unknown;
  for (const id of Object.keys(BACKENDS) as TfjsEngineId[]) {
    try {
      return await loadEngine(id);
    } catch (error) {
      if (!(error instanceof IsplitError) || error.code !== 'E_ENGINE_MISSING') throw error;
      problem = error;
    }
  }
  throw problem;
}

async function loadEngine(id: TfjsEngineId): Promise<Engine> {
  let tf: Tfjs;
  try {
    tf = await import('@tensorflow/tfjs-core');
    // Prod mode: no banners and no per-op NaN checks.
    tf.enableProdMode();
    await LOAD_BACKEND[id]();
    await onBackend(tf, id, () => undefined);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    const hint = id === 'tfjs-node' ? 'npm run setup:tfjs-node' : 'Run npm install again, or use --engine onnx.';
    throw new IsplitError(
      { code: 'E_ENGINE_MISSING', message: `${id} cannot be loaded: ${reason}`, context: { engine: id }, hint },
      { cause },
    );
  }
  return {
    id,
    description: `TensorFlow.js ${tf.version_core} on its ${BACKENDS[id]} backend`,
    compile: async (graph) => compileTfjs(tf, id, graph),
  };
}

const LOAD_BACKEND: Readonly<Record<TfjsEngineId, () => Promise<unknown>>> = {
  'tfjs-node': importTfjsNode,
  async 'tfjs-wasm'() {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
    try {
      setWasmPaths(`${path.dirname(main)}${path.sep}`);
    } catch {
      // Throws once the backend runs, and then the path is known.
    }
  },
  'tfjs-cpu': () => import('@tensorflow/tfjs-backend-cpu'),
};

let lastInLine: Promise<unknown> = Promise.resolve();

/** Runs `work` with the backend active. The active backend is global in tfjs, so the calls of all engines queue up here. */
function onBackend<T>(tf: Tfjs, id: TfjsEngineId, work: () => T): Promise<T> {
  const turn = lastInLine.then(async () => {
    const backend = BACKENDS[id];
    if (tf.getBackend() !== backend && !(await tf.setBackend(backend))) {
      throw new Error(`the ${backend} backend of TensorFlow.js does not start`);
    }
    return work();
  });
  lastInLine = turn.catch(() => undefined);
  return turn;
}

function compileTfjs(tf: Tfjs, id: TfjsEngineId, graph: Graph): CompiledGraph {
  const steps = planSteps(graph, id);
  const weights = new WeightCache(tf, graph);
  const guarded = <T>(work: () => T): Promise<T> =>
    onBackend(tf, id, work).catch((cause: unknown) => fail(...describeFailure(id, graph, cause)));
  return {
    async run(feeds: Values, into: Values = {}): Promise<Values> {
      checkRunArrays(graph, feeds, into);
      return guarded(() => runSteps(tf, graph, steps, weights, feeds, into));
    },
    dispose: () => guarded(() => weights.dispose()),
  };
}

interface Step {
  readonly node: Node;
  /** Activations that no later step and no output needs. */
  readonly lastUses: readonly string[];
}

/** @throws IsplitError E_HOOK_UNSUPPORTED with every node that tfjs cannot run */
function planSteps(graph: Graph, id: TfjsEngineId): Step[] {
  const problems = new Problems();
  const kept = new Set(graph.outputs);
  const steps: Step[] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i] as Node;
    const { toTfjs } = opDef(node.kind);
    if (isUnsupported(toTfjs)) {
      problems.add('E_HOOK_UNSUPPORTED', `"${node.id}" (${node.kind}) does not run on ${id}: ${toTfjs.unsupported}`, {
        node: node.id,
        kind: node.kind,
      });
    }
    // Backwards, the first node that touches a tensor is the last that uses it; an output nobody reads dies at once.
    const touched = [...new Set([...node.inputs, ...node.outputs])];
    const lastUses = touched.filter((t) => !kept.has(t) && tensorOf(graph, t).data === undefined);
    for (const t of lastUses) kept.add(t);
    steps.unshift({ node, lastUses });
  }
  problems.throwIfAny();
  return steps;
}

function runSteps(
  tf: Tfjs,
  graph: Graph,
  steps: readonly Step[],
  weights: WeightCache,
  feeds: Values,
  into: Values,
): Values {
  const live = new Map<string, tfjs.Tensor>();
  const lookUp = (id: string): tfjs.Tensor => live.get(id) ?? weights.get(id);
  try {
    for (const id of graph.inputs) live.set(id, createTensor(tf, graph, id, feeds[id] as Float32Array));
    for (const { node, lastUses } of steps) {
      const { toTfjs } = opDef(node.kind);
      if (isUnsupported(toTfjs)) throw new Error(`${node.kind} does not run on tfjs`);
      const inputs = node.inputs.map(lookUp);
      const types = node.outputs.map((id) => tensorOf(graph, id));
      const outputs = tf.tidy(() =>
        toTfjs(weights.tf, inputs, node.attrs, types).map((y) =>
          // A value of its own, so that the input can be disposed; a reshape shares the data.
          inputs.includes(y) || weights.holds(y) ? tf.reshape(y, y.shape) : y,
        ),
      );
      node.outputs.forEach((id, i) => {
        live.set(id, outputs[i] as tfjs.Tensor);
      });
      for (const id of lastUses) {
        live.get(id)?.dispose();
        live.delete(id);
      }
    }
    const values: Record<string, Float32Array> = {};
    // A copy: the cpu backend hands out its own buffers.
    for (const id of graph.outputs) {
      const data = lookUp(id).dataSync() as Float32Array;
      into[id]?.set(data);
      values[id] = into[id] ?? Float32Array.from(data);
    }
    return values;
  } finally {
    for (const tensor of live.values()) tensor.dispose();
  }
}

function createTensor(tf: Tfjs, graph: Graph, id: string, data: ArrayLike<number>): tfjs.Tensor {
  const { shape, dtype } = tensorOf(graph, id);
  // tfjs has no 8- and 16-bit integers.
  if (dtype === 'float32') return tf.tensor(data as Float32Array, [...shape], 'float32');
  return tf.tensor(Int32Array.from(data), [...shape], 'int32');
}

/**
 * Constants, uploaded when first read. Hooks see a tfjs whose `transpose` and `reshape` remember what they made of
 * constants: a filter changes its layout once, and the wasm backend, which packs filters by buffer, packs it once.
 */
class WeightCache {
  /** What hooks call. */
  readonly tf: Tfjs;
  readonly #tf: Tfjs;
  readonly #graph: Graph;
  readonly #uploaded = new Map<string, tfjs.Tensor>();
  readonly #held = new Set<tfjs.Tensor>();
  readonly #derived = new Map<tfjs.Tensor, Map<string, tfjs.Tensor>>();

  constructor(tf: Tfjs, graph: Graph) {
    this.#tf = tf;
    this.#graph = graph;
    const remember =
      (name: string, f: (x: tfjs.Tensor, by?: number[]) => tfjs.Tensor) =>
      (x: tfjs.Tensor, by?: number[]): tfjs.Tensor =>
        this.#held.has(x) ? this.#derive(x, `${name} ${by}`, () => f(x, by)) : f(x, by);
    this.tf = {
      ...tf,
      transpose: remember('transpose', (x, perm) => tf.transpose(x, perm)) as typeof tf.transpose,
      reshape: remember('reshape', (x, shape) => tf.reshape(x, shape ?? [])) as typeof tf.reshape,
    };
  }

  get(id: string): tfjs.Tensor {
    let tensor = this.#uploaded.get(id);
    if (!tensor) {
      const { data } = tensorOf(this.#graph, id);
      if (!data) throw new Error(`tensor "${id}" is read before it is computed`);
      tensor = this.#hold(createTensor(this.#tf, this.#graph, id, data));
      this.#uploaded.set(id, tensor);
    }
    return tensor;
  }

  holds(tensor: tfjs.Tensor): boolean {
    return this.#held.has(tensor);
  }

  dispose(): void {
    for (const tensor of this.#held) tensor.dispose();
    this.#held.clear();
    this.#uploaded.clear();
    this.#derived.clear();
  }

  /** Keeps a tensor beyond the tidy that it was made in. */
  #hold(tensor: tfjs.Tensor): tfjs.Tensor {
    this.#held.add(this.#tf.keep(tensor));
    return tensor;
  }

  #derive(from: tfjs.Tensor, key: string, make: () => tfjs.Tensor): tfjs.Tensor {
    let known = this.#derived.get(from);
    if (!known) {
      known = new Map();
      this.#derived.set(from, known);
    }
    let tensor = known.get(key);
    if (!tensor) {
      tensor = this.#hold(make());
      known.set(key, tensor);
    }
    return tensor;
  }
}

function describeFailure(id: TfjsEngineId, graph: Graph, cause: unknown): Parameters<typeof fail> {
  if (cause instanceof IsplitError) throw cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const context = { engine: id, graph: graph.name };
  if (id === 'tfjs-wasm' && /memory access out of bounds|Cannot enlarge memory|allocation/i.test(reason)) {
    // Past its 4 GiB heap, wasm traps; the instance is lost for the rest of the process.
    const message = `"${graph.name}" needs more memory than the wasm backend has (${reason})`;
    return ['E_ENGINE', message, context, 'Use --engine onnx, or fewer samples at a time.'];
  }
  return ['E_ENGINE', `${id} failed on "${graph.name}": ${reason}`, context, 'Use --engine onnx.'];
}
