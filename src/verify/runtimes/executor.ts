import { tfliteReader } from '../../../converters/tflite/index.js';
import { type Graph, type TypedArray, tensorOf } from '../../ir/graph.js';
import { type Int8Program, prepareInt8 } from '../../quantize/executor.js';
import { bytesOf, tensorBytes, viewAs } from '../tensor-bytes.js';
import type { ModelRun, Runtime, SessionOptions } from './runtime.js';

/** Our own integer executor on the bytes of the file, read back: what was written is what was meant. */
export const executor: Runtime = {
  id: 'executor',
  name: 'our executor',
  kernels: 'reference',
  install: 'npm install',
  perChannelDense: true,
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
  const program = prepareInt8(graph);
  const outputs = Array.from({ length: count }, (_, i) =>
    runRecord(graph, program, records.slice(i * recordBytes, (i + 1) * recordBytes)),
  );
  return new Uint8Array(Buffer.concat(outputs));
}

function runRecord(graph: Graph, program: Int8Program, record: Uint8Array): Uint8Array {
  let at = 0;
  const inputs: TypedArray[] = graph.inputs.map((id) => {
    const tensor = tensorOf(graph, id);
    const bytes = record.slice(at, at + tensorBytes(tensor));
    at += bytes.length;
    return viewAs(tensor.dtype, bytes);
  });
  // Copied: the arrays are the program's own.
  return Buffer.concat(program.run(inputs).map(bytesOf));
}
