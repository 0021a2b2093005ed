/** Asks TensorFlow and LiteRT (test/oracles/litert_ops.py) what an expression is worth; answers are cached by content. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { oraclePython, repositoryRoot } from '../support/shared-data.js';

export interface OracleQuestion {
  /** Python expression of a, b, c, … and tf, np. */
  readonly expression: string;
  readonly inputs: readonly { readonly shape: number[]; readonly data: number[]; readonly weight: boolean }[];
  /** Incoming gradient. */
  readonly seed: { readonly shape: number[]; readonly data: number[] };
  readonly wrt: readonly number[];
  readonly litert: boolean;
}

export interface OracleAnswer {
  readonly tensorflow: number[];
  /** Null when not asked for. */
  readonly litert: number[] | null;
  /** The converted model, a TFLite file in base64; null when LiteRT was not asked for. */
  readonly model: string | null;
  /** One per `wrt`. */
  readonly gradients: number[][];
  readonly versions: string;
}

const SCRIPT = path.join(repositoryRoot, 'test/oracles/litert_ops.py');
const CACHE = path.join(repositoryRoot, '.cache/oracles');

/** @throws when Python fails, with its message */
export function askOracle(questions: readonly OracleQuestion[]): OracleAnswer[] {
  const script = readFileSync(SCRIPT);
  const requirements = readFileSync(path.join(repositoryRoot, 'test/oracles/requirements.txt'));
  const files = questions.map((q) => {
    const hash = createHash('sha256').update(script).update(requirements).update(JSON.stringify(q)).digest('hex');
    return path.join(CACHE, `${hash.slice(0, 32)}.json`);
  });
  const missing = questions.filter((_, i) => !existsSync(files[i] as string));
  if (missing.length > 0) {
    const run = spawnSync(oraclePython() as string, [SCRIPT], {
      input: JSON.stringify(missing),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', CUDA_VISIBLE_DEVICES: '' },
    });
    if (run.status !== 0) throw new Error(`litert_ops.py failed: ${run.stderr.slice(-4000)}`);
    const answers = JSON.parse(run.stdout) as OracleAnswer[];
    mkdirSync(CACHE, { recursive: true });
    missing.forEach((q, i) => {
      const file = files[questions.indexOf(q)] as string;
      writeFileSync(`${file}.${process.pid}`, JSON.stringify(answers[i]));
      renameSync(`${file}.${process.pid}`, file);
    });
  }
  return files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as OracleAnswer);
}
