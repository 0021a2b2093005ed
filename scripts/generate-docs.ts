/**
 * npm run docs writes the pages and schemas that are made from the code's own tables; with `--check` it writes nothing and
 * ends 1 when one of them is stale.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GENERATED_PAGES } from './generated-pages.js';

const checkOnly = process.argv.includes('--check');
let staleCount = 0;
for (const page of GENERATED_PAGES) {
  const file = fileURLToPath(new URL(`../${page.path}`, import.meta.url));
  const text = await page.render();
  if (readIfThere(file) === text) continue;
  if (checkOnly) {
    staleCount += 1;
    process.stderr.write(`${page.path} is stale: npm run docs\n`);
  } else {
    writeFileSync(file, text);
    process.stdout.write(`wrote ${page.path}\n`);
  }
}
process.exitCode = staleCount === 0 ? 0 : 1;

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
