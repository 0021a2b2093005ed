/** `train` as a user runs it: what it prints and leaves, how the model is used, and what it says to wrong options. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainCase } from '../../evidence/trained-networks.js';
import { repositoryRoot } from '../support/shared-data.js';
import { compileOnce, documentOf, type ErrorDocument, emptyFolder, filesIn, run } from './command-line.js';

const data = path.join(repositoryRoot, 'models/fashion-cnn/samples/test');
const MINUTE = 60_000;
const work = emptyFolder();
beforeAll(compileOnce, 5 * MINUTE);
afterAll(() => rmSync(work, { recursive: true, force: true }));

const train = [
  'train',
  'resnet8',
  '--data',
  data,
  '--samples',
  '300',
  '--input',
  '12',
  '--epochs',
  '2',
  '--threads',
  '1',
];

describe('train', () => {
  it(
    'writes a model and its card, which inspect and build take as they are',
    async () => {
      const ran = await run(train, { cwd: work });
      expect(ran.code, ran.stderr).toBe(0);
      expect(ran.stdout).toMatch(/^model {4}resnet8 · 12x12x1 → 10 classes/);
      expect(ran.stdout).toMatch(/data {5}210 to train on, 30 to choose the epoch, 60 held-out samples/);
      expect(ran.stdout).toMatch(/accuracy \d+\.\d % of 60 held-out samples, 95 % interval/);
      expect(filesIn(work).filter((file) => !file.includes('.isplit-cache'))).toEqual([
        'trained/resnet8.card.json',
        'trained/resnet8.tflite',
      ]);
      const card = JSON.parse(readFileSync(path.join(work, 'trained/resnet8.card.json'), 'utf8'));
      expect(JSON.stringify(card)).not.toContain(work);

      const inspected = await run(['inspect', 'trained/resnet8.tflite', '--json'], { cwd: work });
      const { format, warnings, classNames, layers } = documentOf(inspected) as Record<
        string,
        readonly { id: string }[]
      >;
      expect([format, warnings, classNames]).toEqual(['tflite', [], card.classes]);
      expect(layers?.map((layer) => layer.id)).toContain('stack2_out');

      // Everything is found again: nothing is trained a second time, and the document says what the text said.
      const again = await run([...train, '--json'], { cwd: work });
      const document = documentOf(again) as { sha256: string; history: unknown[]; accuracy: { test: number } };
      expect(document).toMatchObject({ sha256: card.model.sha256, samples: { train: 210, validation: 30, test: 60 } });
      expect(document.history).toHaveLength(2);
      expect(ran.stdout).toContain(`accuracy ${(100 * document.accuracy.test).toFixed(1)} %`);
    },
    3 * MINUTE,
  );

  it.each([
    [['train', 'resnet8'], 2, 'E_USAGE', /no data was given/],
    [['train', 'resnet9', '--data', data], 2, 'E_ARCHITECTURE_UNKNOWN', /did you mean resnet8/],
    [['train', 'vgg16', '--data', data, '--input', '16'], 2, 'E_INPUT_TOO_SMALL', /at least 32×32/],
    [[...train, '--epochs', '0', '--batch', 'many'], 2, 'E_USAGE', /--epochs "0" is not a whole number of at least 1/],
    [[...train, '--learning-rate', '-1'], 2, 'E_USAGE', /is not a number above 0/],
    [[...train, '--augment', 'rotate'], 2, 'E_USAGE', /--augment "rotate"/],
    [[...train, '--input', '12x12x7'], 2, 'E_USAGE', /--input "12x12x7" is not a picture size/],
    [
      ['train', 'resnet8', '--data', data, '--recipe', 'quick'],
      2,
      'E_USAGE',
      /--recipe is for folders that build left/,
    ],
    [['train', 'resnet8', '--data', 'nowhere'], 3, 'E_DATA_UNREADABLE', /nowhere/],
  ])('%j ends %i with %s', async (args, code, errorCode, message) => {
    const cwd = emptyFolder();
    const ran = await run([...args, '--json'], { cwd });
    const { error } = documentOf(ran) as ErrorDocument;
    expect([ran.code, error.code]).toEqual([code, errorCode]);
    expect(error.message).toMatch(message);
    expect(error.hint.length).toBeGreaterThan(10);
    expect(filesIn(cwd)).toEqual([]);
    rmSync(cwd, { recursive: true });
  });

  it('of a built folder takes what is for folders, and opens it', async () => {
    const cwd = emptyFolder();
    writeFileSync(path.join(cwd, 'manifest.json'), '{}');
    const codesOf = async (...args: string[]): Promise<unknown> => {
      const { error } = documentOf(await run(['train', '.', ...args, '--json'], { cwd })) as ErrorDocument;
      return [error.code, error.message];
    };
    const refused = expect.stringMatching(/^--epochs is for architectures; .* \(and 1 more\)$/);
    expect(await codesOf('--epochs', '3', '--augment', 'flip')).toEqual(['E_USAGE', refused]);
    expect(await codesOf('--recipe', 'long')).toEqual(['E_USAGE', expect.stringMatching(/--recipe "long"/)]);
    expect(await codesOf('--recipe', 'quick')).toEqual(['E_MANIFEST_INVALID', expect.any(String)]);
    rmSync(cwd, { recursive: true });
  });

  it('is measured by the same code as docs/evidence.md, on less', async () => {
    const options = { data, samples: 120, input: { height: 8, width: 8 }, threads: 1, settings: { epochs: 2 } };
    const lines: string[] = [];
    const small = { id: 'small', architecture: 'ds-cnn', options };
    const row = await trainCase(small, path.join(work, 'evidence'), (line) => lines.push(line));
    expect(row).toMatchObject({
      data: 'test',
      inputShape: [8, 8, 1],
      samples: { train: 84, validation: 12, test: 24 },
    });
    expect(row.minutesPerEpoch).toBeTypeOf('number');
    expect(lines.filter((line) => line.startsWith('small: epoch'))).toHaveLength(2);
    const [first] = [await trainCase(small, path.join(work, 'evidence'), () => undefined)];
    expect(first).toEqual({ ...row, minutesPerEpoch: null });
  });
});
