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
  /** Those of the first half come first. */
  readonly batches: readonly (SampleBatch & {
    readonly half: 0 | 1;
    readonly expected: Readonly<Record<string, Float32Array>>;
  })[];
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
    const halves = ([0, 1] as const).map((half) => samples.filter((_, i) => i % 2 === half));
    const joined = halves.flatMap((part, half) =>
      joinSamples(part, batchSize).map((batch) => ({ ...batch, half: half as 0 | 1 })),
    );
    for (const batch of joined) {
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

/** What a measurement is to beat: in total by this share, and in each half of the samples. */
export interface Target {
  readonly error: MeasuredError;
  readonly share: number;
}

/** Measures the same network under many activation quantizations. */
export interface ErrorMeter {
  measure(quants: QuantMap): Promise<MeasuredError>;
  /**
   * Errors only grow from sample to sample: the measurement ends as soon as it cannot beat the target any more.
   * @returns undefined when the target was not beaten
   */
  beat(quants: QuantMap, target: Target): Promise<MeasuredError | undefined>;
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
  const { taps, batchSize: batch, batches } = reference;
  const simulation: Simulation = await simulateInt8({ shared, quants, options, engine, threads, batch, taps });
  const signal = taps.map((id) => batches.reduce((sum, { expected }) => sum + power(expected[id] as Float32Array), 0));
  const run = async (current: QuantMap, target: Target | undefined): Promise<MeasuredError | undefined> => {
    const halves: [number, number] = [0, 0];
    for (const { inputs, expected, half } of batches) {
      const values = await simulation.run(inputs, current);
      taps.forEach((id, t) => {
        const error = squaredDistance(expected[id] as Float32Array, values[id] as Float32Array);
        halves[half] += error / (signal[t] || 1) / taps.length;
      });
      const soFar: MeasuredError = { total: halves[0] + halves[1], halves };
      if (target && !mayBeat(soFar, half, target)) return undefined;
    }
    return { total: halves[0] + halves[1], halves };
  };
  return {
    measure: async (current) => (await run(current, undefined)) as MeasuredError,
    beat: run,
    dispose: () => simulation.dispose(),
  };
}

function mayBeat(soFar: MeasuredError, half: 0 | 1, { error, share }: Target): boolean {
  return soFar.total < error.total * (1 - share) && soFar.halves[half] < error.halves[half];
}

function power(values: Float32Array): number {
  return values.reduce((sum, v) => sum + v * v, 0);
}

/** `got` may be longer: what fills up the last batch does not count. */
function squaredDistance(wanted: Float32Array, got: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < wanted.length; i++) sum += ((wanted[i] as number) - (got[i] as number)) ** 2;
  return sum;
}
