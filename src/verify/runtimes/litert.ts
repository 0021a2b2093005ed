import { openPythonChild } from './python-child.js';
import type { Runtime } from './runtime.js';

/** LiteRT from PyPI as it comes: XNNPACK takes what it can. */
export const litert: Runtime = {
  id: 'litert',
  name: 'LiteRT (XNNPACK)',
  kernels: 'optimised',
  install: 'python3 -m venv .venv && .venv/bin/pip install ai-edge-litert',
  open: (options) => openPythonChild('litert', options),
};
