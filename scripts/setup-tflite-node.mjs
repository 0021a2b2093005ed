#!/usr/bin/env node
/**
 * npm run setup:tflite-node makes the optional packages node-tflite and tfjs-tflite-node load where npm could not compile
 * them, for want of Node's headers or a compiler (`--check` only says whether they work). Both bring their own TensorFlow Lite.
 * Does nothing when they work already. Needs make, g++ and Node's headers.
 */
import path from 'node:path';
import {
  addonBuildEnvironment,
  addonBuildHint,
  exitToolMissing,
  fetchOptionalPackages,
  findNodeGyp,
  requireBuildTools,
} from './house/native-addon.mjs';
import { ensureNodeModules } from './house/node-modules.mjs';
import { formatSeconds, repositoryRoot, runQuietly } from './house/run-command.mjs';

const packages = [
  { name: 'node-tflite', load: `require('node-tflite').Interpreter` },
  {
    name: 'tfjs-tflite-node',
    load: `require('tfjs-tflite-node/build/Release/node_tflite_binding.node').Interpreter`,
  },
];

const startedAt = performance.now();
process.exitCode = await setUp();

async function setUp() {
  const installed = await ensureNodeModules();
  if (installed !== 0) return installed;
  const broken = packages.filter((row) => probe(row) !== undefined);
  const names = broken.map((row) => row.name).join(' and ');
  if (broken.length === 0) {
    console.log(`${packages.map((row) => row.name).join(' and ')} work already`);
    return 0;
  }
  if (process.argv.includes('--check')) {
    console.log(`not working here: ${names}`);
    return exitToolMissing;
  }
  const lacking = requireBuildTools(names);
  if (lacking !== 0) return lacking;
  const fetched = await fetchOptionalPackages(names, broken.map(folderOf));
  if (fetched !== 0) return fetched;
  for (const row of broken) {
    const code = buildAddon(row);
    if (code !== 0) return code;
  }
  console.log(`set up in ${formatSeconds(performance.now() - startedAt)}`);
  return 0;
}

function buildAddon(row) {
  const nodeGyp = findNodeGyp();
  if (nodeGyp === undefined) {
    console.error(`${row.name}: npm's node-gyp was not found; set npm_config_node_gyp to its node-gyp.js`);
    return exitToolMissing;
  }
  console.log(`${row.name}: building the native addon`);
  const env = addonBuildEnvironment(row.name);
  const build = runQuietly(process.execPath, [nodeGyp, 'rebuild'], { cwd: folderOf(row), env });
  if (build.status !== 0) {
    console.error(`${build.stdout}\n${build.stderr}`);
    console.error(`${row.name}: building failed; ${addonBuildHint}`);
    return exitToolMissing;
  }
  const failure = probe(row);
  if (failure === undefined) return 0;
  console.error(`${row.name}: built, but does not load:\n${failure}`);
  return 1;
}

function folderOf(row) {
  return path.join(repositoryRoot, 'node_modules', row.name);
}

/** Loads the addon in a process of its own: the two share a library name. @returns undefined, or what it said */
function probe(row) {
  const source = `process.exit(typeof ${row.load} === 'function' ? 0 : 1)`;
  const child = runQuietly(process.execPath, ['--input-type=commonjs', '--eval', source], { timeout: 60_000 });
  return child.status === 0 ? undefined : `${child.stdout}${child.stderr}`;
}
