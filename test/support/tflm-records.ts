/** Asks the real TensorFlow Lite Micro what it gives on many records. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { oraclePython, repositoryRoot } from './shared-data.js';

export interface RecordsQuestion {
  readonly model: Uint8Array;
  /** Raw bytes, the inputs of a record one after the other. */
  readonly records: Uint8Array;
  readonly count: number;
}

/** Raw bytes of the first output of every record, or why there are none. */
export type RecordsAnswer = { readonly outputs: Uint8Array } | { readonly error: string };

/** @throws when Python itself fails, with its message */
export function askTflm(questions: readonly RecordsQuestion[]): RecordsAnswer[] {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const run = spawnSync(oraclePython() as string, [path.join(repositoryRoot, 'test/oracles/tflm_records.py')], {
    input: JSON.stringify(
      questions.map(({ model, records, count }) => ({ model: base64(model), records: base64(records), count })),
    ),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) {
    throw new Error(`tflm_records.py ended with ${run.signal ?? run.status}: ${run.stderr.slice(-4000)}`);
  }
  const answers = JSON.parse(run.stdout) as { outputs?: string; error?: string }[];
  return answers.map(({ outputs, error }) =>
    outputs === undefined
      ? { error: error ?? 'no answer' }
      : { outputs: Uint8Array.from(Buffer.from(outputs, 'base64')) },
  );
}
