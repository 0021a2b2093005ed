import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot, runForeground } from './run-command.mjs';

const distFolder = path.join(repositoryRoot, 'dist');
const cacheFolder = path.join(repositoryRoot, '.cache');
const stampFile = path.join(cacheFolder, 'dist-sources-sha256');

/**
 * Compiles src/, converters/ and models/ into dist/ when they changed since the last time; says so on stderr. Scripts of other
 * languages that src/ starts are copied.
 * @returns exit code of tsc, 0 when there was nothing to do.
 */
export async function ensureDist() {
  const hash = sourceHash();
  const compiled = existsSync(path.join(distFolder, 'src')) && existsSync(stampFile);
  if (compiled && readFileSync(stampFile, 'utf8').trim() === hash) return 0;
  process.stderr.write('compiling src/ into dist/\n');
  return buildDist(hash);
}

/**
 * Compiles beside dist/ and then takes its place: nothing of a removed source stays, and an interrupted or failed
 * compilation leaves the old one.
 */
export async function buildDist(hash = sourceHash()) {
  const fresh = path.join(cacheFolder, `dist-${process.pid}`);
  mkdirSync(cacheFolder, { recursive: true });
  const tsc = path.join(repositoryRoot, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', fresh];
  const code = await runForeground(process.execPath, args, { cwd: repositoryRoot, stdio: ['ignore', 2, 2] });
  if (code === 0) {
    for (const name of listFiles('src', '.py')) cpSync(path.join(repositoryRoot, name), path.join(fresh, name));
    rmSync(distFolder, { recursive: true, force: true });
    renameSync(fresh, distFolder);
    writeFileSync(stampFile, `${hash}\n`);
  }
  rmSync(fresh, { recursive: true, force: true });
  return code;
}

/** Over names and contents, not times: a checkout changes times without changing anything. */
function sourceHash() {
  const hash = createHash('sha256');
  const files = ['src', 'converters', 'models'].flatMap((folder) => listFiles(folder, '.ts', '.py'));
  for (const name of [...files.sort(), 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(path.join(repositoryRoot, name)))
      .update('\0');
  }
  return hash.digest('hex');
}

/** Files below a folder of the repository with one of these extensions, relative to the repository. */
function listFiles(folder, ...extensions) {
  return readdirSync(path.join(repositoryRoot, folder), { recursive: true })
    .filter((name) => extensions.some((extension) => name.endsWith(extension)))
    .map((name) => path.join(folder, name));
}
