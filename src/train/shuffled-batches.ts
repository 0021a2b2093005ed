import { fail } from '../core/errors.js';
import { createRandom } from '../core/random.js';
import type { Values } from '../engines/engine.js';
import { type Augmentation, drawPlacement, mixSeeds, type PictureShape, placePicture } from './augment.js';
import type { BatchSource } from './training.js';

export interface ShuffledBatchOptions {
  readonly batchSize: number;
  readonly seed: number;
  /** Samples. */
  readonly count: number;
  /** Values of all samples, one after another, by graph input; each `count` times as long as a sample. */
  readonly inputs: Values;
  /** Moves and mirrors the pictures of one input, anew in each epoch. */
  readonly augment?: Augmentation & { readonly input: string; readonly shape: PictureShape };
  /**
   * Last change of a batch, such as inputs computed from others. May return other arrays.
   * @param places of the samples in `inputs`
   */
  readonly transform?: (batch: Values, places: Uint32Array, epoch: number) => Values | Promise<Values>;
}

/**
 * Batches over samples held in memory, in an order drawn anew for each epoch. The arrays of a batch are its own.
 * @throws IsplitError E_DATA_EMPTY when there are fewer samples than one batch has
 */
export function shuffledBatches(options: ShuffledBatchOptions): BatchSource {
  const { batchSize, seed, count, inputs, augment, transform } = options;
  if (count < batchSize) {
    fail(
      'E_DATA_EMPTY',
      `${count} samples are too few for one batch of ${batchSize}`,
      { samples: count, batchSize },
      'Give more samples, or a smaller batch.',
    );
  }
  const elements = Object.fromEntries(
    Object.entries(inputs).map(([id, data]) => {
      if (data.length % count !== 0) throw new RangeError(`input "${id}": ${data.length} values for ${count} samples`);
      return [id, data.length / count];
    }),
  );
  const gather = (id: string, places: Uint32Array, epoch: number): Float32Array => {
    const data = inputs[id] as Float32Array;
    const size = elements[id] as number;
    const batch = new Float32Array(places.length * size);
    places.forEach((place, i) => {
      if (augment?.input === id) {
        const placement = drawPlacement(augment, seed, epoch, place);
        placePicture(data, place * size, batch, i * size, augment.shape, placement, augment.padding);
      } else {
        batch.set(data.subarray(place * size, (place + 1) * size), i * size);
      }
    });
    return batch;
  };
  return {
    batchSize,
    batchesPerEpoch: Math.floor(count / batchSize),
    async *epoch(epoch, from) {
      const order = createRandom(mixSeeds(seed, epoch)).permutation(count);
      for (let at = from * batchSize; at + batchSize <= count; at += batchSize) {
        const places = order.subarray(at, at + batchSize);
        const batch = Object.fromEntries(Object.keys(inputs).map((id) => [id, gather(id, places, epoch)]));
        yield transform ? await transform(batch, places, epoch) : batch;
      }
    },
  };
}
