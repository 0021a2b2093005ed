/** Calibration: the float network runs over the samples, every activation is looked at, none is kept. */
import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import { elementCount, type Graph, type Shape, tensorOf } from '../ir/graph.js';
import { setBatch } from '../passes/set-batch.js';
import { chooseBatchSize, rebatch, SampleKeeper, sampleElements } from './calibration-samples.js';
import type { QuantizeRequest } from './quantized-model.js';
import { ValueHistogram } from './value-histogram.js';

export interface Observation {
  /** By tensor id. */
  readonly histograms: ReadonlyMap<string, ValueHistogram>;
  /** Largest magnitude of each channel (last axis) of the tensors asked for. */
  readonly channelPeaks: ReadonlyMap<string, Float32Array>;
  readonly samples: number;
  /** A spread-out part of the samples, one array each. */
  readonly kept: readonly Float32Array[];
}

export interface ObserveOptions {
  /** Activations to look at; the graph's inputs may be among them. */
  readonly taps: readonly string[];
  /** Taps whose channels are looked at one by one. */
  readonly channels: ReadonlySet<string>;
  readonly keep: number;
}

/**
 * One pass over the samples.
 * @param graph float32, batch 1
 * @throws IsplitError E_DATA_EMPTY, E_QUANTIZE when an activation is not finite, E_ENGINE, E_INTERRUPTED
 */
export async function observeActivations(
  graph: Graph,
  request: Pick<QuantizeRequest, 'samples' | 'sampleCount' | 'engine' | 'threads'>,
  options: ObserveOptions,
  ctx: RunContext,
): Promise<Observation> {
  const input = graph.inputs[0] as string;
  const computed = options.taps.filter((id) => id !== input);
  const tapped = { ...graph, outputs: computed };
  const size = chooseBatchSize(graph, request.sampleCount);
  const elements = sampleElements(graph);
  const histograms = new Map(options.taps.map((id) => [id, new ValueHistogram()]));
  const channelPeaks = new Map<string, Float32Array>();
  const keeper = new SampleKeeper(options.keep, request.sampleCount, elements);
  const compiled = await request.engine.compile(
    setBatch(tapped, size),
    request.threads === undefined ? {} : { threads: request.threads },
  );
  let samples = 0;
  try {
    for await (const batch of rebatch(request, elements, size, ctx)) {
      const values = await compiled.run({ [input]: batch.inputs });
      keeper.add(batch);
      for (const id of options.taps) {
        const { shape } = tensorOf(graph, id);
        const all = id === input ? batch.inputs : (values[id] as Float32Array);
        const real = all.subarray(0, batch.count * elementCount(shape));
        (histograms.get(id) as ValueHistogram).add(real, histogramStride(shape, request.sampleCount));
        if (options.channels.has(id)) raisePeaks(channelPeaks, id, real, shape[shape.length - 1] as number);
      }
      samples += batch.count;
      ctx.onProgress?.({ stage: 'calibrate', done: samples, total: request.sampleCount, unit: 'samples' });
    }
  } finally {
    await compiled.dispose();
  }
  for (const [id, { min, max }] of histograms) {
    if (!Number.isFinite(min) || !Number.isFinite(max)) {
      fail('E_QUANTIZE', `"${id}" reaches ${min} … ${max} on the calibration samples`, { tensor: id, min, max });
    }
  }
  return { histograms, channelPeaks, samples, kept: keeper.samples };
}

function raisePeaks(peaks: Map<string, Float32Array>, id: string, values: Float32Array, channels: number): void {
  let peak = peaks.get(id);
  if (!peak) {
    peak = new Float32Array(channels);
    peaks.set(id, peak);
  }
  for (let i = 0, c = 0; i < values.length; i++) {
    const size = Math.abs(values[i] as number);
    if (size > (peak[c] as number)) peak[c] = size;
    if (++c === channels) c = 0;
  }
}

/** Values of one tensor that a histogram needs: enough for the outermost hundred-thousandth. */
const HISTOGRAM_VALUES = 4_000_000;

/** Every how many values are counted; has no factor in common with the channels, so that all take part. */
function histogramStride(shape: Shape, samples: number): number {
  let stride = Math.max(1, Math.ceil((elementCount(shape) * samples) / HISTOGRAM_VALUES));
  while (commonDivisor(stride, shape[shape.length - 1] as number) > 1) stride++;
  return stride;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
