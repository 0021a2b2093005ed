/** Training sets, augmentation and shuffled batches. */
import { describe, expect, it } from 'vitest';
import type { Dataset, SampleBatch } from '../../../src/data/dataset.js';
import type { PreprocessSpec } from '../../../src/preprocess/spec.js';
import { drawPlacement, type Placement, placePicture } from '../../../src/train/augment.js';
import { shuffledBatches } from '../../../src/train/shuffled-batches.js';
import { loadSamples, loadTrainingSet } from '../../../src/train/training-set.js';

/** 2 × 3 pixels of one channel: 1 2 3 / 4 5 6. */
const SHAPE = { height: 2, width: 3, channels: 1 };
const PIXELS = Float32Array.of(1, 2, 3, 4, 5, 6);

function placed(placement: Placement, padding?: 'zero' | 'edge'): number[] {
  const target = new Float32Array(8).fill(9);
  placePicture(Float32Array.of(7, ...PIXELS, 8), 1, target, 1, SHAPE, placement, padding);
  expect([target[0], target[7]], 'nothing around the picture is touched').toEqual([9, 9]);
  return [...target.subarray(1, 7)];
}

describe('a picture that is moved', () => {
  it.each([
    ['stays', { flip: false, down: 0, right: 0 }, undefined, [1, 2, 3, 4, 5, 6]],
    ['is mirrored', { flip: true, down: 0, right: 0 }, undefined, [3, 2, 1, 6, 5, 4]],
    ['by rows, with zeros', { flip: false, down: 1, right: 0 }, 'zero', [4, 5, 6, 0, 0, 0]],
    ['by rows, with the edge', { flip: false, down: 1, right: 0 }, 'edge', [4, 5, 6, 4, 5, 6]],
    ['by columns, with zeros', { flip: false, down: 0, right: -2 }, 'zero', [0, 0, 1, 0, 0, 4]],
    ['by columns, with the edge', { flip: false, down: 0, right: -2 }, undefined, [1, 1, 1, 4, 4, 4]],
    ['mirrored and by both', { flip: true, down: -1, right: 1 }, 'zero', [0, 0, 0, 0, 3, 2]],
  ] as const)('%s', (_name, placement, padding, expected) => {
    expect(placed(placement, padding)).toEqual(expected);
  });

  it('keeps the channels of a pixel together', () => {
    const target = new Float32Array(6);
    placePicture(PIXELS, 0, target, 0, { height: 1, width: 3, channels: 2 }, { flip: true, down: 0, right: 0 });
    expect([...target]).toEqual([5, 6, 3, 4, 1, 2]);
  });

  it('is moved everywhere equally often, the same way for the same seed, epoch and sample', () => {
    const augmentation = { flip: true, shift: 2 };
    const counts = new Map<string, number>();
    for (let sample = 0; sample < 5000; sample++) {
      const { flip, down, right } = drawPlacement(augmentation, 1, sample % 10, sample);
      const key = `${flip} ${down} ${right}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    // 50 places, 100 expected in each, deviation 10.
    expect(counts.size).toBe(50);
    expect(Math.max(...counts.values())).toBeLessThan(150);
    expect(Math.min(...counts.values())).toBeGreaterThan(50);
    expect(drawPlacement(augmentation, 1, 3, 4)).toEqual(drawPlacement(augmentation, 1, 3, 4));
    expect(drawPlacement({}, 1, 3, 4)).toEqual({ flip: false, down: 0, right: 0 });
  });
});

const labels = Float32Array.from({ length: 10 }, (_, i) => i);
const pictures = Float32Array.from({ length: 60 }, (_, i) => i);
const plain = { batchSize: 3, seed: 5, count: 10, inputs: { x: pictures, y: labels } };

async function placesOf(epoch: number, from = 0, options = {}): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const batch of shuffledBatches({ ...plain, ...options }).epoch(epoch, from)) {
    batches.push([...(batch.y as Float32Array)]);
    (batch.y as Float32Array).forEach((place, i) => {
      const x = (batch.x as Float32Array).subarray(i * 6, i * 6 + 6);
      if (!('augment' in options)) expect([...x]).toEqual([...pictures.subarray(place * 6, place * 6 + 6)]);
    });
  }
  return batches;
}

describe('shuffled batches', () => {
  it('are full, have no sample twice, and another order in each epoch', async () => {
    expect(shuffledBatches(plain).batchesPerEpoch).toBe(3);
    const first = await placesOf(0);
    expect(first.map((b) => b.length)).toEqual([3, 3, 3]);
    expect(new Set(first.flat()).size).toBe(9);
    expect(await placesOf(0)).toEqual(first);
    expect(await placesOf(1)).not.toEqual(first);
    expect(await placesOf(0, 0, { seed: 6 })).not.toEqual(first);
  });

  it('go on in the middle of an epoch as they would have', async () => {
    const augment = { input: 'x', shape: SHAPE, flip: true, shift: 1 };
    const values = async (from: number): Promise<number[][]> => {
      const batches: number[][] = [];
      for await (const { x } of shuffledBatches({ ...plain, augment }).epoch(4, from)) batches.push([...(x ?? [])]);
      return batches;
    };
    expect(await values(1)).toEqual((await values(0)).slice(1));
    expect(await values(0)).not.toEqual(await values(0).then((b) => b.toReversed()));
    expect(await placesOf(4, 2)).toEqual((await placesOf(4)).slice(2));
  });

  it('are changed by a transform that knows which samples they are', async () => {
    const source = shuffledBatches({
      ...plain,
      transform: async (batch, places, epoch) => ({ ...batch, z: Float32Array.from(places, (p) => p * 100 + epoch) }),
    });
    for await (const { y, z } of source.epoch(2, 0)) expect(z).toEqual((y as Float32Array).map((p) => p * 100 + 2));
  });

  it('need samples for one batch', () => {
    expect(() => shuffledBatches({ ...plain, batchSize: 11 })).toThrow('10 samples are too few for one batch of 11');
  });
});

const spec = { height: 2, width: 3, channels: 1 } as unknown as PreprocessSpec;

function dataset(classes: readonly number[]): Dataset {
  const count = classes.length;
  const batch = (first: number, n: number): SampleBatch => ({
    count: n,
    inputs: Float32Array.from({ length: n * 6 }, (_, i) => first * 6 + i),
    pixels: undefined,
    labels: Int32Array.from(classes.slice(first, first + n)),
    indices: new Uint32Array(n),
  });
  return {
    count,
    labels: Int32Array.from(classes),
    classNames: ['cat', 'dog'],
    async *batches() {
      yield batch(0, 2);
      yield batch(2, count - 2);
    },
  } as unknown as Dataset;
}

describe('a training set', () => {
  it('holds all samples in the order of the files', async () => {
    const set = await loadTrainingSet(dataset([0, 1, 1, 0, 1]), spec, {});
    expect(set).toMatchObject({ count: 5, shape: [2, 3, 1], labels: Int32Array.of(0, 1, 1, 0, 1) });
    expect(set.inputs).toEqual(Float32Array.from({ length: 30 }, (_, i) => i));
  });

  it.each([
    ['E_DATA_LABELS', [-1, -1], '2 of 2 samples have no label'],
    ['E_TRAIN_ONE_CLASS', [1, 1, 1], 'all 3 training samples are of class 1 (dog)'],
    ['E_DATA_LABELS', [1, -1, 0], '1 of 3 samples have no label'],
  ] as const)('is refused with %s', async (code, classes, message) => {
    const loading = loadTrainingSet(dataset(classes), spec, {});
    await expect(loading).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('may be of one class where it is only measured on', async () => {
    const set = await loadSamples(dataset([1, 1, 1]), spec, {});
    expect(set).toMatchObject({ count: 3, labels: Int32Array.of(1, 1, 1) });
    await expect(loadSamples(dataset([1, -1, 1]), spec, {})).rejects.toMatchObject({ code: 'E_DATA_LABELS' });
  });

  it('that is too large for memory says how many samples fit', async () => {
    const loading = loadTrainingSet(dataset([0, 1, 1, 0, 1]), spec, {}, 100);
    await expect(loading).rejects.toMatchObject({
      code: 'E_TRAIN_TOO_LARGE',
      context: { samples: 5, bytes: 120, limitBytes: 100, mostSamples: 4 },
      hint: expect.stringContaining('--samples 4'),
    });
  });
});
