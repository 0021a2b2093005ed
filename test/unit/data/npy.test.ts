import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../src/data/open-dataset.js';
import { specFromOptions } from '../../../src/preprocess/options.js';
import { fixture, pattern, patternByte, plainSpec, readAll, temporaryFolder } from './support.js';

const labels = fixture('labels_i8.npy');
const samples = [pattern(0, 24), pattern(24, 24), pattern(48, 24)];

describe('npy written by NumPy', () => {
  it.each(['u1', 'u2', 'i4', 'i8', 'big_i4'])('whole numbers of type %s are pictures', async (dtype) => {
    const dataset = await openDataset(fixture(`nhwc_${dtype}.npy`), { labels });
    expect(dataset.describe()).toMatchObject({
      format: 'npy',
      stored: 'u8',
      sampleShape: { height: 2, width: 4, channels: 3 },
    });
    const { spec } = specFromOptions({ inputRange: '0..1' }, [2, 4, 3]);
    const read = await readAll(dataset, spec);
    expect(read.inputs).toEqual(samples.map((s) => s.map((v) => Math.fround(v / 255))));
    expect(read.labels).toEqual([2, 0, 1]);
    expect(read.batchCounts).toEqual([2, 1]);
  });
  it.each(['f4', 'f8', 'big_f4'])('floats of type %s are fed as they are', async (dtype) => {
    const warnings: string[] = [];
    const dataset = await openDataset(fixture(`nhwc_${dtype}.npy`), { labels });
    const { spec } = specFromOptions({ inputRange: '0..1' }, [2, 4, 3]);
    const inputs: number[] = [];
    for await (const batch of dataset.batches({ batchSize: 3, spec, onWarning: (m) => warnings.push(m) })) {
      expect(batch.pixels).toBeUndefined();
      inputs.push(...batch.inputs);
    }
    expect(inputs).toEqual(samples.flat());
    expect(warnings).toEqual([expect.stringContaining('without scaling')]);
  });
  it('N×H×W has one channel', async () => {
    const dataset = await openDataset(fixture('nhw_u1.npy'), { labels });
    expect((await readAll(dataset, plainSpec(2, 4, 1))).inputs).toEqual([pattern(0, 8), pattern(8, 8), pattern(16, 8)]);
  });
  it('flat arrays take their shape from recordShape, features stay flat', async () => {
    const shaped = await openDataset(fixture('flat_u1.npy'), { labels, recordShape: '2,4,3' });
    expect((await readAll(shaped, plainSpec(2, 4, 3))).inputs).toEqual(samples);
    const features = await openDataset(fixture('flat_f4.npy'), { labels });
    expect((await readAll(features, plainSpec(1, 1, 24))).inputs).toEqual(samples);
  });
  it('header version 2 and label arrays of other types and shapes', async () => {
    for (const name of ['labels_column_u1.npy', 'labels_f4.npy']) {
      const dataset = await openDataset(fixture('version2_u1.npy'), { labels: fixture(name) });
      expect([...dataset.labels]).toEqual([2, 0, 1]);
    }
  });
  it('finds y_train.npy beside x_train.npy, and takes the part asked for from a folder', async () => {
    const folder = temporaryFolder();
    copyFileSync(fixture('nhwc_u1.npy'), join(folder, 'x_train.npy'));
    copyFileSync(fixture('labels_i8.npy'), join(folder, 'y_train.npy'));
    copyFileSync(fixture('nhw_u1.npy'), join(folder, 'x_test.npy'));
    copyFileSync(fixture('labels_column_u1.npy'), join(folder, 'y_test.npy'));
    expect([...(await openDataset(join(folder, 'x_train.npy'))).labels]).toEqual([2, 0, 1]);
    const test = await openDataset(folder, { part: 'test' });
    expect(test.describe()).toMatchObject({ part: 'test', sampleShape: { height: 2, width: 4, channels: 1 } });
  });
});

describe('npz written by NumPy', () => {
  it.each(['stored', 'compressed'])('%s', async (name) => {
    const dataset = await openDataset(fixture(`${name}.npz`));
    const read = await readAll(dataset, plainSpec(2, 4, 3));
    expect(read.inputs).toEqual(samples);
    expect(read.labels).toEqual([2, 0, 1]);
  });
  it('x_train and x_test are parts', async () => {
    expect((await openDataset(fixture('keras.npz'), { part: 'train' })).count).toBe(3);
    const test = await openDataset(fixture('keras.npz'), { part: 'test' });
    expect([test.count, ...test.labels]).toEqual([2, 2, 0]);
  });
});

it('the pattern is what the generator writes', () => {
  expect([patternByte(0), patternByte(1), patternByte(40)]).toEqual([3, 10, 27]);
});
