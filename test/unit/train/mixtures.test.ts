import { describe, expect, it } from 'vitest';
import { drawMixtures, mixRows } from '../../../src/train/augment.js';

describe('mixRows', () => {
  it('mixes each row with the next as it was, the last one with the first', () => {
    const rows = Float32Array.of(0, 0, 10, 20, 100, 200);
    mixRows(rows, [0.5, 0.25, 0.5]);
    expect([...rows]).toEqual([5, 10, 32.5, 65, 50, 100]);
  });

  it('leaves rows alone whose share is 0, and labels add up to 1', () => {
    const labels = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
    mixRows(labels, [0, 0.25, 1]);
    expect([...labels]).toEqual([1, 0, 0, 0, 0.75, 0.25, 1, 0, 0]);
  });
});

describe('drawMixtures', () => {
  const samples = Uint32Array.from({ length: 4000 }, (_, i) => i);

  it('mixes every second picture, by a share drawn evenly', () => {
    const shares = drawMixtures(3, 1, samples);
    expect(shares.every((share, i) => share === 0 || (i % 2 === 1 && share < 1))).toBe(true);
    const mixed = shares.filter((share) => share > 0);
    expect(mixed.length).toBe(2000);
    expect(mixed.reduce((sum, share) => sum + share, 0) / mixed.length).toBeCloseTo(0.5, 1);
    expect(mixed.filter((share) => share < 0.25).length / mixed.length).toBeCloseTo(0.25, 1);
  });

  it('draws the same for the same epoch and sample, wherever the batch begins', () => {
    const shares = drawMixtures(3, 1, samples);
    expect(drawMixtures(3, 1, samples.subarray(100, 200))).toEqual(shares.slice(100, 200));
    expect(drawMixtures(3, 2, samples)).not.toEqual(shares);
  });
});
