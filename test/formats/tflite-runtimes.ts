/** Real interpreters that run written .tflite files: LiteRT, TFLite-Micro, and TFLite 2.2 in a child process. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { oraclePython, type Requirement, repositoryRoot } from '../support/shared-data.js';

export interface RuntimeQuestion {
  readonly model: Uint8Array;
  readonly inputs: readonly (Float32Array | Int8Array)[];
}

/** Raw bytes of every output, or why there are none. */
export type RuntimeAnswer = { readonly outputs: readonly Uint8Array[] } | { readonly error: string };

export type PythonRuntime = 'litert-reference' | 'litert' | 'tflite-micro';

interface Encoded {
  readonly outputs?: readonly string[];
  readonly error?: string;
}

export const nodeTflite: Requirement = {
  name: 'node-tflite',
  install: 'npm install with a C++ compiler and Node’s headers (npm_config_nodedir)',
  kind: 'tool',
  available: () => runChild([]).status === 0,
};

/** @throws when Python itself fails, with its message */
export function runInPython(questions: readonly RuntimeQuestion[]): Record<PythonRuntime, RuntimeAnswer>[] {
  const script = path.join(repositoryRoot, 'test/oracles/tflite_runtimes.py');
  const run = spawnSync(oraclePython() as string, [script], {
    input: JSON.stringify(questions.map(encode)),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) throw new Error(`tflite_runtimes.py failed: ${run.stderr.slice(-4000)}`);
  const answers = JSON.parse(run.stdout) as Record<PythonRuntime, Encoded>[];
  return answers.map((byRuntime) => ({
    'litert-reference': decode(byRuntime['litert-reference']),
    litert: decode(byRuntime.litert),
    'tflite-micro': decode(byRuntime['tflite-micro']),
  }));
}

/** A crash is the answer of the file that caused it; those after it are asked again. */
export function runInNodeTflite(questions: readonly RuntimeQuestion[]): RuntimeAnswer[] {
  const answers: RuntimeAnswer[] = [];
  while (answers.length < questions.length) {
    const run = runChild(questions.slice(answers.length));
    const lines = run.stdout.split('\n').filter((line) => line !== '');
    answers.push(...lines.map((line) => decode(JSON.parse(line) as Encoded)));
    if (answers.length < questions.length) answers.push({ error: `crashed (${run.signal ?? `exit ${run.status}`})` });
  }
  return answers;
}

function runChild(questions: readonly RuntimeQuestion[]) {
  const script = fileURLToPath(new URL('./node-tflite-child.mjs', import.meta.url));
  return spawnSync(process.execPath, [script], {
    input: JSON.stringify(questions.map(encode)),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
}

function encode({ model, inputs }: RuntimeQuestion): { model: string; inputs: string[] } {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  return {
    model: base64(model),
    inputs: inputs.map((x) => base64(new Uint8Array(x.buffer, x.byteOffset, x.byteLength))),
  };
}

function decode({ outputs, error }: Encoded): RuntimeAnswer {
  if (!outputs) return { error: error ?? 'no answer' };
  return { outputs: outputs.map((text) => Uint8Array.from(Buffer.from(text, 'base64'))) };
}
