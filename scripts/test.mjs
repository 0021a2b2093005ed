#!/usr/bin/env node
/**
 * npm test, also from a fresh clone: installs the npm packages, makes the Python oracles in .venv, then runs every check.
 * A failing step does not stop the others; the last line is `N passed, N failed`. With CI=true a missing tool is a
 * failure, and as root the Debian packages of house/debian-packages.mjs are installed; otherwise they are only named.
 *
 *   npm test                    everything
 *   npm test -- --update-goldens   also rewrites the reviewed goldens (npm run golden:update)
 *   npm test -- test/unit/ir    only these vitest files or folders, after the same preparation
 */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { findMissingPackages, installPackages } from './house/debian-packages.mjs';
import { ensureDist } from './house/dist-build.mjs';
import { ensureNodeModules } from './house/node-modules.mjs';
import { ensureOracleVenv } from './house/oracle-venv.mjs';
import { formatSeconds, repositoryRoot, runForeground } from './house/run-command.mjs';
import { describeSkips, readVitestReport } from './house/test-report.mjs';

const inCi = process.env.CI === 'true';
const updateGoldens = process.argv.includes('--update-goldens');
const filters = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
const vitestReport = path.join(repositoryRoot, '.cache/vitest-report.json');

const startedAt = performance.now();
const results = [];

process.exitCode = await main();

async function main() {
  const ready = await step('npm packages', ensureNodeModules);
  if (ready) {
    await step('tools', provideTools);
    await step('Python oracles (.venv)', provideOracles);
    await step('tfjs-node', provideTfjsNode);
    await step('TFLite for Node', provideTfliteNode);
    if (filters.length === 0) {
      await step('format and lint', () => runModule('@biomejs/biome/bin/biome', 'check', '.'));
      const cruise = ['--config', '.dependency-cruiser.cjs', 'src', 'converters', 'models'];
      await step('import rules', () => runModule('dependency-cruiser/bin/dependency-cruise.mjs', ...cruise));
      await step('types', () => runModule('typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit'));
      await step('generated docs are fresh', () =>
        runModule('tsx/dist/cli.mjs', 'scripts/generate-docs.ts', ...(updateGoldens ? [] : ['--check'])),
      );
      await step('compile', ensureDist);
    }
    await step('tests', runVitest);
  }
  return report();
}

/** Runs one step and prints its time; a step returns an exit code or a text saying why it was left out. */
async function step(name, action) {
  console.log(`\n── ${name}`);
  const stepStartedAt = performance.now();
  const outcome = await action();
  const took = formatSeconds(performance.now() - stepStartedAt);
  const leftOut = typeof outcome === 'string';
  const passed = outcome === 0;
  results.push({ name, passed, leftOut, took, reason: leftOut ? outcome : undefined });
  console.log(leftOut ? `${name}: left out, ${outcome}` : `${name}: ${passed ? 'ok' : 'FAILED'}, ${took}`);
  return passed;
}

async function provideTools() {
  let missing = findMissingPackages();
  if (missing.length > 0 && inCi && process.getuid?.() === 0) missing = await installPackages(missing);
  for (const { name, skips } of missing) {
    console.log(`${name} is missing; without it are skipped: ${skips}. Install: apt-get install ${name}`);
  }
  if (missing.length === 0) return 0;
  return inCi ? 1 : `missing ${missing.map((row) => row.name).join(', ')}`;
}

async function provideOracles() {
  const lack = await ensureOracleVenv();
  if (lack === undefined) return 0;
  console.log(`missing ${lack}`);
  console.log('without it are skipped: all comparisons with TensorFlow, Keras, LiteRT and onnxruntime');
  return inCi ? 1 : `missing ${lack}`;
}

/** CI needs the engine; elsewhere it is the developer's choice, since it takes a compiler. */
async function provideTfjsNode() {
  if (inCi) return runForeground(process.execPath, ['scripts/setup-tfjs-node.mjs']);
  const probe = await runForeground(process.execPath, ['scripts/setup-tfjs-node.mjs', '--check']);
  return probe === 0 ? 0 : 'not set up (optional engine; tests on it are skipped): npm run setup:tfjs-node';
}

/** Verification's oldest runtimes; npm has compiled them already where it found Node's headers. */
async function provideTfliteNode() {
  if (inCi) return runForeground(process.execPath, ['scripts/setup-tflite-node.mjs']);
  const probe = await runForeground(process.execPath, ['scripts/setup-tflite-node.mjs', '--check']);
  return probe === 0 ? 0 : 'not set up (tests on them are skipped): npm run setup:tflite-node';
}

async function runVitest() {
  mkdirSync(path.dirname(vitestReport), { recursive: true });
  rmSync(vitestReport, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${vitestReport}`];
  const env = { ...process.env, ...(updateGoldens ? { ISPLIT_UPDATE_GOLDENS: '1' } : {}) };
  const args = ['vitest/vitest.mjs', 'run', ...reporters, ...(updateGoldens ? ['--update'] : []), ...filters];
  return runModule(...args, { env });
}

function runModule(file, ...rest) {
  const options = typeof rest.at(-1) === 'object' ? rest.pop() : {};
  return runForeground(process.execPath, [path.join(repositoryRoot, 'node_modules', file), ...rest], options);
}

function report() {
  const tests = readVitestReport(vitestReport);
  const steps = results.filter((result) => result.name !== 'tests' || tests === undefined);
  const passed = (tests?.passed ?? 0) + steps.filter((result) => result.passed).length;
  const failed = (tests?.failed ?? 0) + steps.filter((result) => !result.passed && !result.leftOut).length;
  const exitCode = results.every((result) => result.passed || result.leftOut) ? 0 : 1;
  console.log('');
  for (const { name, passed: ok, leftOut, took, reason } of results) {
    console.log(
      `${(leftOut ? 'left out' : ok ? 'ok' : 'FAILED').padEnd(9)}${name.padEnd(28)}${leftOut ? reason : took}`,
    );
  }
  for (const line of describeSkips(tests?.skips ?? new Map())) console.log(line);
  console.log(`took ${formatSeconds(performance.now() - startedAt)}; counted are the tests and the steps before them`);
  // A step may fail although no single test did (an error outside of tests): never end 1 and claim 0 failed.
  console.log(`${passed} passed, ${exitCode !== 0 && failed === 0 ? 1 : failed} failed`);
  return exitCode;
}
