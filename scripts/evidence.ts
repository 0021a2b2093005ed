/** `npm run evidence -- list | NAME…`: makes a figure that docs quote and stores it as docs/evidence/<name>.json. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { EVIDENCE } from '../evidence/registry.js';

const folder = fileURLToPath(new URL('../docs/evidence', import.meta.url));
const names = process.argv.slice(2);

if (names.length === 0 || names.includes('list')) {
  for (const load of Object.values(EVIDENCE)) {
    const { name, summary } = await load();
    process.stdout.write(`${name.padEnd(22)} ${summary}\n`);
  }
} else {
  for (const name of names) process.exitCode = Math.max(Number(process.exitCode ?? 0), await produce(name));
}

async function produce(name: string): Promise<number> {
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
  const result = await evidence.run((line) => process.stderr.write(`${name}: ${line}\n`));
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${name}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(`wrote docs/evidence/${path.basename(file)}\n`);
  return 0;
}
