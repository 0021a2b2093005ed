#!/usr/bin/env node
/**
 * Runs isplit-edge from a fresh clone: `node scripts/bootstrap.mjs demo`. Installs the npm packages when they are missing or
 * out of date, compiles what changed, then starts the command line with the arguments given. With `--script FILE.ts`
 * it starts that TypeScript file instead. Needs Node and the npm registry, nothing else.
 */
import path from 'node:path';
import { ensureDist } from './house/dist-build.mjs';
import { ensureNodeModules } from './house/node-modules.mjs';
import { repositoryRoot, runForeground } from './house/run-command.mjs';

process.exitCode = await main(process.argv.slice(2));

async function main(args) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 12)) {
    process.stderr.write(`isplit-edge needs Node 20.12 or newer, this is ${process.version}\n`);
    return 6;
  }
  const installed = await ensureNodeModules();
  if (installed !== 0) return installed;
  const here = { cwd: process.cwd() };
  if (args[0] === '--script') {
    const tsx = path.join(repositoryRoot, 'node_modules/tsx/dist/cli.mjs');
    return runForeground(process.execPath, [tsx, path.resolve(repositoryRoot, args[1]), ...args.slice(2)], here);
  }
  const built = await ensureDist();
  if (built !== 0) return built;
  return runForeground(process.execPath, [path.join(repositoryRoot, 'dist/src/cli/main.js'), ...args], here);
}
