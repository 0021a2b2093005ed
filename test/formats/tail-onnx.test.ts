/** tail.onnx: int8 wire tensors in, dequantized inside, any batch; against the float64 references, in two builds of onnxruntime. */
import ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { writeTailOnnx } from '../../converters/onnx/tail.js';
import { attachWire, type WireInput } from '../../converters/wire-tail.js';
import { IsplitError } from '../../src/core/errors.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { type Graph, tensorOf } from '../../src/ir/graph.js';
import { SHAPES } from '../../src/ops/index.js';
import { runReference } from '../../src/ops/reference.js';
import { setBatch } from '../../src/passes/set-batch.js';
import { itNeeding, oraclePython, pythonOracle } from '../support/shared-data.js';
import { randomNetwork } from '../unit/passes/random-network.js';
import { maxDifference, runGraph } from './model-file.js';
import { TAIL_CASES, wireOf, wireValues } from './tail-networks.js';
import { runPythonTails } from './tail-runtimes.js';

const BATCHES = [1, 3];

/** Float64: the first output for these wire values. */
function reference(tail: Graph, values: readonly Int8Array[], batch: number): Float64Array {
  const graph = setBatch(attachWire(tail, wireOf(tail)), batch);
  const feeds = Object.fromEntries(graph.inputs.map((id, i) => [id, values[i] as Int8Array]));
  return runReference(graph, feeds)[graph.outputs[0] as string] as Float64Array;
}

async function runInNode(model: Uint8Array, tail: Graph, values: readonly Int8Array[], batch: number) {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const feeds = tail.inputs.map((id, i): [string, ort.Tensor] => {
    const shape = tensorOf(tail, id).shape.slice(1);
    return [id, new ort.Tensor('int8', values[i] as Int8Array, [batch, ...shape])];
  });
  const result = await session.run(Object.fromEntries(feeds));
  const output = result[session.outputNames[0] as string] as ort.Tensor;
  await session.release();
  return { data: output.data as Float32Array, dims: output.dims, name: session.outputNames[0] };
}

function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((m, v) => Math.max(m, Math.abs(v)), 1);
}

describe.each(TAIL_CASES)('$name', ({ tail }) => {
  it.each(BATCHES)('gives what the references give for %i samples', async (batch) => {
    const values = wireValues(tail, batch);
    const expected = reference(tail, values, batch);
    const { data, dims } = await runInNode(writeTailOnnx(tail, wireOf(tail)), tail, values, batch);
    expect(dims[0]).toBe(batch);
    expect(maxDifference(data, expected)).toBeLessThan(2e-6 * largest(expected));
  });
});

it('random networks as tails do the same', async () => {
  for (let seed = 0; seed < 25; seed++) {
    const tail = randomNetwork(seed);
    const values = wireValues(tail, 4);
    const { data } = await runInNode(writeTailOnnx(tail, wireOf(tail)), tail, values, 4);
    const expected = reference(tail, values, 4);
    expect(maxDifference(data, expected), `seed ${seed}`).toBeLessThan(1e-5 * largest(expected));
  }
});

it('dequantizes to the very floats that an engine is fed', async () => {
  const { tail } = TAIL_CASES.find(({ name }) => name.startsWith('nothing')) as (typeof TAIL_CASES)[number];
  const values = [Int8Array.from({ length: 250 }, (_, i) => i - 125)];
  const { scale, zeroPoint } = wireOf(tail)[0] as WireInput;
  const expected = Float32Array.from(values[0] as Int8Array, (q) => Math.fround(scale) * (q - zeroPoint));
  const { data } = await runInNode(writeTailOnnx(tail, wireOf(tail)), tail, values, 25);
  expect(data).toEqual(expected);
});

itNeeding([pythonOracle], 'plain onnxruntime in Python sees int8 inputs and an open batch, and gives the same', () => {
  const classNames = ['cat', 'dög'];
  const jobs = TAIL_CASES.map(({ tail }) => ({
    model: writeTailOnnx(tail, wireOf(tail), { classNames }),
    tail,
    values: wireValues(tail, 5),
    batch: 2,
  }));
  const answers = runPythonTails(oraclePython() as string, jobs);
  answers.forEach((answer, i) => {
    const { name, tail } = TAIL_CASES[i] as (typeof TAIL_CASES)[number];
    const expected = reference(tail, wireValues(tail, 5), 5);
    expect(maxDifference(answer.values, expected), name).toBeLessThan(2e-6 * largest(expected));
    expect(answer.inputs, name).toEqual(
      tail.inputs.map((id) => ({ name: id, type: 'tensor(int8)', shape: ['N', ...tensorOf(tail, id).shape.slice(1)] })),
    );
    const output = tail.outputs[0] as string;
    expect(answer.outputs[0]?.name, name).toBe(tail.inputs.includes(output) ? `${output}/real` : output);
    expect(answer.outputs[0]?.shape[0], name).toBe('N');
    expect(JSON.parse(answer.metadata['isplit.classes'] as string)).toEqual(classNames);
    expect(JSON.parse(answer.metadata['isplit.wire'] as string)).toEqual(wireOf(tail));
  });
});

it('a float graph with batch 1 is what the engine runs', async () => {
  // The oracle of the oracle: references and engine agree on the tails themselves.
  const { tail } = TAIL_CASES.find(({ name }) => name === 'squeeze and excite') as (typeof TAIL_CASES)[number];
  const values = wireValues(tail, 1);
  const { scale, zeroPoint } = wireOf(tail)[0] as WireInput;
  const real = Float32Array.from(values[0] as Int8Array, (q) => Math.fround(scale) * (q - zeroPoint));
  const [y] = await runGraph(tail, [real]);
  expect(maxDifference(y as Float32Array, reference(tail, values, 1))).toBeLessThan(1e-5);
});

it('is the same twice, and differs with the wire', () => {
  const { tail } = TAIL_CASES.at(-1) as (typeof TAIL_CASES)[number];
  const bytes = writeTailOnnx(tail, wireOf(tail));
  expect(writeTailOnnx(tail, wireOf(tail))).toEqual(bytes);
  const other = wireOf(tail).map((wire) => ({ ...wire, zeroPoint: 7 }));
  expect(writeTailOnnx(tail, other)).not.toEqual(bytes);
});

describe('refused', () => {
  const graph = (add: (b: GraphBuilder, x: string) => string): Graph => {
    const b = new GraphBuilder('odd', SHAPES);
    return b.build([add(b, b.input('x', [1, 4, 2, 2]))]);
  };
  it.each<[string, Graph]>([
    ['a batch that moves', graph((b, x) => b.op('transpose', [x], { perm: [1, 0, 2, 3] }))],
    ['a batch that is reduced', graph((b, x) => b.op('mean', [x], { axes: [0], keepDims: true }))],
    ['a batch that becomes rows', graph((b, x) => b.op('reshape', [x], { shape: [16] }))],
    ['samples that are padded', graph((b, x) => b.op('pad', [x], { paddings: [0, 1, 0, 0, 0, 0, 0, 0], value: 0 }))],
  ])('%s', (_, tail) => {
    try {
      writeTailOnnx(tail, wireOf(tail));
      expect.fail('it was written');
    } catch (error) {
      expect(error).toBeInstanceOf(IsplitError);
      expect((error as IsplitError).code).toBe('E_SHAPE');
      expect((error as IsplitError).message).toContain('several samples at a time');
    }
  });

  it('a wire that is not the tail’s', () => {
    const { tail } = TAIL_CASES.at(-1) as (typeof TAIL_CASES)[number];
    expect(() => writeTailOnnx(tail, wireOf(tail).slice(1))).toThrow(RangeError);
  });
});
