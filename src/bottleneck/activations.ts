/** Activations at a cut, and the blocks of them that lie behind one place on the wire. */

import { appendGradients } from '../autodiff/gradients.js';
import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail, IsplitError } from '../core/errors.js';
import { createRandom, type Random } from '../core/random.js';
import type { Engine } from '../engines/engine.js';
import { GraphBuilder } from '../ir/builder.js';
import { elementCount, type Graph, type Shape, tensorOf } from '../ir/graph.js';
import { partitionGraph } from '../ir/partition.js';
import { SHAPES } from '../ops/index.js';
import { resolvePads } from '../ops/window.js';
import { findLogits, type Logits } from '../passes/logits.js';
import { removeDeadCode } from '../passes/remove-dead-code.js';
import { setBatch } from '../passes/set-batch.js';

/** Values of the cut tensor for `count` samples, one after the other. */
export interface ActivationSample {
  /** Without the batch: [H, W, C] or [C]. */
  readonly shape: Shape;
  readonly count: number;
  readonly values: Float32Array;
  /**
   * As `values`: gradient of a random direction of the logits with respect to each value. Their second moments say which errors at
   * the cut move the result and which do not.
   */
  readonly gradients?: Float32Array;
}

/** float32 network inputs, one after the other. */
export interface InputBatch {
  readonly count: number;
  readonly inputs: Float32Array;
}

export interface CollectOptions {
  readonly engine: Engine;
  readonly threads?: number;
  /** Samples to take at most. Default 256. */
  readonly most?: number;
  /** Of the random directions. Default 0. */
  readonly seed?: number;
}

const MOST_SAMPLES = 256;
/** Activations kept, 64 MB, and as much of gradients. */
const MOST_VALUES = 2 ** 24;
const BATCH_VALUES = 2 ** 24;
const LARGEST_BATCH = 32;

/**
 * Runs the head over samples and keeps what arrives at the cut.
 * @returns the first `most` samples, fewer where their activations would take more than 64 MB; with gradients when the network ends in class scores
 * @throws IsplitError E_DATA_EMPTY, E_NOT_FINITE, E_CUT_UNKNOWN, E_ENGINE, E_INTERRUPTED
 */
export async function collectActivations(
  network: Graph,
  cut: string,
  samples: AsyncIterable<InputBatch>,
  options: CollectOptions,
  ctx: RunContext = {},
): Promise<ActivationSample> {
  const elements = elementCount(partitionGraph(network, [cut]).head.tensors.get(cut)?.shape ?? []);
  const most = Math.max(1, Math.min(options.most ?? MOST_SAMPLES, Math.floor(MOST_VALUES / elements)));
  const found = await collectTaps(network, [cut], samples, { ...options, most }, ctx);
  return found.get(cut) as ActivationSample;
}

/**
 * The same for several tensors in one run; they need not separate head from tail.
 * @throws IsplitError E_DATA_EMPTY, E_NOT_FINITE, E_ENGINE, E_INTERRUPTED
 */
export async function collectTaps(
  network: Graph,
  taps: readonly string[],
  samples: AsyncIterable<InputBatch>,
  options: CollectOptions,
  ctx: RunContext = {},
): Promise<ReadonlyMap<string, ActivationSample>> {
  const { most = MOST_SAMPLES, engine, threads, seed = 0 } = options;
  const batch = chooseBatch(network, most);
  const plan = buildTapGraph(network, taps, batch);
  const { graph, input } = plan;
  const inputElements = elementCount(tensorOf(graph, input).shape) / batch;
  const collected = taps.map((id) => {
    const shape = tensorOf(network, id).shape.slice(1);
    const elements = elementCount(shape);
    const gradient = plan.gradients.get(id);
    const room = (): Float32Array => new Float32Array(most * elements);
    return { id, shape, elements, values: room(), gradient, gradients: gradient === undefined ? undefined : room() };
  });
  const random = createRandom(seed);
  const compiled = await engine.compile(graph, threads === undefined ? {} : { threads });
  let count = 0;
  let filled = 0;
  const inputs = new Float32Array(batch * inputElements);
  const flush = async (): Promise<void> => {
    throwIfAborted(ctx);
    const { direction } = plan;
    const feeds = direction ? { [direction.id]: drawDirections(random, batch, direction.width) } : {};
    const out = await compiled.run({ [input]: inputs, ...feeds });
    for (const { id, elements, values, gradient, gradients } of collected) {
      values.set((out[id] as Float32Array).subarray(0, filled * elements), count * elements);
      if (gradient !== undefined) {
        gradients?.set((out[gradient] as Float32Array).subarray(0, filled * elements), count * elements);
      }
    }
    count += filled;
    filled = 0;
  };
  try {
    reading: for await (const rows of samples) {
      for (let i = 0; i < rows.count; i++) {
        if (count + filled === most) break reading;
        inputs.set(rows.inputs.subarray(i * inputElements, (i + 1) * inputElements), filled++ * inputElements);
        if (filled === batch) await flush();
      }
    }
    if (filled > 0) await flush();
  } finally {
    await compiled.dispose();
  }
  if (count === 0) {
    fail('E_DATA_EMPTY', 'there are no samples to fit a bottleneck to', { taps }, 'Check --data and --samples.');
  }
  return new Map(
    collected.map(({ id, shape, elements, values, gradients }) => {
      const kept = values.subarray(0, count * elements);
      const slopes = gradients?.subarray(0, count * elements);
      const finite = (v: number): boolean => Number.isFinite(v);
      if (!kept.every(finite)) {
        fail('E_NOT_FINITE', `"${id}" has values that are not finite`, { id }, 'Check the weights and --input-range.');
      }
      return [id, { shape, count, values: kept, ...(slopes?.every(finite) ? { gradients: slopes } : {}) }];
    }),
  );
}

function chooseBatch(network: Graph, most: number): number {
  const values = network.nodes.reduce(
    (n, { outputs }) => n + elementCount(tensorOf(network, outputs[0] as string).shape),
    0,
  );
  return Math.max(1, Math.min(LARGEST_BATCH, most, Math.floor(BATCH_VALUES / values)));
}

interface TapGraph {
  readonly graph: Graph;
  readonly input: string;
  /** Input that takes a direction of the logits; undefined when the network has none. */
  readonly direction: { readonly id: string; readonly width: number } | undefined;
  /** Tensor by tap; one that the logits do not depend on is absent. */
  readonly gradients: ReadonlyMap<string, string>;
}

/** Forward to the taps, and back to them from the logits of a classifier. */
function buildTapGraph(network: Graph, taps: readonly string[], batch: number): TapGraph {
  const logits = logitsOf(network);
  if (!logits) {
    const graph = setBatch(removeDeadCode({ ...network, outputs: [...taps] }), batch);
    return { graph, input: graph.inputs[0] as string, direction: undefined, gradients: new Map() };
  }
  const forward = setBatch(removeDeadCode({ ...network, outputs: [logits.id, ...taps] }), batch);
  const builder = new GraphBuilder(`${network.name}-taps`, SHAPES, forward);
  const { shape } = builder.type(logits.id);
  const id = builder.input('taps/direction', shape);
  const before = taps.filter((tap) => tap !== logits.id);
  const gradients = appendGradients(builder, forward, { of: logits.id, seed: id, wrt: before });
  const outputs = [...new Set([...taps, ...gradients.values()])];
  return {
    graph: builder.build(outputs),
    input: forward.inputs[0] as string,
    direction: { id, width: logits.width },
    gradients,
  };
}

function logitsOf(network: Graph): Logits | undefined {
  try {
    return findLogits(network);
  } catch (error) {
    if (error instanceof IsplitError && error.code === 'E_NO_CLASSES') return undefined;
    throw error;
  }
}

/** Normal, without the part that is common to all classes: it changes no decision. */
function drawDirections(random: Random, batch: number, width: number): Float32Array {
  const out = new Float32Array(batch * width);
  for (let i = 0; i < batch; i++) {
    const row = Float64Array.from({ length: width }, () => random.normal());
    const mean = width > 1 ? row.reduce((sum, v) => sum + v, 0) / width : 0;
    row.forEach((v, k) => {
      out[i * width + k] = v - mean;
    });
  }
  return out;
}

/** How a cut falls into blocks of stride × stride places, one for each place on the wire; TensorFlow's SAME decides what lies outside. */
export interface BlockGrid {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly stride: number;
  readonly rows: number;
  readonly columns: number;
  /** Rows and columns of the first block that lie outside. */
  readonly top: number;
  readonly left: number;
  /** stride · stride · channels; values of a block in the order row, column, channel. */
  readonly elements: number;
}

export function blockGrid(shape: Shape, stride: number): BlockGrid {
  const [height, width, channels] =
    shape.length === 1 ? [1, 1, shape[0] as number] : (shape as [number, number, number]);
  const [top, , left] = resolvePads('same', [height, width], [stride, stride], [stride, stride]);
  return {
    height,
    width,
    channels,
    stride,
    rows: Math.ceil(height / stride),
    columns: Math.ceil(width / stride),
    top,
    left,
    elements: stride * stride * channels,
  };
}

/**
 * Copies one block. Places outside the cut are 0, as a convolution's padding is.
 * @param from offset of the sample in `values`
 * @param index of the block: row · columns + column
 */
export function copyBlock(
  grid: BlockGrid,
  values: Float32Array,
  from: number,
  index: number,
  into: Float32Array,
  at: number,
): void {
  const { height, width, channels, stride } = grid;
  const y0 = Math.floor(index / grid.columns) * stride - grid.top;
  const x0 = (index % grid.columns) * stride - grid.left;
  let to = at;
  for (let p = 0; p < stride; p++) {
    for (let q = 0; q < stride; q++) {
      const [y, x] = [y0 + p, x0 + q];
      if (y < 0 || y >= height || x < 0 || x >= width) into.fill(0, to, to + channels);
      else {
        const source = from + (y * width + x) * channels;
        for (let c = 0; c < channels; c++) into[to + c] = values[source + c] as number;
      }
      to += channels;
    }
  }
}

/** Blocks drawn from a sample. */
export interface Blocks {
  readonly grid: BlockGrid;
  readonly count: number;
  /** `count` blocks of `grid.elements` values one after the other. */
  readonly values: Float32Array;
}

/** At most `most` blocks of the sample, one at random from each of as many equal stretches: all samples and places have their share. */
export function drawBlocks(sample: ActivationSample, stride: number, most: number, seed = 0): Blocks {
  const grid = blockGrid(sample.shape, stride);
  const perSample = grid.rows * grid.columns;
  const total = perSample * sample.count;
  const count = Math.min(total, Math.max(1, most));
  const elements = grid.height * grid.width * grid.channels;
  const random = createRandom(seed);
  const values = new Float32Array(count * grid.elements);
  for (let i = 0; i < count; i++) {
    const first = Math.floor((i * total) / count);
    const end = Math.floor(((i + 1) * total) / count);
    const block = first + random.int(end - first);
    const from = Math.floor(block / perSample) * elements;
    copyBlock(grid, sample.values, from, block % perSample, values, i * grid.elements);
  }
  return { grid, count, values };
}
