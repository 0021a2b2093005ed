import { fail } from '../core/errors.js';
import { createRandom } from '../core/random.js';
import { type Augmentation, drawMixture, drawPlacement, mixRows, mixSeeds } from '../train/augment.js';
import { oneHot } from '../train/losses.js';
import type { BatchSource } from '../train/training.js';
import type { TrainingSet } from '../train/training-set.js';
import type { FrozenPart } from './train-frozen.js';

/** Graph inputs that a stage's losses read, by what they hold; absent: not wanted. */
export interface LearningFeeds {
  /** What the frozen layers give. */
  readonly feature?: string | undefined;
  /** The pictures themselves. */
  readonly pictures?: string | undefined;
  readonly teacherLogits?: string | undefined;
  /** One-hot classes. */
  readonly labels?: string | undefined;
}

/**
 * Batches in an order drawn anew for each epoch, each sample moved and mirrored as (seed, epoch, sample) says.
 * @throws IsplitError E_DATA_EMPTY when there are fewer samples than one batch has
 */
export function learningBatches(
  set: TrainingSet,
  frozen: FrozenPart,
  feeds: LearningFeeds,
  options: { readonly batchSize: number; readonly seed: number; readonly augmentation: Augmentation },
): BatchSource {
  const { batchSize, seed, augmentation } = options;
  const { count } = set;
  if (count < batchSize) {
    const message = `${count} samples are too few for one batch of ${batchSize}`;
    fail('E_DATA_EMPTY', message, { samples: count, batchSize }, 'Give more samples.');
  }
  const { feature, pictures, teacherLogits, labels } = feeds;
  return {
    batchSize,
    batchesPerEpoch: Math.floor(count / batchSize),
    async *epoch(epoch, from) {
      const order = createRandom(mixSeeds(seed, epoch)).permutation(count);
      for (let at = from * batchSize; at + batchSize <= count; at += batchSize) {
        const places = order.subarray(at, at + batchSize);
        const placements = Array.from(places, (place) => drawPlacement(augmentation, seed, epoch, place));
        const batch: Record<string, Float32Array> = {};
        const classes = oneHot(
          Int32Array.from(places, (place) => set.labels[place] as number),
          frozen.classes,
        );
        if (augmentation.mix) {
          const shares = Array.from(places, (place) => drawMixture(seed, epoch, place));
          const mixed = frozen.pictures(places, placements);
          mixRows(mixed, shares);
          mixRows(classes, shares);
          if (pictures !== undefined) batch[pictures] = mixed;
          const values = await frozen.ofPictures(mixed);
          if (feature !== undefined) batch[feature] = values.feature;
          if (teacherLogits !== undefined) batch[teacherLogits] = values.teacherLogits;
          if (labels !== undefined) batch[labels] = classes;
          yield batch;
          continue;
        }
        if (pictures !== undefined) batch[pictures] = frozen.pictures(places, placements);
        if (feature !== undefined || teacherLogits !== undefined) {
          const values = await frozen.of(places, placements);
          if (feature !== undefined) batch[feature] = values.feature;
          if (teacherLogits !== undefined) batch[teacherLogits] = values.teacherLogits;
        }
        if (labels !== undefined) batch[labels] = classes;
        yield batch;
      }
    },
  };
}
