import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { GENERATED_PAGES } from '../../../scripts/generated-pages.js';
import { ERROR_CODES } from '../../../src/core/error-codes.js';
import { renderErrorsPage } from '../../../src/core/errors-page.js';
import { OPS } from '../../../src/ops/index.js';
import { renderSupportedOpsPage } from '../../../src/ops/supported-ops-page.js';
import { repositoryRoot } from '../../support/shared-data.js';

describe('generated pages', () => {
  for (const page of GENERATED_PAGES) {
    it(`${page.path} is fresh (npm run docs)`, async () => {
      expect(readFileSync(path.join(repositoryRoot, page.path), 'utf8')).toBe(await page.render());
    });
  }

  it('errors.md has one row a code, in alphabetical order under its exit code', () => {
    const rows = [...renderErrorsPage().matchAll(/^\| `(E_[A-Z0-9_]+)` \|/gm)].map((match) => match[1]);
    expect([...rows].sort()).toEqual(Object.keys(ERROR_CODES).sort());
  });

  it('supported-ops.md has one row an op, and prints every reason of an unsupported hook', () => {
    const page = renderSupportedOpsPage();
    const tables = page
      .split('## Edge TPU')
      .map((part, i) => (i === 0 ? part : part.slice(part.indexOf('## Ops of gradient'))));
    const rows = [...tables.join('\n').matchAll(/^\| `([a-z0-9_]+)` \|/gm)].map((match) => match[1]);
    expect(rows.sort()).toEqual(Object.keys(OPS).sort());
    const numbers = [...page.matchAll(/– \((\d+)\)/g)].map((match) => Number(match[1]));
    const reasons = [...(page.split('## Reasons')[1] ?? '').matchAll(/^(\d+)\. \S/gm)].map((match) => Number(match[1]));
    expect([...new Set(numbers)].sort((a, b) => a - b)).toEqual(reasons);
  });
});
