import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../core/package-root.js';
import { openChild } from './child-session.js';
import type { Opened, SessionOptions } from './runtime.js';

/** Runtimes that tflite_runtimes.py knows. */
export type PythonRuntime = 'tflite-micro' | 'litert' | 'litert-reference';

/** Pythons that may have the runtimes, the one asked for first. */
function pythonCandidates(): readonly string[] {
  const isWindows = process.platform === 'win32';
  const ofVenv = (folder: string): string =>
    path.join(folder, '.venv', isWindows ? 'Scripts/python.exe' : 'bin/python');
  const venvs = [...new Set([ofVenv(packageRoot()), ofVenv(process.cwd())])].filter((file) => existsSync(file));
  const named = process.env.ISPLIT_PYTHON;
  return [...(named ? [named] : []), ...venvs, isWindows ? 'python' : 'python3'];
}

/** Opens the runtime in the first Python that can import it. */
export async function openPythonChild(runtime: PythonRuntime, options: SessionOptions): Promise<Opened> {
  const script = fileURLToPath(new URL('child/tflite_runtimes.py', import.meta.url));
  let missing = 'there is no Python';
  for (const file of pythonCandidates()) {
    const opened = await openChild({ file, args: [script, runtime] }, options);
    if (!('missing' in opened)) return opened;
    missing = opened.missing;
  }
  return { missing };
}
