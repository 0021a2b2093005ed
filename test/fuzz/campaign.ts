/** Many mutants over all seeds, outcomes counted. */
import { listSeeds, type ReaderName, type Seed } from './seeds.js';
import { type CaseResult, Watchdog } from './watch.js';

export interface Failure {
  readonly reader: ReaderName;
  readonly seed: string;
  readonly mutation: number;
  readonly kind: string;
  readonly outcome: string;
  readonly defect: string;
}

export interface CampaignResult {
  readonly mutants: number;
  readonly structureAware: number;
  readonly seeds: number;
  /** reader → outcome → count */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** reader → kind of mutation → outcome → count */
  readonly kinds: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>;
  readonly slowestMilliseconds: number;
  readonly slowest: string;
  readonly peakRssBytes: number;
  readonly failures: readonly Failure[];
}

type Counts = Record<string, number>;

/**
 * @param count mutants in all, shared evenly by the readers and then by their seeds
 * @param worker what is done with a mutant: a file beside this one; it must know the seeds
 */
export async function runCampaign(
  count: number,
  report: (line: string) => void = () => {},
  seeds: readonly Seed[] = listSeeds(),
  worker = 'worker.ts',
): Promise<CampaignResult> {
  const readers = [...new Set(seeds.map((seed) => seed.reader))];
  const watchdog = new Watchdog(worker);
  const failures: Failure[] = [];
  const outcomes: Record<string, Counts> = {};
  const kinds: Record<string, Record<string, Counts>> = {};
  let structureAware = 0;
  let slowest: { ms: number; what: string } = { ms: 0, what: '' };
  let peakRssBytes = 0;
  const note = (seed: Seed, mutation: number, result: CaseResult): void => {
    const { reader } = seed;
    outcomes[reader] ??= {};
    const ofReader = outcomes[reader];
    kinds[reader] ??= {};
    kinds[reader][result.kind] ??= {};
    const ofKind = kinds[reader][result.kind] as Counts;
    for (const counts of [ofReader, ofKind]) counts[result.outcome] = (counts[result.outcome] ?? 0) + 1;
    if (result.structural) structureAware += 1;
    if (result.milliseconds > slowest.ms) slowest = { ms: result.milliseconds, what: `${seed.name}#${mutation}` };
    peakRssBytes = Math.max(peakRssBytes, result.peakRssBytes);
    if (result.defect === undefined) return;
    const { kind, outcome, defect } = result;
    failures.push({ reader, seed: seed.name, mutation, kind, outcome, defect });
    report(`${outcome}: ${reader}, ${seed.name}, mutation ${mutation} (${kind})\n${defect}`);
  };
  try {
    let done = 0;
    for (const [r, reader] of readers.entries()) {
      const ofReader = seeds.filter((seed) => seed.reader === reader);
      const share = Math.floor(count / readers.length) + (r < count % readers.length ? 1 : 0);
      for (let i = 0; i < share; i++) {
        const seed = ofReader[i % ofReader.length] as Seed;
        const mutation = Math.floor(i / ofReader.length);
        note(seed, mutation, await watchdog.run({ seed: seed.name, number: mutation }));
        done += 1;
        if (done % 250 === 0) report(`${done} of ${count} mutants, ${failures.length} failures`);
      }
    }
  } finally {
    watchdog.stop();
  }
  return {
    mutants: count,
    structureAware,
    seeds: seeds.length,
    outcomes: sortKeys(outcomes, sortKeys),
    kinds: sortKeys(kinds, (ofReader) => sortKeys(ofReader, sortKeys)),
    slowestMilliseconds: Math.round(slowest.ms),
    slowest: slowest.what,
    peakRssBytes,
    failures,
  };
}

function sortKeys<T>(
  record: Readonly<Record<string, T>>,
  inner: (value: T) => T = (value) => value,
): Record<string, T> {
  const entries = Object.entries(record).map(([key, value]) => [key, inner(value)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
