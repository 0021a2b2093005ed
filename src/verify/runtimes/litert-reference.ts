import { openPythonChild } from './python-child.js';
import type { Runtime } from './runtime.js';

/** LiteRT from PyPI with TFLite's reference kernels. They are TFLite's, not TFLite-Micro's: a few round differently. */
export const litertReference: Runtime = {
  id: 'litert-reference',
  name: 'LiteRT (TFLite reference kernels)',
  kernels: 'optimised',
  install: 'python3 -m venv .venv && .venv/bin/pip install ai-edge-litert',
  perChannelDense: true,
  open: (options) => openPythonChild('litert-reference', options),
};
