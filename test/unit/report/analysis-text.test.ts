import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawBars, renderAnalysisText } from '../../../src/report/analysis-text.js';
import { repositoryRoot } from '../../support/shared-data.js';
import { boardlessAnalysis, deployedAnalysis, infeasibleAnalysis, largeAnalysis, makeCut } from './fixtures.js';

const golden = (name: string): string => path.join(repositoryRoot, 'test/golden/report', name);
const wrote = ['analysis/vgg-like/analysis.json', 'analysis/vgg-like/report.html'];

/** The row of a cut, as columns separated by at least two blanks. */
function rowOf(text: string, id: string): string[] {
  const line = text.split('\n').find((l) => l.trimStart().startsWith(`${id} `));
  return (line ?? '').trim().split(/ {2,}/);
}

describe('terminal table of an analysis', () => {
  it.each([
    ['deployed-80.txt', deployedAnalysis(), 80],
    ['deployed-100.txt', deployedAnalysis(), 100],
    ['deployed-160.txt', deployedAnalysis(), 160],
    ['infeasible-100.txt', infeasibleAnalysis(), 100],
    ['boardless-120.txt', boardlessAnalysis(), 120],
  ])('is as in %s', async (name, analysis, width) => {
    await expect(`${renderAnalysisText(analysis, { width, wrote })}\n`).toMatchFileSnapshot(golden(name));
  });

  it.each([60, 80, 100, 120, 160])('stays within %i columns', (width) => {
    for (const analysis of [deployedAnalysis(), infeasibleAnalysis(), boardlessAnalysis(), largeAnalysis(40, 3)]) {
      const long = renderAnalysisText(analysis, { width, wrote })
        .split('\n')
        .filter((line) => Array.from(line).length > width && / /.test(line.trim()));
      expect(long).toEqual([]);
    }
  });

  it('marks candidates, the first of the ranking, and says what each cut costs', () => {
    const text = renderAnalysisText(deployedAnalysis(), { width: 160 });
    // 4.9e-4 → −3.31; 4.9e-4 · 7·7·32 = 0.768 → −0.11; 420 000 of 1 000 000 MACs; 20 480 B; 61 440 B; 114 080 us.
    expect(rowOf(text, 'pool2')).toEqual(
      expect.arrayContaining(
        ['* ▸', '▇█▇  -3.31', '-0.11', '42 %', '20.0 KiB', '60.0 KiB', '1 568 B', '114.1 ms'].flatMap((c) =>
          c.split(/ {2,}/),
        ),
      ),
    );
    expect(rowOf(text, 'conv1_1')).not.toContain('*');
    expect(text).toContain('no   latency 900.0 ms > 500.0 ms budget');
    expect(text).toContain('(+1)');
  });

  it('says how much size explains, as a square, and who would have chosen otherwise', () => {
    const text = renderAnalysisText(deployedAnalysis(), { width: 400 });
    expect(text).toContain('Size alone explains 66 % of log10 CUI (r = 0.812).');
    expect(text).toContain(
      'Ranked otherwise: size-free → conv2_2, margin → pool2, Taylor → pool2, depth → pool2, size → pool2.',
    );
    expect(text).toContain('91.3 % [89.9 – 92.4] of 2 000 samples, 95 % interval');
  });

  it('does not pass the training part off as accuracy', () => {
    const base = deployedAnalysis();
    const text = renderAnalysisText({ ...base, data: { ...base.data, part: 'train' } }, { width: 400 });
    expect(text).toContain('says nothing about new ones');
    expect(renderAnalysisText(base, { width: 400 })).not.toContain('says nothing about new ones');
  });

  it('says that nothing fits, with every reason, the nearest first', () => {
    const text = renderAnalysisText(infeasibleAnalysis(), { width: 120 });
    const list = text.slice(text.indexOf('no cut fits on esp32-s3'));
    expect(list.indexOf('conv1_1')).toBeLessThan(list.indexOf('dense1'));
    expect(list).toContain('RAM 91 304 B > 8 000 B budget · flash 2 400 000 B > 10 000 B budget');
    expect(text).not.toContain('▸');
  });

  it('shows the eight joined cuts that send least and counts the others', () => {
    const base = deployedAnalysis();
    const joined = Array.from({ length: 11 }, (_, i) =>
      makeCut({
        id: `a${i}+b`,
        tensors: [`a${i}`, 'b'],
        shape: [100 - i],
        cui: null,
        headMacs: 1,
        flashBytes: 1,
        arenaBytes: 1,
      }),
    );
    const text = renderAnalysisText({ ...base, cuts: [...base.cuts.slice(0, 7), ...joined] }, { width: 120 });
    expect(text).toContain('3 more in analysis.json');
    expect(text).toContain('a10+b');
    expect(text).not.toContain('a2+b');
  });

  it('colours lines without changing what they say', () => {
    const plain = renderAnalysisText(deployedAnalysis(), { width: 120 });
    const coloured = renderAnalysisText(deployedAnalysis(), { width: 120, colour: true });
    expect(coloured).not.toBe(plain);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences under test
    expect(coloured.replace(/\x1b\[\d+m/g, '')).toBe(plain);
  });

  it('lets no name of a model reach the terminal as a control sequence', () => {
    const base = deployedAnalysis();
    const hostile = '\x1b]0;owned\x07\x1b[2Jevil\u202egnp.exe\nline';
    const text = renderAnalysisText({ ...base, model: { ...base.model, name: hostile } }, { width: 200 });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be left
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f\u202e]/);
    expect(text).toContain('evil');
  });

  it('draws a peak as a peak', () => {
    expect(drawBars([0, 7, 0])).toEqual([' ▁█', '▁█▁', '█▁ ']);
    expect(drawBars([null, 1, 1])).toEqual(['   ', ' ██', '██ ']);
  });
});
