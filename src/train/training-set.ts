import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import { formatBytes, formatCount } from '../core/units.js';
import type { Dataset } from '../data/dataset.js';
import { inputElements, type PreprocessSpec } from '../preprocess/spec.js';

/** Samples in memory, as the network takes them. */
export interface TrainingSet {
  readonly count: number;
  /** Of one sample: [height, width, channels]. */
  readonly shape: readonly [number, number, number];
  /** [count, height, width, channels] */
  readonly inputs: Float32Array;
  /** Class of each sample in the model's numbering. */
  readonly labels: Int32Array;
}

/** What the samples of one training may take in memory. */
const MOST_BYTES = 2 * 1024 ** 3;
const READ_BATCH = 64;

/**
 * Samples to learn from: `loadSamples` where there is more than one class of them.
 * @throws IsplitError E_TRAIN_ONE_CLASS, and as `loadSamples`
 */
export async function loadTrainingSet(
  dataset: Dataset,
  spec: PreprocessSpec,
  ctx: RunContext,
  mostBytes = MOST_BYTES,
): Promise<TrainingSet> {
  checkTrainingLabels(dataset);
  return loadSamples(dataset, spec, ctx, mostBytes);
}

/**
 * Reads a whole data set, preprocessed, into memory: epochs draw from it in any order. Samples that are only measured on, such as a
 * small validation part, may all be of one class.
 * @throws IsplitError E_DATA_LABELS when a sample has no class, E_TRAIN_TOO_LARGE, and what reading the data throws
 */
export async function loadSamples(
  dataset: Dataset,
  spec: PreprocessSpec,
  ctx: RunContext,
  mostBytes = MOST_BYTES,
): Promise<TrainingSet> {
  checkLabels(dataset);
  const elements = inputElements(spec);
  const bytes = dataset.count * elements * 4;
  if (bytes > mostBytes) {
    const most = Math.floor(mostBytes / (elements * 4));
    fail(
      'E_TRAIN_TOO_LARGE',
      `${formatCount(dataset.count)} samples take ${formatBytes(bytes)} in memory, the limit is ${formatBytes(mostBytes)}`,
      { samples: dataset.count, bytes, limitBytes: mostBytes, mostSamples: most },
      `Give --samples ${most} or fewer, or a smaller --input.`,
    );
  }
  const inputs = new Float32Array(dataset.count * elements);
  let count = 0;
  for await (const batch of dataset.batches({ ...ctx, batchSize: READ_BATCH, spec })) {
    throwIfAborted(ctx);
    inputs.set(batch.inputs, count * elements);
    count += batch.count;
    ctx.onProgress?.({ stage: 'samples', done: count, total: dataset.count, unit: 'images' });
  }
  const { height, width, channels } = spec;
  return { count, shape: [height, width, channels], inputs, labels: dataset.labels };
}

/** Every sample has a class. @throws IsplitError E_DATA_LABELS */
export function checkLabels(dataset: Pick<Dataset, 'count' | 'labels'>): void {
  const unknown = dataset.labels.reduce((sum, label) => sum + (label < 0 ? 1 : 0), 0);
  if (unknown > 0) {
    fail(
      'E_DATA_LABELS',
      `${formatCount(unknown)} of ${formatCount(dataset.count)} samples have no label; training needs all of them`,
      { samples: dataset.count, unlabelled: unknown },
    );
  }
}

/** Every sample has a class, and not all the same. @throws IsplitError E_DATA_LABELS, E_TRAIN_ONE_CLASS */
export function checkTrainingLabels(dataset: Pick<Dataset, 'count' | 'labels' | 'classNames'>): void {
  checkLabels(dataset);
  const first = dataset.labels[0] as number;
  if (dataset.labels.every((label) => label === first)) {
    const name = dataset.classNames?.[first];
    fail(
      'E_TRAIN_ONE_CLASS',
      `all ${formatCount(dataset.count)} training samples are of class ${first}${name ? ` (${name})` : ''}: there is nothing to tell apart`,
      { samples: dataset.count, class: first, name: name ?? null },
      'Check --labels, --classes and --samples; a sorted file needs its samples drawn from all of it.',
    );
  }
}
