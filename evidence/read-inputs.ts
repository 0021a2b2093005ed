import { openDataset } from '../src/data/open-dataset.js';
import type { PreprocessSpec } from '../src/preprocess/spec.js';

/** So many samples, drawn and preprocessed, one after the other. Labels are not needed. */
export async function readInputs(file: string, samples: number, spec: PreprocessSpec): Promise<Float32Array> {
  const dataset = await openDataset(file, { samples, labelsRequired: false });
  for await (const { inputs, count } of dataset.batches({ batchSize: samples, spec })) {
    if (count === samples) return inputs;
  }
  throw new Error(`${file} has fewer than ${samples} samples`);
}
