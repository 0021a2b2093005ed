import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../support/shared-data.js';

/**
 * Folder with what a Python oracle wrote; the oracle runs only when it, its input files or the Python have changed.
 * @param script file in test/oracles, called as `script OUT FILE...`
 */
export function oracleFolder(python: string, script: string, name: string, files: readonly string[] = []): string {
  const folder = path.join(repositoryRoot, '.cache/oracles', name);
  const source = path.join(repositoryRoot, 'test/oracles', script);
  const stamps = files.map((f) => `${f} ${statSync(f).size} ${statSync(f).mtimeMs}`);
  const key = createHash('sha256')
    .update([readFileSync(source, 'utf8'), python, ...stamps].join('\n'))
    .digest('hex');
  const stampFile = path.join(folder, '.stamp');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === key) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  execFileSync(python, [source, folder, ...files], { cwd: repositoryRoot, stdio: ['ignore', 'ignore', 'pipe'] });
  writeFileSync(stampFile, key);
  return folder;
}
