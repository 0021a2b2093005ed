import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../support/shared-data.js';

const depcruiseCli = path.join(repositoryRoot, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const temporaryFolders: string[] = [];

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

function checkTree(folder: string): { exitCode: number | null; modules: number; violations: readonly Violation[] } {
  const args = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src', 'converters', 'models'];
  const run = spawnSync(process.execPath, [depcruiseCli, ...args], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const report = JSON.parse(run.stdout) as {
    summary: { violations: Violation[]; error: number; totalCruised: number };
  };
  // The JSON reporter ends with 0 whatever it found; `npm run lint` uses the default one, which ends with the error count.
  return { exitCode: run.status, modules: report.summary.totalCruised, violations: report.summary.violations };
}

/** A copy of the real tree with extra files in it. */
function plantTree(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-rules-'));
  temporaryFolders.push(folder);
  const onlySources = (source: string) => !path.extname(source) || /\.(ts|json)$/.test(source);
  for (const name of ['src', 'converters', 'models']) {
    cpSync(path.join(repositoryRoot, name), path.join(folder, name), { recursive: true, filter: onlySources });
  }
  for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json']) {
    cpSync(path.join(repositoryRoot, name), path.join(folder, name));
  }
  symlinkSync(path.join(repositoryRoot, 'node_modules'), path.join(folder, 'node_modules'), 'dir');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

afterAll(() => {
  for (const folder of temporaryFolders) rmSync(folder, { recursive: true, force: true });
});

describe('dependency rules', () => {
  it('hold for the real tree, and see its files', () => {
    const { violations, modules } = checkTree(repositoryRoot);
    expect(violations.map((v) => `${v.rule.name}: ${v.from} -> ${v.to}`)).toEqual([]);
    // TypeScript 7 makes dependency-cruiser find nothing and report "no violations".
    expect(modules).toBeGreaterThan(30);
  });

  const planted: ReadonlyArray<readonly [file: string, source: string, rule: string]> = [
    ['src/core/planted.ts', "import type { Graph } from '../ir/graph.js';\nexport type G = Graph;\n", 'core-imports'],
    ['src/ir/planted.ts', "export { SHAPES } from '../ops/index.js';\n", 'ir-imports'],
    ['src/passes/planted.ts', "export { target } from '../memory/planted-target.js';\n", 'passes-imports'],
    ['src/memory/planted-target.ts', 'export const target = 1;\n', ''],
    ['src/devices/planted.ts', "export type { Graph } from '../ir/graph.js';\n", 'devices-imports'],
    ['src/ops/planted.ts', "export type { FormatReader } from '../../converters/format.js';\n", 'ops-imports'],
    ['src/ops/planted-fs.ts', "export { readFile } from 'node:fs/promises';\n", 'outside-world'],
    ['src/analyze/planted.ts', "export { spawn } from 'child_process';\n", 'outside-world'],
    ['src/cost/planted.ts', "export { build } from '../../models/planted-target.js';\n", 'cost-imports'],
    ['models/planted-target.ts', 'export const build = 1;\n', ''],
    ['src/helpers/planted.ts', "export { fail } from '../core/errors.js';\n", 'room-unknown'],
    ['src/tail/planted.ts', "export { target } from '../../converters/planted-a/target.js';\n", 'tail-imports'],
    ['converters/planted-a/target.ts', 'export const target = 1;\n', ''],
    [
      'converters/planted-b/read.ts',
      "export { target } from '../planted-a/target.js';\n",
      'converter-imports-converter',
    ],
    [
      'converters/planted-c/read.ts',
      "export type { Engine } from '../../src/engines/engine.js';\n",
      'converters-imports',
    ],
    ['converters/planted-d/read.ts', "export { readFileSync } from 'node:fs';\n", 'outside-world'],
    ['src/plan/planted-x.ts', "export { y } from './planted-y.js';\nexport const x = 1;\n", 'circular'],
    ['src/plan/planted-y.ts', "export { x } from './planted-x.js';\nexport const y = 1;\n", ''],
    ['src/report/planted.ts', "export { z } from './not-there.js';\n", 'unresolvable'],
    ['src/evaluate/planted.ts', "import { test } from 'vitest';\nexport const t = test;\n", 'dev-dependency'],
    ['src/pipeline/planted.ts', "export { s } from '../../scripts/planted.js';\n", 'not-shipped'],
    ['scripts/planted.ts', 'export const s = 1;\n', ''],
  ];

  it('report every violation planted into a copy of src/ and converters/, under the name of its rule', () => {
    const folder = plantTree(Object.fromEntries(planted.map(([file, source]) => [file, source])));
    const found = checkTree(folder)
      .violations.filter((v) => v.from.includes('planted'))
      .map((v) => `${v.from} ${v.rule.name}`);
    const expected = planted.filter(([, , rule]) => rule !== '').map(([file, , rule]) => `${file} ${rule}`);
    expect([...new Set(found)].sort()).toEqual(expected.sort());
  });

  const oneInEach = planted.filter(([, , rule]) => rule === 'core-imports' || rule === 'converter-imports-converter');
  for (const [file, source] of oneInEach) {
    it(`make the lint command fail on ${file} alone`, () => {
      const target = 'converters/planted-a/target.ts';
      const folder = plantTree({ [target]: 'export const target = 1;\n', [file]: source });
      const args = ['--config', '.dependency-cruiser.cjs', 'src', 'converters', 'models'];
      const run = spawnSync(process.execPath, [depcruiseCli, ...args], { cwd: folder, encoding: 'utf8' });
      expect(run.status, run.stdout).toBeGreaterThan(0);
      expect(run.stdout).toContain(file);
    });
  }

  it('know every room that exists', () => {
    const require = createRequire(import.meta.url);
    const config = require(path.join(repositoryRoot, '.dependency-cruiser.cjs')) as { forbidden: { name: string }[] };
    const known = new Set(config.forbidden.map((rule) => rule.name));
    const folders = readdirSync(path.join(repositoryRoot, 'src'), { withFileTypes: true }).filter((e) =>
      e.isDirectory(),
    );
    expect(folders.map((e) => `${e.name}-imports`).filter((name) => !known.has(name))).toEqual([]);
  });
});
