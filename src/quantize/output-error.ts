/** The measured output error by which choices are made: int8, simulated, against the float network on the kept samples. */
import type { Engine } from '../engines/engine.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { producers } from '../ir/walk.js';
import { setBatch } from '../passes/set-batch.js';
import { joinSamples, type SampleBatch } from './calibration-samples.js';
import type { LowerOptions, QuantMap } from './lower.js';
import type { SharedQuantization } from './shared-quantization.js';
import { type Simulation, simulateInt8 } from './simulate.js';

/** Squash what is before them: a confident class hides errors that the next sample would show. */
const SQUASHING = new Set(['softmax', 'sigmoid', 'tanh']);

/** The graph's outputs, or what goes into the softmax, sigmoid or tanh that makes them. */
export function judgedTensors(graph: Graph): string[] {
  const producerOf = producers(graph);
  const ids = graph.outputs.map((id) => {
    const node = producerOf.get(id);
    return node && SQUASHING.has(node.kind) ? (node.inputs[0] as string) : id;
  });
  return [...new Set(ids)];
}

/** What the float network gives for the kept samples: what every quantization of it is held against. */
export interface Reference {
  readonly taps: readonly string[];
  readonly batches: readonly (SampleBatch & { readonly expected: Readonly<Record<string, Float32Array>> })[];
  readonly batchSize: number;
}

/** @throws IsplitError E_ENGINE */
export async function runReferenceNetwork(
  graph: Graph,
  samples: readonly Float32Array[],
  batchSize: number,
  engine: Engine,
  threads: number | undefined,
): Promise<Reference> {
  const taps = judgedTensors(graph);
  const batched = setBatch({ ...graph, outputs: taps }, batchSize);
  const compiled = await engine.compile(batched, threads === undefined ? {} : { threads });
  try {
    const batches = [];
    for (const batch of joinSamples(samples, batchSize)) {
      const values = await compiled.run({ [graph.inputs[0] as string]: batch.inputs });
      const real = taps.map((id): [string, Float32Array] => {
        const elements = elementCount(tensorOf(graph, id).shape);
        return [id, (values[id] as Float32Array).slice(0, batch.count * elements)];
      });
      batches.push({ ...batch, expected: Object.fromEntries(real) });
    }
    return { taps, batches, batchSize };
  } finally {
    await compiled.dispose();
  }
}

/** Mean over the judged tensors of error power / signal power. */
export interface MeasuredError {
  readonly total: number;
  /** Of every other sample: what lowers only one of them is chance. */
  readonly halves: readonly [number, number];
}

/** Whether `a` is smaller by this share, and smaller in each half of the samples. */
export function isBetter(a: MeasuredError, b: MeasuredError, share: number): boolean {
  return a.total < b.total * (1 - share) && a.halves.every((half, i) => half < (b.halves[i] as number));
}

/** Measures the same network under many activation quantizations. */
export interface ErrorMeter {
  measure(quants: QuantMap): Promise<MeasuredError>;
  dispose(): Promise<void>;
}

export async function createErrorMeter(
  shared: SharedQuantization,
  quants: QuantMap,
  options: LowerOptions,
  reference: Reference,
  engine: Engine,
  threads: number | undefined,
): Promise<ErrorMeter> {
  const { taps, batchSize: batch } = reference;
  const simulation: Simulation = await simulateInt8({ shared, quants, options, engine, threads, batch, taps });
  return {
    async measure(current) {
      const error = [new Float64Array(taps.length), new Float64Array(taps.length)] as const;
      const signal = new Float64Array(taps.length);
      for (const { inputs, expected, count } of reference.batches) {
        const values = await simulation.run(inputs, current);
        taps.forEach((id, t) => {
          const wanted = expected[id] as Float32Array;
          const got = values[id] as Float32Array;
          const row = wanted.length / count;
          for (let i = 0; i < wanted.length; i++) {
            const half = error[Math.floor(i / row) % 2] as Float64Array;
            half[t] = (half[t] as number) + ((wanted[i] as number) - (got[i] as number)) ** 2;
            signal[t] = (signal[t] as number) + (wanted[i] as number) ** 2;
          }
        });
      }
      const relative = (of: Float64Array): number =>
        taps.reduce((sum, _, t) => sum + (of[t] as number) / ((signal[t] as number) || 1), 0) / taps.length;
      const halves: [number, number] = [relative(error[0]), relative(error[1])];
      return { total: halves[0] + halves[1], halves };
    },
    dispose: () => simulation.dispose(),
  };
}
