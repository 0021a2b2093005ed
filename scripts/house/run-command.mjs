import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Root folder of the repository, without a trailing slash. */
export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');

const forwardedSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a command in the foreground with our stdin, stdout and stderr; signals we get go to it.
 * @returns its exit code; 128 + number when a signal ended it (as a shell reports it); 127 when it cannot be started.
 */
export function runForeground(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: repositoryRoot, stdio: 'inherit', ...options });
    // A terminal sends Ctrl-C to the child as well; passing it on again would be read as a second Ctrl-C.
    const forward = (signal) => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of forwardedSignals) process.on(signal, forward);
    const settle = (code) => {
      for (const signal of forwardedSignals) process.off(signal, forward);
      resolve(code);
    };
    child.on('error', (error) => {
      process.stderr.write(`cannot start ${command}: ${error.message}\n`);
      settle(127);
    });
    child.on('exit', (code, signal) => settle(code ?? 128 + signalNumber(signal)));
  });
}

/** Runs a command and collects its output. `status` is null when it cannot be started. */
export function runQuietly(command, args, options = {}) {
  return spawnSync(command, args, { cwd: repositoryRoot, encoding: 'utf8', maxBuffer: 64 << 20, ...options });
}

/** True when a command on PATH answers `--version`. */
export function isOnPath(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** How to start npm from a script: through Node itself when npm tells its path, which also works on Windows. */
export function npmCommand(...args) {
  const npmCli = process.env.npm_execpath;
  if (npmCli?.endsWith('.js')) return [process.execPath, [npmCli, ...args]];
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', args];
}

/** "3.2 s" or "2 min 5 s". */
export function formatSeconds(milliseconds) {
  const seconds = milliseconds / 1000;
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

function signalNumber(signal) {
  return { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 }[signal] ?? 1;
}
