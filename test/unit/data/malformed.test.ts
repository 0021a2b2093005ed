import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/core/error-codes.js';
import { type DatasetOptions, openDataset } from '../../../src/data/open-dataset.js';
import { specFromOptions } from '../../../src/preprocess/options.js';
import type { PreprocessSpec } from '../../../src/preprocess/spec.js';
import { cifarRecord, errorOf, fixture, idxBytes, plainSpec, readAll, temporaryFolder, writeFiles } from './support.js';

const bytesOf = (name: string) => new Uint8Array(readFileSync(fixture(name)));
const record = cifarRecord(1, [1, 2, 3]);
const rgb = bytesOf('rgb.png');
const npy = bytesOf('nhwc_u1.npy');

function patched(bytes: Uint8Array, at: number, values: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(values, at);
  return copy;
}

function replaced(bytes: Uint8Array, from: string, to: string): Uint8Array {
  return Uint8Array.from(Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll(from, to), 'latin1'));
}

/** An npz whose directory declares a smaller array than the deflated data give. */
function lyingNpz(): Uint8Array {
  const zip = zipSync({ 'images.npy': new Uint8Array(1_000_000) }, { level: 9 });
  const directory = Buffer.from(zip).lastIndexOf(Buffer.from('PK\x01\x02', 'latin1'));
  return patched(zip, directory + 24, [100, 0, 0, 0]);
}

interface Case {
  readonly name: string;
  readonly files: Record<string, string | Uint8Array>;
  /** Relative to the folder of the files; the folder itself when left out. */
  readonly path?: string;
  readonly code: ErrorCode;
  readonly words: string;
  readonly options?: DatasetOptions;
  readonly spec?: PreprocessSpec;
}

const one = (data: string | Uint8Array) => ({ files: { x: data }, path: 'x' });
const labels = fixture('labels_i8.npy');

const cases: readonly Case[] = [
  { name: 'no such path', files: {}, path: 'nothing', code: 'E_DATA_UNREADABLE', words: 'does not exist' },
  {
    name: 'a device',
    files: {},
    path: '../../../../../../../../dev/null',
    code: 'E_DATA_UNREADABLE',
    words: 'is no file',
  },
  { name: 'empty file', ...one(''), code: 'E_DATA_EMPTY', words: 'is empty' },
  { name: 'empty gzip', ...one(gzipSync('')), code: 'E_DATA_EMPTY', words: 'is empty' },
  { name: 'empty folder', files: {}, code: 'E_DATA_EMPTY', words: 'empty folder' },
  { name: 'folder of texts', files: { 'a.txt': 'hello' }, code: 'E_DATA_EMPTY', words: 'a.txt' },
  { name: 'unknown bytes', ...one('hello world'), code: 'E_DATA_FORMAT', words: '68 65 6c' },
  {
    name: 'two data sets in a folder',
    files: { 'a.tar': bytesOf('gnu.tar'), 'b.tar': bytesOf('pax.tar') },
    code: 'E_DATA_AMBIGUOUS',
    words: 'a.tar, b.tar',
  },
  {
    name: 'two kinds in a folder',
    files: { 'a.tar': bytesOf('gnu.tar'), b: record },
    code: 'E_DATA_AMBIGUOUS',
    words: 'cifar10 (b)',
  },

  {
    name: 'cifar10 cut off',
    ...one(Buffer.concat([record, record.subarray(0, 100)])),
    code: 'E_DATA_TRUNCATED',
    words: '1 records of 3 073 B and 100 B more',
  },
  {
    name: 'cifar10 cut off inside gzip',
    ...one(gzipSync(Buffer.concat([record, record.subarray(0, 100)]))),
    code: 'E_DATA_TRUNCATED',
    words: 'record 1',
  },
  {
    name: 'cifar10 with a label of 10 later on',
    ...one(Buffer.concat([...new Array<Uint8Array>(30).fill(record), cifarRecord(10, [0, 0, 0])])),
    code: 'E_DATA_LABEL_RANGE',
    words: 'record 30 has label 10',
  },
  {
    name: 'gzip cut off',
    ...one(gzipSync(Buffer.concat(new Array<Uint8Array>(9).fill(record))).subarray(0, 80)),
    code: 'E_DATA_TRUNCATED',
    words: 'compressed',
  },
  {
    name: 'gzip damaged',
    ...one(patched(gzipSync(record), 12, [255, 255, 255, 255])),
    code: 'E_DATA_ARCHIVE',
    words: 'damaged',
  },
  { name: 'gzip bomb', ...one(gzipSync(new Uint8Array(100_000_000))), code: 'E_DATA_ARCHIVE', words: '400 times' },

  {
    name: 'idx images cut off',
    files: { images: idxBytes([3, 2, 2], new Uint8Array(11)) },
    code: 'E_DATA_TRUNCATED',
    words: 'announces 3 samples (28 B) and ends after 2',
  },
  {
    name: 'idx images too long',
    files: { images: idxBytes([3, 2, 2], new Uint8Array(13)) },
    code: 'E_DATA_TRUNCATED',
    words: 'goes on for 1 B',
  },
  {
    name: 'idx cut off in the header',
    ...one(idxBytes([3, 2, 2], new Uint8Array(0)).subarray(0, 9)),
    code: 'E_DATA_FORMAT',
    words: '00 00 08 03',
  },
  {
    name: 'idx counts differ',
    files: { 'a-images': idxBytes([3, 1, 1], new Uint8Array(3)), 'a-labels': idxBytes([2], new Uint8Array(2)) },
    code: 'E_DATA_COUNT',
    words: '3 samples, a-labels has 2',
  },
  {
    name: 'idx labels cut off',
    files: { 'a-images': idxBytes([3, 1, 1], new Uint8Array(3)), 'a-labels': idxBytes([3], new Uint8Array(2)) },
    code: 'E_DATA_TRUNCATED',
    words: 'a-labels',
  },
  {
    name: 'idx of no samples',
    files: { images: idxBytes([0, 2, 2], new Uint8Array(0)) },
    code: 'E_DATA_EMPTY',
    words: 'no samples',
  },
  {
    name: 'idx of giant samples',
    files: { images: idxBytes([1, 65_535, 65_535], new Uint8Array(0)) },
    code: 'E_DATA_TOO_LARGE',
    words: '4 294 836 225 B',
  },
  {
    name: 'idx of giant count',
    files: { images: idxBytes([0xffffffff, 1, 1], new Uint8Array(0)) },
    code: 'E_DATA_TOO_LARGE',
    words: '4 294 967 295',
  },
  {
    name: 'idx labels given as data',
    ...one(idxBytes([3], new Uint8Array(3))),
    code: 'E_DATA_FORMAT',
    words: 'labels, not of samples',
  },
  {
    name: 'idx files of two sizes',
    files: { 'a-images': idxBytes([1, 1, 1], new Uint8Array(1)), 'b-images': idxBytes([1, 2, 1], new Uint8Array(2)) },
    code: 'E_DATA_SHAPE',
    words: '2×1×1',
  },

  { name: 'npy cut off', ...one(npy.subarray(0, npy.length - 1)), code: 'E_DATA_TRUNCATED', words: 'ends after 2' },
  { name: 'npy cut off in the header', ...one(npy.subarray(0, 40)), code: 'E_DATA_TRUNCATED', words: 'npy header' },
  { name: 'npy of version 9', ...one(patched(npy, 6, [9])), code: 'E_DATA_FORMAT', words: 'version' },
  {
    name: 'npy of a giant header',
    ...one(patched(bytesOf('version2_u1.npy'), 8, [255, 255, 255, 127])),
    code: 'E_DATA_TOO_LARGE',
    words: 'header of 2 147 483 647 B',
  },
  {
    name: 'npy of a giant shape',
    ...one(replaced(npy, '(3, 2, 4, 3)', '(9999999,9)')),
    code: 'E_DATA_TRUNCATED',
    words: '9 999 999 samples',
  },
  {
    name: 'npy header without shape',
    ...one(replaced(npy, "'shape'", "'shope'")),
    code: 'E_DATA_FORMAT',
    words: 'header',
  },
  {
    name: 'npy of a negative shape',
    ...one(replaced(npy, '(3, 2, 4, 3)', '(3,-2, 4, 3)')),
    code: 'E_DATA_FORMAT',
    words: '-2',
  },
  {
    name: 'raw records that do not divide',
    ...one('12345'),
    code: 'E_DATA_TRUNCATED',
    words: '2 records of 2 B and 1 B more',
    options: { recordShape: '2', labelsRequired: false },
  },
  {
    name: 'record shape that is none',
    ...one('12345'),
    code: 'E_USAGE',
    words: '2x-1',
    options: { recordShape: '2x-1' },
  },
  {
    name: 'record shape that does not fit a npy',
    ...one(npy),
    code: 'E_DATA_SHAPE',
    words: '24 elements',
    options: { recordShape: '5,5' },
  },

  {
    name: 'npz cut off',
    ...one(bytesOf('stored.npz').subarray(0, 600)),
    code: 'E_DATA_TRUNCATED',
    words: 'end record',
  },
  {
    name: 'npz with a directory elsewhere',
    ...one(replaced(bytesOf('stored.npz'), 'PK\x01\x02', 'PK\x07\x07')),
    code: 'E_DATA_ARCHIVE',
    words: 'directory',
  },
  {
    name: 'npz with a name that points outside',
    ...one(zipSync({ '../images.npy': npy })),
    code: 'E_DATA_ARCHIVE',
    words: 'points outside',
  },
  {
    name: 'npz with a name twice',
    ...one(replaced(zipSync({ 'x.npy': npy, 'q.npy': npy }), 'q.npy', 'x.npy')),
    code: 'E_DATA_ARCHIVE',
    words: 'twice',
  },
  { name: 'npz that unpacks to more than it declares', ...one(lyingNpz()), code: 'E_DATA_ARCHIVE', words: 'declares' },

  {
    name: 'tar damaged',
    ...one(patched(bytesOf('gnu.tar'), 2048 + 3, [7])),
    code: 'E_DATA_ARCHIVE',
    words: 'no tar header at byte',
  },
  {
    name: 'tar cut off in an entry',
    ...one(bytesOf('labelled.tar').subarray(0, 600)),
    code: 'E_DATA_TRUNCATED',
    words: 'middle of an entry',
  },
  {
    name: 'tar cut off between entries',
    ...one(bytesOf('labelled.tar').subarray(0, 1024)),
    code: 'E_DATA_TRUNCATED',
    words: 'end mark',
  },

  {
    name: 'picture cut off',
    files: { 'cat/a.png': rgb.subarray(0, rgb.length - 30), 'cat/b.png': rgb, 'dog/c.png': rgb.subarray(0, 40) },
    code: 'E_DATA_PICTURE',
    words: 'cat/a.png cannot be decoded',
    spec: plainSpec(2, 4, 3),
  },
  {
    name: 'picture of 4 giga pixels',
    files: { 'cat/a.png': patched(rgb, 16, [0, 0, 255, 255, 0, 0, 255, 255]) },
    code: 'E_DATA_TOO_LARGE',
    words: 'more than 64 000 000 pixels',
    spec: plainSpec(2, 4, 3),
  },
  {
    name: 'pictures without classes',
    files: { 'a.png': rgb, 'b.png': rgb },
    code: 'E_DATA_LABELS',
    words: 'not in class folders',
  },
  {
    name: 'pictures in train/ only',
    files: { 'train/a.png': rgb },
    code: 'E_DATA_LABELS',
    words: 'not in class folders',
  },
  {
    name: 'labels.csv that names other files too',
    files: { 'a.png': rgb, 'labels.csv': 'file,label\na.png,0\nz.png,1\n' },
    code: 'E_DATA_COUNT',
    words: 'names 1 files that are not there: z.png',
  },
  {
    name: 'labels.csv that lacks files',
    files: { 'a.png': rgb, 'b.png': rgb, 'labels.csv': 'file,label\na.png,0\n' },
    code: 'E_DATA_COUNT',
    words: 'no label for 1 of 2 pictures: b.png',
  },

  {
    name: 'pictures of another size',
    files: { 'cat/a.png': rgb },
    code: 'E_DATA_SHAPE',
    words: 'cat/a.png: pictures are 2×4',
    spec: plainSpec(3, 3, 3),
  },
  {
    name: 'arrays of another size',
    ...one(npy),
    code: 'E_DATA_SHAPE',
    words: 'pictures are 2×4',
    options: { labels },
    spec: plainSpec(3, 3, 3),
  },
  {
    name: 'floats of another size',
    ...one(bytesOf('nhwc_f4.npy')),
    code: 'E_DATA_SHAPE',
    words: 'float32 2×4×3',
    options: { labels },
    spec: specFromOptions({ resize: true }, [3, 3, 3]).spec,
  },
];

describe('malformed data', () => {
  for (const { name, files, path, code, words, options, spec } of cases) {
    it(`${name}: ${code}`, async () => {
      const folder = writeFiles(temporaryFolder(), files);
      const target = path === undefined ? folder : join(folder, path);
      const error = await errorOf(async () => {
        const dataset = await openDataset(target, { labelsRequired: !name.startsWith('idx'), ...options });
        if (spec) await readAll(dataset, spec);
      });
      expect(`${error.code} ${error.message}`).toContain(code);
      expect(error.message).toContain(words);
      expect(error.message).not.toContain(folder === target ? '\0' : `${folder}/x`);
    });
  }

  it.each<[string, ErrorCode, string]>([
    ['bad_fortran.npy', 'E_DATA_DTYPE', 'Fortran order'],
    ['bad_object.npy', 'E_DATA_DTYPE', 'object array'],
    ['bad_complex.npy', 'E_DATA_DTYPE', 'c8'],
    ['bad_channels_first.npy', 'E_DATA_SHAPE', 'channels first'],
    ['bad_empty.npy', 'E_DATA_EMPTY', '(0, 2, 2)'],
    ['bad_rank5.npy', 'E_DATA_SHAPE', '4 dimensions'],
    ['bad_keys.npz', 'E_DATA_FORMAT', 'its arrays are a, b'],
    ['bad_count.npz', 'E_DATA_COUNT', '3 samples, bad_count.npz:labels.npy has 2'],
    ['keras.npz', 'E_DATA_AMBIGUOUS', 'x_train, x_test'],
    ['bad_outside.tar', 'E_DATA_ARCHIVE', 'points outside'],
    ['bad_absolute.tar', 'E_DATA_ARCHIVE', 'points outside'],
  ])('%s, as its tool writes it: %s', async (name, code, words) => {
    const error = await errorOf(() => openDataset(fixture(name)));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
  });

  it.each<[string, ErrorCode, string]>([
    ['bad_negative.npy', 'E_DATA_VALUES', 'sample 0 has the value -125'],
    ['bad_not_finite.npy', 'E_DATA_VALUES', 'not finite'],
  ])('%s is found while reading: %s', async (name, code, words) => {
    const dataset = await openDataset(fixture(name), { labelsRequired: false });
    const { height, width, channels } = dataset.describe().sampleShape as {
      height: number;
      width: number;
      channels: number;
    };
    const error = await errorOf(() => readAll(dataset, plainSpec(height, width, channels)));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
  });

  it('one-hot labels are refused with the remedy', async () => {
    const error = await errorOf(() => openDataset(fixture('nhwc_u1.npy'), { labels: fixture('bad_one_hot.npy') }));
    expect([error.code, error.hint]).toEqual(['E_DATA_LABELS', expect.stringContaining('argmax')]);
  });

  it('several broken pictures are one error with each of them', async () => {
    const broken = rgb.subarray(0, 45);
    const folder = writeFiles(temporaryFolder(), {
      'c/1.png': broken,
      'c/2.png': rgb,
      'c/3.png': broken,
      'c/4.png': broken,
    });
    const error = await errorOf(async () => readAll(await openDataset(folder), plainSpec(2, 4, 3)));
    expect(error.all.map((p) => p.context?.name)).toEqual(['c/1.png', 'c/3.png', 'c/4.png']);
  });
});
