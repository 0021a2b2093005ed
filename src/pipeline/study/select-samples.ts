import { drawStratified } from '../../data/roles.js';
import type { TrainingSet } from '../../train/training-set.js';

const READ_BATCH = 64;

/** Of a set in memory, so many samples, each class keeping its share; the set itself when it has no more. */
export function selectSamples(set: TrainingSet, most: number, seed: number): TrainingSet {
  if (set.count <= most) return set;
  const places = drawStratified(set.labels, most, seed);
  const size = set.inputs.length / set.count;
  const inputs = new Float32Array(places.length * size);
  places.forEach((place, i) => {
    inputs.set(set.inputs.subarray(place * size, (place + 1) * size), i * size);
  });
  return {
    ...set,
    count: places.length,
    inputs,
    labels: Int32Array.from(places, (place) => set.labels[place] as number),
  };
}

export interface SampleBatch {
  readonly count: number;
  readonly inputs: Float32Array;
  readonly labels: Int32Array;
}

/** @param first the sample to start with */
export async function* inBatches(set: TrainingSet, first = 0): AsyncGenerator<SampleBatch> {
  const size = set.inputs.length / set.count;
  for (let from = first; from < set.count; from += READ_BATCH) {
    const end = Math.min(from + READ_BATCH, set.count);
    yield {
      count: end - from,
      inputs: set.inputs.subarray(from * size, end * size),
      labels: set.labels.subarray(from, end),
    };
  }
}
