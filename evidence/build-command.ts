import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** How isplit-edge is started: program and first arguments. */
export type Starter = readonly string[];

/** From the sources, without compiling. */
export const FROM_SOURCES: Starter = [
  process.execPath,
  fileURLToPath(new URL('../node_modules/tsx/dist/cli.mjs', import.meta.url)),
  fileURLToPath(new URL('../src/cli/main.ts', import.meta.url)),
];

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** Runs the command to its end, or until `kill` calls its argument, which is kill −9. */
export function runCommand(
  starter: Starter,
  args: readonly string[],
  cwd: string,
  kill?: (now: () => void) => () => void,
): Promise<Ended> {
  const [program, ...first] = starter as readonly [string, ...string[]];
  const started = performance.now();
  // A group of its own: tsx runs the command in a child, which is to be killed as well.
  const child = spawn(program, [...first, ...args], { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (part: Buffer) => {
    stdout += part.toString();
  });
  child.stderr.on('data', (part: Buffer) => {
    stderr += part.toString();
  });
  const stopWatching = kill?.(() => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  });
  return new Promise((resolve) => {
    child.on('close', (code) => {
      stopWatching?.();
      resolve({ code, stdout, stderr, seconds: (performance.now() - started) / 1000 });
    });
  });
}

/** sha256 of every file below a folder, by path. */
export function hashFolder(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = entries.map((entry) => path.join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(
    files.map((file) => [
      path.relative(folder, file).split(path.sep).join('/'),
      createHash('sha256').update(readFileSync(file)).digest('hex'),
    ]),
  );
}
