/** What is said to be assumed of samples whose model has no card. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { analyzeModel, demoPaths, openModel } from '../../../src/sdk.js';

const folder = mkdtempSync(path.join(tmpdir(), 'isplit-assumptions-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => path.join(folder, name);

const COUNT = 20;

/** A NumPy array of `COUNT` pictures of 28×28×1, the same values in every one. */
function writeNpy(name: string, dtype: '<f4' | '|u1'): string {
  const header = `${`{'descr': '${dtype}', 'fortran_order': False, 'shape': (${COUNT}, 28, 28, 1), }`.padEnd(117)}\n`;
  const start = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${header}`, 'latin1');
  start.writeUInt16LE(header.length, 8);
  const values = Array.from({ length: COUNT * 784 }, (_, i) => i % 200);
  const data = dtype === '<f4' ? new Float32Array(values.map((v) => v / 255)) : new Uint8Array(values);
  writeFileSync(at(name), Buffer.concat([start, new Uint8Array(data.buffer)]));
  return at(name);
}

it('an input range is assumed of bytes, and nothing of floats: they go in as they are', async () => {
  copyFileSync(demoPaths().model, at('net.h5'));
  writeFileSync(at('labels.txt'), Array.from({ length: COUNT }, (_, i) => i % 10).join('\n'));
  const model = await openModel(at('net.h5'));
  const warningsOf = async (data: string): Promise<string> =>
    (await analyzeModel(model, { data, labels: at('labels.txt') })).warnings.join('\n');
  expect(await warningsOf(writeNpy('bytes.npy', '|u1'))).toMatch(/input range 0\.\.255 was assumed/);
  expect(await warningsOf(writeNpy('floats.npy', '<f4'))).not.toMatch(/assumed/);
});
