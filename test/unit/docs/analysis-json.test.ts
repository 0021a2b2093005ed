import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../support/shared-data.js';
import { deployedAnalysis, infeasibleAnalysis } from '../report/fixtures.js';

const [ofAnalysis = '', ofCuts = ''] = readFileSync(path.join(repositoryRoot, 'docs/analysis-json.md'), 'utf8').split(
  'Each entry of `cuts`:',
);

/** Names in the first cell of every row. */
const fieldsOf = (table: string): string[] =>
  [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell]) =>
    [...(cell as string).matchAll(/`([A-Za-z0-9]+)`/g)].map((match) => match[1] as string),
  );

describe('docs/analysis-json.md', () => {
  it('has every field of an analysis, and no other', () => {
    expect(fieldsOf(ofAnalysis).sort()).toEqual(Object.keys(deployedAnalysis()).sort());
  });

  it('has every field of a cut, and no other', () => {
    const [cut] = deployedAnalysis().cuts;
    expect(fieldsOf(ofCuts).sort()).toEqual(Object.keys(cut ?? {}).sort());
  });

  it('names the fields inside model, data, accuracy, device and layers', () => {
    const { model, data, accuracy, device, layers } = deployedAnalysis();
    for (const inner of [model, data, accuracy, device ?? {}, layers[0] ?? {}]) {
      for (const key of Object.keys(inner)) expect(ofAnalysis).toContain(`\`${key}\``);
    }
  });

  it('names every code of a reason that occurs', () => {
    const codes = infeasibleAnalysis().cuts.flatMap((cut) => cut.reasons.map((reason) => reason.code));
    expect(codes.length).toBeGreaterThan(0);
    for (const code of codes) expect(ofCuts).toContain(`\`${code}\``);
  });
});
