/**
 * `npm run evidence -- list | NAME…`: makes a figure that docs quote and stores it as docs/evidence/<name>.json. Words after a name that
 * are no evidence themselves choose parts of it: `trained-networks vgg16-notmnist`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { refuseParts } from '../evidence/evidence.js';
import { EVIDENCE } from '../evidence/registry.js';

const folder = fileURLToPath(new URL('../docs/evidence', import.meta.url));
const names = process.argv.slice(2);

if (names.length === 0 || names.includes('list')) {
  for (const load of Object.values(EVIDENCE)) {
    const { name, summary } = await load();
    process.stdout.write(`${name.padEnd(22)} ${summary}\n`);
  }
} else {
  const isPart = (word: string, at: number): boolean => at > 0 && !(word in EVIDENCE);
  for (const [at, name] of names.entries()) {
    if (isPart(name, at)) continue;
    const next = names.findIndex((word, i) => i > at && !isPart(word, i));
    const chosen = names.slice(at + 1, next < 0 ? undefined : next);
    process.exitCode = Math.max(Number(process.exitCode ?? 0), await produce(name, chosen));
  }
}

async function produce(name: string, chosen: readonly string[]): Promise<number> {
  const load = EVIDENCE[name];
  if (!load) {
    process.stderr.write(`there is no evidence "${name}"; npm run evidence -- list\n`);
    return 2;
  }
  const evidence = await load();
  const missing = evidence.missing?.();
  if (missing) {
    process.stderr.write(`${name}: ${missing}\n`);
    return 6;
  }
  const refused = refuseParts(evidence, chosen);
  if (refused) {
    process.stderr.write(`${refused}\n`);
    return 2;
  }
  const result = await evidence.run((line) => process.stderr.write(`${name}: ${line}\n`), chosen);
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${name}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(`wrote docs/evidence/${path.basename(file)}\n`);
  return 0;
}
