#!/usr/bin/env node
/**
 * npm run setup:tfjs-node makes the optional package @tensorflow/tfjs-node load where its own install script could not
 * download libtensorflow (`--check` only says whether it works): it links the libraries and headers of the TensorFlow wheel in .venv into the package and builds
 * the native addon against them. Does nothing when the package already works. `npm ci` removes the result; run it again.
 * Needs python3 with venv, make, g++ and Node's headers.
 */
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import {
  addonBuildEnvironment,
  addonBuildHint,
  exitToolMissing,
  fetchOptionalPackages,
  requireBuildTools,
} from './house/native-addon.mjs';
import { ensureNodeModules } from './house/node-modules.mjs';
import { ensureOracleVenv, venvPython } from './house/oracle-venv.mjs';
import { formatSeconds, repositoryRoot, runQuietly } from './house/run-command.mjs';

const packageFolder = path.join(repositoryRoot, 'node_modules/@tensorflow/tfjs-node');

const startedAt = performance.now();
process.exitCode = await setUp();

async function setUp() {
  const installed = await ensureNodeModules();
  if (installed !== 0) return installed;
  if (existsSync(packageFolder) && probeMatMul().works) {
    console.log('tfjs-node works already');
    return 0;
  }
  if (process.argv.includes('--check')) {
    console.log('tfjs-node does not work here');
    return exitToolMissing;
  }
  if (process.platform !== 'linux') {
    console.error(
      'tfjs-node: only Linux needs and gets this; elsewhere reinstall @tensorflow/tfjs-node with network access',
    );
    return exitToolMissing;
  }
  const lacking = requireBuildTools('tfjs-node');
  if (lacking !== 0) return lacking;
  const venvLack = await ensureOracleVenv();
  if (venvLack !== undefined) {
    console.error(`tfjs-node: missing ${venvLack}`);
    return exitToolMissing;
  }
  const fetched = await fetchOptionalPackages('tfjs-node', [packageFolder]);
  return fetched || linkTensorFlow() || (await buildAddon()) || verify();
}

/** Lays out deps/ as the addon expects it, with links to the wheel's headers and libraries. */
function linkTensorFlow() {
  const find = 'import importlib.util as u; print(u.find_spec("tensorflow").submodule_search_locations[0])';
  const found = runQuietly(venvPython, ['-c', find]);
  const wheel = found.stdout?.trim();
  const library = path.join(wheel ?? '', 'libtensorflow_cc.so.2');
  if (found.status !== 0 || !existsSync(library)) {
    console.error(`tfjs-node: no libtensorflow_cc.so.2 in the TensorFlow of .venv (${wheel || found.stderr})`);
    return exitToolMissing;
  }
  const framework = path.join(wheel, 'libtensorflow_framework.so.2');
  const deps = path.join(packageFolder, 'deps');
  rmSync(deps, { recursive: true, force: true });
  mkdirSync(path.join(deps, 'lib'), { recursive: true });
  symlinkSync(path.join(wheel, 'include'), path.join(deps, 'include'));
  // The addon links -ltensorflow; the loader then looks for the sonames libtensorflow_cc.so.2 and …framework.so.2.
  for (const name of ['libtensorflow.so', 'libtensorflow.so.2', 'libtensorflow.so.2.9.1', 'libtensorflow_cc.so.2']) {
    symlinkSync(library, path.join(deps, 'lib', name));
  }
  for (const name of ['libtensorflow_framework.so', 'libtensorflow_framework.so.2']) {
    symlinkSync(framework, path.join(deps, 'lib', name));
  }
  return 0;
}

async function buildAddon() {
  console.log('tfjs-node: building the native addon');
  const env = { ...addonBuildEnvironment('tfjs-node'), npm_config_python: venvPython };
  env.NODE_GYP_FORCE_PYTHON = venvPython;
  const preGyp = path.join(repositoryRoot, 'node_modules/@mapbox/node-pre-gyp/bin/node-pre-gyp');
  const build = runQuietly(process.execPath, [preGyp, 'install', '--build-from-source'], { cwd: packageFolder, env });
  if (build.status !== 0) {
    console.error(`${build.stdout}\n${build.stderr}`);
    console.error(`tfjs-node: building failed; ${addonBuildHint}`);
    return exitToolMissing;
  }
  return 0;
}

function verify() {
  const probe = probeMatMul();
  if (probe.works) {
    console.log(
      `tfjs-node works: TensorFlow ${probe.version}, set up in ${formatSeconds(performance.now() - startedAt)}`,
    );
    return 0;
  }
  console.error(`tfjs-node: built, but does not run:\n${probe.output}`);
  return 1;
}

/** Multiplies two matrices in a child process: a broken native library must not take this one down. */
function probeMatMul() {
  const source = `
    import util from 'node:util';
    util.isNullOrUndefined ??= (value) => value === null || value === undefined;
    util.isArray ??= Array.isArray;
    const tf = (await import('@tensorflow/tfjs-node')).default;
    const product = tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]).arraySync();
    console.log('product', tf.getBackend(), tf.version['tfjs-node'] ?? '', JSON.stringify(product), tf.node?.version ?? '');
    console.log('libtensorflow', tf.backend().binding.TF_Version);
  `;
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' };
  const child = runQuietly(process.execPath, ['--input-type=module', '--eval', source], { env, timeout: 120_000 });
  const output = `${child.stdout ?? ''}${child.stderr ?? ''}`;
  const works = child.status === 0 && output.includes('product tensorflow') && output.includes('[[19,22],[43,50]]');
  return { works, output, version: /libtensorflow (\S+)/.exec(output)?.[1] ?? 'unknown' };
}
