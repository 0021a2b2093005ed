import path from 'node:path';
import { openStageStore } from '../src/artifact/stage-store.js';
import { packageRoot } from '../src/core/package-root.js';
import { openDataset } from '../src/data/open-dataset.js';
import { drawStratified, splitRoles } from '../src/data/roles.js';
import { createEngine } from '../src/engines/index.js';
import { measureBaselines } from '../src/evaluate/baselines/measure-baselines.js';
import type { BaselineCurve } from '../src/evaluate/evaluation.js';
import { choosePreprocess, openModel } from '../src/sdk.js';
import { CURVE_BYTES } from './bottlenecks.js';
import { type CurveCase, curveCases } from './curve-cases.js';
import type { Evidence } from './evidence.js';
import { renewRows } from './kept-rows.js';
import { missingSharedData } from './shared-data.js';

export interface PictureBaselineRow {
  /** Of the network. */
  readonly id: string;
  readonly testSamples: number;
  readonly trainingSamples: number;
  readonly curves: readonly BaselineCurve[];
}

export interface PictureBaselineFigures {
  readonly rates: readonly number[];
  readonly epochs: number;
  readonly rows: readonly PictureBaselineRow[];
}

/** Of the training samples; these choose quality and size, the others train. As many as choose a bottleneck's epoch. */
const SEARCH_SHARE = 0.1;
const SEARCH_SAMPLES = 1000;
/** Of test pictures, and the stream they are drawn with: those that `build` measures splits on. */
const TEST_SAMPLES = 2000;
const TEST_STREAM = 3;
/** Passes over the training pictures. */
const EPOCHS = 8;

async function measureCase(row: CurveCase, report: (line: string) => void): Promise<PictureBaselineRow> {
  const model = await openModel(row.model);
  const { spec } = choosePreprocess(model, row.options);
  const engine = await createEngine('onnx');
  const whole = await openDataset(row.test, { part: 'test' });
  const test =
    whole.count > TEST_SAMPLES ? whole.select(drawStratified(whole.labels, TEST_SAMPLES, TEST_STREAM)) : whole;
  const data = await openDataset(row.training, { part: 'train', samples: row.samples });
  const { train, validation } = splitRoles(data, 0, {
    validation: Math.min(SEARCH_SHARE, SEARCH_SAMPLES / data.count),
  });
  let stage = '';
  const curves = await measureBaselines(
    {
      network: model.network,
      preprocessing: spec,
      engine,
      test,
      search: validation,
      searchSamples: SEARCH_SAMPLES,
      rates: CURVE_BYTES,
      fineTune: { train, options: { epochs: EPOCHS } },
      store: openStageStore(path.join(packageRoot(), '.cache', 'picture-baselines')),
      storeInputs: { model: model.sha256 },
    },
    {
      onProgress: (event) => {
        if (event.stage !== stage) report(`${row.name}: ${event.stage}`);
        stage = event.stage;
      },
    },
  );
  return { id: row.name, testSamples: test.count, trainingSamples: train.count, curves };
}

export const pictureBaselines: Evidence = {
  name: 'picture-baselines',
  summary:
    'JPEG and WebP at 900, 450, 225 and 110 B payload, classifier as it is and fine-tuned (ic_resnet8, fashion-cnn)',
  missing: missingSharedData,
  parts: () => curveCases().map(({ name }) => name),
  async run(report, chosen = []): Promise<PictureBaselineFigures> {
    const cases = curveCases();
    const rows = await renewRows<PictureBaselineRow>({
      name: 'picture-baselines',
      ids: cases.map(({ name }) => name),
      chosen,
      measure: (id) => measureCase(cases.find(({ name }) => name === id) as CurveCase, report),
    });
    return { rates: CURVE_BYTES, epochs: EPOCHS, rows };
  },
};
