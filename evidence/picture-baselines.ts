import path from 'node:path';
import { openStageStore } from '../src/artifact/stage-store.js';
import { packageRoot } from '../src/core/package-root.js';
import { openDataset } from '../src/data/open-dataset.js';
import { drawStratified, splitRoles } from '../src/data/roles.js';
import { createEngine } from '../src/engines/index.js';
import { type BaselineRequest, DEFAULT_RATES } from '../src/evaluate/baselines/baseline-request.js';
import { measureBaselines } from '../src/evaluate/baselines/measure-baselines.js';
import type { BaselineCurve } from '../src/evaluate/evaluation.js';
import { choosePreprocess, demoPaths, openModel } from '../src/sdk.js';
import type { Evidence } from './evidence.js';
import { missingSharedData, sharedData } from './shared-data.js';

export interface PictureBaselineCase {
  readonly name: string;
  readonly model: string;
  readonly training: string;
  readonly test: string;
  readonly options: { readonly inputRange?: string };
}

export interface PictureBaselineRow {
  readonly model: string;
  readonly testSamples: number;
  readonly trainingSamples: number;
  readonly curves: readonly BaselineCurve[];
}

/** Of the training samples; at most SEARCH_SAMPLES of them are used. Fewer choose settings by chance. */
const VALIDATION_SHARE = 0.25;
const SEARCH_SAMPLES = 1000;

export function pictureBaselineCases(): readonly PictureBaselineCase[] {
  const demo = demoPaths();
  return [
    { name: 'fashion-cnn', model: demo.model, training: demo.calibration, test: demo.test, options: {} },
    {
      name: 'ic_resnet8',
      model: sharedData('models/mlperf-tiny/ic_resnet8.h5'),
      training: sharedData('datasets/cifar10/train_10000.bin.gz'),
      test: sharedData('datasets/cifar10/test_2000.bin.gz'),
      options: { inputRange: '0..255' },
    },
  ];
}

export interface PictureBaselineLimits {
  readonly rates?: readonly number[];
  readonly testSamples?: number;
  readonly searchSamples?: number;
  /** Absent: classifiers are not fine-tuned. */
  readonly epochs?: number;
  /** Folder where finished parts are kept. */
  readonly cache?: string;
}

/** Picture baselines of one network; a smaller edition with limits. */
export async function measureCase(
  row: PictureBaselineCase,
  limits: PictureBaselineLimits,
  report: (line: string) => void,
): Promise<PictureBaselineRow> {
  const model = await openModel(row.model);
  const { spec } = choosePreprocess(model, row.options);
  const engine = await createEngine('onnx');
  const whole = await openDataset(row.test);
  const count = Math.min(limits.testSamples ?? whole.count, whole.count);
  const test = count === whole.count ? whole : whole.select(drawStratified(whole.labels, count, 0));
  const data = await openDataset(row.training);
  const { train, validation } = splitRoles(data, 0, {
    validation: Math.min(VALIDATION_SHARE, SEARCH_SAMPLES / data.count),
  });
  const { cache, epochs, rates = DEFAULT_RATES, searchSamples = SEARCH_SAMPLES } = limits;
  const request: BaselineRequest = {
    network: model.network,
    preprocessing: spec,
    engine,
    test,
    search: validation,
    searchSamples,
    rates,
    ...(epochs === undefined ? {} : { fineTune: { train, options: { epochs } } }),
    ...(cache === undefined ? {} : { store: openStageStore(cache), storeInputs: { model: model.sha256 } }),
  };
  let stage = '';
  const curves = await measureBaselines(request, {
    onProgress: (event) => {
      if (event.stage !== stage) report(`${row.name}: ${event.stage}`);
      stage = event.stage;
    },
  });
  return { model: row.name, testSamples: count, trainingSamples: epochs === undefined ? 0 : train.count, curves };
}

/** Passes over the training pictures: the packaged ones are few. */
const EPOCHS: Readonly<Record<string, number>> = { 'fashion-cnn': 16, ic_resnet8: 6 };

export const pictureBaselines: Evidence = {
  name: 'picture-baselines',
  summary:
    'JPEG and WebP at 900, 450, 225 and 110 B payload, classifier as it is and fine-tuned, fashion-cnn and ic_resnet8',
  missing: missingSharedData,
  async run(report) {
    const cache = path.join(packageRoot(), '.cache', 'picture-baselines');
    const rows: PictureBaselineRow[] = [];
    for (const row of pictureBaselineCases()) {
      rows.push(await measureCase(row, { cache, epochs: EPOCHS[row.name] as number }, report));
    }
    return { rates: DEFAULT_RATES, epochs: EPOCHS, rows };
  },
};
