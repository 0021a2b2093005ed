import { openPythonChild } from './python-child.js';
import type { Runtime } from './runtime.js';

/** The interpreter of TensorFlow Lite for Microcontrollers with its reference kernels, from its PyPI wheel: what boards run. */
export const tfliteMicro: Runtime = {
  id: 'tflite-micro',
  name: 'TFLite-Micro (reference kernels)',
  kernels: 'reference',
  install: 'python3 -m venv .venv && .venv/bin/pip install tflite-micro',
  open: (options) => openPythonChild('tflite-micro', options),
};
