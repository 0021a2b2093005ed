import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nearestNames, parseClassNames, resolveClassList } from '../../../src/data/class-names.js';
import { parseCsv } from '../../../src/data/csv.js';
import { parseLabelText } from '../../../src/data/label-file.js';
import { parseLabelMap, resolveLabelMap } from '../../../src/data/label-map.js';
import { type DatasetOptions, openDataset } from '../../../src/data/open-dataset.js';
import { partOfName } from '../../../src/data/sample-source.js';
import { errorOf, fixture, idxBytes, plainSpec, readAll, temporaryFolder, writeFiles } from './support.js';

const parse = (text: string) => parseLabelText(Buffer.from(text), 'labels');

describe('label texts', () => {
  it.each([
    ['one a line', '2\n0\n1\n', [2, 0, 1]],
    ['one a line, header, CRLF, blank lines', 'label\r\n2\r\n\r\n0\r\n', [2, 0]],
    ['names a line', 'cat\ndog\n', ['cat', 'dog']],
    ['column label wins over later integer columns', 'id,label,size\n7,1,100\n8,0,200\n', [1, 0]],
    ['last integer column without header', 'a_1.bin,10,2\nb.bin,10,5\n', [2, 5]],
    ['last integer column under an unknown header', 'who,k,note\nx,3,p\ny,4,q\n', [3, 4]],
    ['semicolons and quotes', '"file";"label"\n"a;b.png";"3"\n"c ""d"".png";4\n', [3, 4]],
    ['tabs, byte order mark', '\uFEFFlabel\tname\n3\tx\n', [3]],
    ['negative numbers are numbers', '-1\n2\n', [-1, 2]],
    ['one name makes all of them names', '1\n2\nthree\n', ['1', '2', 'three']],
  ])('%s', (_, text, labels) => {
    expect(parse(text).labels).toEqual(labels);
  });
  it('finds the file column by name, or by names that end like files', () => {
    expect(parse('label,file\n1,./a/b.png\n').files).toEqual(['a/b.png']);
    expect(parse('x.png,1\ny.png,0\n').files).toEqual(['x.png', 'y.png']);
    expect(parse('x,1\ny,0\n').files).toBeUndefined();
  });
  it.each([
    ['', 'no labels'],
    ['label\n', 'a header and no labels'],
    ['a,1\nb\nc,2,3\n', 'line 2, 3 has not the 2 columns'],
    ['file,label\na.png,\n', 'line 2 has no label'],
    ['a,b\nc,d\n', 'no column named "label"'],
    ['\0\0', 'neither text nor npy nor IDX'],
  ])('%j is E_DATA_LABELS', async (text, words) => {
    const error = await errorOf(() => parse(text));
    expect(error.code).toBe('E_DATA_LABELS');
    expect(error.message).toContain(words);
  });
  it('csv lines are counted through quoted line breaks', () => {
    expect(parseCsv('"a\nb",1\n\nc,2\n')).toEqual([
      { line: 1, cells: ['a\nb', '1'] },
      { line: 4, cells: ['c', '2'] },
    ]);
  });
});

describe('--labels of a data set', () => {
  const folder = writeFiles(temporaryFolder(), {
    'x.bin': Uint8Array.of(10, 20, 30),
    'labels.txt': '2\n0\n1\n',
    'names.txt': 'cat\nowl\ncat\n',
    'labels.idx': idxBytes([3], Uint8Array.of(2, 0, 1)),
    'short.txt': '2\n0\n',
    'one.txt': '1\n2\n3\n',
  });
  const open = (labels: string, options: DatasetOptions = {}) =>
    openDataset(join(folder, 'x.bin'), { recordShape: '1', labels: join(folder, labels), ...options });

  it('text, IDX and npy say the same', async () => {
    for (const file of ['labels.txt', 'labels.idx', fixture('labels_i8.npy')]) {
      const labels = file.startsWith('/') ? file : join(folder, file);
      expect([...(await openDataset(join(folder, 'x.bin'), { recordShape: '1', labels })).labels]).toEqual([2, 0, 1]);
    }
  });
  it('a count that differs is E_DATA_COUNT with both counts', async () => {
    const error = await errorOf(() => open('short.txt'));
    expect([error.code, error.message]).toEqual(['E_DATA_COUNT', '3 samples, 2 labels in short.txt']);
  });
  it('names are numbered in code point order, or by the model when it has all of them', async () => {
    const own = await open('names.txt');
    expect([[...own.labels], own.classNames]).toEqual([
      [0, 1, 0],
      ['cat', 'owl'],
    ]);
    const model = await open('names.txt', { classNames: ['dog', 'Owl', 'Cat'] });
    expect([[...model.labels], model.classNames, model.classCount]).toEqual([[2, 1, 2], ['dog', 'Owl', 'Cat'], 3]);
  });
  it('names that the model has not are matched by number, with a warning', async () => {
    const warnings: string[] = [];
    const labels = join(folder, 'names.txt');
    const dataset = await openDataset(
      join(folder, 'x.bin'),
      { recordShape: '1', labels, classNames: ['cat', 'bird'] },
      { onWarning: (message) => warnings.push(message) },
    );
    expect([...dataset.labels]).toEqual([0, 1, 0]);
    expect(warnings).toEqual([expect.stringContaining('1: "owl" and "bird"')]);
  });
  it('labels outside the classes are one E_DATA_LABEL_RANGE that lists them and guesses the shift', async () => {
    const error = await errorOf(() => open('one.txt', { classCount: 3 }));
    expect(error.code).toBe('E_DATA_LABEL_RANGE');
    expect(error.message).toContain('3 (1×)');
    expect(error.hint).toContain('count from 1');
    expect((await open('one.txt')).classCount).toBe(4);
  });
  it('without labels: refused, or −1 when none are needed', async () => {
    const path = join(folder, 'x.bin');
    expect((await errorOf(() => openDataset(path, { recordShape: '1' }))).code).toBe('E_DATA_LABELS');
    const dataset = await openDataset(path, { recordShape: '1', labelsRequired: false });
    expect(await readAll(dataset, plainSpec(1, 1, 1))).toMatchObject({
      inputs: [[10], [20], [30]],
      labels: [-1, -1, -1],
    });
    expect(dataset.describe().labelled).toBe(false);
    const classes = await errorOf(() => openDataset(path, { recordShape: '1', labelsRequired: false, classes: '1' }));
    expect(classes.code).toBe('E_DATA_LABELS');
  });
  it('--classes keeps those classes, --samples draws by class, nothing left is E_DATA_EMPTY', async () => {
    expect([...(await open('labels.txt', { classes: '2,0' })).indices]).toEqual([0, 1]);
    expect([...(await open('names.txt', { classes: 'CAT' })).indices]).toEqual([0, 2]);
    expect((await open('names.txt', { samples: 2 })).count).toBe(2);
    expect((await open('names.txt', { samples: 99 })).count).toBe(3);
    expect((await errorOf(() => open('labels.txt', { classes: [7], classCount: 10 }))).code).toBe('E_DATA_EMPTY');
    expect((await errorOf(() => open('labels.txt', { samples: 0 }))).code).toBe('E_USAGE');
  });
  it('--label-map renumbers and leaves out', async () => {
    writeFiles(folder, { 'map.json': '{"2": "owl", "0": 0, "*": null}' });
    const labelMap = join(folder, 'map.json');
    const dataset = await open('labels.txt', { labelMap, classNames: ['dog', 'owl'] });
    expect([[...dataset.labels], [...dataset.indices]]).toEqual([
      [1, 0],
      [0, 1],
    ]);
    const byDataName = await open('names.txt', {
      labelMap: {
        name: 'm',
        pairs: [
          { from: 'owl', to: '1' },
          { from: 'cat', to: '0' },
        ],
      },
      classCount: 2,
      classes: 'owl',
    });
    expect([...byDataName.labels]).toEqual([1]);
  });
});

describe('label maps', () => {
  const model = { names: ['dog', 'owl'], count: 2 };
  it('JSON object, JSON array and CSV say the same', () => {
    const texts = ['{"0": 1, "1": "dog"}', '[1, "dog"]', 'from,to\n0,owl\n1,0\n', '0;1\n1;dog'];
    for (const text of texts) {
      expect([...resolveLabelMap(parseLabelMap(text, 'map'), [0, 1], undefined, model)]).toEqual([
        [0, 1],
        [1, 0],
      ]);
    }
  });
  it('reports every fault at once', async () => {
    const text = '{"cat": "owll", "lion": 0, "bird": 7}';
    const error = await errorOf(() =>
      resolveLabelMap(parseLabelMap(text, 'map.json'), [0, 1, 2], ['cat', 'bird', 'fox'], model),
    );
    expect(error.code).toBe('E_DATA_LABEL_MAP');
    expect(error.all.map((p) => p.message)).toEqual([
      'map.json: the model has no class "owll"',
      'map.json: the data have no class "lion"',
      'map.json: the model has no class "7"',
      'map.json does not say what becomes of class 0 (cat), 1 (bird), 2 (fox) of the data',
    ]);
    expect(error.all[0]?.hint).toContain('owl');
  });
  it.each(['', '{', '{"a": 1.5}', '{"a": [1]}', '[]', 'a,b,c\n', '"x"'])('%j is E_DATA_LABEL_MAP', async (text) => {
    expect((await errorOf(() => parseLabelMap(text, 'map'))).code).toBe('E_DATA_LABEL_MAP');
  });
  it('a class mapped twice is refused', async () => {
    const mapping = parseLabelMap('0,1\n0,0\n', 'map');
    expect((await errorOf(() => resolveLabelMap(mapping, [0], undefined, model))).message).toContain('twice');
  });
});

describe('class lists', () => {
  const table = { names: ['cat', 'rocking chair, rocker', 'crane', 'crane'], count: 4 };
  it('numbers, names, names with commas, in any order, once', () => {
    expect(resolveClassList('3, CAT ,rocking chair, rocker,0', table)).toEqual([0, 1, 3]);
    expect(resolveClassList(['cat', 2], table)).toEqual([0, 2]);
  });
  it('an ambiguous name, an unknown one and a number too high are three problems', async () => {
    const error = await errorOf(() => resolveClassList('crane,catt,4', table));
    expect(error.all.map((p) => [p.message, p.hint])).toEqual([
      ['"crane" is the name of classes 2 and 3', 'Give the number.'],
      ['there is no class "catt"; did you mean cat?', expect.stringMatching(/^Classes are cat, /)],
      ['there is no class 4', 'Classes are 0 … 3.'],
    ]);
  });
  it('an empty list is a mistake, a trailing comma is not', async () => {
    expect((await errorOf(() => resolveClassList('', table))).code).toBe('E_CLASS_UNKNOWN');
    expect(resolveClassList('cat,', table)).toEqual([0]);
  });
  it('nearest names come nearest first', () => {
    expect(nearestNames('trucks', ['cat', 'truck', 'track', 'deer'])).toEqual(['truck', 'track']);
  });
  it('class name texts: lines, or index and name', () => {
    expect(parseClassNames('a\nb\n\n')).toEqual(['a', 'b']);
    expect(parseClassNames('1\tn02\tfish, cod\n0\tn01\tcat\n')).toEqual(['cat', 'fish, cod']);
  });
});

it.each([
  ['train-images-idx3-ubyte.gz', 'train'],
  ['t10k-images.idx3-ubyte', 'test'],
  ['data_batch_3.bin', 'train'],
  ['test_batch.bin', 'test'],
  ['train_10000.bin.gz', 'train'],
  ['x_val', 'validation'],
  ['Validation', 'validation'],
  ['testimony.npy', undefined],
  ['images', undefined],
])('the part of %s is %s', (name, part) => {
  expect(partOfName(name)).toBe(part);
});
