/** Activations at a cut, and the blocks of them that lie behind one place on the wire. */
import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import { createRandom } from '../core/random.js';
import type { Engine } from '../engines/engine.js';
import { elementCount, type Graph, type Shape, tensorOf } from '../ir/graph.js';
import { partitionGraph } from '../ir/partition.js';
import { resolvePads } from '../ops/window.js';
import { removeDeadCode } from '../passes/remove-dead-code.js';
import { setBatch } from '../passes/set-batch.js';

/** Values of the cut tensor for `count` samples, one after the other. */
export interface ActivationSample {
  /** Without the batch: [H, W, C] or [C]. */
  readonly shape: Shape;
  readonly count: number;
  readonly values: Float32Array;
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
}

const MOST_SAMPLES = 256;
/** float32 values kept: 128 MB. */
const MOST_VALUES = 2 ** 25;
const BATCH_VALUES = 2 ** 24;
const LARGEST_BATCH = 32;

/**
 * Runs the head over samples and keeps what arrives at the cut.
 * @returns the first `most` samples, fewer where their activations would take more than 128 MB
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
  const { most = MOST_SAMPLES, engine, threads } = options;
  const graph = removeDeadCode({ ...network, outputs: [...taps] });
  const input = graph.inputs[0] as string;
  const inputElements = elementCount(tensorOf(graph, input).shape);
  const activations = graph.nodes.reduce(
    (n, node) => n + elementCount(tensorOf(graph, node.outputs[0] as string).shape),
    0,
  );
  const batch = Math.max(1, Math.min(LARGEST_BATCH, most, Math.floor(BATCH_VALUES / activations)));
  const collected = taps.map((id) => {
    const shape = tensorOf(graph, id).shape.slice(1);
    return { id, shape, elements: elementCount(shape), values: new Float32Array(most * elementCount(shape)) };
  });
  const compiled = await engine.compile(setBatch(graph, batch), threads === undefined ? {} : { threads });
  let count = 0;
  let filled = 0;
  const inputs = new Float32Array(batch * inputElements);
  const flush = async (): Promise<void> => {
    throwIfAborted(ctx);
    const out = await compiled.run({ [input]: inputs });
    for (const { id, elements, values } of collected) {
      values.set((out[id] as Float32Array).subarray(0, filled * elements), count * elements);
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
    collected.map(({ id, shape, elements, values }) => {
      const kept = values.subarray(0, count * elements);
      if (!kept.every((v) => Number.isFinite(v))) {
        fail('E_NOT_FINITE', `"${id}" has values that are not finite`, { id }, 'Check the weights and --input-range.');
      }
      return [id, { shape, count, values: kept }];
    }),
  );
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
