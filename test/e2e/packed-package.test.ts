import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/shared-data.js';

const hasDemo = existsSync(path.join(repositoryRoot, 'src/cli/commands/demo.ts'));

/** The environment of a user's shell: what npm sets for the scripts it runs would point our npm at this repository. */
function userEnvironment(): NodeJS.ProcessEnv {
  const ofOuterNpm =
    /^(npm_package_|npm_lifecycle_|npm_config_local_prefix$|npm_config_prefix$|npm_command$|INIT_CWD$)/;
  const kept = Object.entries(process.env).filter(([name]) => !ofOuterNpm.test(name) && !name.startsWith('VITEST'));
  return { ...Object.fromEntries(kept), ONNXRUNTIME_NODE_INSTALL: 'skip' };
}

function run(command: string, args: readonly string[], cwd: string): string {
  const child = spawnSync(command, args, { cwd, env: userEnvironment(), encoding: 'utf8', timeout: 540_000 });
  const output = `${child.stdout}\n${child.stderr}`;
  expect(child.status, `${command} ${args.join(' ')} ended with ${child.status}\n${output}`).toBe(0);
  return child.stdout;
}

describe.skipIf(!hasDemo)(`packed package${hasDemo ? '' : ' [needs src/cli/commands/demo.ts]'}`, () => {
  let folder = '';
  let packed: { filename: string; size: number; files: readonly { path: string }[] };

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'isplit-packed-'));
    run(process.execPath, ['scripts/build.mjs', '--if-changed'], repositoryRoot);
    // --ignore-scripts: prepack would empty dist/ under tests that run beside this one.
    const listing = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], repositoryRoot);
    const document = JSON.parse(listing) as (typeof packed)[] | Record<string, typeof packed>;
    packed = Object.values(document)[0] as typeof packed;
  }, 300_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('holds what it needs to run, and no sources, tests or scripts', () => {
    const files = packed.files.map((file) => file.path);
    for (const wanted of ['dist/src/cli/main.js', 'dist/src/sdk.js', 'dist/src/sdk.d.ts', 'devices/esp32-s3.json']) {
      expect(files).toContain(wanted);
    }
    // Started as programs of their own, so nothing imports them.
    for (const wanted of ['node-tflite.js', 'tfjs-tflite.js', 'tflite_runtimes.py']) {
      expect(files).toContain(`dist/src/verify/runtimes/child/${wanted}`);
    }
    for (const wanted of ['README.md', 'CHANGELOG.md', 'LICENSE', 'docs/errors.md', 'docs/supported-ops.md']) {
      expect(files).toContain(wanted);
    }
    const unwanted = files.filter(
      (f) => /^(src|test|scripts|bench|\.ci)\//.test(f) || /(?<!\.d)\.ts$|\.tgz$|buildinfo/.test(f),
    );
    expect(unwanted).toEqual([]);
    // A model of at most 1 MB, samples of at most 2 MB, the rest is code and documentation.
    expect(packed.size).toBeLessThan(6_000_000);
  });

  it('runs the demo from an empty folder as the README says', () => {
    const project = path.join(folder, 'project');
    mkdirSync(project);
    writeFileSync(path.join(project, 'package.json'), '{ "private": true }\n');
    const tarball = path.join(folder, path.basename(packed.filename));
    run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', tarball], project);
    const output = run('npx', ['--no-install', 'isplit-edge', 'demo'], project);
    expect(output).toMatch(/report\.html/);
    // Nothing may be written into the installed package, nor into the folder besides the demo's own results.
    const left = readdirSync(project).filter(
      (name) => !['node_modules', 'package.json', 'package-lock.json'].includes(name),
    );
    expect(left.length).toBeLessThanOrEqual(1);
  }, 600_000);
});
