/** What quantization did to every tensor: the integer executor against the float network on calibration samples. */
import { type RunContext, throwIfAborted } from '../core/context.js';
import type { Engine } from '../engines/engine.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { producers } from '../ir/walk.js';
import { opDef } from '../ops/index.js';
import { setBatch } from '../passes/set-batch.js';
import { quantizeToInt8 } from '../preprocess/normalise.js';
import { chooseBatchSize, joinSamples } from './calibration-samples.js';
import { prepareInt8 } from './executor.js';
import { type ActivationQuant, INT8_MAX, INT8_MIN, quantizeValues } from './quant-params.js';

/** Multiply-accumulates spent on the measurement: the executor is exact, not fast. */
const MACS = 400_000_000;
const FEWEST_SAMPLES = 8;

export interface MeasuredTensor {
  readonly id: string;
  readonly kind: string;
  readonly scale: number;
  readonly zeroPoint: number;
  readonly sqnrDb: number | null;
  readonly saturated: number;
}

/**
 * @param float legalised network, batch 1; its activations carry the ids of `int8`'s
 * @param samples network inputs, float32; as many are used as a fixed amount of work allows
 * @param coded outputs whose codes were given: the float value counts as the code nearest to it, which is what was wanted of it
 * @returns activations in order of the graph, inputs first
 */
export async function measureTensors(
  float: Graph,
  int8: Graph,
  samples: readonly Float32Array[],
  engine: Engine,
  threads: number | undefined,
  ctx: RunContext,
  coded: readonly string[] = [],
): Promise<{ tensors: readonly MeasuredTensor[]; samples: number }> {
  const used = samples.slice(0, Math.max(FEWEST_SAMPLES, Math.floor(MACS / Math.max(1, countMacs(float)))));
  const input = float.inputs[0] as string;
  const ids = float.nodes.flatMap((node) => node.outputs);
  const size = chooseBatchSize(float, used.length);
  const compiled = await engine.compile(
    setBatch({ ...float, outputs: ids }, size),
    threads === undefined ? {} : { threads },
  );
  const program = prepareInt8(int8);
  const sums = new Map([input, ...ids].map((id) => [id, new ErrorSum()]));
  const inputQuant = quantOf(int8, input);
  let done = 0;
  try {
    for (const { inputs, count } of joinSamples(used, size)) {
      const values = { ...(await compiled.run({ [input]: inputs })), [input]: inputs };
      for (let i = 0; i < count; i++) {
        throwIfAborted(ctx);
        const sample = used[done] as Float32Array;
        const codes = program.trace([Int8Array.from(sample, (v) => quantizeToInt8(v, inputQuant))]);
        for (const [id, sum] of sums) {
          const n = elementCount(tensorOf(float, id).shape);
          const { scale, zeroPoint } = quantOf(int8, id);
          const real = (values[id] as Float32Array).subarray(i * n, (i + 1) * n);
          const wanted = coded.includes(id) ? toNearestCodes(real, { scale, zeroPoint }) : real;
          sum.add(wanted, codes.get(id) ?? [], scale, zeroPoint);
        }
        done++;
        ctx.onProgress?.({ stage: 'measure', done, total: used.length, unit: 'samples' });
      }
    }
  } finally {
    await compiled.dispose();
  }
  const producerOf = producers(int8);
  const tensors = [...sums].map(([id, sum]) => ({
    id,
    kind: producerOf.get(id)?.kind ?? 'input',
    ...quantOf(int8, id),
    sqnrDb: sum.sqnrDb,
    saturated: sum.saturated / Math.max(1, sum.count),
  }));
  return { tensors, samples: used.length };
}

function toNearestCodes(values: Float32Array, quant: ActivationQuant): Float32Array {
  return Float32Array.from(quantizeValues(values, quant), (code) => quant.scale * (code - quant.zeroPoint));
}

function countMacs(graph: Graph): number {
  const types = (ids: readonly string[]) => ids.map((id) => tensorOf(graph, id));
  return graph.nodes.reduce((n, { kind, inputs, outputs, attrs }) => {
    return n + opDef(kind).macs(types(inputs), types(outputs), attrs);
  }, 0);
}

function quantOf(graph: Graph, id: string): { scale: number; zeroPoint: number } {
  const quant = tensorOf(graph, id).quant;
  return { scale: quant?.scale[0] as number, zeroPoint: quant?.zeroPoint[0] as number };
}

/** Signal and error power of one tensor, summed over samples. */
class ErrorSum {
  saturated = 0;
  count = 0;
  #signal = 0;
  #error = 0;

  add(expected: Float32Array, codes: ArrayLike<number>, scale: number, zeroPoint: number): void {
    for (let i = 0; i < expected.length; i++) {
      const value = expected[i] as number;
      const code = codes[i] as number;
      const difference = value - scale * (code - zeroPoint);
      this.#signal += value * value;
      this.#error += difference * difference;
      if (code === INT8_MIN || code === INT8_MAX) this.saturated++;
    }
    this.count += expected.length;
  }

  /** 10·log10 of signal over error power; null when there is no error at all. */
  get sqnrDb(): number | null {
    if (this.#error === 0) return null;
    return this.#signal === 0 ? 0 : 10 * Math.log10(this.#signal / this.#error);
  }
}
