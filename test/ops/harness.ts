/**
 * One table of cases per op, everything about the op checked from it: `describeOp(kind, cases)`.
 *
 * For every case:
 * - forward: the float64 `reference` against TensorFlow and LiteRT (`oracle`, a Python expression) and tfjs (`tfjs`), the
 *   TFLite file that LiteRT ran, read back through `tflite.decode`, and every engine against the reference;
 * - gradient: the graph that `vjp` builds, run in float64, against central finite differences, TensorFlow's GradientTape
 *   and tfjs, then on every engine against float64. The kinds that gradients are made of are thereby tested too.
 */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
// Registers the gradients of tfjs's kernels.
import '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { tfliteReader } from '../../converters/tflite/index.js';
import { createRandom } from '../../src/core/random.js';
import type { Engine, EngineId } from '../../src/engines/engine.js';
import { createOnnxEngine } from '../../src/engines/onnx.js';
import { createTfjsEngine } from '../../src/engines/tfjs.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { type Attrs, elementCount, type Graph, type Shape, tensorOf } from '../../src/ir/graph.js';
import { verifyGraph } from '../../src/ir/verify.js';
import { opDef, SHAPES } from '../../src/ops/index.js';
import { type GradientSink, isUnsupported } from '../../src/ops/op-def.js';
import { runReference } from '../../src/ops/reference.js';
import { itNeeding, pythonOracle, type Requirement } from '../support/shared-data.js';
import { askOracle, type OracleAnswer } from './python-oracle.js';

export interface CaseInput {
  readonly shape: Shape;
  /**
   * What to feed: standard normal (default), normal kept 0.05 away from 0, uniform in [0.5, 2], small integers in −2 … 2
   * (many ties), or these values.
   */
  readonly values?: 'normal' | 'offZero' | 'positive' | 'ties' | readonly number[];
  /** A weight: a constant of the graph in one run, fed in another. */
  readonly weight?: boolean;
}

export interface OpCase {
  readonly name: string;
  readonly inputs: readonly (CaseInput | Shape)[];
  readonly attrs?: Attrs;
  /**
   * The same computation in TensorFlow as a Python expression of the inputs `a`, `b`, `c`, … (weights are constants), `tf`
   * and `np`; e.g. `tf.nn.relu(a)`. Its value comes from TensorFlow and, converted, from LiteRT.
   */
  readonly oracle?: string;
  /** False: TensorFlow only, because the converter or LiteRT computes something else on purpose (say why in a comment). */
  readonly litert?: boolean;
  /** The converted file holds operators that the reader refuses. */
  readonly tfliteRefused?: boolean;
  /** The same computation in tfjs's own ops, run on its cpu backend; also the oracle of the gradient. */
  readonly tfjs?: (tf: typeof import('@tensorflow/tfjs-core'), ...inputs: tf.Tensor[]) => tf.Tensor;
  /** False: tfjs has no gradient for it, or a wrong one. */
  readonly tfjsGradient?: boolean;
  /** Inputs whose gradient is checked; default all. Empty: the op has no gradient here. */
  readonly wrt?: readonly number[];
  /** Skips finite differences where the function jumps or kinks at the values fed; say why in a comment. */
  readonly finiteDifferences?: boolean;
  /** Allowed |difference| / (1 + max |expected|) on engines. Default 1e-5. */
  readonly tolerance?: number;
  /** Exact shape of the output, when the case is about shapes. */
  readonly shape?: Shape;
}

const INPUT_NAMES = 'abcdefgh';
const ENGINES: readonly EngineId[] = ['onnx', 'tfjs-cpu', 'tfjs-wasm', 'tfjs-node'];

interface Prepared {
  readonly inputs: readonly CaseInput[];
  readonly feeds: readonly Float32Array[];
  readonly seed: Float32Array;
  readonly outShape: Shape;
  readonly wrt: readonly number[];
}

/** Registers the tests of one op kind. */
export function describeOp(kind: string, cases: readonly OpCase[]): void {
  const prepared = new Map(cases.map((c) => [c, prepareCase(kind, c)]));
  const asked = cases.filter((c) => c.oracle !== undefined);

  describe(kind, () => {
    let answers: ReadonlyMap<OpCase, OracleAnswer> = new Map();
    if (asked.length > 0 && pythonOracle.available()) {
      // One Python process for the whole table: starting TensorFlow takes longer than all the cases.
      beforeAll(async () => {
        const questions = asked.map((c) => oracleQuestion(c, prepared.get(c) as Prepared));
        const list = askOracle(questions);
        answers = new Map(asked.map((c, i) => [c, list[i] as OracleAnswer]));
      }, 180_000);
    }

    describe.each(cases.map((c) => [c.name, c] as const))('%s', (_name, c) => {
      const p = prepared.get(c) as Prepared;
      const tolerance = c.tolerance ?? 1e-5;
      const forward = forwardGraph(kind, c, p, false);

      it('has the inferred shape and a valid graph', () => {
        verifyGraph(forward, SHAPES);
        if (c.shape) expect(tensorOf(forward, 'y').shape).toEqual(c.shape);
        expect(referenceOf(forward, p).length).toBe(elementCount(p.outShape));
      });

      if (c.oracle !== undefined) {
        itNeeding([pythonOracle], 'agrees with TensorFlow and LiteRT', () => {
          const answer = answers.get(c) as OracleAnswer;
          const ours = referenceOf(forward, p);
          expectClose(ours, answer.tensorflow, 1e-5, 'TensorFlow');
          if (c.litert !== false) expectClose(ours, answer.litert as number[], 1e-5, 'LiteRT');
        });

        if (c.litert !== false && isNetworkOfOneSample(kind, p)) {
          const outcome = c.tfliteRefused ? 'is refused' : 'means the same';
          itNeeding([pythonOracle], `as a TFLite file, ${outcome} when read back`, async () => {
            const { model, litert } = answers.get(c) as OracleAnswer;
            const bytes = new Uint8Array(Buffer.from(model as string, 'base64'));
            const sibling = () => Promise.reject(new Error('a TFLite file has no siblings'));
            const read = tfliteReader.read({ name: 'case.tflite', bytes, sibling }, {});
            if (c.tfliteRefused) return expect(read).rejects.toMatchObject({ code: 'E_OP_UNSUPPORTED' });
            const { graph } = await read;
            // The converter calls input `a` "serving_default_a:0".
            const feeds = graph.inputs.map((id) => [id, feedsOf(p)[id.replace(/^.*_(.):0$/, '$1')] ?? []]);
            const values = runReference(graph, Object.fromEntries(feeds));
            expectClose(values[graph.outputs[0] as string] as Float64Array, litert as number[], 1e-5, 'LiteRT');
          });
        }
      }

      const oracle = c.tfjs;
      if (oracle) {
        it("agrees with tfjs's own op", async () => {
          await tf.setBackend('cpu');
          const theirs = tf.tidy(() => oracle(tf, ...tensorsOf(p)).dataSync());
          expectClose(referenceOf(forward, p), theirs, 1e-5, 'tfjs');
        });
      }

      onEveryEngine('runs', async (engine) => {
        const expected = referenceOf(forward, p);
        for (const graph of graphVariants(kind, c, p)) {
          const { y } = await runOn(engine, graph, feedsOf(p));
          expectClose(y as Float32Array, expected, tolerance, engine);
        }
      });

      if (p.wrt.length === 0) return;
      const gradient = gradientGraph(forward, p, p.wrt);
      const feeds = { ...feedsOf(p), seed: p.seed };

      it('has a gradient of the right shape', () => {
        verifyGraph(gradient, SHAPES);
        p.wrt.forEach((i, k) => {
          expect(tensorOf(gradient, gradient.outputs[k] as string).shape).toEqual(p.inputs[i]?.shape);
        });
      });

      if (c.finiteDifferences !== false) {
        it('has the gradient of finite differences', () => {
          const ours = runReference(gradient, feeds);
          p.wrt.forEach((i, k) => {
            const g = ours[gradient.outputs[k] as string] as Float64Array;
            expectClose(...finiteDifferences(forward, p, i, g), 1e-6, `finite differences of input ${i}`);
          });
        });
      }

      if (c.oracle !== undefined) {
        itNeeding([pythonOracle], 'has the gradient of TensorFlow', () => {
          const answer = answers.get(c) as OracleAnswer;
          const ours = runReference(gradient, feeds);
          p.wrt.forEach((i, k) => {
            const g = ours[gradient.outputs[k] as string] as Float64Array;
            expectClose(g, answer.gradients[k] as number[], 1e-5, `TensorFlow's gradient of input ${i}`);
          });
        });
      }

      if (oracle && c.tfjsGradient !== false) {
        it('has the gradient of tfjs', async () => {
          await tf.setBackend('cpu');
          const theirs = tf.tidy(() => {
            const seed = tf.tensor(p.seed, [...p.outShape]);
            const all = tf.grads((...inputs: tf.Tensor[]) => oracle(tf, ...inputs))(tensorsOf(p), seed);
            return all.map((t) => t.dataSync());
          });
          const ours = runReference(gradient, feeds);
          p.wrt.forEach((i, k) => {
            const g = ours[gradient.outputs[k] as string] as Float64Array;
            expectClose(g, theirs[i] as Float32Array, 1e-5, `tfjs's gradient of input ${i}`);
          });
        });
      }

      onEveryEngine('has the same gradient', async (engine) => {
        const expected = runReference(gradient, feeds);
        for (const graph of graphVariants(kind, c, p)) {
          const constants = p.inputs.map((_, i) => i).filter((i) => !graph.inputs.includes(inputName(i)));
          const wrt = p.wrt.filter((i) => !constants.includes(i));
          if (wrt.length === 0) continue;
          const g = gradientGraph(graph, p, wrt);
          const got = await runOn(engine, g, feeds);
          wrt.forEach((i, k) => {
            const reference = expected[gradient.outputs[p.wrt.indexOf(i)] as string] as Float64Array;
            expectClose(
              got[g.outputs[k] as string] as Float32Array,
              reference,
              tolerance,
              `${engine}, input ${i}${constants.length > 0 ? ', constant weights' : ''}`,
            );
          });
        }
      });
    });
  });
}

/** What the reader takes: a batch of one sample, and ops that networks consist of. */
function isNetworkOfOneSample(kind: string, { inputs }: Prepared): boolean {
  const fed = inputs.filter(({ weight }) => !weight);
  return opDef(kind).role === 'network' && fed.every(({ shape }) => shape.length > 1 && shape[0] === 1);
}

function inputName(i: number): string {
  return INPUT_NAMES[i] as string;
}

function prepareCase(kind: string, c: OpCase): Prepared {
  const inputs = c.inputs.map((spec): CaseInput => (Array.isArray(spec) ? { shape: spec } : (spec as CaseInput)));
  // Every case has numbers of its own; the same in every run.
  let seed = 17;
  for (const character of `${kind} ${c.name}`) seed = (Math.imul(seed, 31) + character.charCodeAt(0)) >>> 0;
  const random = createRandom(seed);
  const feeds = inputs.map(({ shape, values = 'normal' }) => {
    if (typeof values !== 'string') return Float32Array.from(values);
    const draw = {
      normal: () => random.normal(),
      offZero: () => {
        const v = random.normal();
        return v + Math.sign(v) * 0.05;
      },
      positive: () => 0.5 + 1.5 * random.next(),
      ties: () => random.int(5) - 2,
    }[values];
    return Float32Array.from({ length: elementCount(shape) }, draw);
  });
  const types = inputs.map(({ shape }) => ({ shape, dtype: 'float32' as const }));
  const outShape = SHAPES.inferShape(kind, types, c.attrs ?? {})[0]?.shape ?? [];
  const seedValues = Float32Array.from({ length: elementCount(outShape) }, () => random.normal());
  return { inputs, feeds, seed: seedValues, outShape, wrt: c.wrt ?? inputs.map((_, i) => i) };
}

/** y = op(inputs); weights as constants or as inputs. */
function forwardGraph(kind: string, c: OpCase, p: Prepared, constantWeights: boolean): Graph {
  const builder = new GraphBuilder('case', SHAPES);
  const ids = p.inputs.map(({ shape, weight }, i) =>
    weight && constantWeights
      ? builder.constant(inputName(i), shape, p.feeds[i] as Float32Array)
      : builder.input(inputName(i), shape),
  );
  return builder.build([builder.op(kind, ids, c.attrs ?? {}, { id: 'y' })]);
}

function graphVariants(kind: string, c: OpCase, p: Prepared): Graph[] {
  const fed = forwardGraph(kind, c, p, false);
  return p.inputs.some((input) => input.weight) ? [fed, forwardGraph(kind, c, p, true)] : [fed];
}

/** One output per `wrt`: the vector-Jacobian product of the only node with the input `seed`. */
function gradientGraph(forward: Graph, p: Prepared, wrt: readonly number[]): Graph {
  const builder = new GraphBuilder('gradient', SHAPES, forward);
  const node = forward.nodes[0];
  if (!node) throw new Error('the case has no node');
  const seed = builder.input('seed', p.outShape);
  const sink: GradientSink = {
    type: (id) => builder.type(id),
    op: (op, inputs, attrs = {}) => builder.op(op, inputs, attrs),
    constant: (shape, data) => builder.constant('constant', shape, data),
  };
  const { vjp } = opDef(node.kind);
  if (isUnsupported(vjp)) throw new Error(`${node.kind} has no gradient (${vjp.unsupported}); say wrt: []`);
  const needs = node.inputs.map((_, i) => wrt.includes(i));
  const results = vjp(sink, {
    inputs: node.inputs,
    outputs: node.outputs,
    attrs: node.attrs,
    gradients: [seed],
    needs,
  });
  results.forEach((id, i) => {
    if (!needs[i]) expect(id, `vjp computed an unneeded gradient of input ${i}`).toBeUndefined();
  });
  // A gradient may be the seed itself, or one value for two inputs: name each one.
  return builder.build(wrt.map((i) => builder.op('identity', [results[i] as string], {}, { id: `d_${inputName(i)}` })));
}

function feedsOf(p: Prepared): Record<string, Float32Array> {
  return Object.fromEntries(p.feeds.map((data, i) => [inputName(i), data]));
}

function referenceOf(graph: Graph, p: Prepared): Float64Array {
  return runReference(graph, feedsOf(p)).y as Float64Array;
}

function tensorsOf(p: Prepared): tf.Tensor[] {
  return p.feeds.map((data, i) => tf.tensor(data, [...(p.inputs[i]?.shape ?? [])]));
}

/** Central differences of Σ seed·y at up to 48 elements, and our gradient at the same ones. */
function finiteDifferences(graph: Graph, p: Prepared, input: number, ours: Float64Array): [number[], number[]] {
  const step = 1e-4;
  const count = ours.length;
  const every = Math.max(1, Math.floor(count / 48));
  const loss = (data: Float64Array): number => {
    const y = runReference(graph, { ...feedsOf(p), [inputName(input)]: data }).y as Float64Array;
    return y.reduce((sum, v, i) => sum + v * (p.seed[i] as number), 0);
  };
  const got: number[] = [];
  const expected: number[] = [];
  for (let i = 0; i < count; i += every) {
    const data = Float64Array.from(p.feeds[input] as Float32Array);
    const at = data[i] as number;
    data[i] = at + step;
    const up = loss(data);
    data[i] = at - step;
    expected.push((up - loss(data)) / (2 * step));
    got.push(ours[i] as number);
  }
  return [got, expected];
}

const engines = new Map<EngineId, Promise<Engine>>();

function engineOf(id: EngineId): Promise<Engine> {
  const engine = engines.get(id) ?? (id === 'onnx' ? createOnnxEngine() : createTfjsEngine(id));
  engines.set(id, engine);
  return engine;
}

const hasTfjsNode = await engineOf('tfjs-node').then(
  () => true,
  () => false,
);

/** The optional package, which may not have been built on this machine. */
const tfjsNode: Requirement = {
  name: 'tfjs-node',
  install: 'npm run setup:tfjs-node',
  kind: 'tool',
  available: () => hasTfjsNode,
};

/** One test an engine; those of an engine that is not there are skipped and say so. */
function onEveryEngine(name: string, body: (engine: EngineId) => Promise<void>): void {
  for (const id of ENGINES) itNeeding(id === 'tfjs-node' ? [tfjsNode] : [], `${name} on ${id}`, () => body(id));
}

async function runOn(
  id: EngineId,
  graph: Graph,
  feeds: Readonly<Record<string, Float32Array>>,
): Promise<Readonly<Record<string, Float32Array>>> {
  const compiled = await (await engineOf(id)).compile(graph, { threads: 1 });
  try {
    return await compiled.run(feeds);
  } finally {
    await compiled.dispose();
  }
}

/** |got − expected| ≤ tolerance · (1 + max |expected|), elementwise; non-finite values must be equal. */
export function expectClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  against: string,
): void {
  expect(got.length, `number of values against ${against}`).toBe(expected.length);
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    if (Number.isFinite(expected[i])) largest = Math.max(largest, Math.abs(expected[i] as number));
  }
  const allowed = tolerance * (1 + largest);
  for (let i = 0; i < expected.length; i++) {
    const a = got[i] as number;
    const b = expected[i] as number;
    if (Object.is(a, b) || a === b || Math.abs(a - b) <= allowed) continue;
    expect.fail(`value ${i} against ${against}: got ${a}, expected ${b} (allowed difference ${allowed})`);
  }
}

function oracleQuestion(c: OpCase, p: Prepared): Parameters<typeof askOracle>[0][number] {
  return {
    expression: c.oracle as string,
    inputs: p.inputs.map(({ shape, weight }, i) => ({
      shape: [...shape],
      data: Array.from(p.feeds[i] as Float32Array),
      weight: weight ?? false,
    })),
    seed: { shape: [...p.outShape], data: Array.from(p.seed) },
    wrt: [...p.wrt],
    litert: c.litert !== false,
  };
}
