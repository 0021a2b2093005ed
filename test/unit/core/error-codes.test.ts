import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { ERROR_CODES } from '../../../src/core/error-codes.js';
import { repositoryRoot } from '../../support/shared-data.js';

it('error codes are in alphabetical order, and each is raised somewhere', () => {
  const codes = Object.keys(ERROR_CODES);
  expect(codes).toEqual([...codes].sort());
  const sources = ['src', 'converters']
    .flatMap((folder) =>
      readdirSync(path.join(repositoryRoot, folder), { recursive: true }).map((f) => path.join(folder, String(f))),
    )
    .filter((file) => file.endsWith('.ts') && !file.endsWith('error-codes.ts'))
    .map((file) => readFileSync(path.join(repositoryRoot, file), 'utf8'))
    .join('\n');
  expect(codes.filter((code) => !sources.includes(`'${code}'`))).toEqual([]);
});
