import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../support/shared-data.js';
import { exampleManifest } from '../artifact/built-manifest.js';

const read = (page: string): string => readFileSync(path.join(repositoryRoot, 'docs', page), 'utf8');

/** Names in the first cell of every row. */
const fieldsOf = (text: string): string[] =>
  [...text.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell]) =>
    [...(cell as string).matchAll(/`([A-Za-z0-9]+)`/g)].map((match) => match[1] as string),
  );

describe('docs/manifest.md', () => {
  const page = read('manifest.md');
  const manifest = exampleManifest();
  it('has every field of a manifest, and no other', () => {
    expect(fieldsOf(page)).toEqual(Object.keys(manifestInOrder()));
  });
  it('names the fields inside', () => {
    const [wire] = manifest.wire;
    const { model, input, device, budgets, arena, accuracy, calibration } = manifest;
    for (const inner of [wire, model, input, device, budgets, arena, accuracy, calibration]) {
      for (const key of Object.keys(inner ?? {})) expect(page).toContain(`\`${key}\``);
    }
  });
  /** As serialised: the page is in the order of the file. */
  function manifestInOrder(): object {
    const { splitId, schemaVersion, tool, seed, ...rest } = manifest;
    return { schemaVersion, tool, seed, splitId, ...rest };
  }
});

describe('docs/budgets.md', () => {
  it('has every field of plan.json', () => {
    const [, plan = ''] = read('budgets.md').split('## plan.json');
    expect(fieldsOf(plan).sort()).toEqual(
      [
        'asked',
        'budgets',
        'chosen',
        'device',
        'model',
        'nearest',
        'ranking',
        'rankBy',
        'rejected',
        'remedies',
        'schemaVersion',
        'seed',
        'tool',
        'warnings',
      ].sort(),
    );
  });
  it('has every limit', () => {
    const source = readFileSync(path.join(repositoryRoot, 'src/plan/feasibility.ts'), 'utf8');
    const codes = [...source.matchAll(/^ {4}\| '([a-z-]+)'/gm)].map((match) => match[1] as string);
    expect(codes.length).toBe(9);
    for (const code of codes) expect(read('budgets.md')).toContain(`| \`${code}\` |`);
  });
});
