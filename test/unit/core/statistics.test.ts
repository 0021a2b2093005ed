import { describe, expect, it } from 'vitest';
import { wilsonInterval } from '../../../src/core/statistics.js';

describe('wilsonInterval', () => {
  // Expected values: computed in Python from Wilson's formula with z = 1.96.
  it('equals the closed form', () => {
    const [low, high] = wilsonInterval(1755, 2000);
    expect(low).toBeCloseTo(0.8624026344653455, 12);
    expect(high).toBeCloseTo(0.8911499417462672, 12);
    expect(wilsonInterval(0, 0)).toEqual([0, 1]);
  });
});
