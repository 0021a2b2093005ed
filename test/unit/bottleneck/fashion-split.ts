/** fashion-cnn and its packaged samples, in portions that train in seconds. */
import { collectActivations } from '../../../src/bottleneck/activations.js';
import { openDataset } from '../../../src/data/open-dataset.js';
import { drawStratified } from '../../../src/data/roles.js';
import { createEngine } from '../../../src/engines/index.js';
import type { Graph } from '../../../src/ir/graph.js';
import { chooseInputQuantization } from '../../../src/preprocess/choose-input-quantization.js';
import { quantizeGraph } from '../../../src/quantize/quantize.js';
import type { QuantizeRequest } from '../../../src/quantize/quantized-model.js';
import { choosePreprocess, demoPaths, openModel } from '../../../src/sdk.js';
import { loadTrainingSet, type TrainingSet } from '../../../src/train/training-set.js';

export const CUT = 'pool2';

export async function openFashion(samples: { training: number; validation: number; test: number }) {
  const engine = await createEngine('onnx');
  const demo = demoPaths();
  const model = await openModel(demo.model);
  const { spec } = choosePreprocess(model, {});
  const data = await openDataset(demo.calibration);
  const places = drawStratified(data.labels, samples.training + samples.validation, 0);
  // Validation takes every so-manieth of them.
  const every = Math.floor(places.length / samples.validation);
  const load = async (part: Uint32Array): Promise<TrainingSet> => loadTrainingSet(data.select(part), spec, {});
  const training = await load(places.filter((_, i) => i % every !== 0).slice(0, samples.training));
  const validation = await load(places.filter((_, i) => i % every === 0).slice(0, samples.validation));
  const testData = await openDataset(demo.test);
  const test = await loadTrainingSet(testData.select(drawStratified(testData.labels, samples.test, 0)), spec, {});
  const { network } = model;
  const calibration = { count: 60, inputs: training.inputs.subarray(0, 60 * 28 * 28) };
  const rows = async function* () {
    yield calibration;
  };
  const initial = await collectActivations(network, CUT, rows(), { engine, threads: 1 });
  const input = chooseInputQuantization(spec);
  const quantize = async (head: Graph, output?: QuantizeRequest['output']): Promise<Graph> => {
    const request = {
      network: head,
      samples: rows,
      sampleCount: calibration.count,
      engine,
      threads: 1,
      perChannelDense: true,
      rangeMethod: 'minmax' as const,
      equalise: false,
      ...(input ? { input } : {}),
      ...(output ? { output } : {}),
    };
    return (await quantizeGraph(request, {})).graph;
  };
  return { engine, network, cut: CUT, training, validation, test, initial, quantize };
}
