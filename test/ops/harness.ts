/**
 * What every op is put through. A case is one row: inputs, attributes and the same computation written with tfjs's public
 * API. Expected values come from tfjs and its autodiff, from finite differences, and from TensorFlow and LiteRT
 * (`describeTensorFlow`); the float64 reference that they confirm is then the measure for what engines run.
 */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import { gradientGraph } from '../../src/autodiff/gradients.js';
import { createRandom } from '../../src/core/random.js';
import type { CompiledGraph } from '../../src/engines/engine.js';
import { createOnnxEngine } from '../../src/engines/onnx.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { type Attrs, elementCount, type Graph, type Shape, tensorOf } from '../../src/ir/graph.js';
import { verifyGraph } from '../../src/ir/verify.js';
import { opDef, SHAPES } from '../../src/ops/index.js';
import { isUnsupported } from '../../src/ops/op-def.js';
import { runReference } from '../../src/ops/run-reference.js';
import { describeNeeding, oraclePython, pythonOracle, repositoryRoot } from '../support/shared-data.js';

export interface CaseInput {
  readonly shape: Shape;
  /** A constant of the graph (weights) instead of a graph input. */
  readonly constant?: boolean;
  /** Uniform in this range; default standard normal. */
  readonly range?: readonly [number, number];
  readonly data?: readonly number[];
  /** Values stay this far from each of these points, where the op has a bend. */
  readonly avoid?: { readonly points: readonly number[]; readonly by: number };
}

export interface OpCase {
  readonly name: string;
  readonly inputs: readonly (Shape | CaseInput)[];
  readonly attrs?: Attrs;
  readonly outputShape: Shape;
  /** The same computation in tfjs's public API, from the same inputs. */
  readonly oracle?: (tf: typeof import('@tensorflow/tfjs-core'), ...x: tf.Tensor[]) => tf.Tensor;
  /** Inputs whose gradient is checked; default all. */
  readonly differentiate?: readonly number[];
  /** tfjs has no (or a wrong) gradient for the oracle. */
  readonly noOracleGradient?: boolean;
  /** Relative to 1 + |expected|, for what runs in float32; default 1e-5. */
  readonly tolerance?: number;
}

interface Prepared {
  readonly graph: Graph;
  readonly values: readonly Float32Array[];
  readonly feeds: Readonly<Record<string, Float32Array>>;
}

const ENGINES = ['onnx', 'tfjs cpu', 'tfjs wasm'] as const;

/** A vitest suite for one op. */
export function describeOp(kind: string, cases: readonly OpCase[]): void {
  describe(kind, () => {
    describe.each(cases.map((c) => [c.name, c] as const))('%s', (_name, opCase) => {
      const p = prepare(kind, opCase);
      const tolerance = opCase.tolerance ?? 1e-5;
      const def = opDef(kind);
      const expected = () => runReference(p.graph, p.feeds).get('y') as Float64Array;

      it('has the expected shape and a valid graph', () => {
        verifyGraph(p.graph, SHAPES);
        expect(tensorOf(p.graph, 'y').shape).toEqual(opCase.outputShape);
        expect(expected()).toHaveLength(elementCount(opCase.outputShape));
      });

      const { oracle } = opCase;
      if (oracle) {
        it('reference = tfjs', async () => {
          await tf.setBackend('cpu');
          const actual = tf.tidy(() => oracle(tf, ...tensors(p, opCase)).dataSync()) as Float32Array;
          expectClose(expected(), actual, tolerance);
        });
      }

      it.each(ENGINES)('%s = reference', async (engine) => {
        expectClose((await runOn(engine, p.graph, p.feeds)).y as Float32Array, expected(), tolerance);
      });

      const wrt = (opCase.differentiate ?? opCase.inputs.map((_, i) => i)).map((i) => `x${i}`);
      if (isUnsupported(def.vjp) || wrt.length === 0) return;
      const seed = values({ shape: opCase.outputShape }, 1234);
      const backward = () => {
        const made = gradientGraph(p.graph, { of: 'y', wrt }, 'seed');
        verifyGraph(made.graph, SHAPES);
        return made;
      };

      it('gradient = finite differences', () => {
        const { graph, gradients } = backward();
        const ids = wrt.map((id) => gradients.get(id) as string);
        const analytic = runReference(graph, { ...p.feeds, seed }, ids);
        wrt.forEach((id, k) => {
          const numeric = finiteDifferences(p, id, seed);
          expectClose(analytic.get(ids[k] as string) as Float64Array, numeric, 1e-6);
        });
      });

      if (oracle && !opCase.noOracleGradient) {
        it('gradient = tfjs autodiff', async () => {
          await tf.setBackend('cpu');
          const { graph, gradients } = backward();
          const ids = wrt.map((id) => gradients.get(id) as string);
          const ours = runReference(graph, { ...p.feeds, seed }, ids);
          const theirs = tf.tidy(() => {
            const dy = tf.tensor(seed, [...opCase.outputShape]);
            const all = tf.grads((...x: tf.Tensor[]) => oracle(tf, ...x))(tensors(p, opCase), dy);
            return all.map((t) => t.dataSync() as Float32Array);
          });
          wrt.forEach((id, k) => {
            const mine = ours.get(ids[k] as string) as Float64Array;
            expectClose(mine, theirs[Number(id.slice(1))] as Float32Array, tolerance * 10);
          });
        });
      }

      it.each(ENGINES)('gradient on %s = reference', async (engine) => {
        const { graph, gradients } = backward();
        const ids = [...new Set(gradients.values())];
        const feeds = { ...p.feeds, seed };
        const wanted = runReference(graph, feeds, ids);
        const actual = await runOn(engine, graph, feeds);
        for (const id of ids) expectClose(actual[id] as Float32Array, wanted.get(id) as Float64Array, tolerance * 10);
      });
    });
  });
}

/**
 * Confirms the references with TensorFlow and, where its converter takes the op, LiteRT: one Python process for all cases.
 * What each kind is in TensorFlow stands in test/oracles/op_values.py.
 */
export function describeTensorFlow(table: Readonly<Record<string, readonly OpCase[]>>): void {
  const rows = Object.entries(table).flatMap(([kind, cases]) => cases.map((c) => ({ kind, opCase: c })));
  describeNeeding([pythonOracle], 'reference = TensorFlow and LiteRT', () => {
    let results: readonly { tensorflow: number[]; litert: number[] | null }[] = [];
    beforeAll(() => {
      const request = rows.map(({ kind, opCase }) => ({
        kind,
        attrs: opCase.attrs ?? {},
        inputs: prepare(kind, opCase).values.map((v, i) => ({ shape: inputOf(opCase, i).shape, data: [...v] })),
      }));
      const script = path.join(repositoryRoot, 'test/oracles/op_values.py');
      const run = spawnSync(oraclePython() as string, [script], {
        input: JSON.stringify(request),
        encoding: 'utf8',
        maxBuffer: 1 << 28,
        env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
      });
      if (run.status !== 0) throw new Error(`op_values.py failed: ${run.stderr.slice(-2000)}`);
      results = JSON.parse(run.stdout.slice(run.stdout.lastIndexOf('\n[') + 1));
    });
    it.each(rows.map((r, i) => [`${r.kind}: ${r.opCase.name}`, i] as const))('%s', (_name, i) => {
      const { kind, opCase } = rows[i] as (typeof rows)[number];
      const p = prepare(kind, opCase);
      const expected = runReference(p.graph, p.feeds).get('y') as Float64Array;
      const result = results[i] as (typeof results)[number];
      expectClose(expected, result.tensorflow, opCase.tolerance ?? 1e-5);
      if (result.litert) expectClose(expected, result.litert, opCase.tolerance ?? 1e-5);
    });
  });
}

function inputOf(opCase: OpCase, i: number): CaseInput {
  const input = opCase.inputs[i] as Shape | CaseInput;
  return 'shape' in input ? input : { shape: input };
}

function prepare(kind: string, opCase: OpCase): Prepared {
  const data = opCase.inputs.map((_, i) => values(inputOf(opCase, i), 17 + i));
  const builder = new GraphBuilder(kind, SHAPES);
  const feeds: Record<string, Float32Array> = {};
  const ids = data.map((v, i) => {
    const { shape, constant } = inputOf(opCase, i);
    if (constant) return builder.constant(`x${i}`, shape, v);
    feeds[`x${i}`] = v;
    return builder.input(`x${i}`, shape);
  });
  const y = builder.op(kind, ids, opCase.attrs ?? {}, { id: 'y' });
  return { graph: builder.build([y]), values: data, feeds };
}

function values(input: CaseInput, seed: number): Float32Array {
  if (input.data) return Float32Array.from(input.data);
  const random = createRandom(seed);
  const draw = (): number => {
    if (!input.range) return random.normal();
    return input.range[0] + random.next() * (input.range[1] - input.range[0]);
  };
  return Float32Array.from({ length: elementCount(input.shape) }, () => {
    let v = draw();
    while (input.avoid?.points.some((point) => Math.abs(v - point) < (input.avoid?.by ?? 0))) v = draw();
    return v;
  });
}

function tensors(p: Prepared, opCase: OpCase): tf.Tensor[] {
  return p.values.map((v, i) => tf.tensor(v, [...inputOf(opCase, i).shape]));
}

/** Central differences of ⟨seed, y⟩ in float64. */
function finiteDifferences(p: Prepared, id: string, seed: Float32Array): Float64Array {
  const base = p.values[Number(id.slice(1))] as Float32Array;
  const loss = (x: Float64Array): number => {
    const tensorsWith = new Map(p.graph.tensors);
    const tensor = tensorOf(p.graph, id);
    // A constant becomes an input, so that its value can stay in float64.
    tensorsWith.set(id, { id, shape: tensor.shape, dtype: tensor.dtype });
    const y = runReference({ ...p.graph, tensors: tensorsWith }, { ...p.feeds, [id]: x }).get('y') as Float64Array;
    return y.reduce((sum, v, i) => sum + v * (seed[i] as number), 0);
  };
  const step = 1e-5;
  return Float64Array.from(base, (v, i) => {
    const x = Float64Array.from(base);
    x[i] = v + step;
    const up = loss(x);
    x[i] = v - step;
    return (up - loss(x)) / (2 * step);
  });
}

async function runOn(
  engine: (typeof ENGINES)[number],
  graph: Graph,
  feeds: Readonly<Record<string, Float32Array>>,
): Promise<Readonly<Record<string, Float32Array>>> {
  if (engine !== 'onnx') return runOnTfjs(engine === 'tfjs cpu' ? 'cpu' : 'wasm', graph, feeds);
  let compiled: CompiledGraph | undefined;
  try {
    compiled = await (await createOnnxEngine()).compile(graph, { threads: 1 });
    return await compiled.run(feeds);
  } finally {
    await compiled?.dispose();
  }
}

/** The `toTfjs` hooks without the tfjs engine around them. */
async function runOnTfjs(
  backend: 'cpu' | 'wasm',
  graph: Graph,
  feeds: Readonly<Record<string, Float32Array>>,
): Promise<Readonly<Record<string, Float32Array>>> {
  setWasmPaths(`${path.join(repositoryRoot, 'node_modules/@tensorflow/tfjs-backend-wasm/dist')}/`);
  if (!(await tf.setBackend(backend))) throw new Error(`tfjs ${backend} did not start`);
  return tf.tidy(() => {
    const known = new Map<string, tf.Tensor>();
    const lookUp = (id: string): tf.Tensor => {
      let value = known.get(id);
      if (!value) {
        const { shape, data } = tensorOf(graph, id);
        value = tf.tensor((data ?? feeds[id]) as Float32Array, [...shape]);
        known.set(id, value);
      }
      return value;
    };
    for (const node of graph.nodes) {
      const { toTfjs } = opDef(node.kind);
      if (isUnsupported(toTfjs)) throw new Error(`${node.kind} does not run on tfjs: ${toTfjs.unsupported}`);
      const types = node.outputs.map((id) => tensorOf(graph, id));
      toTfjs(tf, node.inputs.map(lookUp), node.attrs, types).forEach((value, i) => {
        expect(value.shape).toEqual(types[i]?.shape);
        known.set(node.outputs[i] as string, value);
      });
    }
    return Object.fromEntries(graph.outputs.map((id) => [id, lookUp(id).dataSync() as Float32Array]));
  });
}

/** Element-wise |actual − expected| ≤ tolerance · (1 + |expected|); names the worst element. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  let worst = -1;
  let at = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs((actual[i] as number) - (expected[i] as number)) / (1 + Math.abs(expected[i] as number));
    if (!(error <= worst)) {
      worst = error;
      at = i;
    }
  }
  if (!(worst <= tolerance)) expect.fail(`element ${at}: ${actual[at]} instead of ${expected[at]} (± ${tolerance})`);
}
