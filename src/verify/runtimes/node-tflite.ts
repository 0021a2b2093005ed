import { depthwiseActivation, meanRoundedUp, perChannelDense } from './known-defects.js';
import { openNodeChild } from './node-child.js';
import type { Runtime } from './runtime.js';

/** The npm package node-tflite: TFLite 2.2. Refuses newer operator versions. */
export const nodeTflite: Runtime = {
  id: 'node-tflite',
  name: 'node-tflite (TFLite 2.2)',
  kernels: 'reference',
  install: 'npm install node-tflite@0.0.2, with make and g++; in a checkout: npm run setup:tflite-node',
  defects: [perChannelDense, depthwiseActivation, meanRoundedUp],
  open: (options) => openNodeChild('node-tflite', options),
};
