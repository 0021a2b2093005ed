import { analyzeModel, demoPaths, openModel } from '../src/sdk.js';
import type { Evidence } from './evidence.js';
import { missingSharedData, sharedData } from './shared-data.js';

export const fashionCnnAccuracy: Evidence = {
  name: 'fashion-cnn-accuracy',
  summary: 'accuracy of the demo model on the 10 000 test images of Fashion-MNIST, by analyze',
  missing: missingSharedData,
  async run() {
    const model = await openModel(demoPaths().model);
    const analysis = await analyzeModel(model, { data: sharedData('datasets/fashion-mnist'), part: 'test' });
    return {
      model: analysis.model.name,
      sha256: analysis.model.sha256,
      data: analysis.data,
      samples: analysis.samples,
      accuracy: analysis.accuracy,
      engine: analysis.engine,
    };
  },
};
