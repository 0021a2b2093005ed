/** Child process that reads mutants: the parent watches its time and memory, and survives its end. */
import { makeMutant } from './mutant.js';
import { readMutant } from './read-mutant.js';
import { listSeeds } from './seeds.js';
import type { CaseResult, Job } from './watch.js';

const seeds = new Map(listSeeds().map((seed) => [seed.name, seed]));

process.on('message', async ({ seed: name, number }: Job) => {
  const seed = seeds.get(name);
  if (!seed) throw new Error(`there is no seed ${name}`);
  const { file, kind, structural } = makeMutant(seed, number);
  process.send?.({ reading: true, kind, structural });
  const startedAt = performance.now();
  const outcome = await readMutant(file, seed.fileName);
  const result: CaseResult = {
    kind,
    structural,
    ...outcome,
    milliseconds: performance.now() - startedAt,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
  process.send?.(result);
});

process.send?.({ ready: true });
