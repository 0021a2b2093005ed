import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../src/data/open-dataset.js';
import {
  cifarRecord,
  errorOf,
  fixture,
  idxBytes,
  pattern,
  plainSpec,
  readAll,
  temporaryFolder,
  writeFiles,
} from './support.js';

const png = (name: string) => readFileSync(fixture(name));
const rgb = pattern(0, 24);

describe('CIFAR-10 records', () => {
  const records = Buffer.concat([cifarRecord(3, [1, 2, 3]), cifarRecord(9, [4, 5, 6])]);
  it.each([
    ['plain', records],
    ['gzip', gzipSync(records)],
    ['gzip of two members', Buffer.concat([gzipSync(cifarRecord(3, [1, 2, 3])), gzipSync(cifarRecord(9, [4, 5, 6]))])],
  ])('%s: planes become channels last', async (_, bytes) => {
    const folder = writeFiles(temporaryFolder(), { anything: bytes });
    const read = await readAll(await openDataset(join(folder, 'anything')), plainSpec(32, 32, 3));
    expect(read.labels).toEqual([3, 9]);
    expect(read.inputs[0]?.slice(0, 6)).toEqual([1, 2, 3, 1, 2, 3]);
    expect(read.inputs[1]?.slice(-3)).toEqual([4, 5, 6]);
  });
  it('a folder is its files in code point order, a gzip beside its file counts once', async () => {
    const folder = writeFiles(temporaryFolder(), {
      'data_batch_2.bin': cifarRecord(2, [0, 0, 0]),
      'data_batch_1.bin': cifarRecord(1, [0, 0, 0]),
      'data_batch_1.bin.gz': gzipSync(cifarRecord(1, [0, 0, 0])),
      'test_batch.bin': cifarRecord(7, [0, 0, 0]),
      'batches.meta.txt': 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n',
    });
    expect([...(await openDataset(folder)).labels]).toEqual([1, 2, 7]);
    const train = await openDataset(folder, { part: 'train' });
    expect([...train.labels]).toEqual([1, 2]);
    expect(train.classNames?.[2]).toBe('c');
  });
});

describe('IDX', () => {
  const images = idxBytes(
    [3, 2, 2],
    Uint8Array.from({ length: 12 }, (_, i) => i),
  );
  const labels = idxBytes([3], Uint8Array.of(5, 0, 1));
  it.each([
    ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte.gz'],
    ['t10k-images.idx3-ubyte', 't10k-labels.idx1-ubyte'],
    ['pictures.bin', 'classes.bin'],
  ])('%s finds %s', async (imageName, labelName) => {
    const folder = writeFiles(temporaryFolder(), {
      [imageName]: images,
      [labelName]: labelName.endsWith('.gz') ? gzipSync(labels) : labels,
      'other-labels': idxBytes([4], Uint8Array.of(9, 9, 9, 9)),
    });
    const read = await readAll(await openDataset(join(folder, imageName)), plainSpec(2, 2, 1));
    expect(read.labels).toEqual([5, 0, 1]);
    expect(read.inputs).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10, 11],
    ]);
  });
  it('rank 4 has channels; floats are big-endian', async () => {
    const floats = new DataView(new ArrayBuffer(8));
    floats.setFloat32(0, 1.5);
    floats.setFloat32(4, -2);
    const folder = writeFiles(temporaryFolder(), {
      'images.idx': idxBytes([1, 1, 1, 2], new Uint8Array(floats.buffer), 13),
      'labels.idx': idxBytes([1], Uint8Array.of(0)),
    });
    expect((await readAll(await openDataset(folder), plainSpec(1, 1, 2))).inputs).toEqual([[1.5, -2]]);
  });
});

describe('raw records', () => {
  it('bytes and little-endian floats', async () => {
    const folder = writeFiles(temporaryFolder(), {
      'x.bin': Uint8Array.of(1, 2, 3, 4),
      'x.f32.gz': gzipSync(new Uint8Array(Float32Array.of(0.5, -1, 2, 3).buffer)),
      labels: '1\n0\n',
    });
    const labels = join(folder, 'labels');
    const bytes = await openDataset(join(folder, 'x.bin'), { labels, recordShape: '1,2' });
    expect((await readAll(bytes, plainSpec(1, 2, 1))).inputs).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const floats = await openDataset(join(folder, 'x.f32.gz'), { labels, recordShape: [2], recordType: 'f32' });
    expect((await readAll(floats, plainSpec(1, 1, 2))).inputs).toEqual([
      [0.5, -1],
      [2, 3],
    ]);
  });
});

describe('pictures', () => {
  it.each([
    ['rgb.png', rgb],
    ['grey.png', pattern(0, 8).flatMap((v) => [v, v, v])],
    ['rgba.png', Array.from({ length: 8 }, (_, i) => pattern(4 * i, 3)).flat()],
    ['grey-alpha.png', Array.from({ length: 8 }, (_, i) => new Array(3).fill(pattern(2 * i, 1)[0])).flat()],
    ['grey16.png', pattern(0, 8).flatMap((v) => [v, v, v])],
  ])('%s decodes to its pixels', async (name, expected) => {
    const folder = writeFiles(temporaryFolder(), { labels: '0\n' });
    const dataset = await openDataset(fixture(name), { labels: join(folder, 'labels') });
    expect((await readAll(dataset, plainSpec(2, 4, 3))).inputs).toEqual([expected]);
  });
  it('class folders, in code point order of names; hidden files, texts and empty folders do not count', async () => {
    const folder = writeFiles(temporaryFolder(), {
      'b/10.png': png('rgb.png'),
      'b/2.png': png('grey.png'),
      'Z/nested/1.jpg': png('rgb.png'),
      'é/1.png': png('rgb.png'),
      '.hidden/x.png': png('rgb.png'),
      'b/.DS_Store': 'x',
      'README.md': 'about',
    });
    const dataset = await openDataset(folder);
    expect(dataset.classNames).toEqual(['Z', 'b', 'é']);
    expect(Array.from({ length: dataset.count }, (_, i) => dataset.nameOf(i))).toEqual([
      'Z/nested/1.jpg',
      'b/10.png',
      'b/2.png',
      'é/1.png',
    ]);
    expect([...dataset.labels]).toEqual([0, 1, 1, 2]);
    expect((await readAll(dataset, plainSpec(2, 4, 3), 3)).inputs[0]).toEqual(rgb);
  });
  it('class folders that are numbers keep their numbers', async () => {
    const folder = writeFiles(temporaryFolder(), { '10/a.png': png('rgb.png'), '2/a.png': png('rgb.png') });
    expect([...(await openDataset(folder)).labels]).toEqual([10, 2]);
  });
  it('labels.csv inside: by file name, with class names as labels', async () => {
    const folder = writeFiles(temporaryFolder(), {
      'b.png': png('rgb.png'),
      'a.png': png('rgb.png'),
      'labels.csv': 'file,label\nb.png,dog\na.png,cat\n',
    });
    const dataset = await openDataset(folder);
    expect(dataset.classNames).toEqual(['cat', 'dog']);
    expect([...dataset.labels]).toEqual([0, 1]);
  });
  it.each(['gnu.tar', 'pax.tar'])('%s: long names, parts, links passed over', async (name) => {
    const dataset = await openDataset(fixture(name));
    expect(Array.from({ length: dataset.count }, (_, i) => dataset.nameOf(i))).toEqual([
      `set/train/cat/${'long'.repeat(40)}.png`,
      'set/train/dog/1.png',
      'set/test/cat/2.png',
    ]);
    expect([...dataset.labels]).toEqual([0, 1, 0]);
    expect(dataset.classNames).toEqual(['cat', 'dog']);
    const test = await openDataset(fixture(name), { part: 'test' });
    expect(test.nameOf(0)).toBe('set/test/cat/2.png');
    expect((await readAll(dataset, plainSpec(2, 4, 3))).inputs[0]).toEqual(rgb);
  });
  it('a tar.gz gives what its tar gives', async () => {
    const folder = writeFiles(temporaryFolder(), { 'x.tgz': gzipSync(readFileSync(fixture('gnu.tar'))) });
    const plain = await readAll(await openDataset(fixture('gnu.tar')), plainSpec(2, 4, 3));
    expect(await readAll(await openDataset(join(folder, 'x.tgz')), plainSpec(2, 4, 3))).toEqual(plain);
  });
  it('labels.csv in a tar', async () => {
    const dataset = await openDataset(fixture('labelled.tar'));
    expect([dataset.nameOf(0), dataset.nameOf(1), ...dataset.labels]).toEqual(['b.png', 'a.png', 0, 1]);
  });
});

describe('any data set', () => {
  const open = () => openDataset(fixture('nhwc_u1.npy'), { labels: fixture('labels_i8.npy') });
  it('gives the same samples for every batch size, and again on the next pass', async () => {
    const dataset = await open();
    const spec = plainSpec(2, 4, 3);
    const one = await readAll(dataset, spec, 1);
    const all = await readAll(dataset, spec, 100);
    expect([all.inputs, all.labels, all.indices]).toEqual([one.inputs, one.labels, one.indices]);
    expect(all.batchCounts).toEqual([3]);
  });
  it('select keeps file order and the positions in the whole set', async () => {
    const part = (await open()).select([2, 0]);
    expect(await readAll(part, plainSpec(2, 4, 3))).toMatchObject({ labels: [2, 1], indices: [0, 2] });
    expect(part.select([1]).indices).toEqual(Uint32Array.of(2));
    expect(() => part.select([2])).toThrow(RangeError);
    expect(() => part.select([0, 0])).toThrow(RangeError);
  });
  it('tells the size of its first sample', async () => {
    expect(await (await open()).firstShape()).toEqual({ height: 2, width: 4, channels: 3 });
    expect(await (await openDataset(fixture('gnu.tar'))).select([1]).firstShape()).toEqual({
      height: 2,
      width: 4,
      channels: 3,
    });
  });
  it('a compressed file that vanishes between two passes is E_DATA_UNREADABLE', async () => {
    const folder = writeFiles(temporaryFolder(), { 'x.gz': gzipSync(cifarRecord(3, [1, 2, 3])) });
    const dataset = await openDataset(join(folder, 'x.gz'));
    rmSync(join(folder, 'x.gz'));
    expect((await errorOf(() => readAll(dataset, plainSpec(32, 32, 3)))).code).toBe('E_DATA_UNREADABLE');
  });
  it('pixels are the bytes before normalisation', async () => {
    for await (const batch of (await open()).batches({ batchSize: 3, spec: plainSpec(2, 4, 3) })) {
      expect([...(batch.pixels as Uint8Array)]).toEqual([...batch.inputs]);
    }
  });
  it('the content hash follows bytes, labels and selection, not the path', async () => {
    const folder = writeFiles(temporaryFolder(), {
      'copy.npy': png('nhwc_u1.npy'),
      'l.txt': '2\n0\n1\n',
      'm.txt': '2\n0\n0\n',
    });
    const hash = async (file: string, labels: string) => (await openDataset(file, { labels })).contentSha256();
    const here = await (await open()).contentSha256();
    expect(here).toMatch(/^[0-9a-f]{64}$/);
    expect(await hash(join(folder, 'copy.npy'), join(folder, 'l.txt'))).toBe(here);
    expect(await hash(join(folder, 'copy.npy'), join(folder, 'm.txt'))).not.toBe(here);
    expect(await (await open()).select([0, 1]).contentSha256()).not.toBe(here);
    expect(await hash(fixture('nhwc_i4.npy'), fixture('labels_i8.npy'))).not.toBe(here);
  });
  it('stops on the signal with E_INTERRUPTED', async () => {
    const dataset = await open();
    const controller = new AbortController();
    const error = await errorOf(async () => {
      for await (const _ of dataset.batches({ batchSize: 1, spec: plainSpec(2, 4, 3), signal: controller.signal }))
        controller.abort();
    });
    expect(error.code).toBe('E_INTERRUPTED');
  });
  it('can be left early and read again', async () => {
    const dataset = await openDataset(fixture('gnu.tar'));
    for await (const _ of dataset.batches({ batchSize: 1, spec: plainSpec(2, 4, 3) })) break;
    expect((await readAll(dataset, plainSpec(2, 4, 3))).labels).toEqual([0, 1, 0]);
  });
});
