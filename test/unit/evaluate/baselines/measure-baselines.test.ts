import { beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../../../../src/data/dataset.js';
import { openDataset } from '../../../../src/data/open-dataset.js';
import { drawStratified } from '../../../../src/data/roles.js';
import type { Engine } from '../../../../src/engines/engine.js';
import { createEngine } from '../../../../src/engines/index.js';
import type { BaselineRequest } from '../../../../src/evaluate/baselines/baseline-request.js';
import { jpegCodec } from '../../../../src/evaluate/baselines/jpeg.js';
import { measureBaselines } from '../../../../src/evaluate/baselines/measure-baselines.js';
import type { BaselineCurve } from '../../../../src/evaluate/evaluation.js';
import { choosePreprocess, demoPaths, type OpenedModel, openModel } from '../../../../src/sdk/open-model.js';

const RATES = [250, 80, 2];
const TEST_SAMPLES = 150;

let model: OpenedModel;
let engine: Engine;
let calibration: Dataset;
let test: Dataset;
let request: BaselineRequest;

beforeAll(async () => {
  model = await openModel(demoPaths().model);
  engine = await createEngine('onnx');
  calibration = await openDataset(demoPaths().calibration, { classCount: 10 });
  const whole = await openDataset(demoPaths().test, { classCount: 10 });
  test = whole.select(drawStratified(whole.labels, TEST_SAMPLES, 0));
  request = {
    network: model.network,
    preprocessing: choosePreprocess(model, {}).spec,
    engine,
    test,
    search: calibration,
    searchSamples: 64,
    rates: RATES,
  };
});

const curveOf = (curves: readonly BaselineCurve[], id: string): BaselineCurve =>
  curves.find((curve) => curve.id === id) as BaselineCurve;

/** Counts how often a data set is read. */
function watched(dataset: Dataset, onRead: () => void): Dataset {
  return {
    ...dataset,
    batches: (options) => {
      onRead();
      return dataset.batches(options);
    },
    select: (places) => watched(dataset.select(places), onRead),
  };
}

describe('picture baselines on the demo network', () => {
  let curves: BaselineCurve[];
  beforeAll(async () => {
    curves = await measureBaselines(request);
  }, 60_000);

  it('has JPEG, WebP and the gateway, with intervals, on all test samples', () => {
    expect(curves.map(({ id, fineTuned }) => [id, fineTuned])).toEqual([
      ['jpeg', false],
      ['webp', false],
      ['on-gateway', false],
    ]);
    expect(curveOf(curves, 'jpeg').practical).toBe(true);
    expect(curveOf(curves, 'webp').practical).toBe(false);
    for (const { points } of curves) {
      for (const { accuracy, interval, exists } of points) {
        if (!exists) continue;
        expect(interval?.[0]).toBeLessThanOrEqual(accuracy as number);
        expect((accuracy as number) * TEST_SAMPLES).toBeCloseTo(Math.round((accuracy as number) * TEST_SAMPLES), 9);
      }
    }
  });

  it('keeps to the bytes asked for, and headers are counted apart', () => {
    for (const id of ['jpeg', 'webp']) {
      for (const { targetBytes, bytesMean, bytesWithHeaders, exists } of curveOf(curves, id).points) {
        if (!exists) continue;
        // The target holds on the search samples; test samples differ a little.
        expect(bytesMean).toBeLessThan(1.05 * (targetBytes as number));
        expect((bytesWithHeaders as number) - (bytesMean as number)).toBeGreaterThan(id === 'jpeg' ? 120 : 26);
      }
    }
  });

  it('says that two bytes do not exist, and how few do', () => {
    for (const id of ['jpeg', 'webp']) {
      const [first] = curveOf(curves, id).points;
      expect(first).toMatchObject({ targetBytes: 2, exists: false, accuracy: null, bytesMean: null });
      expect(first?.setting).toMatch(/none is so small: \d+×\d+, quality 1 takes \d+ B/);
    }
  });

  it('grows better with bytes, up to what the network has of the picture as it is', () => {
    const clean = curveOf(curves, 'on-gateway').points[0];
    expect(clean?.bytesMean).toBe(784);
    // What evaluate and analyze say of this network on these samples is about 0.92.
    expect(clean?.accuracy).toBeGreaterThan(0.87);
    for (const id of ['jpeg', 'webp']) {
      const there = curveOf(curves, id).points.filter(({ exists }) => exists);
      expect(there.length).toBe(2);
      for (let i = 1; i < there.length; i++) {
        expect(there[i]?.accuracy).toBeGreaterThan((there[i - 1]?.accuracy as number) - 0.04);
      }
      expect(there.at(-1)?.accuracy).toBeGreaterThan((clean?.accuracy as number) - 0.05);
      expect(there[0]?.accuracy).toBeLessThan(there.at(-1)?.accuracy as number);
    }
  });
});

describe('what the test samples are for', () => {
  it('they are read once, after every setting was chosen', async () => {
    const events: string[] = [];
    await measureBaselines(
      {
        ...request,
        codecs: [jpegCodec],
        rates: [100],
        searchSamples: 40,
        test: watched(test, () => events.push('test')),
        search: watched(calibration, () => events.push('search')),
      },
      { onProgress: ({ stage }) => events.push(stage) },
    );
    expect(events.filter((event) => event === 'test')).toHaveLength(1);
    const firstTest = events.indexOf('test');
    expect(events.lastIndexOf('search')).toBeLessThan(firstTest);
    expect(events.lastIndexOf('jpeg settings')).toBeLessThan(firstTest);
  });

  it('other test samples find the same settings', async () => {
    const few = { ...request, codecs: [jpegCodec], rates: [120, 60], searchSamples: 40 };
    const settings = async (own: Dataset): Promise<string[]> =>
      curveOf(await measureBaselines({ ...few, test: own }), 'jpeg').points.map(({ setting }) => setting);
    expect(await settings(test.select([0, 1, 2]))).toEqual(await settings(test.select([50, 51, 52, 53])));
  });
});

describe('the split beside them', () => {
  it('is compared on the same samples, at its own bytes too', async () => {
    const predictions = Array.from({ length: test.count }, (_, i) => ({
      index: test.indices[i] as number,
      label: test.labels[i] as number,
      full: null,
      splitFloat: null,
      // Right but for the first ten samples.
      splitInt8: i < 10 ? ((test.labels[i] as number) + 1) % 10 : (test.labels[i] as number),
      wireBytes: 90 + (i % 2),
    }));
    const curves = await measureBaselines({
      ...request,
      codecs: [jpegCodec],
      rates: [200],
      searchSamples: 40,
      split: { splitId: 's', predictions },
    });
    const { points } = curveOf(curves, 'jpeg');
    const right = 1 - 10 / TEST_SAMPLES;
    expect(points.map(({ targetBytes }) => targetBytes)).toEqual([90.5, 200]);
    for (const { accuracy, difference } of points) {
      expect(difference?.value).toBeCloseTo(right - (accuracy as number), 12);
      expect((difference?.onlyFirst as number) - (difference?.onlySecond as number)).toBeCloseTo(
        (right - (accuracy as number)) * TEST_SAMPLES,
        9,
      );
    }
    await expect(
      measureBaselines({ ...request, split: { splitId: 's', predictions: predictions.slice(1) } }),
    ).rejects.toMatchObject({ code: 'E_USAGE' });
  });
});
