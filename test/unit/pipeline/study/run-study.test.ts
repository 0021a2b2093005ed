/** A whole study, small: real network, few samples, two steps of training. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStageStore } from '../../../../src/artifact/stage-store.js';
import { chooseRecipe } from '../../../../src/bottleneck/train-recipe.js';
import type { ProgressEvent } from '../../../../src/core/context.js';
import { openDataset } from '../../../../src/data/open-dataset.js';
import { drawStratified, splitRoles } from '../../../../src/data/roles.js';
import { createEngine } from '../../../../src/engines/index.js';
import { analyseCell } from '../../../../src/pipeline/study/analyse-cell.js';
import { runStudy, type StudyRequest } from '../../../../src/pipeline/study/run-study.js';
import { choosePreprocess, demoPaths, openModel } from '../../../../src/sdk.js';
import { loadTrainingSet } from '../../../../src/train/training-set.js';

const MINUTE = 60_000;
const folder = mkdtempSync(path.join(tmpdir(), 'study-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let base: StudyRequest;

beforeAll(async () => {
  const { model: file, calibration, test: testFile } = demoPaths();
  const model = await openModel(file);
  const { spec } = choosePreprocess(model, {});
  const whole = await openDataset(calibration);
  const roles = splitRoles(whole.select(drawStratified(whole.labels, 260, 0)), 0, { validation: 60 / 260 });
  const tested = await openDataset(testFile);
  const load = (data: typeof whole) => loadTrainingSet(data, spec, {});
  const [training, validation, test] = await Promise.all([
    load(roles.train),
    load(roles.validation),
    load(tested.select(drawStratified(tested.labels, 100, 0))),
  ]);
  const quick = chooseRecipe('quick', { count: 200, shape: [28, 28, 1] }, 1e6);
  base = {
    model: 'fashion-cnn',
    data: 'samples',
    network: model.network,
    cuts: ['pool2', 'pool3', 'dense1'],
    targetBytes: 60,
    seeds: 2,
    seed: 0,
    training,
    validation,
    test,
    recipe: {
      ...quick,
      reconstruct: { ...quick.reconstruct, epochs: 0 },
      fineTune: { ...quick.fineTune, epochs: 1, warmupSteps: 1 },
    },
    engine: await createEngine('onnx'),
    threads: 1,
    storeInputs: 'test',
  };
}, MINUTE);

describe('runStudy', () => {
  it(
    'trains every cut from every seed at about the target bytes, and what is found again is the same document',
    async () => {
      const store = openStageStore(folder);
      const controller = new AbortController();
      let events: ProgressEvent[] = [];
      const stopped = runStudy(
        { ...base, store },
        {
          signal: controller.signal,
          onProgress: (event) => {
            events.push(event);
            if (event.stage === 'study' && event.done === 3) controller.abort();
          },
        },
      );
      await expect(stopped).rejects.toMatchObject({ code: 'E_INTERRUPTED' });
      const runsKept = readdirSync(folder).filter((name) => name.startsWith('study-run'));
      expect(runsKept).toHaveLength(3);

      events = [];
      const resumed = await runStudy({ ...base, store }, { onProgress: (event) => events.push(event) });
      expect(events.find(({ stage }) => stage === 'study')).toMatchObject({ done: 3, total: 6, unit: 'runs' });
      expect(await runStudy(base, {})).toEqual(resumed);

      expect(resumed.cuts.map(({ id }) => id)).toEqual(['pool2', 'pool3', 'dense1']);
      expect(resumed.runs).toHaveLength(6);
      for (const { correct, codedBytes, attempts } of resumed.runs) {
        expect(correct).toMatch(/^[01]{100}$/);
        expect(attempts).toBeLessThanOrEqual(3);
        expect(codedBytes).toBeLessThan(72);
      }
      // What is read from a dense layer after its relu has too little entropy for so many bytes.
      for (const { codedBytes } of resumed.runs.slice(0, 4)) expect(codedBytes).toBeGreaterThan(50);
      expect(resumed.runs.slice(4).map(({ bottleneck, attempts }) => [bottleneck, attempts])).toEqual([
        ['dense-s1-c64-b8', 1],
        ['dense-s1-c64-b8', 1],
      ]);
      expect(resumed.fullAccuracy).toBeGreaterThan(0.85);
      expect(resumed.classSamples.reduce((a, b) => a + b, 0)).toBe(resumed.samples.importance);
      expect(resumed.cuts.map(({ predictors }) => predictors.depth)).toEqual([0, 1, 2]);
      for (const { predictors, byClass } of resumed.cuts) {
        expect(Object.values(predictors).every((value) => value !== null && Number.isFinite(value))).toBe(true);
        expect(byClass.probe).toHaveLength(10);
        // A probe's accuracy is the mean of its classes', weighted with their samples: within what both lie.
        const classes = (byClass.probe ?? []).flatMap((value) => value ?? []);
        expect(predictors.probe).toBeGreaterThanOrEqual(Math.min(...classes));
        expect(predictors.probe).toBeLessThanOrEqual(Math.max(...classes));
      }
      const result = analyseCell(resumed, { seed: 0, subsets: 5 });
      expect(result.predictors).toHaveLength(7);
      expect(result.subsets?.subsets).toBe(5);
    },
    5 * MINUTE,
  );

  it(
    'takes the finest code where the target is larger than the tensor, and says that it is not at the target',
    async () => {
      const cell = await runStudy({ ...base, targetBytes: 150, seeds: 1 }, {});
      const late = cell.runs.find(({ cut }) => cut === 'dense1');
      expect(late?.bottleneck).toMatch(/^dense-.*b8$/);
      expect(late?.attempts).toBe(1);
      const result = analyseCell(cell, { seed: 0, subsets: 0 });
      expect(result.cuts.at(-1)).toMatchObject({ id: 'dense1', atTarget: false, seedDeviation: null });
      expect(result.reliability).toBeNull();
    },
    MINUTE,
  );

  it.each([
    [{ cuts: ['pool1', 'pool2'] }, 'E_STUDY_CUTS', /2 single-tensor cuts/],
    [{ cuts: ['pool1', 'pool2', 'nowhere'] }, 'E_CUT_UNKNOWN', /"nowhere"/],
    [{ targetBytes: 0 }, 'E_BUDGET_INFEASIBLE', /no cut can be brought to 0 B/],
  ])('%j ends with %s', async (changes, code, message) => {
    const error = (await runStudy({ ...base, ...changes }, {}).catch((e: unknown) => e)) as Error;
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(message);
  });
});
