/**
 * npm run bench -- list | NAME [--only CASE,CASE] [--json]: measures, prints a table (or JSON) and, when all cases ran, stores the
 * result as bench/results/NAME.json. One row a benchmark; docs/performance.md is made from the stored results (npm run docs).
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Bench } from './bench.js';
import { buildBench } from './build.js';
import { importanceBench } from './importance.js';
import { probeBench } from './probe.js';
import { trainBench } from './train.js';

const BENCHES: Readonly<Record<string, Bench>> = {
  importance: importanceBench,
  probe: probeBench,
  build: buildBench,
  train: trainBench,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, json: { type: 'boolean', default: false } },
});
const name = positionals[0] ?? 'list';
const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
if (bench) {
  const only = values.only?.split(',');
  const result = await bench.run({
    ...(only ? { only } : {}),
    log: (line) => process.stderr.write(`${line}\n`),
  });
  const json = `${JSON.stringify(result, null, 2)}\n`;
  if (!only) {
    const folder = new URL('results/', import.meta.url);
    mkdirSync(folder, { recursive: true });
    writeFileSync(fileURLToPath(new URL(`${name}.json`, folder)), json);
  }
  process.stdout.write(values.json ? json : `${bench.render(result)}\n`);
} else {
  for (const [id, { summary }] of Object.entries(BENCHES)) process.stdout.write(`${id}: ${summary}\n`);
  if (name !== 'list') process.exitCode = 2;
}
