/** node-tflite: TFLite 2.2's C library, with the kernels it takes by default. */
import { createRequire } from 'node:module';
import { type ChildTensor, serveRuntime } from './serve.js';

interface NodeTfliteTensor {
  readonly byteSize: number;
  copyFrom(data: Uint8Array): void;
  copyTo(data: Uint8Array): void;
}
interface NodeTfliteInterpreter {
  readonly inputs: readonly NodeTfliteTensor[];
  readonly outputs: readonly NodeTfliteTensor[];
  allocateTensors(): void;
  invoke(): void;
}
interface NodeTflite {
  Interpreter: new (model: Uint8Array, options: { numThreads: number }) => NodeTfliteInterpreter;
}

/** The package takes whole ArrayBuffers and ignores where a view begins: every array given to it has a buffer of its own. */
function wrap(tensor: NodeTfliteTensor): ChildTensor {
  return {
    byteLength: tensor.byteSize,
    write: (bytes) => tensor.copyFrom(Uint8Array.from(bytes)),
    read: () => {
      const bytes = new Uint8Array(tensor.byteSize);
      tensor.copyTo(bytes);
      return bytes;
    },
  };
}

await serveRuntime(async () => {
  const load = createRequire(import.meta.url);
  const { Interpreter } = load('node-tflite') as NodeTflite;
  const { version } = load('node-tflite/package.json') as { version: string };
  return {
    version,
    load: (model) => {
      const interpreter = new Interpreter(Uint8Array.from(model), { numThreads: 1 });
      interpreter.allocateTensors();
      return {
        inputs: interpreter.inputs.map(wrap),
        outputs: interpreter.outputs.map(wrap),
        invoke: () => interpreter.invoke(),
        close: () => {},
      };
    },
  };
});
