import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';

/** Root folder of the repository. */
export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

const sharedDataRoot = path.resolve(repositoryRoot, process.env.ISPLIT_TEST_DATA ?? '../shared/data');

/** True when the folder of models and data sets that tests share (ISPLIT_TEST_DATA, default ../shared/data) is there. */
export const hasSharedData = existsSync(path.join(sharedDataRoot, 'models'));

/** Absolute path of a file in the shared test data, such as `models/mlperf-tiny/ic_resnet8.h5`. */
export function sharedData(relativePath: string): string {
  return path.join(sharedDataRoot, relativePath);
}

/** Python of the project's venv (or of ISPLIT_PYTHON), which has TensorFlow, LiteRT, ONNX and h5py. */
export function oraclePython(): string | undefined {
  if (process.env.ISPLIT_PYTHON) return process.env.ISPLIT_PYTHON;
  const candidates = ['.venv/bin/python', '.venv/Scripts/python.exe'];
  return candidates.map((c) => path.join(repositoryRoot, c)).find((p) => existsSync(p));
}

let torchPythonFound: string | null | undefined;

/** A Python that can import torch (Debian's python3-torch serves the system's python3, not a venv). */
export function torchPython(): string | undefined {
  if (torchPythonFound === undefined) {
    const candidates = [process.env.ISPLIT_TORCH_PYTHON, '/usr/bin/python3', 'python3'].filter((p) => p !== undefined);
    const imports = (python: string) => spawnSync(python, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0;
    torchPythonFound = candidates.find(imports) ?? null;
  }
  return torchPythonFound ?? undefined;
}

/** Something a test needs besides Node and the npm packages. */
export interface Requirement {
  /** Shown in the test's name, such as `TensorFlow in .venv`. */
  readonly name: string;
  /** What to type or install. */
  readonly install: string;
  /** A missing tool fails the test with CI=true; missing data always skips. */
  readonly kind: 'tool' | 'data';
  available(): boolean;
}

export const sharedTestData: Requirement = {
  name: 'shared test data',
  install: 'set ISPLIT_TEST_DATA to the folder that holds models/ and datasets/',
  kind: 'data',
  available: () => hasSharedData,
};

export const pythonOracle: Requirement = {
  name: 'Python oracles in .venv',
  install: 'run `npm test`, which makes .venv when python3 and its venv module are installed',
  kind: 'tool',
  available: () => oraclePython() !== undefined,
};

export const torchOracle: Requirement = {
  name: 'PyTorch',
  install: 'apt-get install python3-torch',
  kind: 'tool',
  available: () => torchPython() !== undefined,
};

/** A command on PATH, given by name: `commandTool('cc', 'apt-get install gcc')`. */
export function commandTool(command: string, install: string): Requirement {
  const available = () => spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
  return { name: command, install, kind: 'tool', available };
}

/**
 * True when a test must be skipped because something it needs is not here: `it.skipIf(skipWithout(pythonOracle))(…)`.
 * @throws with CI=true when a tool is missing: there, a missing tool is a failure.
 */
export function skipWithout(...requirements: readonly Requirement[]): boolean {
  const missing = requirements.filter((r) => !r.available());
  const tool = missing.find((r) => r.kind === 'tool');
  if (tool !== undefined && process.env.CI === 'true') {
    throw new Error(`CI=true and ${tool.name} is missing: ${tool.install}`);
  }
  return missing.length > 0;
}

/** `describe` that is skipped without what it needs; its name then says what to install, and `npm test` lists it. */
export function describeNeeding(requirements: readonly Requirement[], name: string, body: () => void): void {
  describe.skipIf(skipWithout(...requirements))(nameWithNeeds(requirements, name), body);
}

/** `it` that is skipped without what it needs; its name then says what to install, and `npm test` lists it. */
export function itNeeding(
  requirements: readonly Requirement[],
  name: string,
  body: () => void | Promise<void>,
  timeoutMs?: number,
): void {
  it.skipIf(skipWithout(...requirements))(nameWithNeeds(requirements, name), body, timeoutMs);
}

function nameWithNeeds(requirements: readonly Requirement[], name: string): string {
  const missing = requirements.filter((r) => !r.available());
  if (missing.length === 0) return name;
  return `${name} [needs ${missing.map((r) => `${r.name}: ${r.install}`).join('; ')}]`;
}
