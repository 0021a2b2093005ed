/** One mutant of one seed: always the same for the same seed and number. */
import { createRandom } from '../../src/core/random.js';
import { type FuzzFile, type Mutator, pick } from './fuzz-file.js';
import type { Seed } from './seeds.js';

export interface Mutant {
  readonly file: FuzzFile;
  /** Kind of the (last) mutator. */
  readonly kind: string;
  readonly structural: boolean;
}

/** Three of four mutants are structure-aware; one of five is changed twice. */
const STRUCTURAL_SHARE = 0.75;
const SECOND_CHANGE_SHARE = 0.2;
const ATTEMPTS = 50;

export function makeMutant(seed: Seed, number: number): Mutant {
  const random = createRandom(hash(`${seed.reader} ${seed.name} ${number}`));
  const original = seed.load();
  const structural = random.next() < STRUCTURAL_SHARE;
  const mutators = seed.mutators.filter((mutator) => mutator.structural === structural);
  for (let i = 0; i < ATTEMPTS; i++) {
    const mutator = pick(mutators, random) as Mutator;
    const file = mutator.apply(original, random);
    if (!file || isSame(file, original)) continue;
    const again = random.next() < SECOND_CHANGE_SHARE ? applyAgain(seed, file, random) : undefined;
    return { file: again ?? file, kind: mutator.kind, structural };
  }
  throw new Error(`no mutator changes ${seed.name} (mutation ${number})`);
}

/** What is broken already may be beyond a mutator's own parser: then one change must do. */
function applyAgain(seed: Seed, file: FuzzFile, random: ReturnType<typeof createRandom>): FuzzFile | undefined {
  try {
    return pick(seed.mutators, random)?.apply(file, random);
  } catch {
    return undefined;
  }
}

function isSame(a: FuzzFile, b: FuzzFile): boolean {
  return a.siblings === b.siblings && Buffer.compare(a.bytes, b.bytes) === 0;
}

/** FNV-1a. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}
