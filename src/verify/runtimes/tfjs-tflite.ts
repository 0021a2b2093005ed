import { openNodeChild } from './node-child.js';
import type { Runtime } from './runtime.js';

/** The npm package @tensorflow/tfjs-tflite: TFLite in WebAssembly with XNNPACK. Comes with us, needs no compiler. */
export const tfjsTflite: Runtime = {
  id: 'tfjs-tflite',
  name: 'tfjs-tflite (wasm, XNNPACK)',
  kernels: 'optimised',
  install: 'npm install',
  open: (options) => openNodeChild('tfjs-tflite', options),
};
