import { perChannelDense } from './known-defects.js';
import { openNodeChild } from './node-child.js';
import type { Runtime } from './runtime.js';

/**
 * The npm package tfjs-tflite-node: TFLite 2.9. Its XNNPACK is not switched on, but its convolutions already round like
 * ruy's, not like the reference. Shares a library name with node-tflite, so never in one process with it.
 */
export const tfjsTfliteNode: Runtime = {
  id: 'tfjs-tflite-node',
  name: 'tfjs-tflite-node (TFLite 2.9)',
  kernels: 'optimised',
  install: 'npm install tfjs-tflite-node@0.0.2, with make and g++; in a checkout: npm run setup:tflite-node',
  defects: [perChannelDense],
  open: (options) => openNodeChild('tfjs-tflite-node', options),
};
