/** tfjs-tflite-node: TFLite 2.9's C library; its XNNPACK is linked, but not switched on. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { type ChildTensor, serveRuntime } from './serve.js';

interface TensorInfo {
  data(): ArrayBufferView;
}
interface Binding {
  Interpreter: new (
    model: ArrayBuffer,
    options: { threads: number },
  ) => {
    getInputs(): readonly TensorInfo[];
    getOutputs(): readonly TensorInfo[];
    infer(): boolean;
  };
}

function wrap(tensor: TensorInfo): ChildTensor {
  const view = tensor.data();
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return { byteLength: bytes.length, write: (data) => bytes.set(data), read: () => bytes.slice() };
}

await serveRuntime(async () => {
  const load = createRequire(import.meta.url);
  const manifest = load.resolve('tfjs-tflite-node/package.json');
  // The package's entry point needs all of TF.js for a thin layer over this addon.
  const { Interpreter } = load(path.join(path.dirname(manifest), 'build/Release/node_tflite_binding.node')) as Binding;
  const { version } = load(manifest) as { version: string };
  return {
    version,
    load: (model) => {
      const interpreter = new Interpreter(Uint8Array.from(model).buffer, { threads: 1 });
      return {
        inputs: interpreter.getInputs().map(wrap),
        outputs: interpreter.getOutputs().map(wrap),
        invoke: () => interpreter.infer(),
        close: () => {},
      };
    },
  };
});
