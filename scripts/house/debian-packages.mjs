import { isOnPath, runForeground, runQuietly } from './run-command.mjs';

/**
 * What tests need that npm and pip do not bring. One row a Debian package: how to see that it is there, and what is
 * skipped without it. `npm test` installs them only with CI=true and as root; otherwise it names them.
 */
export const DEBIAN_PACKAGES = [
  {
    name: 'python3-venv',
    isThere: () => runs('python3', 'import venv, ensurepip'),
    skips: 'all comparisons with TensorFlow, Keras, LiteRT and onnxruntime, TFLite-Micro, and the tfjs-node engine',
  },
  { name: 'make', isThere: () => isOnPath('make'), skips: 'the tfjs-node engine, verification in node-tflite' },
  { name: 'g++', isThere: () => isOnPath('g++'), skips: 'the tfjs-node engine, verification in node-tflite' },
  { name: 'gcc', isThere: () => isOnPath('gcc'), skips: 'generated C, compiled and compared' },
  { name: 'clang', isThere: () => isOnPath('clang'), skips: 'generated C, compiled and compared by a second compiler' },
  {
    name: 'python3-torch',
    isThere: () => runs('/usr/bin/python3', 'import torch') || runs('python3', 'import torch'),
    skips: 'ONNX files exported by PyTorch, and the benchmark against it',
  },
];

/** @returns the rows whose package is missing. */
export function findMissingPackages() {
  return DEBIAN_PACKAGES.filter((row) => !row.isThere());
}

/** Installs with apt-get; @returns the rows still missing afterwards. */
export async function installPackages(rows) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await runForeground('apt-get', ['update', '-qq'], { env });
  const names = rows.map((row) => row.name);
  await runForeground('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], { env });
  return findMissingPackages();
}

function runs(python, source) {
  return runQuietly(python, ['-c', source]).status === 0;
}
