import { RUNTIMES } from '../src/verify/runtimes/index.js';
import { runCampaign } from '../test/fuzz/campaign.js';
import { listRunSeeds } from '../test/fuzz/run-seeds.js';
import { runInRuntimes } from '../test/fuzz/runtime-campaign.js';
import { LIMITS } from '../test/fuzz/watch.js';
import type { Evidence } from './evidence.js';
import { missingSharedData } from './shared-data.js';

const MUTANTS = 5000;
/** The runtimes start anew after each crash. */
const MUTANTS_IN_RUNTIMES = 500;

/** Mutated .tflite files, read and run as `run` does it in a watched process; a share of them also in the runtimes of `verify`. */
export const fuzzRun: Evidence = {
  name: 'fuzz-run',
  summary: `${MUTANTS} mutated .tflite files run in our executor, ${MUTANTS_IN_RUNTIMES} of them in every TFLite runtime`,
  missing: missingSharedData,
  async run(report) {
    const seeds = listRunSeeds();
    const run = await runCampaign(MUTANTS, report, seeds, 'run-worker.ts');
    const runtimes = RUNTIMES.filter(({ id }) => id !== 'executor');
    const verify = await runInRuntimes(MUTANTS_IN_RUNTIMES, seeds, runtimes, report);
    const { slowestMilliseconds, slowest: _slowest, peakRssBytes, outcomes, kinds, ...counts } = run;
    return {
      node: process.version,
      limits: LIMITS,
      seedNames: seeds.map((seed) => seed.name),
      run: {
        ...counts,
        outcomes: outcomes.tflite ?? {},
        kinds: kinds.tflite ?? {},
        slowestSeconds: Math.ceil(slowestMilliseconds / 100) / 10,
        peakRssMiB: Math.ceil(peakRssBytes / 2 ** 20),
      },
      verify,
    };
  },
};
