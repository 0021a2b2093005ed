import { spawnSync } from 'node:child_process';
import path from 'node:path';

/** What the command prints; an error with what it says when it fails. */
export function run(command: string, args: readonly string[], cwd: string, input?: Uint8Array): Buffer {
  const result = spawnSync(command, args, { cwd, input, maxBuffer: 1 << 30 });
  if (result.status !== 0) {
    throw new Error(`${path.basename(command)} ended with ${result.status}: ${String(result.stderr).slice(0, 4000)}`);
  }
  return result.stdout;
}
