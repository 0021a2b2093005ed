import { readFileSync } from 'node:fs';
import { countMacs } from '../src/cost/cut-cost.js';
import { demoPaths, type OpenModelOptions, openModel } from '../src/sdk.js';
import type { Evidence } from './evidence.js';
import { missingSharedData, sharedData } from './shared-data.js';

interface Counts {
  readonly parameters: number;
  readonly macs: number;
}

/** Our parameters and MACs beside those test/oracles/model_counts.py counted from Keras' layers. */
export const modelCounts: Evidence = {
  name: 'model-counts',
  summary: 'parameters and MACs of five models beside Keras’ own count',
  missing: missingSharedData,
  async run(report) {
    const golden = JSON.parse(readFileSync(new URL('../test/golden/model-counts.json', import.meta.url), 'utf8')) as {
      versions: Record<string, string>;
      models: Record<string, Counts>;
    };
    const sources: Record<string, [string, OpenModelOptions?]> = {
      'fashion-cnn': [demoPaths().model],
      ic_resnet8: [sharedData('models/mlperf-tiny/ic_resnet8.h5')],
      vww_96: [sharedData('models/mlperf-tiny/vww_96.h5')],
      mobilenet_v1_025_224_tfjs: [sharedData('models/mobilenet_v1_025_224_tfjs/model.json')],
      vgg16: ['vgg16', { inputShape: [224, 224, 3], classes: 1000 }],
    };
    const models = [];
    for (const [name, [model, options]] of Object.entries(sources)) {
      report(name);
      const opened = await openModel(model, options);
      models.push({
        name,
        ours: { parameters: opened.parameters, macs: countMacs(opened.network) },
        keras: golden.models[name] as Counts,
      });
    }
    return { oracle: golden.versions, models };
  },
};
