import { openPythonChild } from './python-child.js';
import type { Runtime } from './runtime.js';

/**
 * LiteRT from PyPI with TFLite's reference kernels. They are TFLite's, not TFLite-Micro's: its fully connected kernel rounds
 * once where TFLite-Micro's rounds twice.
 */
export const litertReference: Runtime = {
  id: 'litert-reference',
  name: 'LiteRT (TFLite reference kernels)',
  kernels: 'optimised',
  install: 'python3 -m venv .venv && .venv/bin/pip install ai-edge-litert',
  open: (options) => openPythonChild('litert-reference', options),
};
