import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { assembleStudy } from '../../../src/sdk.js';
import { repositoryRoot } from '../../support/shared-data.js';
import { studiedCell } from '../report/study-fixture.js';

const page = readFileSync(path.join(repositoryRoot, 'docs/study-json.md'), 'utf8');
const [ofStudy = '', rest = ''] = page.split('Each entry of `cells`:');
const [ofCells = '', ofResults = ''] = rest.split('Each entry of `results`:');

const study = assembleStudy([studiedCell()], { engine: 'onnx', seed: 0, subsets: 3 });

/** Names in the first cell of every row. */
const fieldsOf = (table: string): string[] =>
  [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell]) =>
    [...(cell as string).replace(/\(.*?\)/g, '').matchAll(/`([A-Za-z0-9]+)`/g)].map((match) => match[1] as string),
  );

/** Every key inside, whatever the depth; keys of maps by class or predictor are names too. */
const keysWithin = (value: unknown): string[] =>
  Array.isArray(value)
    ? value.flatMap(keysWithin)
    : typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => [key, ...keysWithin(inner)])
      : [];

describe('docs/study-json.md', () => {
  it('has every field of a study, a cell and a result, and no other', () => {
    expect(fieldsOf(ofStudy).sort()).toEqual(Object.keys(study).sort());
    expect(fieldsOf(ofCells).sort()).toEqual(Object.keys(study.cells[0] ?? {}).sort());
    expect(fieldsOf(ofResults).sort()).toEqual(Object.keys(study.results[0] ?? {}).sort());
  });

  it('names every field inside them but those of the recipe', () => {
    const { training: _recipe, ...cell } = study.cells[0] as (typeof study.cells)[number];
    for (const key of keysWithin(cell)) expect(ofCells, key).toContain(`\`${key}\``);
    for (const key of keysWithin(study.results)) {
      if (key !== 'value' && key !== 'interval') expect(ofResults, key).toContain(`\`${key}\``);
    }
  });
});
