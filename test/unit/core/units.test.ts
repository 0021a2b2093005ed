import { describe, expect, it } from 'vitest';
import { IsplitError, Problems } from '../../../src/core/errors.js';
import { createRandom } from '../../../src/core/random.js';
import {
  formatBytes,
  formatBytesShort,
  formatDurationUs,
  parseBytes,
  parseCount,
  parseDurationUs,
} from '../../../src/core/units.js';

describe('sizes', () => {
  it.each([
    ['4MB', 4_000_000],
    ['300KB', 300_000],
    ['300kB', 300_000],
    ['1.5 KiB', 1536],
    ['2MiB', 2_097_152],
    ['512B', 512],
    ['512', 512],
  ])('%s is %d bytes', (text, bytes) => expect(parseBytes(text)).toBe(bytes));
  it.each(['', 'MB', '4 Megs', '-1KB', '1e3B', '4MB2'])('%j is refused', (text) => {
    expect(() => parseBytes(text)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });
  it('are written in groups of three, short in KiB', () => {
    expect(formatBytes(91_304)).toBe('91 304 B');
    expect(formatBytesShort(91_304)).toBe('89.2 KiB');
    expect(formatBytesShort(3 * 1024 ** 2)).toBe('3.00 MiB');
  });
});

describe('durations and counts', () => {
  it.each([
    ['50ms', 50_000],
    ['0.5s', 500_000],
    ['800us', 800],
    ['2µs', 2],
    ['1min', 60_000_000],
  ])('%s', (text, us) => expect(parseDurationUs(text)).toBe(us));
  it('counts take K, M, G of a thousand', () => {
    expect(parseCount('12.5M')).toBe(12_500_000);
    expect(() => parseCount('5X')).toThrow(IsplitError);
  });
  it('durations choose their unit', () => {
    expect([840, 12_400, 3_100_000].map(formatDurationUs)).toEqual(['840 us', '12.4 ms', '3.10 s']);
  });
});

describe('random', () => {
  it('is the same for the same seed and differs for another', () => {
    const draw = (seed: number): number[] => {
      const random = createRandom(seed);
      return Array.from({ length: 8 }, () => random.next());
    };
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
  });
  it('is uniform and normal within what 20 000 draws allow', () => {
    const random = createRandom(1);
    const n = 20_000;
    const uniform = Array.from({ length: n }, () => random.next());
    const normal = Array.from({ length: n }, () => random.normal());
    const mean = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0) / v.length;
    expect(Math.abs(mean(uniform) - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(mean(normal))).toBeLessThan(0.03);
    expect(Math.abs(mean(normal.map((v) => v * v)) - 1)).toBeLessThan(0.04);
    expect(uniform.every((v) => v >= 0 && v < 1)).toBe(true);
  });
  it('permutes', () => {
    const order = createRandom(9).permutation(100);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect([...order]).not.toEqual([...order].sort((a, b) => a - b));
  });
});

describe('errors', () => {
  it('report every problem, the first giving code and exit code', () => {
    const problems = new Problems();
    problems.add('E_DATA_EMPTY', 'no sample', { path: 'x' }, 'look again');
    problems.add('E_USAGE', 'bad option');
    expect(() => problems.throwIfAny()).toThrow(/no sample \(and 1 more\)/);
    try {
      problems.throwIfAny();
    } catch (error) {
      const known = error as IsplitError;
      expect(known.exitCode).toBe(3);
      expect(known.hint).toBe('look again');
      expect(known.toJSON().error).toMatchObject({ code: 'E_DATA_EMPTY', context: { path: 'x' }, hint: 'look again' });
      expect(known.all).toHaveLength(2);
    }
  });
});
