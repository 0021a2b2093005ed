/** One mutant again, in this process: `npx tsx test/fuzz/replay.ts SEED NUMBER [FILE]`; FILE gets its bytes. */
import { writeFileSync } from 'node:fs';
import { makeMutant } from './mutant.js';
import { readMutant } from './read-mutant.js';
import { listSeeds } from './seeds.js';

const [name, number, target] = process.argv.slice(2);
const seed = listSeeds().find((s) => s.name === name);
if (!seed)
  throw new Error(
    `there is no seed ${name}: ${listSeeds()
      .map((s) => s.name)
      .join(', ')}`,
  );
const { file, kind } = makeMutant(seed, Number(number));
if (target) writeFileSync(target, file.bytes);
process.stdout.write(`${kind}\n${JSON.stringify(await readMutant(file, seed.fileName), null, 2)}\n`);
