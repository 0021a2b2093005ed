import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { crc32 as zlibCrc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeSelfTest, encodeSelfTest } from '../../../src/artifact/selftest.js';
import { crc32 } from '../../../src/core/crc32.js';
import { IsplitError } from '../../../src/core/errors.js';
import { createRandom } from '../../../src/core/random.js';
import { commandTool, itNeeding, repositoryRoot } from '../../support/shared-data.js';

const SPLIT_ID = '00ff1234567890ab'.padEnd(64, 'c');

function randomBytes(seed: number, length: number): Int8Array {
  const random = createRandom(seed);
  return Int8Array.from({ length }, () => random.int(256) - 128);
}

/** 3 records of 5 bytes in and 2 bytes out: both need padding. */
const INPUTS = randomBytes(1, 15);
const OUTPUTS = randomBytes(2, 6);
const FILE = encodeSelfTest(SPLIT_ID, 3, INPUTS, OUTPUTS);

const errorOf = (decode: () => unknown): string => {
  try {
    decode();
  } catch (error) {
    if (error instanceof IsplitError) return error.code;
    throw error;
  }
  return 'none';
};

describe('selftest.bin', () => {
  it('has the layout that docs/selftest.md states', () => {
    const file = Buffer.from(FILE);
    expect(file.subarray(0, 4).toString('latin1')).toBe('ISST');
    expect([file.readUInt16LE(4), file.readUInt16LE(6)]).toEqual([1, 40]);
    expect([8, 12, 16, 20].map((at) => file.readUInt32LE(at))).toEqual([3, 5, 2, 12]);
    expect(file.subarray(24, 32).toString('hex')).toBe('00ff1234567890ab');
    expect(file.readUInt32LE(36)).toBe(0);
    expect(file).toHaveLength(40 + 3 * 12);
    // The second record: 5 bytes, 3 of padding, 2 bytes, 2 of padding.
    const record = [...INPUTS.subarray(5, 10), 0, 0, 0, ...OUTPUTS.subarray(2, 4), 0, 0];
    expect([...new Int8Array(FILE.buffer, 52, 12)]).toEqual(record);
    const without = Buffer.from(file);
    without.writeUInt32LE(0, 32);
    expect(file.readUInt32LE(32)).toBe(zlibCrc32(without));
  });

  it('gives back what was put in', () => {
    expect(decodeSelfTest(FILE, { inputBytes: 5, outputBytes: 2, splitId: SPLIT_ID })).toEqual({
      splitIdPrefix: '00ff1234567890ab',
      count: 3,
      inputBytes: 5,
      outputBytes: 2,
      inputs: INPUTS,
      outputs: OUTPUTS,
    });
  });

  it('is read from the middle of a larger buffer', () => {
    const larger = new Uint8Array(FILE.length + 7);
    larger.set(FILE, 3);
    expect(decodeSelfTest(larger.subarray(3, 3 + FILE.length)).outputs).toEqual(OUTPUTS);
  });

  it('refuses to write records that are not whole', () => {
    expect(() => encodeSelfTest(SPLIT_ID, 2, INPUTS, OUTPUTS)).toThrow(/15 and 6 bytes are not 2 whole records/);
    expect(() => encodeSelfTest('xyz', 3, INPUTS, OUTPUTS)).toThrow(/no split id/);
  });

  it('every damaged byte is noticed', () => {
    for (let at = 0; at < FILE.length; at++) {
      const damaged = FILE.slice();
      damaged[at] = (damaged[at] as number) ^ 0x40;
      expect(errorOf(() => decodeSelfTest(damaged))).toBe(
        at === 4 || at === 5 ? 'E_SELFTEST_VERSION' : 'E_SELFTEST_CORRUPT',
      );
    }
  });

  it('every length but its own is noticed', () => {
    for (let length = 0; length < FILE.length; length++) {
      expect(errorOf(() => decodeSelfTest(FILE.subarray(0, length)))).toBe('E_SELFTEST_CORRUPT');
    }
    expect(errorOf(() => decodeSelfTest(Uint8Array.of(...FILE, 0)))).toBe('E_SELFTEST_CORRUPT');
  });

  it.each([
    ['no records', { 8: 0 }],
    ['no input', { 12: 0, 20: 4 }],
    ['sizes that add up past 32 bits', { 12: 0xffffffff, 16: 0xffffffff, 20: 0xfffffffe }],
    ['more records than memory', { 8: 0xffffffff }],
    ['records and sizes whose product wraps to the file’s length', { 8: 0x40000003, 20: 12 }],
  ])('%s, with a right checksum, is refused before anything is allocated', (_, fields) => {
    const file = Buffer.from(FILE);
    for (const [at, value] of Object.entries(fields)) file.writeUInt32LE(value, Number(at));
    file.writeUInt32LE(0, 32);
    file.writeUInt32LE(zlibCrc32(file), 32);
    expect(errorOf(() => decodeSelfTest(file))).toBe('E_SELFTEST_CORRUPT');
  });

  it.each([
    ['input bytes', { inputBytes: 6 }],
    ['output bytes', { outputBytes: 3 }],
    ['split id', { splitId: '11ff1234567890ab' }],
  ])('another head’s %s', (what, expected) => {
    expect(errorOf(() => decodeSelfTest(FILE, expected))).toBe('E_SELFTEST_MISMATCH');
    expect(() => decodeSelfTest(FILE, expected)).toThrow(new RegExp(what));
  });
});

describe('CRC-32', () => {
  it('is that of zlib, in one piece or in several', () => {
    const bytes = new Uint8Array(randomBytes(5, 1000).buffer);
    expect(crc32(bytes)).toBe(zlibCrc32(bytes));
    expect(crc32(bytes.subarray(400), crc32(bytes.subarray(0, 400)))).toBe(zlibCrc32(bytes));
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  });
});

describe('the reader in docs/selftest.md', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'isplit-selftest-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const MAIN = `
#include <stdio.h>
int main(int argc, char **argv) {
    static uint8_t file[4096];
    struct selftest t;
    uint32_t i;
    FILE *f = fopen(argv[argc - 1], "rb");
    size_t n = f ? fread(file, 1, sizeof file, f) : 0;
    if (selftest_open(&t, file, n) != 0) return 3;
    for (i = 0; i < t.records; i++) {
        fwrite(selftest_input(&t, i), 1, t.input_bytes, stdout);
        fwrite(selftest_output(&t, i), 1, t.output_bytes, stdout);
    }
    return 0;
}
`;

  itNeeding([commandTool('cc', 'apt-get install gcc')], 'compiles as C99 without a warning and reads the file', () => {
    const page = readFileSync(path.join(repositoryRoot, 'docs/selftest.md'), 'utf8');
    const code = /```c\n([\s\S]*?)```/.exec(page)?.[1] as string;
    const source = path.join(folder, 'reader.c');
    const program = path.join(folder, 'reader');
    writeFileSync(source, code + MAIN);
    const flags = ['-std=c99', '-Wall', '-Wextra', '-Werror', '-pedantic', '-fsanitize=address,undefined'];
    const compiled = spawnSync('cc', [...flags, source, '-o', program], { encoding: 'utf8' });
    expect(compiled.stderr).toBe('');
    const read = (name: string, content: Uint8Array) => {
      writeFileSync(path.join(folder, name), content);
      return spawnSync(program, [path.join(folder, name)]);
    };
    const run = read('whole.bin', FILE);
    expect(run.status).toBe(0);
    const records = [0, 1, 2].flatMap((i) => [
      ...INPUTS.subarray(5 * i, 5 * i + 5),
      ...OUTPUTS.subarray(2 * i, 2 * i + 2),
    ]);
    expect([...new Int8Array(run.stdout)]).toEqual(records);
    const damaged = FILE.slice();
    damaged[60] = (damaged[60] as number) ^ 1;
    expect(read('damaged.bin', damaged).status).toBe(3);
    expect(read('short.bin', FILE.subarray(0, 70)).status).toBe(3);
  });
});
