import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { missingSets, realSets } from './support.js';

describe.skipIf(realSets === undefined)(`streaming${missingSets}`, () => {
  it('reads 60 000 images with bounded memory', () => {
    // A process of its own: RSS of the test runner says nothing. All inputs as floats would be 188 MB, with bytes 235 MB.
    const script = fileURLToPath(new URL('./read-fashion-train.ts', import.meta.url));
    const run = spawnSync(process.execPath, ['--import', 'tsx', script, realSets ?? ''], { encoding: 'utf8' });
    expect(run.stderr.replace(/npm warn.*\n?/g, '')).toBe('');
    const { samples, before, peak } = JSON.parse(run.stdout) as { samples: number; before: number; peak: number };
    expect(samples).toBe(60_000);
    expect(peak - before).toBeLessThan(90 * 1024 * 1024);
  }, 60_000);
});
