/**
 * Mutated model files: every reader ends in a coded error or in a valid graph, in time and within memory. A smaller edition
 * of `npm run evidence -- fuzz-readers`, from the seeds that need nothing but the repository.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { type CampaignResult, runCampaign } from './campaign.js';
import { makeMutant } from './mutant.js';
import { readMutant } from './read-mutant.js';
import { listSeeds } from './seeds.js';
import { LIMITS } from './watch.js';

const MUTANTS = 600;
const seeds = listSeeds().filter((seed) => !seed.shared);

describe('seeds', () => {
  it.each(seeds.filter((s) => !s.name.includes('latest')).map((s) => [s.name, s] as const))(
    '%s is a valid model',
    async (_, seed) => expect(await readMutant(seed.load(), seed.fileName)).toEqual({ outcome: 'graph' }),
  );

  it('give the same mutant for the same number, and another for another', () => {
    for (const seed of seeds) {
      const [a, b, c] = [makeMutant(seed, 5), makeMutant(seed, 5), makeMutant(seed, 6)];
      expect(a.kind).toBe(b.kind);
      expect(Buffer.compare(a.file.bytes, b.file.bytes)).toBe(0);
      expect([a.file.bytes, a.file.siblings]).not.toEqual([c.file.bytes, c.file.siblings]);
    }
  });
});

describe(`${MUTANTS} mutated model files`, () => {
  let result: CampaignResult;
  beforeAll(async () => {
    result = await runCampaign(MUTANTS, () => {}, seeds);
  }, 240_000);

  it('end in a coded error or a valid graph, without crash or hang', () => {
    const described = result.failures.map(
      (f) => `${f.reader}, ${f.seed}, mutation ${f.mutation} (${f.kind}): ${f.outcome}\n${f.defect}`,
    );
    expect(described).toEqual([]);
  });

  it('stay within the limits of time and memory', () => {
    expect(result.slowestMilliseconds, result.slowest).toBeLessThanOrEqual(LIMITS.milliseconds);
    expect(result.peakRssBytes).toBeLessThanOrEqual(LIMITS.rssBytes);
    expect(result.peakRssBytes).toBeGreaterThan(2 ** 20);
  });

  it('are structure-aware at least by half, and reach beyond the front door of every reader', () => {
    expect(result.structureAware).toBeGreaterThanOrEqual(MUTANTS / 2);
    expect(Object.keys(result.outcomes)).toHaveLength(6);
    for (const [reader, outcomes] of Object.entries(result.outcomes)) {
      // Mutants that are all refused, or all read, test nothing.
      expect(outcomes.graph, reader).toBeGreaterThan(2);
      expect(outcomes.E_MODEL_CORRUPT, reader).toBeGreaterThan(10);
    }
  });
});
