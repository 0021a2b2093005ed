import { runCampaign } from '../test/fuzz/campaign.js';
import { listSeeds } from '../test/fuzz/seeds.js';
import { LIMITS } from '../test/fuzz/watch.js';
import type { Evidence } from './evidence.js';
import { missingSharedData } from './shared-data.js';

const MUTANTS = 5000;

/** 5 000 mutated model files over all readers, each read in a child process that is watched. */
export const fuzzReaders: Evidence = {
  name: 'fuzz-readers',
  summary: `${MUTANTS} mutated model files over all readers, outcomes counted`,
  missing: missingSharedData,
  async run(report) {
    const result = await runCampaign(MUTANTS, report);
    const { slowestMilliseconds, slowest: _slowest, peakRssBytes, failures, ...counts } = result;
    for (const { reader, seed, mutation, outcome } of failures) {
      report(`FAILED ${outcome}: ${reader}, ${seed}, mutation ${mutation}`);
    }
    return {
      node: process.version,
      limits: LIMITS,
      ...counts,
      failures,
      seedNames: listSeeds().map((seed) => `${seed.reader}: ${seed.name}`),
      slowestSeconds: Math.ceil(slowestMilliseconds / 100) / 10,
      peakRssMiB: Math.ceil(peakRssBytes / 2 ** 20),
    };
  },
};
