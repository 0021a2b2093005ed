/** CUI, cuiSum, margin and Taylor against the GradientTape oracle of test/oracles/importance_golden.py (float64). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findLayerOutputs } from '../../../src/analyze/cut-points.js';
import { measureImportance } from '../../../src/analyze/importance.js';
import { type ImportanceTable, meanScores } from '../../../src/analyze/importance-table.js';
import type { Dataset } from '../../../src/data/dataset.js';
import { openDataset } from '../../../src/data/open-dataset.js';
import { createEngine } from '../../../src/engines/index.js';
import { findLogits } from '../../../src/passes/logits.js';
import { choosePreprocess, demoPaths, openModel } from '../../../src/sdk.js';
import { describeNeeding, sharedData, sharedTestData } from '../../support/shared-data.js';

interface Golden {
  readonly samples: {
    readonly count: number;
    readonly labels: readonly number[];
    readonly correct: number;
    readonly picturesSha256?: string;
  };
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly subsets: readonly {
    readonly classes: readonly number[] | null;
    readonly layers: Readonly<Record<string, { cui: number; cuiSum: number; margin: number; taylor: number }>>;
  }[];
}

const golden = (name: string): Golden =>
  JSON.parse(readFileSync(new URL(`../../golden/importance/${name}.json`, import.meta.url), 'utf8')) as Golden;

interface Case {
  readonly model: string;
  readonly inputRange?: string;
  readonly resize?: string;
  readonly dataset: Dataset;
  /** Labels other than the data's own. */
  readonly labels?: readonly number[];
}

async function measure({ model, dataset, labels, ...options }: Case): Promise<ImportanceTable> {
  const opened = await openModel(model);
  const { spec } = choosePreprocess(opened, options);
  const logits = findLogits(opened.network);
  async function* relabelled() {
    for await (const batch of dataset.batches({ batchSize: 32, spec })) {
      yield labels
        ? {
            ...batch,
            labels: Int32Array.from(
              batch.indices,
              (_, i) => labels[(batch.indices[i] as number) - (dataset.indices[0] as number)] as number,
            ),
          }
        : batch;
    }
  }
  return measureImportance(
    await createEngine('onnx'),
    opened.network,
    logits,
    findLayerOutputs(opened.network, logits.id),
    relabelled,
    {},
  );
}

/** ≤ 1e-3 relative, or 1e-6 of the curve's maximum. */
function compare(table: ImportanceTable, expected: Golden): void {
  for (const subset of expected.subsets) {
    for (const score of ['cui', 'margin', 'taylor'] as const) {
      const means = meanScores(table, score, subset.classes ?? undefined);
      const peak = Math.max(...Object.values(subset.layers).map((l) => l[score]));
      for (const [layer, scores] of Object.entries(subset.layers)) {
        const tap = table.taps.indexOf(layer);
        expect(tap, `layer ${layer} is a tap`).toBeGreaterThanOrEqual(0);
        const error = Math.abs((means[tap] as number) - scores[score]);
        expect(error, `${score} of ${layer}, classes ${subset.classes}`).toBeLessThanOrEqual(
          Math.max(1e-3 * scores[score], 1e-6 * peak),
        );
        if (score === 'cui') {
          const elements = (expected.shapes[layer] as number[]).reduce((a, b) => a * b, 1);
          expect(Math.abs((means[tap] as number) * elements - scores.cuiSum)).toBeLessThanOrEqual(1e-3 * scores.cuiSum);
        }
      }
    }
  }
}

const firstOf = (dataset: Dataset, n: number): Dataset => dataset.select(Array.from({ length: n }, (_, i) => i));

describe('importance equals the TensorFlow oracle', () => {
  it('on fashion-cnn', async () => {
    const expected = golden('fashion-cnn');
    const paths = demoPaths();
    const dataset = firstOf(await openDataset(paths.calibration), expected.samples.count);
    const table = await measure({ model: paths.model, dataset });
    expect(table.labels.filter((l, i) => l === table.predictions[i]).length).toBe(expected.samples.correct);
    compare(table, expected);
  });
});

describeNeeding([sharedTestData], 'importance equals the TensorFlow oracle on shared models', () => {
  it('on ic_resnet8', async () => {
    const expected = golden('ic_resnet8');
    const dataset = firstOf(await openDataset(sharedData('datasets/cifar10/test_2000.bin.gz')), expected.samples.count);
    const table = await measure({
      model: sharedData('models/mlperf-tiny/ic_resnet8.h5'),
      inputRange: '0..255',
      dataset,
    });
    expect(table.labels.filter((l, i) => l === table.predictions[i]).length).toBe(expected.samples.correct);
    compare(table, expected);
  });

  it('on vww_96', async () => {
    const expected = golden('vww_96');
    const dataset = firstOf(
      await openDataset(sharedData('datasets/tiny-imagenet-200/val_2000.tar.gz'), { labelsRequired: false }),
      expected.samples.count,
    );
    const model = sharedData('models/mlperf-tiny/vww_96.h5');
    const options = { inputRange: '0..1', resize: 'nearest' };
    const { spec } = choosePreprocess(await openModel(model), options);
    const hash = createHash('sha256');
    for await (const batch of dataset.batches({ batchSize: 16, spec })) hash.update(batch.pixels as Uint8Array);
    expect(hash.digest('hex'), 'the pictures are those of the oracle').toBe(expected.samples.picturesSha256);
    compare(await measure({ model, ...options, dataset, labels: expected.samples.labels }), expected);
  });
});
