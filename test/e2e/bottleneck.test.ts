/** A build with a bottleneck: what it leaves, that it keeps to the wire budget, and that stopping it changes nothing. */
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openBuiltFolder } from '../../src/artifact/built-folder.js';
import type { RunContext } from '../../src/core/context.js';
import { IsplitError } from '../../src/core/errors.js';
import { createRandom } from '../../src/core/random.js';
import { type BuiltModel, buildModel, demoPaths, evaluateBuild, openModel, retrainBuild } from '../../src/sdk.js';
import { emptyFolder, filesIn } from './command-line.js';

const MINUTE = 60_000;
const work = emptyFolder();
afterAll(() => rmSync(work, { recursive: true, force: true }));

const paths = demoPaths();
const WIRE_BYTES = 120;

async function build(name: string, ctx: RunContext = {}): Promise<BuiltModel> {
  const model = await openModel(paths.model);
  const options = {
    data: paths.calibration,
    samples: 600,
    testData: paths.test,
    device: 'esp32-s3',
    budgets: { macs: 5_000_000, wireBytes: WIRE_BYTES },
    cut: 'pool2',
    recipe: 'quick' as const,
    trainSamples: 300,
    baselines: false,
  };
  return buildModel(model, paths.model, path.join(work, name, 'build'), options, ctx);
}

/** Builds, and stops at the moments given: counted in events of the training's progress. */
async function buildWithStops(name: string, stops: readonly number[]): Promise<BuiltModel> {
  for (const stop of stops) {
    const controller = new AbortController();
    let seen = 0;
    const onProgress: RunContext['onProgress'] = ({ stage }) => {
      if ((stage === 'reconstruct' || stage === 'fine-tune') && ++seen === stop) controller.abort();
    };
    const error = await build(name, { signal: controller.signal, onProgress }).catch((cause: unknown) => cause);
    expect((error as IsplitError).code).toBe('E_INTERRUPTED');
    expect(existsSync(path.join(work, name, 'build'))).toBe(false);
  }
  return build(name);
}

function expectSameFiles(one: string, other: string): void {
  expect(filesIn(other)).toEqual(filesIn(one));
  for (const name of filesIn(one)) {
    expect(readFileSync(path.join(other, name)).equals(readFileSync(path.join(one, name))), name).toBe(true);
  }
}

describe('a build with a bottleneck', () => {
  it(
    'keeps to the wire budget, is verified, and can be evaluated from its folder',
    async () => {
      const built = await build('whole');
      if (built.kind !== 'built') throw built.error;
      const { manifest, training, evaluation } = built;
      expect(manifest.cut).toBe('pool2');
      expect(manifest.bottleneck).toMatch(/^conv\dx\d-s\d-c\d+-b\d$/);
      const [wire] = manifest.wire;
      expect(wire?.id).toBe('pool2/wire');
      expect(wire?.codec).toMatchObject({ id: 'rans' });
      expect(training?.bytes.coded).toBeLessThanOrEqual(WIRE_BYTES);
      expect(training?.bytes.coded).toBeGreaterThan(0.7 * WIRE_BYTES);
      expect(evaluation.wireBytes.mean).toBeLessThan(1.1 * WIRE_BYTES);
      expect(evaluation.wireBytes.p99).toBeLessThanOrEqual(wire?.bytes ?? 0);
      // Trained on 300 pictures for a few seconds; guessing gives 0.1.
      expect(evaluation.accuracy.splitInt8).toBeGreaterThan(0.8);
      expect(training?.history.fineTune.length).toBeGreaterThan(0);
      const reference = built.verify?.runtimes.filter(({ kernels, endToEnd }) => kernels === 'reference' && endToEnd);
      for (const runtime of reference ?? []) expect(runtime.endToEnd?.equalBytes).toBe(runtime.endToEnd?.bytes);
      const folder = path.join(work, 'whole', 'build');
      const opened = await openBuiltFolder(folder);
      expect(filesIn(folder)).toContain('training.json');
      expect(opened.manifest.splitId).toBe(manifest.splitId);
      const again = await evaluateBuild(folder, { testData: paths.test, samples: 200 });
      expect(again.evaluation.accuracy.splitInt8).toBeGreaterThan(0.75);
      expect(again.evaluation.accuracy.splitFloat).toBeNull();
    },
    5 * MINUTE,
  );

  it(
    'run again is taken from what was kept, to the same bytes',
    async () => {
      const [folder, first] = [path.join(work, 'whole', 'build'), path.join(work, 'whole', 'first')];
      cpSync(folder, first, { recursive: true });
      const stages = new Set<string>();
      const onProgress: RunContext['onProgress'] = ({ stage }) => stages.add(stage);
      await build('whole', { onProgress });
      expect([...stages]).not.toContain('fine-tune');
      expectSameFiles(first, folder);
    },
    5 * MINUTE,
  );

  it(
    'is trained again from its folder: the same cut, board and shape, to another budget',
    async () => {
      const [folder, out] = [path.join(work, 'whole', 'build'), path.join(work, 'whole', 'smaller')];
      const before = filesIn(folder).map((name) => readFileSync(path.join(folder, name)));
      const quick = { samples: 600, trainSamples: 300, recipe: 'quick' as const, baselines: false };
      const again = await retrainBuild(folder, { ...quick, budgets: { wireBytes: 80 }, out });
      if (again.kind !== 'built') throw again.error;
      const { manifest } = await openBuiltFolder(folder);
      const { cut, bottleneck, device, preprocessing, model } = manifest;
      expect(again.manifest).toMatchObject({ cut, bottleneck, device, preprocessing, model });
      expect(again.manifest.budgets.asked).toEqual({ macs: 5_000_000, wireBytes: 80 });
      expect(again.samples).toMatchObject({ on: 'test', test: manifest.accuracy?.samples });
      expect(again.training?.bytes.coded).toBeLessThanOrEqual(80);
      expect(again.evaluation.accuracy.splitInt8).toBeGreaterThan(0.75);
      expect(filesIn(folder).map((name) => readFileSync(path.join(folder, name)))).toEqual(before);
    },
    5 * MINUTE,
  );

  it('cannot be trained again where model and data are not found: both are asked for', async () => {
    const moved = path.join(work, 'moved', 'build');
    cpSync(path.join(work, 'whole', 'build'), moved, { recursive: true });
    const error = (await retrainBuild(moved, {}).catch((cause: unknown) => cause)) as IsplitError;
    expect(error.all.map(({ code }) => code)).toEqual(['E_USAGE', 'E_USAGE']);
    expect(error.all.map(({ hint }) => hint).join(' ')).toMatch(/--model FILE.*--data PATH/);
    const other = (await retrainBuild(moved, { model: 'resnet8' }).catch((cause: unknown) => cause)) as IsplitError;
    expect(other.code).toBe('E_MODEL_MISMATCH');
  });

  it(
    'interrupted at three moments and run again gives the same bytes',
    async () => {
      const random = createRandom(23);
      const stopped = await buildWithStops('stopped', [1 + random.int(3), 1 + random.int(20), 1 + random.int(20)]);
      if (stopped.kind !== 'built') throw stopped.error;
      const [whole, other] = ['whole', 'stopped'].map((name) => path.join(work, name, 'build')) as [string, string];
      expectSameFiles(whole, other);
    },
    8 * MINUTE,
  );

  it('says what is wrong with a bottleneck, and when the probes that choose one are left out', async () => {
    const model = await openModel(paths.model);
    const codeOf = async (options: object): Promise<unknown> => {
      const all = { data: paths.calibration, samples: 100, ...options };
      const result = await buildModel(model, paths.model, path.join(work, 'refused'), all).catch((e: unknown) => e);
      const error = result instanceof IsplitError ? result : (result as { error?: unknown }).error;
      return error instanceof IsplitError ? error.code : result;
    };
    expect(await codeOf({ bottleneck: 'conv5x5-s2-c8-b4' })).toBe('E_BOTTLENECK_SPEC');
    expect(await codeOf({ bottleneck: 'auto', probe: false })).toBe('E_USAGE');
    // A shape of more bytes than the budget is held to it by training: here 7 × 7 × 32 values of 4 bits, 784 B without coding.
    const built = await buildModel(model, paths.model, path.join(work, 'held'), {
      data: paths.calibration,
      samples: 300,
      cut: 'pool1',
      bottleneck: 'conv1x1-s2-c32-b4',
      budgets: { wireBytes: 300 },
      recipe: 'quick',
      baselines: false,
      probe: false,
    });
    expect(built.kind).toBe('built');
    if (built.kind === 'built') {
      expect(built.training?.bytes.coded).toBeLessThanOrEqual(300);
      expect(built.evaluation.wireBytes.mean).toBeLessThanOrEqual(1.05 * 300);
    }
    // No bottleneck brings anything to 1 B.
    expect(await codeOf({ budgets: { wireBytes: 1 } })).toBe('E_BUDGET_INFEASIBLE');
    expect(existsSync(path.join(work, 'refused', 'head.tflite'))).toBe(false);
  });
});
