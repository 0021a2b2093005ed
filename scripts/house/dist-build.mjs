import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot, runForeground } from './run-command.mjs';

const distFolder = path.join(repositoryRoot, 'dist');
const stampFile = path.join(distFolder, '.source-sha256');

/**
 * Compiles src/, converters/ and models/ into dist/ when they changed since the last time; says so on stderr.
 * @returns exit code of tsc, 0 when there was nothing to do.
 */
export async function ensureDist() {
  const hash = sourceHash();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8').trim() === hash) return 0;
  process.stderr.write('compiling src/ into dist/\n');
  return buildDist(hash);
}

/** Compiles into an empty dist/, so that nothing of a removed source stays in it. */
export async function buildDist(hash = sourceHash()) {
  rmSync(distFolder, { recursive: true, force: true });
  const tsc = path.join(repositoryRoot, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '-p', 'tsconfig.build.json'];
  const code = await runForeground(process.execPath, args, { cwd: repositoryRoot, stdio: ['ignore', 2, 2] });
  if (code === 0) writeFileSync(stampFile, `${hash}\n`);
  return code;
}

/** Over names and contents, not times: a checkout changes times without changing anything. */
function sourceHash() {
  const hash = createHash('sha256');
  const files = ['src', 'converters', 'models'].flatMap((folder) =>
    readdirSync(path.join(repositoryRoot, folder), { recursive: true })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => path.join(folder, name)),
  );
  for (const name of [...files.sort(), 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(path.join(repositoryRoot, name)))
      .update('\0');
  }
  return hash.digest('hex');
}
