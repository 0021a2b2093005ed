import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { npmCommand, repositoryRoot, runForeground } from './run-command.mjs';

const modulesFolder = path.join(repositoryRoot, 'node_modules');
const stampFile = path.join(modulesFolder, '.isplit-lock-sha256');

/**
 * Installs the npm packages of package-lock.json when node_modules is missing or was made from another lock file.
 * Says so on stderr; silent when there is nothing to do.
 * @returns exit code of npm, 0 when nothing had to be done.
 */
export async function ensureNodeModules() {
  const reason = staleReason();
  if (reason === undefined) return 0;
  process.stderr.write(`${reason}: running npm ci (npm registry, about 700 MB in node_modules)\n`);
  const [command, args] = npmCommand('ci', '--no-audit', '--no-fund', '--loglevel=error');
  // The CPU library is inside onnxruntime-node; its install script would look for CUDA.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  // stdout belongs to the command that is started afterwards (--json).
  const code = await runForeground(command, args, { env, stdio: ['ignore', 2, 2] });
  if (code === 0) writeStamp();
  return code;
}

function staleReason() {
  if (!existsSync(path.join(modulesFolder, '.package-lock.json'))) return 'node_modules is missing';
  const stamp = existsSync(stampFile) ? readFileSync(stampFile, 'utf8').trim() : undefined;
  if (stamp === lockHash()) return undefined;
  // Somebody else ran npm ci or npm install: believe it when what is installed agrees with the lock file.
  const disagreement = findDisagreement();
  if (disagreement === undefined) {
    writeStamp();
    return undefined;
  }
  return `package-lock.json has changed (${disagreement})`;
}

/** First package whose installed version is not the locked one; optional ones may be absent. */
function findDisagreement() {
  const locked = readPackages(path.join(repositoryRoot, 'package-lock.json'));
  const installed = readPackages(path.join(modulesFolder, '.package-lock.json'));
  for (const [location, entry] of Object.entries(locked)) {
    if (location === '') continue;
    const found = installed[location]?.version;
    const mayBeAbsent = entry.optional || entry.devOptional || entry.peer;
    if (found === undefined ? !mayBeAbsent : found !== entry.version) {
      return `${location.replace('node_modules/', '')} ${found ?? 'absent'}, wanted ${entry.version}`;
    }
  }
  return undefined;
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

function lockHash() {
  const bytes = readFileSync(path.join(repositoryRoot, 'package-lock.json'));
  return createHash('sha256').update(bytes).digest('hex');
}

function writeStamp() {
  writeFileSync(stampFile, `${lockHash()}\n`);
}
