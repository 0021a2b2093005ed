import { analyzeModel, openModel } from '../src/sdk.js';
import type { Evidence } from './evidence.js';
import { missingSharedData, sharedData } from './shared-data.js';

/** ic_resnet8 on 2 000 CIFAR-10 pictures with every engine: accuracy, and the largest relative difference of CUI at any cut. */
export const engines: Evidence = {
  name: 'engines',
  summary: 'accuracy and CUI of ic_resnet8 with onnx, tfjs-node and tfjs-wasm',
  missing: missingSharedData,
  async run(report) {
    const model = await openModel(sharedData('models/mlperf-tiny/ic_resnet8.h5'));
    const options = { data: sharedData('datasets/cifar10/test_2000.bin.gz'), inputRange: '0..255' };
    const reference = await analyzeModel(model, { ...options, engine: 'onnx' });
    const rows = [];
    for (const engine of ['onnx', 'tfjs-node', 'tfjs-wasm'] as const) {
      report(engine);
      const analysis = engine === 'onnx' ? reference : await analyzeModel(model, { ...options, engine });
      const differences = analysis.cuts.flatMap((cut, i) =>
        cut.cui === null ? [] : [Math.abs(cut.cui / (reference.cuts[i]?.cui as number) - 1)],
      );
      rows.push({
        engine: analysis.engine,
        accuracy: analysis.accuracy.full,
        samples: analysis.samples,
        largestRelativeCuiDifference: Math.max(...differences),
      });
    }
    return {
      model: reference.model.name,
      data: reference.data.name,
      engines: rows,
      sizeExplains: reference.sizeExplains,
      rankings: reference.baselines,
    };
  },
};
