import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { IsplitError } from '../../../src/core/errors.js';
import { createRandom, type Random } from '../../../src/core/random.js';
import { openDataset } from '../../../src/data/open-dataset.js';
import { specFromOptions } from '../../../src/preprocess/options.js';
import { cifarRecord, fixture, idxBytes, temporaryFolder } from './support.js';

const seeds: readonly (readonly [string, Uint8Array])[] = [
  ['npy', readFileSync(fixture('nhwc_u1.npy'))],
  ['npz stored', readFileSync(fixture('stored.npz'))],
  ['npz deflated', readFileSync(fixture('compressed.npz'))],
  ['tar', readFileSync(fixture('gnu.tar'))],
  ['tar pax', readFileSync(fixture('pax.tar'))],
  ['idx', idxBytes([3, 2, 2], new Uint8Array(12))],
  ['cifar10', Buffer.concat([cifarRecord(1, [1, 2, 3]), cifarRecord(2, [1, 2, 3])])],
  ['cifar10 gzip', gzipSync(cifarRecord(1, [1, 2, 3]))],
  ['png', readFileSync(fixture('rgb.png'))],
];

/** Cut, doubled, bytes changed, or a 16- or 32-bit field set to an extreme: lengths, offsets, counts. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = random.int(Math.min(copy.length, 2 ** random.int(15)));
  const view = new DataView(copy.buffer);
  const extreme = [0, 1, 0x7fffffff, 0xffffffff, 0x80000000, copy.length][random.int(6)] as number;
  switch (random.int(6)) {
    case 0:
      return copy.subarray(0, at);
    case 1:
      return Buffer.concat([copy, copy.subarray(0, at)]);
    case 2:
      if (at + 4 <= copy.length) view.setUint32(at, extreme, random.int(2) === 0);
      return copy;
    case 3:
      if (at + 2 <= copy.length) view.setUint16(at, extreme & 0xffff, random.int(2) === 0);
      return copy;
    case 4: {
      // Digits are sizes in tar headers and shapes in npy headers.
      const digits = [...copy.keys()].filter((i) => (copy[i] as number) >= 0x30 && (copy[i] as number) <= 0x39);
      const digit = digits[random.int(Math.max(1, digits.length))];
      if (digit !== undefined) copy[digit] = 0x30 + random.int(10);
      return copy;
    }
    default:
      for (let i = 0; i <= random.int(8); i++) copy[random.int(copy.length)] = random.int(256);
      return copy;
  }
}

describe('mutated data files end in a coded error or in samples', () => {
  const folder = temporaryFolder();
  it.each(seeds)('%s', async (name, bytes) => {
    const random = createRandom(name.length + bytes.length);
    const { spec } = specFromOptions({ inputRange: '0..255', resize: true }, [4, 4, 3]);
    const file = join(folder, name.replace(' ', '-'));
    let refused = 0;
    const count = 150;
    for (let i = 0; i < count; i++) {
      writeFileSync(file, mutate(bytes, random));
      try {
        const dataset = await openDataset(file, { labelsRequired: false });
        for await (const batch of dataset.batches({ batchSize: 2, spec })) expect(batch.count).toBeGreaterThan(0);
      } catch (error) {
        if (!(error instanceof IsplitError) || error.code === 'E_INTERNAL') throw error;
        expect(error.code).toMatch(/^E_DATA_/);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(count / 5);
  });
});
