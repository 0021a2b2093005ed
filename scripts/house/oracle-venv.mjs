import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot, runForeground, runQuietly } from './run-command.mjs';

const venvFolder = path.join(repositoryRoot, '.venv');
const requirementsFile = path.join(repositoryRoot, 'test/oracles/requirements.txt');
const stampFile = path.join(venvFolder, '.requirements-sha256');
const isWindows = process.platform === 'win32';

/** Python of the project-local venv, whether it exists or not. */
export const venvPython = path.join(venvFolder, isWindows ? 'Scripts/python.exe' : 'bin/python');

/**
 * Makes .venv from test/oracles/requirements.txt, or brings it up to date; says first what and how big.
 * @returns undefined when it is ready, else a sentence saying what is missing.
 */
export async function ensureOracleVenv() {
  if (isFresh()) return undefined;
  const python = findPython();
  if (python === undefined) return 'python3 (3.10 to 3.13) with its venv module: apt-get install python3-venv';
  const packages = readRequirements().join(', ');
  process.stderr.write(
    `making .venv in this folder with the Python oracles of the tests (${packages}): about 700 MB from PyPI, 2.3 GB on disk, a minute or two\n`,
  );
  if (!runs(venvPython)) {
    rmSync(venvFolder, { recursive: true, force: true });
    const made = await runForeground(python, ['-m', 'venv', venvFolder], { stdio: ['ignore', 2, 2] });
    if (made !== 0) return `a venv (${python} -m venv failed with ${made}): apt-get install python3-venv`;
  }
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirementsFile];
  const installed = await runForeground(venvPython, pip, { stdio: ['ignore', 2, 2] });
  if (installed !== 0) return `the packages of test/oracles/requirements.txt (pip ended with ${installed})`;
  writeFileSync(stampFile, `${requirementsHash()}\n`);
  return undefined;
}

function isFresh() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8').trim() === requirementsHash() && runs(venvPython);
}

function runs(python) {
  return runQuietly(python, ['-c', 'import pip']).status === 0;
}

/** First Python on PATH that TensorFlow has wheels for and that can make a venv with pip in it. */
function findPython() {
  const check = 'import sys, venv, ensurepip; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 13) else 1)';
  const candidates = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', '/usr/bin/python3', 'python'];
  return candidates.find((python) => runQuietly(python, ['-c', check]).status === 0);
}

function readRequirements() {
  const lines = readFileSync(requirementsFile, 'utf8').split('\n');
  const names = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(/[=;]/)[0]);
  return names.filter((name) => name !== 'tensorflow');
}

function requirementsHash() {
  return createHash('sha256').update(readFileSync(requirementsFile)).digest('hex');
}
