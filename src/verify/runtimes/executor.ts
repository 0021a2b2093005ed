import { tfliteReader } from '../../../converters/tflite/index.js';
import { tensorOf } from '../../ir/graph.js';
import { runRecords } from '../../quantize/run-records.js';
import { bytesOf, int8Of, tensorBytes } from '../tensor-bytes.js';
import type { ModelRun, Runtime, SessionOptions } from './runtime.js';

/** Our own integer executor on the bytes of the file, read back: what was written is what was meant. */
export const executor: Runtime = {
  id: 'executor',
  name: 'our executor',
  kernels: 'reference',
  install: 'npm install',
  open: async (options) => ({
    version: null,
    run: async (run) => ({ outputs: await runModel(run, options) }),
    close: () => {},
  }),
};

async function runModel({ model, inputs, count }: ModelRun, { ctx }: SessionOptions): Promise<Uint8Array> {
  const file = { name: 'head.tflite', bytes: model, sibling: () => Promise.reject(new Error('a model is one file')) };
  const { graph } = await tfliteReader.read(file, ctx);
  const recordBytes = graph.inputs.reduce((sum, id) => sum + tensorBytes(tensorOf(graph, id)), 0);
  const records = inputs.length > 0 ? inputs : new Uint8Array(recordBytes * count);
  return bytesOf(await runRecords(graph, int8Of(records), count, { ctx }));
}
