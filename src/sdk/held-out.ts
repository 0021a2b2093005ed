/** How many samples do what; and those that accuracy is reported on: given ones, or a part of the data that nothing else sees. */
import path from 'node:path';
import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import { type DatasetOptions, openDataset } from '../data/open-dataset.js';

/** Share of the data that is held out when no test data is given, and the most samples of it. */
const HELD_OUT_SHARE = 0.2;
/** Accuracy is measured on at most so many samples while building; `evaluate` takes all. */
export const MOST_TEST_SAMPLES = 2000;

/** Samples that int8 ranges are chosen on. */
export const CALIBRATION_SAMPLES = 128;
/** A tenth of the samples chooses among what training and searches give, and never more than these. */
export const MOST_VALIDATION_SAMPLES = 1000;
const VALIDATION_SHARE = 0.1;

export function validationShare(count: number): number {
  return Math.min(VALIDATION_SHARE, MOST_VALIDATION_SAMPLES / count);
}

export interface HeldOutOptions extends Pick<DatasetOptions, 'labelMap' | 'recordShape' | 'seed'> {
  readonly data: string;
  readonly testData?: string | undefined;
  readonly testLabels?: string | undefined;
}

/**
 * `train` and `build` hold out by the same share and seed: a network that was trained on a data set and is then built with it is
 * evaluated on samples that it never saw.
 */
export function heldOutShare(count: number): number {
  return Math.min(HELD_OUT_SHARE, MOST_TEST_SAMPLES / count);
}

/**
 * Test data in the classes of the training data; undefined when none was given. Of a set that comes divided the test part is taken.
 * @throws IsplitError E_DATA_*, E_USAGE when they are the samples of `--data`
 */
export async function openTestData(
  whole: Dataset,
  options: HeldOutOptions,
  ctx: RunContext,
): Promise<Dataset | undefined> {
  const { data, testData } = options;
  if (testData === undefined) return undefined;
  const given = await openDataset(
    testData,
    {
      part: 'test',
      labels: options.testLabels,
      labelMap: options.labelMap,
      recordShape: options.recordShape,
      seed: options.seed,
      classCount: whole.classCount,
      ...(whole.classNames ? { classNames: whole.classNames } : {}),
    },
    ctx,
  );
  if (await areSame(whole, given, data, testData, ctx)) {
    fail(
      'E_USAGE',
      '--test-data are the samples of --data: accuracy on them would say nothing about new ones',
      { data: path.basename(data), testData: path.basename(testData) },
      'Give other samples, or leave --test-data out: then a part of --data is held out.',
    );
  }
  return given;
}

/** The same files and part, whatever is drawn of them; or the same samples under another name. */
async function areSame(
  whole: Dataset,
  given: Dataset,
  data: string,
  testData: string,
  ctx: RunContext,
): Promise<boolean> {
  const samePath = path.resolve(data) === path.resolve(testData);
  if (samePath && whole.describe().part === given.describe().part) return true;
  return (await given.contentSha256(ctx)) === (await whole.contentSha256(ctx));
}
