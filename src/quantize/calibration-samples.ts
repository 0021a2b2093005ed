/** The calibration samples in batches of one size, and the few that are kept for measuring errors again and again. */
import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import type { CalibrationBatch, QuantizeRequest } from './quantized-model.js';

/** Float32 values of all activations of one batch stay below this. */
const BATCH_BYTES = 48 * 1024 * 1024;
const LARGEST_BATCH = 16;

/** Batch size at which all activations together stay within bounds. */
export function chooseBatchSize(graph: Graph, samples: number): number {
  const fitting = Math.floor(BATCH_BYTES / (4 * activationElements(graph)));
  return Math.max(1, Math.min(LARGEST_BATCH, samples, fitting));
}

/** Of one sample, the input included. */
export function activationElements(graph: Graph): number {
  let elements = 0;
  for (const tensor of graph.tensors.values()) if (!tensor.data) elements += elementCount(tensor.shape);
  return Math.max(1, elements);
}

/** Elements of one sample. */
export function sampleElements(graph: Graph): number {
  return elementCount(tensorOf(graph, graph.inputs[0] as string).shape);
}

/**
 * Batches of exactly `size` samples: what comes in is cut and joined; the last one is filled up with its own first sample.
 * `count` says how many are real.
 * @throws IsplitError E_DATA_EMPTY, E_INTERRUPTED
 */
export async function* rebatch(
  request: Pick<QuantizeRequest, 'samples' | 'sampleCount'>,
  elements: number,
  size: number,
  ctx: RunContext,
): AsyncGenerator<CalibrationBatch> {
  let pending = new Float32Array(size * elements);
  let filled = 0;
  let total = 0;
  for await (const batch of request.samples()) {
    throwIfAborted(ctx);
    for (let i = 0; i < batch.count && total < request.sampleCount; i++) {
      pending.set(batch.inputs.subarray(i * elements, (i + 1) * elements), filled * elements);
      total++;
      if (++filled === size) {
        yield { count: size, inputs: pending };
        throwIfAborted(ctx);
        pending = new Float32Array(size * elements);
        filled = 0;
      }
    }
    if (total >= request.sampleCount) break;
  }
  if (total === 0)
    fail('E_DATA_EMPTY', 'there are no calibration samples', { samples: 0 }, 'Give training data with --data.');
  if (filled === 0) return;
  for (let i = filled; i < size; i++) pending.copyWithin(i * elements, 0, elements);
  yield { count: filled, inputs: pending };
}

/** Keeps every n-th sample, at most `wanted`, so that the kept ones are spread over all classes of a sorted set. */
export class SampleKeeper {
  readonly #kept: Float32Array[] = [];
  #seen = 0;

  constructor(
    readonly wanted: number,
    readonly total: number,
    readonly elements: number,
  ) {}

  add(batch: CalibrationBatch): void {
    for (let i = 0; i < batch.count; i++, this.#seen++) {
      const due = Math.floor((this.#kept.length * this.total) / this.wanted);
      if (this.#kept.length < this.wanted && this.#seen >= due)
        this.#kept.push(batch.inputs.slice(i * this.elements, (i + 1) * this.elements));
    }
  }

  /** The kept samples; views stay valid. */
  get samples(): readonly Float32Array[] {
    return this.#kept;
  }
}

/** Samples of one run; more than `count` are in it when it was filled up. */
export interface SampleBatch {
  readonly inputs: Float32Array;
  readonly count: number;
}

/** Samples joined to batches of one size; the last is filled up with its first sample. */
export function joinSamples(samples: readonly Float32Array[], size: number): SampleBatch[] {
  const batches: SampleBatch[] = [];
  for (let at = 0; at < samples.length; at += size) {
    const part = samples.slice(at, at + size);
    const elements = (part[0] as Float32Array).length;
    const inputs = new Float32Array(size * elements);
    for (let i = 0; i < size; i++) inputs.set(part[i] ?? (part[0] as Float32Array), i * elements);
    batches.push({ inputs, count: part.length });
  }
  return batches;
}
