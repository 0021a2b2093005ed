/** @tensorflow/tfjs-tflite: TFLite compiled to WebAssembly, with XNNPACK. The package's own loader wants a browser; its emscripten module does not. */
import { readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type ChildTensor, serveRuntime } from './serve.js';

interface TensorInfo {
  data(): ArrayBufferView;
}
interface EmbindVector<T> {
  size(): number;
  get(i: number): T;
}
interface Runner {
  GetInputs(): EmbindVector<TensorInfo>;
  GetOutputs(): EmbindVector<TensorInfo>;
  Infer(): boolean;
  delete(): void;
}
interface WasmModule {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(at: number): void;
  readonly TFLiteWebModelRunner: {
    CreateFromBufferAndOptions(
      at: number,
      bytes: number,
      options: { numThreads: number; enableProfiling: boolean; maxProfilingBufferEntries: number },
    ): { ok(): boolean; errorMessage(): string; value(): Runner };
  };
}
type Factory = (options: {
  wasmBinary: Uint8Array;
  print: (line: string) => void;
  printErr: (line: string) => void;
}) => Promise<WasmModule>;

/** The heap may grow and move while the model runs: views are taken anew. */
function wrap(tensor: TensorInfo): ChildTensor {
  const bytes = (): Uint8Array => {
    const view = tensor.data();
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  };
  return { byteLength: bytes().length, write: (data) => bytes().set(data), read: () => bytes().slice() };
}

function listTensors(vector: EmbindVector<TensorInfo>): ChildTensor[] {
  return Array.from({ length: vector.size() }, (_, i) => wrap(vector.get(i)));
}

await serveRuntime(async () => {
  const load = createRequire(import.meta.url);
  const name = '@tensorflow/tfjs-tflite/wasm/tflite_web_api_cc_simd';
  const factory = load(`${name}.js`) as Factory;
  const module = await factory({
    wasmBinary: readFileSync(load.resolve(`${name}.wasm`)),
    print: () => {},
    printErr: (line) => writeSync(2, `${line}\n`),
  });
  const { version } = load('@tensorflow/tfjs-tflite/package.json') as { version: string };
  return {
    version,
    load: (model) => {
      const at = module._malloc(model.length);
      module.HEAPU8.set(model, at);
      const options = { numThreads: 1, enableProfiling: false, maxProfilingBufferEntries: 1 };
      const created = module.TFLiteWebModelRunner.CreateFromBufferAndOptions(at, model.length, options);
      if (!created.ok()) {
        module._free(at);
        throw new Error(created.errorMessage());
      }
      const runner = created.value();
      return {
        inputs: listTensors(runner.GetInputs()),
        outputs: listTensors(runner.GetOutputs()),
        invoke: () => {
          if (!runner.Infer()) throw new Error('inference failed');
        },
        close: () => {
          runner.delete();
          module._free(at);
        },
      };
    },
  };
});
