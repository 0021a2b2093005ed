/** The files of all one-op cases, what their networks compute in float64, and the check of an interpreter's answer against it. */
import { expect } from 'vitest';
import { writeTflite } from '../../converters/tflite/write.js';
import { createRandom } from '../../src/core/random.js';
import { type Graph, type Tensor, tensorOf } from '../../src/ir/graph.js';
import { runReference } from '../../src/ops/reference.js';
import { dequantizeGraph } from '../../src/passes/dequantize-graph.js';
import { buildFloat, buildInt8, ONE_OP_CASES, type OneOpCase, randomCodes, randomFloats } from './tflite-cases.js';
import type { RuntimeAnswer } from './tflite-runtimes.js';

export interface Sample {
  readonly c: OneOpCase;
  readonly dtype: 'float32' | 'int8';
  readonly graph: Graph;
  readonly bytes: Uint8Array;
  readonly inputs: readonly (Float32Array | Int8Array)[];
}

function samplesOf(dtype: 'float32' | 'int8'): Sample[] {
  const random = createRandom(3);
  return ONE_OP_CASES.map((c) => {
    const graph = dtype === 'int8' ? buildInt8(c) : buildFloat(c);
    const inputs = c.inputs.map((shape) =>
      dtype === 'int8' ? randomCodes(random, shape) : randomFloats(random, shape, 2),
    );
    return { c, dtype, graph, bytes: writeTflite(graph), inputs };
  });
}

export const SAMPLES = [...samplesOf('float32'), ...samplesOf('int8')];
export const TITLES = SAMPLES.map((sample) => [`${sample.c.name}, ${sample.dtype}`, sample] as const);

/** Float64 result; of an int8 graph the codes that its real values round to. */
function expectedOutput({ graph, dtype, inputs }: Sample): number[] {
  const output = graph.outputs[0] as string;
  if (dtype === 'float32') {
    const feeds = Object.fromEntries(graph.inputs.map((id, i) => [id, inputs[i] as Float32Array]));
    return [...(runReference(graph, feeds)[output] as Float64Array)];
  }
  const feeds = Object.fromEntries(
    graph.inputs.map((id, i) => {
      const [scale, zero] = quantOf(tensorOf(graph, id));
      return [id, Float32Array.from(inputs[i] as Int8Array, (q) => scale * (q - zero))];
    }),
  );
  const real = runReference(dequantizeGraph(graph), feeds)[output] as Float64Array;
  const [scale, zero] = quantOf(tensorOf(graph, output));
  return [...real].map((v) => Math.min(Math.max(Math.round(v / scale) + zero, -128), 127));
}

function quantOf({ quant }: Tensor): [number, number] {
  return [quant?.scale[0] as number, quant?.zeroPoint[0] as number];
}

/** Largest distance of an answer from the expected values; relative to their size for floats. */
function distance(runtime: string, answer: RuntimeAnswer, sample: Sample, expected: readonly number[]): number {
  if ('error' in answer) throw new Error(`${runtime}: ${answer.error}`);
  const raw = answer.outputs[0] as Uint8Array;
  const values = sample.dtype === 'int8' ? new Int8Array(raw.buffer) : new Float32Array(raw.buffer);
  expect(values).toHaveLength(expected.length);
  const size = sample.dtype === 'int8' ? 1 : 1 + Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((v, i) => Math.abs((values[i] as number) - v))) / size;
}

/** A case that is refused must be refused, one that is computed wrongly must differ, all others must agree. */
export function checkAnswer(runtime: string, answer: RuntimeAnswer, sample: Sample): void {
  const refusal = sample.c.refusedBy?.[runtime] ?? sample.c.refusedBy?.[`${runtime} ${sample.dtype}`];
  if (refusal) {
    expect([runtime, answer]).toEqual([runtime, { error: expect.stringMatching(refusal) }]);
    return;
  }
  // XNNPACK multiplies in float32 where the reference kernels shift integers.
  const codes = (sample.c.codes ?? 1) + (runtime === 'litert' ? 1 : 0);
  const allowed = sample.dtype === 'int8' ? codes : 1e-5;
  const error = distance(runtime, answer, sample, expectedOutput(sample));
  if (sample.c.wrongIn?.includes(`${runtime} ${sample.dtype}`)) expect(error, runtime).toBeGreaterThan(allowed);
  else expect(error, `${runtime} differs by ${error}`).toBeLessThanOrEqual(allowed);
}
