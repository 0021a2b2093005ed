import { describe, expect, it } from 'vitest';
import { drawMixture, mixRows } from '../../../src/train/augment.js';

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

describe('drawMixture', () => {
  it('mixes about every second picture, by a share drawn evenly, the same for the same epoch and sample', () => {
    const shares = Array.from({ length: 4000 }, (_, i) => drawMixture(3, 1, i));
    const mixed = shares.filter((share) => share > 0);
    expect(mixed.length).toBeGreaterThan(1850);
    expect(mixed.length).toBeLessThan(2150);
    expect(mixed.reduce((sum, share) => sum + share, 0) / mixed.length).toBeCloseTo(0.5, 1);
    expect(shares[7]).toBe(drawMixture(3, 1, 7));
    expect(shares.slice(0, 50)).not.toEqual(Array.from({ length: 50 }, (_, i) => drawMixture(3, 2, i)));
  });
});
