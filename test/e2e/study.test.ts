/** `study` as a user runs it, with very little to train on: what it prints and leaves, that it goes on, and what it refuses. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Study } from '../../src/sdk.js';
import { repositoryRoot } from '../support/shared-data.js';
import { compileOnce, documentOf, type ErrorDocument, emptyFolder, filesIn, run } from './command-line.js';

const model = path.join(repositoryRoot, 'models/fashion-cnn/fashion-cnn.h5');
const samples = path.join(repositoryRoot, 'models/fashion-cnn/samples');
const data = path.join(samples, 'calibration');
const MINUTE = 60_000;
const work = emptyFolder();
const oneClass = path.join(work, 'one-class.json');
beforeAll(() => {
  compileOnce();
  writeFileSync(oneClass, JSON.stringify(Array.from({ length: 10 }, (_, c) => (c === 3 ? 3 : null))));
}, 5 * MINUTE);
afterAll(() => rmSync(work, { recursive: true, force: true }));

const study = [
  'study',
  model,
  '--data',
  data,
  '--test-data',
  path.join(samples, 'test'),
  '--train-samples',
  '120',
  '--test-samples',
  '100',
  '--cuts',
  'pool2,pool3,dense1',
  '--wire',
  '60',
  '--threads',
  '1',
];

describe('study', () => {
  it(
    'prints cuts, predictors and what they mean, leaves documents and charts, and trains only what is new',
    async () => {
      const ran = await run([...study, '--seeds', '1'], { cwd: work });
      expect(ran.code, ran.stderr).toBe(0);
      expect(ran.stdout).toMatch(/study {4}fashion-cnn\.h5 on calibration · 60 B · 3 cuts, 1 seed each · 100 test/);
      expect(ran.stdout).toMatch(/pool2 +\d+ % +conv1x1-/);
      for (const name of ['CUI', 'size-free CUI', 'margin', 'Taylor', 'depth', 'size', 'probe']) {
        expect(ran.stdout).toMatch(new RegExp(`^ {2}${name} {2}`, 'm'));
      }
      expect(ran.stdout).toContain('With one seed over 3 cuts nothing can be said');
      const left = filesIn(work).filter((file) => file.startsWith('study/') && !file.includes('.cache'));
      expect(left).toEqual([
        'study/fashion-cnn/fashion-cnn-cuts.svg',
        'study/fashion-cnn/fashion-cnn-predictors.svg',
        'study/fashion-cnn/study.html',
        'study/fashion-cnn/study.json',
      ]);

      const again = await run([...study, '--seeds', '2', '--json'], { cwd: work });
      const document = documentOf(again) as unknown as Study;
      const [cell] = document.cells;
      expect(cell?.runs.map(({ cut, seed }) => `${cut} ${seed}`)).toEqual([
        'pool2 0',
        'pool2 1',
        'pool3 0',
        'pool3 1',
        'dense1 0',
        'dense1 1',
      ]);
      expect(document).toEqual(JSON.parse(readFileSync(path.join(work, 'study/fashion-cnn/study.json'), 'utf8')));
      expect(JSON.stringify(document)).not.toContain(work);
      // The first seed was found again: one run was kept for each cut and seed, and no more.
      const kept = filesIn(work).filter((file) => path.basename(file).startsWith('study-run'));
      expect(kept).toHaveLength(6);
    },
    4 * MINUTE,
  );

  it.each([
    [['study', model], 2, 'E_USAGE', /no data was given/],
    [['study', model, '--data', data, '--test-data', data], 2, 'E_USAGE', /are the samples of --data/],
    [[...study, '--seeds', '0'], 2, 'E_USAGE', /--seeds "0" is not a whole number of at least 1/],
    [[...study, '--cuts', 'pool2,nowhere,pool1'], 2, 'E_CUT_UNKNOWN', /"nowhere"/],
    [[...study, '--cuts', 'pool2,pool3'], 3, 'E_STUDY_CUTS', /2 single-tensor cuts have no order/],
    [[...study, '--wire', '0'], 2, 'E_BUDGET_CONTRADICTION', /wireBytes is 0/],
    [[...study, '--label-map', oneClass], 3, 'E_TRAIN_ONE_CLASS', /of class 3/],
  ])('%j ends %i with %s', async (args, code, errorCode, message) => {
    const cwd = emptyFolder();
    const ran = await run([...args, '--json'], { cwd });
    const { error } = documentOf(ran) as ErrorDocument;
    expect([ran.code, error.code]).toEqual([code, errorCode]);
    expect(error.message).toMatch(message);
    expect(error.hint.length).toBeGreaterThan(5);
  });
});
