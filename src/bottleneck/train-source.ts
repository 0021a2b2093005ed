import { type Augmentation, drawMixtures, drawPlacement, mixRows } from '../train/augment.js';
import { oneHot } from '../train/losses.js';
import { shuffledBatches } from '../train/shuffled-batches.js';
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
 * Batches in an order drawn anew for each epoch, each sample moved, mirrored and mixed as (seed, epoch, sample) says.
 * @throws IsplitError E_DATA_EMPTY when there are fewer samples than one batch has
 */
export function learningBatches(
  set: TrainingSet,
  frozen: FrozenPart,
  feeds: LearningFeeds,
  options: { readonly batchSize: number; readonly seed: number; readonly augmentation: Augmentation },
): BatchSource {
  const { batchSize, seed, augmentation } = options;
  const wantsAnswers = feeds.feature !== undefined || feeds.teacherLogits !== undefined;
  return shuffledBatches({
    batchSize,
    seed,
    count: set.count,
    inputs: {},
    async transform(_, places, epoch) {
      const placements = Array.from(places, (place) => drawPlacement(augmentation, seed, epoch, place));
      const labels = oneHot(
        Int32Array.from(places, (place) => set.labels[place] as number),
        frozen.classes,
      );
      const seen = augmentation.mix || feeds.pictures !== undefined ? frozen.pictures(places, placements) : undefined;
      const mixed = augmentation.mix ? seen : undefined;
      if (mixed) {
        const shares = drawMixtures(seed, epoch, places);
        mixRows(mixed, shares);
        mixRows(labels, shares);
      }
      const ask = () => (mixed ? frozen.ofPictures(mixed) : frozen.of(places, placements));
      const answers = wantsAnswers ? await ask() : undefined;
      const held = { pictures: seen, feature: answers?.feature, teacherLogits: answers?.teacherLogits, labels };
      const batch: Record<string, Float32Array> = {};
      for (const [what, id] of Object.entries(feeds) as [keyof LearningFeeds, string | undefined][]) {
        const values = held[what];
        if (id !== undefined && values) batch[id] = values;
      }
      return batch;
    },
  });
}
