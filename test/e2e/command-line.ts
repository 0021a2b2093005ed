/** Runs the compiled command line as a user does: own process, own folder. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { repositoryRoot } from '../support/shared-data.js';

const main = path.join(repositoryRoot, 'dist/src/cli/main.js');

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly nodeArgs?: readonly string[];
  /** Gets Ctrl-C as soon as this stands on stderr. */
  readonly interruptAt?: RegExp;
}

/** Compiles when the sources changed; the tests of a file share it. */
export function compileOnce(): void {
  const built = spawnSync(process.execPath, ['scripts/build.mjs', '--if-changed'], {
    cwd: repositoryRoot,
    encoding: 'utf8',
  });
  expect(built.status, built.stderr).toBe(0);
}

export function run(args: readonly string[], options: RunOptions): Promise<Ran> {
  const { NODE_OPTIONS: _none, ...env } = process.env;
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), main, ...args], { cwd: options.cwd, env });
  let stdout = '';
  let stderr = '';
  let interrupted = false;
  child.stdin.end();
  child.stdout.on('data', (part: Buffer) => {
    stdout += part.toString();
  });
  child.stderr.on('data', (part: Buffer) => {
    stderr += part.toString();
    if (!interrupted && options.interruptAt?.test(stderr)) {
      interrupted = true;
      child.kill('SIGINT');
    }
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** stdout as the one JSON document it must be. */
export function documentOf(ran: Ran): unknown {
  expect(ran.stdout, ran.stderr).toMatch(/^[{[]/);
  return JSON.parse(ran.stdout);
}

export interface ErrorDocument {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly context: Readonly<Record<string, unknown>>;
    readonly hint: string;
    readonly all: readonly { readonly code: string; readonly message: string }[];
  };
}

export function emptyFolder(): string {
  return mkdtempSync(path.join(realpathSync(tmpdir()), 'isplit-cli-'));
}

/** Every file below a folder. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}
