/** The child's side of watch.ts: makes the mutant, says so, does something with it, says how that ended. */
import type { FuzzFile } from './fuzz-file.js';
import { makeMutant } from './mutant.js';
import type { ReadOutcome } from './read-mutant.js';
import type { Seed } from './seeds.js';
import type { CaseResult, Job } from './watch.js';

export function answerJobs(
  seeds: readonly Seed[],
  use: (file: FuzzFile, fileName: string) => Promise<ReadOutcome>,
): void {
  const byName = new Map(seeds.map((seed) => [seed.name, seed]));
  process.on('message', async ({ seed: name, number }: Job) => {
    const seed = byName.get(name);
    if (!seed) throw new Error(`there is no seed ${name}`);
    const { file, kind, structural } = makeMutant(seed, number);
    process.send?.({ reading: true, kind, structural });
    const startedAt = performance.now();
    const outcome = await use(file, seed.fileName);
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
}
