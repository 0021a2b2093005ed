import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../../src/data/dataset.js';
import { openDataset } from '../../../src/data/open-dataset.js';
import { specFromOptions } from '../../../src/preprocess/options.js';
import { errorOf, missingSets, plainSpec, readAll, realSets } from './support.js';

const at = (path: string) => join(realSets ?? '', path);

function histogram(dataset: Dataset): number[] {
  const counts = new Array<number>(dataset.classCount).fill(0);
  for (const label of dataset.labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

describe.skipIf(realSets === undefined)(`real data sets${missingSets}`, () => {
  it('cifar10 test_2000.bin.gz: 200 of each class, names from batches.meta.txt, pixels as in the record', async () => {
    const dataset = await openDataset(at('cifar10/test_2000.bin.gz'));
    expect(dataset.describe()).toMatchObject({
      format: 'cifar10',
      name: 'test_2000.bin.gz',
      samples: 2000,
      stored: 'u8',
    });
    expect(histogram(dataset)).toEqual(new Array(10).fill(200));
    expect(dataset.classNames?.[9]).toBe('truck');
    const raw = gunzipSync(readFileSync(at('cifar10/test_2000.bin.gz')));
    const { inputs, labels } = await readAll(dataset.select([0, 1234, 1999]), plainSpec(32, 32, 3));
    [0, 1234, 1999].forEach((record, i) => {
      expect(labels[i]).toBe(raw[record * 3073]);
      for (const [y, x, c] of [
        [0, 0, 0],
        [5, 31, 1],
        [31, 7, 2],
      ] as const) {
        expect(inputs[i]?.[(y * 32 + x) * 3 + c]).toBe(raw[record * 3073 + 1 + c * 1024 + y * 32 + x]);
      }
    });
  });

  it('cifar10 folder: parts by file name', async () => {
    expect((await openDataset(at('cifar10'), { part: 'train' })).describe()).toMatchObject({
      samples: 10_000,
      part: 'train',
    });
    expect((await openDataset(at('cifar10'), { part: 'test' })).describe()).toMatchObject({
      samples: 2000,
      part: 'test',
    });
    expect((await openDataset(at('cifar10'))).count).toBe(12_000);
  });

  it('fashion-mnist: labels found beside the images, mean pixel as published', async () => {
    const dataset = await openDataset(at('fashion-mnist/t10k-images-idx3-ubyte.gz'));
    expect(histogram(dataset)).toEqual(new Array(10).fill(1000));
    const train = await openDataset(at('fashion-mnist'), { part: 'train' });
    expect(train.count).toBe(60_000);
    let sum = 0;
    const { spec } = specFromOptions({ inputRange: '0..1' }, [28, 28, 1]);
    for await (const batch of train.batches({ batchSize: 500, spec })) {
      for (const value of batch.inputs) sum += value;
    }
    // shared/data/README.md: train mean 0.2860, the known value.
    expect(sum / (60_000 * 784)).toBeCloseTo(0.286, 4);
  });

  it('notmnist folder with the test pair only serves as any part', async () => {
    for (const part of ['train', 'test', undefined] as const) {
      const dataset = await openDataset(at('notmnist'), { part });
      expect(dataset.count).toBe(10_000);
      expect(dataset.describe().part).toBeUndefined();
    }
  });

  it('chest-xray tar: class folders, parts, same order as the archive', async () => {
    const all = await openDataset(at('chest-xray/chest_xray_224_subset.tar'));
    expect(all.classNames).toEqual(['NORMAL', 'PNEUMONIA']);
    expect(histogram(all)).toEqual([934, 1090]);
    expect(all.nameOf(0)).toBe('train/NORMAL/IM-0115-0001.jpeg');
    const test = await openDataset(at('chest-xray/chest_xray_224_subset.tar'), { part: 'test' });
    expect(histogram(test)).toEqual([234, 390]);
    const rows = readFileSync(at('chest-xray/labels.csv'), 'utf8').trim().split(/\r?\n/).slice(1);
    const byName = new Map(rows.map((row) => row.split(',') as [string, string]));
    for (let i = 0; i < all.count; i++) expect(String(all.labels[i])).toBe(byName.get(all.nameOf(i) as string));
    const { inputs } = await readAll(test.select([0, 300, 623]), plainSpec(224, 224, 3));
    expect(inputs.map((picture) => picture.length)).toEqual([150_528, 150_528, 150_528]);
  });

  it('tiny-imagenet tar.gz: labels.csv beside it, names from classes.tsv, greyscale JPEGs expanded', async () => {
    const dataset = await openDataset(at('tiny-imagenet-200/val_2000.tar.gz'));
    expect(histogram(dataset)).toEqual(new Array(200).fill(10));
    expect(dataset.classNames?.[1]).toBe('reel');
    const folder = await openDataset(at('tiny-imagenet-200'), {
      part: 'train',
      classes: 'volleyball,rocking chair, rocker',
    });
    expect(
      histogram(folder)
        .map((n, i) => [i, n])
        .filter(([, n]) => n !== 0),
    ).toEqual([
      [2, 20],
      [3, 20],
    ]);
    const { inputs } = await readAll(folder, plainSpec(64, 64, 3), 16);
    expect(inputs).toHaveLength(40);
  });

  it('ic01 raw records with y_labels.csv: the last integer column', async () => {
    const options = { recordShape: '32,32,3', labels: at('ic01/y_labels.csv') };
    const dataset = await openDataset(at('ic01/ic01_hwc_u8.bin'), options);
    const expected = readFileSync(at('ic01/y_labels.csv'), 'utf8')
      .trim()
      .split('\n')
      .map((row) => Number(row.split(',')[2]));
    expect([...dataset.labels]).toEqual(expected);
    const { inputs } = await readAll(dataset, plainSpec(32, 32, 3), 64);
    const bytes = Uint8Array.from(inputs.flat());
    const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
    expect(digest(bytes)).toBe(digest(readFileSync(at('ic01/ic01_hwc_u8.bin'))));
  });

  it('tflm-samples: BMP refused, every file named; a wav is no data set', async () => {
    const error = await errorOf(() => openDataset(at('tflm-samples')));
    expect(error.code).toBe('E_DATA_PICTURE');
    expect(error.exitCode).toBe(3);
    expect(error.message).toContain('no_person.bmp (BMP), person.bmp (BMP)');
    expect((await errorOf(() => openDataset(at('tflm-samples/person.bmp')))).code).toBe('E_DATA_PICTURE');
    expect((await errorOf(() => openDataset(at('tflm-samples/yes_1000ms.wav')))).code).toBe('E_DATA_FORMAT');
  });

  it('unknown class names: one error, each with the nearest', async () => {
    const error = await errorOf(() =>
      openDataset(at('cifar10/test_2000.bin.gz'), { classes: 'cat,trukc,airplan,12,zebra' }),
    );
    expect(error.code).toBe('E_CLASS_UNKNOWN');
    expect(error.exitCode).toBe(2);
    expect(error.all.map((p) => [p.context?.name, p.context?.nearest])).toEqual([
      ['trukc', ['truck']],
      ['airplan', ['airplane']],
      ['12', []],
      ['zebra', []],
    ]);
  });
});
