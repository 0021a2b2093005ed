/** Mutants given to the TFLite runtimes that `verify` uses: they may refuse, crash or hang, and we must say so and go on. */
import { readModel } from '../../converters/index.js';
import { IsplitError } from '../../src/core/errors.js';
import { elementCount, tensorOf } from '../../src/ir/graph.js';
import type { Runtime, RuntimeSession } from '../../src/verify/runtimes/runtime.js';
import { verifyHead } from '../../src/verify/verify-head.js';
import { memoryFile } from '../formats/model-file.js';
import { type Mutant, makeMutant } from './mutant.js';
import type { Seed } from './seeds.js';

export interface RuntimeCampaign {
  readonly mutants: number;
  readonly structureAware: number;
  /** Mutants that we can read and run; `verify` had them whole, and the runtimes the others directly. */
  readonly verified: number;
  /** runtime → `ran`, `refused`, `crashed with SIGSEGV`, … → count */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Anything that was not an outcome: a defect of ours. */
  readonly failures: readonly string[];
}

const TIMEOUT_MS = 10_000;
const ARENA_BYTES = 1 << 24;

export async function runInRuntimes(
  count: number,
  seeds: readonly Seed[],
  runtimes: readonly Runtime[],
  report: (line: string) => void,
): Promise<RuntimeCampaign> {
  const outcomes: Record<string, Record<string, number>> = {};
  const failures: string[] = [];
  const note = (runtime: string, outcome: string): void => {
    outcomes[runtime] ??= {};
    const counts = outcomes[runtime];
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  };
  const sessions = new Map<Runtime, RuntimeSession>();
  for (const runtime of runtimes) {
    const opened = await runtime.open({ timeoutMs: TIMEOUT_MS, ctx: {} });
    if (!('missing' in opened)) sessions.set(runtime, opened);
  }
  const kept = [...sessions].map(([runtime, session]) => keptOpen(runtime, session));
  let structureAware = 0;
  let verified = 0;
  try {
    for (let i = 0; i < count; i++) {
      const seed = seeds[i % seeds.length] as Seed;
      const number = Math.floor(i / seeds.length);
      const mutant = makeMutant(seed, number);
      if (mutant.structural) structureAware++;
      try {
        if (await verifyMutant(mutant, kept, note)) verified++;
        else {
          for (const [{ id }, session] of sessions) {
            const run = { model: mutant.file.bytes, inputs: new Uint8Array(), count: 1, arenaBytes: ARENA_BYTES };
            const outcome = await session.run(run);
            note(id, 'failure' in outcome ? nameFailure(outcome.failure) : 'ran');
          }
        }
      } catch (error) {
        failures.push(`${seed.name}, mutation ${number}: ${error instanceof Error ? error.stack : String(error)}`);
        report(failures.at(-1) as string);
      }
      if ((i + 1) % 50 === 0) report(`${i + 1} of ${count} mutants, ${failures.length} failures`);
    }
  } finally {
    for (const session of sessions.values()) session.close();
  }
  return { mutants: count, structureAware, verified, outcomes, failures };
}

/** @returns false when the mutant is none that `verify` could be given: unreadable, or no int8 network that we run */
async function verifyMutant(
  { file }: Mutant,
  runtimes: readonly Runtime[],
  note: (runtime: string, outcome: string) => void,
): Promise<boolean> {
  try {
    const { graph } = await readModel(memoryFile(file.bytes, 'head.tflite', {}));
    if ([...graph.inputs, ...graph.outputs].some((id) => tensorOf(graph, id).dtype !== 'int8')) return false;
    const elements = graph.inputs.reduce((sum, id) => sum + elementCount(tensorOf(graph, id).shape), 0);
    const options = { seed: 0, runtimes, opSamples: 1, timeoutMs: TIMEOUT_MS, threads: 1 };
    const { runtimes: rows } = await verifyHead({ bytes: file.bytes, graph }, new Int8Array(elements), 1, options);
    for (const { id, status, reason } of rows) {
      note(id, status === 'compared' ? 'ran' : nameFailure(reason ?? status));
    }
    return true;
  } catch (error) {
    if (error instanceof IsplitError && error.code !== 'E_INTERNAL') return false;
    throw error;
  }
}

/** A runtime whose process serves all mutants; it starts itself again after a crash. */
function keptOpen(runtime: Runtime, session: RuntimeSession): Runtime {
  const { version } = session;
  return { ...runtime, open: async () => ({ version, run: (run) => session.run(run), close: () => {} }) };
}

/** Without the runtime's own words, which are as many as there are mutants. */
function nameFailure(failure: string): string {
  return failure.startsWith('refused') ? 'refused' : failure.replace(/ \(.*$/s, '');
}
