import { describe, expect, it } from 'vitest';
import { estimateEnergy } from '../../../src/cost/energy.js';
import { loadDevice } from '../../../src/devices/index.js';

describe('estimateEnergy', () => {
  it('adds the sourced powers: ESP32-S3 50 ms of CPU at 87.9 mA and 2 ms of radio at 283 mA, 3.3 V', () => {
    const energy = estimateEnergy(loadDevice('esp32-s3'), { cpuUs: 50_000, radioUs: 2_000 });
    expect(energy?.joules).toBeCloseTo(3.3 * (0.0879 * 0.05 + 0.283 * 0.002), 5);
    expect(energy?.missing).toEqual([]);
  });
  it('names what has no source instead of guessing it', () => {
    const energy = estimateEnergy(loadDevice('esp32'), { cpuUs: 50_000, radioUs: 2_000 });
    expect(energy?.missing).toEqual(['cpu']);
    expect(energy?.parts.cpu).toBeNull();
  });
  it('is null when nothing has a source', () => {
    expect(estimateEnergy(loadDevice('esp32-c3'), { cpuUs: 1 })).toBeNull();
  });
});
