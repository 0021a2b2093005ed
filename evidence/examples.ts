import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Evidence } from './evidence.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsx = fileURLToPath(new URL('../node_modules/tsx/dist/cli.mjs', import.meta.url));

/** Arguments of the commands whose output README.md and docs/analyze.md show. */
const COMMANDS: readonly (readonly string[])[] = [
  ['demo'],
  [
    'analyze',
    'models/fashion-cnn/fashion-cnn.h5',
    '--data',
    'models/fashion-cnn/samples/calibration',
    '--device',
    'esp32',
    '--link',
    'ble',
    '--budget-latency',
    '240ms',
    '--budget-wire',
    '8KB',
    '--out',
    'build/example',
  ],
];

export interface ExamplesEvidence {
  readonly examples: readonly { readonly command: string; readonly stdout: readonly string[] }[];
}

/** What people see when they type the documented commands in a clone, 100 columns wide. */
export const examples: Evidence = {
  name: 'examples',
  summary: 'the output of the commands that README.md and docs/analyze.md quote',
  async run(report): Promise<ExamplesEvidence> {
    // What an earlier version of the code measured, or trained, must not be shown.
    for (const folder of ['build/demo', 'build/example', 'build/.isplit-cache']) {
      rmSync(path.join(root, folder), { recursive: true, force: true });
    }
    const shown = [];
    for (const args of COMMANDS) {
      const command = `npx isplit-edge ${args.join(' ')}`;
      report(command);
      const { stdout } = await promisify(execFile)(process.execPath, [tsx, 'src/cli/main.ts', ...args], { cwd: root });
      shown.push({ command, stdout: stdout.trimEnd().split('\n') });
    }
    return { examples: shown };
  },
};
