import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../support/shared-data.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'isplit-scripts-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('scripts/bootstrap.mjs', () => {
  const bootstrap = path.join(repositoryRoot, 'scripts/bootstrap.mjs');

  it('hands arguments, standard streams, working directory and exit code through', () => {
    const script = path.join(folder, 'echo.ts');
    const source =
      'console.log(JSON.stringify([process.argv.slice(2), process.cwd()])); process.exitCode = 7 as number;\n';
    writeFileSync(script, source);
    const child = spawnSync(process.execPath, [bootstrap, '--script', script, 'a b', '--json'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(child.status, child.stderr).toBe(7);
    const [args, cwd] = JSON.parse(child.stdout) as [string[], string];
    expect(args).toEqual(['a b', '--json']);
    expect(path.basename(cwd)).toBe(path.basename(folder));
  });
});

describe('scripts/house/test-report.mjs', () => {
  it('counts tests, a file that did not load as a failure, and groups skips by what they need', async () => {
    const file = path.join(folder, 'report.json');
    const test = (status: string, fullName: string) => ({ status, fullName });
    const testResults = [
      {
        status: 'passed',
        assertionResults: [test('passed', 'a'), test('pending', 'b [needs cc: apt-get install gcc]')],
      },
      { status: 'failed', assertionResults: [test('failed', 'c'), test('skipped', 'd (skipped: needs jam)')] },
      { status: 'failed', assertionResults: [] },
    ];
    writeFileSync(file, JSON.stringify({ testResults }));
    const module = pathToFileURL(path.join(repositoryRoot, 'scripts/house/test-report.mjs')).href;
    const { readVitestReport, describeSkips } = await import(module);
    const report = readVitestReport(file);
    expect([report.passed, report.failed]).toEqual([1, 2]);
    expect(describeSkips(report.skips)).toEqual([
      'skipped  1 test, needs cc: apt-get install gcc',
      'skipped  1 test, needs jam',
    ]);
    expect(readVitestReport(path.join(folder, 'none.json'))).toBeUndefined();
  });
});
