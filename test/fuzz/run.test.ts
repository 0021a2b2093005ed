/**
 * Mutated .tflite files that are run, in our executor and in the runtimes of `verify`: none of ours crashes or hangs, and what
 * a runtime does is told as that runtime's. A smaller edition of `npm run evidence -- fuzz-run`.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { tfjsTflite } from '../../src/verify/runtimes/tfjs-tflite.js';
import { tfliteMicro } from '../../src/verify/runtimes/tflite-micro.js';
import { describeNeeding, pythonOracle } from '../support/shared-data.js';
import { type CampaignResult, runCampaign } from './campaign.js';
import { runMutant } from './run-mutant.js';
import { listRunSeeds } from './run-seeds.js';
import { type RuntimeCampaign, runInRuntimes } from './runtime-campaign.js';

const MUTANTS = 300;
const IN_RUNTIMES = 40;
const seeds = listRunSeeds().filter((seed) => !seed.shared);

describe(`${MUTANTS} mutated .tflite files, run`, () => {
  let result: CampaignResult;
  beforeAll(async () => {
    result = await runCampaign(MUTANTS, () => {}, seeds, 'run-worker.ts');
  }, 240_000);

  it('start from files that run', async () => {
    const seed = seeds[0];
    expect(await runMutant(seed?.load() as never, 'written-int8.tflite')).toEqual({ outcome: 'ran' });
  });

  it('end in a coded error or in outputs of the right size, without crash or hang', () => {
    expect(result.failures.map((f) => `${f.seed}, mutation ${f.mutation}: ${f.outcome}\n${f.defect}`)).toEqual([]);
  });

  it('are structure-aware at least by half; some run and some are refused', () => {
    expect(result.structureAware).toBeGreaterThanOrEqual(MUTANTS / 2);
    expect(result.outcomes.tflite?.ran).toBeGreaterThan(MUTANTS / 20);
    expect(result.outcomes.tflite?.E_MODEL_CORRUPT).toBeGreaterThan(MUTANTS / 20);
  });
});

describeNeeding([pythonOracle], `${IN_RUNTIMES} mutated .tflite files in TFLite-Micro and tfjs-tflite`, () => {
  let result: RuntimeCampaign;
  beforeAll(async () => {
    result = await runInRuntimes(IN_RUNTIMES, seeds, [tfliteMicro, tfjsTflite], () => {});
  }, 240_000);

  it('end in outputs, refusals and crashes of the runtime, every one counted', () => {
    expect(result.failures).toEqual([]);
    for (const id of ['tflite-micro', 'tfjs-tflite']) {
      const counts = Object.values(result.outcomes[id] ?? {});
      expect(counts.reduce((sum, n) => sum + n, 0)).toBe(IN_RUNTIMES);
      expect(result.outcomes[id]?.ran).toBeGreaterThan(0);
      expect(result.outcomes[id]?.refused).toBeGreaterThan(0);
    }
  });

  it('go through verify where we can run them ourselves', () => {
    expect(result.verified).toBeGreaterThan(0);
    expect(result.verified).toBeLessThan(IN_RUNTIMES);
  });
});
