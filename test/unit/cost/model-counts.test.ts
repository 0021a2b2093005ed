/** Parameters and MACs against test/oracles/model_counts.py, which counts Keras' own layers. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { countMacs } from '../../../src/cost/cut-cost.js';
import { demoPaths, type OpenModelOptions, openModel } from '../../../src/sdk.js';
import { describeNeeding, sharedData, sharedTestData } from '../../support/shared-data.js';

const counts = (
  JSON.parse(readFileSync(new URL('../../golden/model-counts.json', import.meta.url), 'utf8')) as {
    models: Record<string, { parameters: number; macs: number }>;
  }
).models;

async function compare(name: string, model: string, options: OpenModelOptions = {}): Promise<void> {
  const opened = await openModel(model, options);
  const expected = counts[name] as { parameters: number; macs: number };
  expect(opened.parameters).toBe(expected.parameters);
  expect(Math.abs(countMacs(opened.network) / expected.macs - 1)).toBeLessThan(0.01);
}

describe('parameters and MACs equal an independent count', () => {
  it('fashion-cnn', () => compare('fashion-cnn', demoPaths().model));
  it('vgg16 at 224×224', () => compare('vgg16', 'vgg16', { inputShape: [224, 224, 3], classes: 1000 }), 120_000);
});

describeNeeding([sharedTestData], 'parameters and MACs equal an independent count on shared models', () => {
  it('ic_resnet8', () => compare('ic_resnet8', sharedData('models/mlperf-tiny/ic_resnet8.h5')));
  it('vww_96', () => compare('vww_96', sharedData('models/mlperf-tiny/vww_96.h5')));
  it('mobilenet_v1_025_224_tfjs', () =>
    compare('mobilenet_v1_025_224_tfjs', sharedData('models/mobilenet_v1_025_224_tfjs/model.json')));
});
