import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.js';
import type { WireBits } from '../../../src/wire/codecs/codec.js';
import { createCodec } from '../../../src/wire/codecs/create-codec.js';
import { groupChannels, idealBits } from '../../../src/wire/codecs/group-channels.js';
import { deviceTableBytes, learnCodec, learnRansTables } from '../../../src/wire/codecs/learn-rans-tables.js';
import { codedBits, scaleFrequencies } from '../../../src/wire/codecs/scale-frequencies.js';

const SHAPE = [8, 8, 12];
const SIZE = 8 * 8 * 12;

/** Channels 0, 3, 6, … are nearly empty, 1, 4, … in the middle, 2, 5, … high: three kinds of channels. */
function drawCodes(count: number, seed: number, bits: WireBits = 4): Uint8Array {
  const random = createRandom(seed);
  const levels = 2 ** bits - 1;
  return Uint8Array.from({ length: count * SIZE }, (_, i) => {
    const kind = i % 3;
    const spread = [0.05, 0.12, 0.08][kind] as number;
    return Math.max(
      0,
      Math.min(levels, Math.round(levels * ([-0.03, 0.45, 0.9][kind] as number) + levels * spread * random.normal())),
    );
  });
}

function entropyBytes(codes: Uint8Array, count: number, codesOf: number): number {
  let bits = 0;
  for (let c = 0; c < 12; c++) {
    const counts = new Map<number, number>();
    let n = 0;
    for (let i = c; i < codes.length; i += 12, n++)
      counts.set(codes[i] as number, (counts.get(codes[i] as number) ?? 0) + 1);
    for (const k of counts.values()) bits -= k * Math.log2(k / n);
    expect(counts.size).toBeLessThanOrEqual(codesOf);
  }
  return bits / 8 / count;
}

describe('learnRansTables', () => {
  it('finds the kinds of channels and comes close to the entropy of samples it has not seen', () => {
    const spec = learnRansTables({ codes: drawCodes(100, 1), count: 100, shape: SHAPE, bits: 4 });
    expect(spec.tableOfChannel).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    expect(deviceTableBytes(spec)).toBe(3 * 34);
    const test = drawCodes(50, 2);
    const codec = createCodec(spec, SHAPE);
    let bytes = 0;
    for (let i = 0; i < 50; i++) bytes += codec.encode(test.subarray(i * SIZE, (i + 1) * SIZE)).length;
    const ratio = bytes / 50 / entropyBytes(test, 50, 16);
    expect(ratio).toBeLessThan(1.02);
    expect(ratio).toBeGreaterThan(1);
  });

  it('keeps the tables within the bytes allowed, at the price of longer payloads', () => {
    const codes = drawCodes(60, 3);
    const training = { codes, count: 60, shape: SHAPE, bits: 4 } as const;
    const tight = learnRansTables(training, { tableBytes: 40 });
    expect(tight.tables.length).toBe(1);
    const bytes = (spec: typeof tight): number => createCodec(spec, SHAPE).encode(codes.subarray(0, SIZE)).length;
    expect(bytes(tight)).toBeGreaterThan(1.1 * bytes(learnRansTables(training)));
  });

  it('gives the same tables twice', () => {
    const training = { codes: drawCodes(20, 4), count: 20, shape: SHAPE, bits: 4 } as const;
    expect(learnRansTables(training)).toEqual(learnRansTables(training));
  });
});

describe('learnCodec', () => {
  it('takes rans where it saves, and the simple codec where it does not', () => {
    expect(learnCodec({ codes: drawCodes(20, 5), count: 20, shape: SHAPE, bits: 4 }).id).toBe('rans');
    const random = createRandom(6);
    const noise = (levels: number): Uint8Array => Uint8Array.from({ length: 20 * SIZE }, () => random.int(levels));
    expect(learnCodec({ codes: noise(16), count: 20, shape: SHAPE, bits: 4 })).toEqual({ id: 'packed', bits: 4 });
    expect(learnCodec({ codes: noise(256), count: 20, shape: SHAPE, bits: 8 })).toEqual({ id: 'raw' });
    expect(learnCodec({ codes: new Uint8Array(0), count: 0, shape: SHAPE, bits: 1 })).toEqual({
      id: 'packed',
      bits: 1,
    });
  });
});

describe('groupChannels', () => {
  const histograms = Array.from({ length: 300 }, (_, c) =>
    Float64Array.from([1000, c % 2 === 0 ? 10 : 900, c % 2 === 0 ? 5 : 4000, 0]),
  );
  it('joins what is alike, also of more channels than pairs are compared for', () => {
    const groups = groupChannels(histograms, { groups: 50, loss: 0 });
    expect(groups.map(({ channels }) => channels.map((c) => c % 2)).map((kinds) => new Set(kinds).size)).toEqual([
      1, 1,
    ]);
    expect(groups.flatMap(({ channels }) => channels).toSorted((a, b) => a - b)).toEqual(histograms.map((_, c) => c));
    const total = groups.reduce((n, { histogram }) => n + histogram.reduce((a, b) => a + b, 0), 0);
    expect(total).toBe(150 * 1015 + 150 * 5900);
  });
  it('goes on to the limit of groups whatever it costs, and no further', () => {
    expect(groupChannels(histograms, { groups: 1, loss: 0 }).length).toBe(1);
    const all = groupChannels(histograms.slice(0, 20), { groups: 50, loss: 1e9 });
    expect(all.length).toBe(1);
  });
});

describe('scaleFrequencies', () => {
  it.each([
    [[0, 0], 1, [1, 1]],
    [[1, 0], 2, [3, 1]],
    [[1000, 0, 0, 0], 4, [13, 1, 1, 1]],
    [[4, 4, 4, 4], 8, [64, 64, 64, 64]],
  ])('scales %j to 2^%i as %j', (counts, precision, expected) => {
    expect(scaleFrequencies(counts, precision)).toEqual(expected);
  });
  it('cannot be bettered by moving one count from any code to any other', () => {
    const random = createRandom(7);
    for (let round = 0; round < 20; round++) {
      const counts = Array.from({ length: 8 }, () => (random.int(3) === 0 ? 0 : random.int(500)));
      // The prior is part of what is minimised.
      const smooth = counts.map((c) => c + 1 / 8);
      const table = scaleFrequencies(counts, 5);
      const best = codedBits(smooth, table, 5);
      for (let from = 0; from < 8; from++) {
        for (let to = 0; to < 8; to++) {
          if (from === to || table[from] === 1) continue;
          const moved = table.map((f, i) => f + (i === to ? 1 : 0) - (i === from ? 1 : 0));
          expect(codedBits(smooth, moved, 5)).toBeGreaterThanOrEqual(best - 1e-9);
        }
      }
    }
  });
  it('costs what the table says', () => {
    expect(codedBits([3, 1], [192, 64], 8)).toBeCloseTo(3 * Math.log2(4 / 3) + 2, 12);
    expect(idealBits([3, 1])).toBeCloseTo(3 * Math.log2(4 / 3) + 2, 12);
  });
});
