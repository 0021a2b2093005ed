import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { Analysis } from '../../../src/plan/analysis.js';
import { renderAnalysisReport } from '../../../src/report/analysis-report.js';
import { PALETTE } from '../../../src/report/palette.js';
import { repositoryRoot } from '../../support/shared-data.js';
import { boardlessAnalysis, deployedAnalysis, infeasibleAnalysis, largeAnalysis } from './fixtures.js';

/** What a reader sees: no markup, entities decoded. */
function textOf(html: string): string {
  return html
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<br>/g, ' ')
    .replace(/<[^>]*>/g, '')
    .replaceAll('\u00a0', ' ')
    .replaceAll('&gt;', '>')
    .replaceAll('&lt;', '<')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}

describe('HTML report of an analysis', () => {
  it('loads nothing and runs nothing', async () => {
    const html = await renderAnalysisReport(deployedAnalysis());
    const urls = [...html.matchAll(/https?:\/\/[^"'\s<>)]+/g)].map((m) => m[0]);
    // Names of XML namespaces are no addresses to fetch.
    expect(new Set(urls)).toEqual(new Set(['http://www.w3.org/2000/svg', 'http://www.w3.org/1999/xlink']));
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\son\w+=/i);
    expect(html).toContain("default-src 'none'");
  });

  it.each([
    ['deployed', deployedAnalysis()],
    ['infeasible', infeasibleAnalysis()],
    ['boardless', boardlessAnalysis()],
  ])('holds the advice first, every cut and every reason (%s)', async (_, analysis) => {
    const text = textOf(await renderAnalysisReport(analysis));
    expect(text.indexOf(analysis.advice)).toBeGreaterThan(0);
    expect(text.indexOf(analysis.advice)).toBeLessThan(text.indexOf('Importance and cost'));
    for (const cut of analysis.cuts) {
      expect(text).toContain(cut.id);
      for (const reason of cut.reasons) {
        expect(text).toContain(
          reason.unit === 'us'
            ? '900.0 ms > 500.0 ms'
            : `${reason.needs.toLocaleString('fr').replace(/\s/g, ' ')} B > ${reason.has.toLocaleString('fr').replace(/\s/g, ' ')} B`,
        );
      }
    }
  });

  it('holds what the ranking may not be trusted for', async () => {
    const text = textOf(await renderAnalysisReport(deployedAnalysis()));
    expect(text).toContain('Size alone explains 66 % of log10 CUI (r = 0.812).');
    expect(text).toContain('91.3 % [89.9 – 92.4] of 2 000 samples, 95 % interval');
    expect(text).toContain('It holds conv1_2, pool1, pool2.');
    expect(text).toContain('Layers that are no cuts');
    expect(text).toContain('branch/conv');
    expect(text).toContain('no preprocessing was given');
    for (const rho of ['0.143', '0.929', '0.964', '0.893', '0.857']) expect(text).toContain(rho);
  });

  it('draws the latency only with a board', async () => {
    expect(textOf(await renderAnalysisReport(deployedAnalysis()))).toContain('head + encode + link + tail');
    expect(textOf(await renderAnalysisReport(boardlessAnalysis()))).not.toContain('head + encode + link + tail');
  });

  it('escapes names from model and data', async () => {
    const base = deployedAnalysis();
    const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'>`;
    const rename = (id: string): string => (id === 'pool2' ? hostile : id);
    const analysis: Analysis = {
      ...base,
      model: { ...base.model, name: hostile, description: hostile, classNames: [hostile] },
      data: { name: hostile, format: hostile, part: hostile },
      cuts: base.cuts.map((cut) => ({ ...cut, id: rename(cut.id), tensors: cut.tensors.map(rename) })),
      layers: base.layers.map((layer) => ({ ...layer, id: rename(layer.id) })),
      perClass: base.perClass.map((row) => ({ ...row, name: hostile })),
      classes: [0],
      ranking: base.ranking.map(rename),
      pareto: base.pareto.map(rename),
      advice: hostile,
      warnings: [hostile],
      engine: hostile,
    };
    const html = await renderAnalysisReport(analysis);
    expect(html).not.toMatch(/<script|<img/i);
    expect(html).toContain('&lt;script&gt;');
    expect(textOf(html)).toContain(hostile);
  });

  it('gives the same bytes for the same analysis, alone, at once and in another process', async () => {
    const [first, again] = await Promise.all([
      renderAnalysisReport(deployedAnalysis()),
      renderAnalysisReport(deployedAnalysis()),
    ]);
    await renderAnalysisReport(boardlessAnalysis());
    expect(again).toBe(first);
    expect(await renderAnalysisReport(deployedAnalysis())).toBe(first);
    const program = `
      const { renderAnalysisReport } = await import('./src/report/analysis-report.ts');
      const { deployedAnalysis } = await import('./test/unit/report/fixtures.ts');
      process.stdout.write(await renderAnalysisReport(deployedAnalysis()));`;
    const other = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
      cwd: repositoryRoot,
      encoding: 'utf8',
      maxBuffer: 1 << 24,
    });
    expect(other).toBe(first);
  });

  it('has a dark counterpart for every colour of its charts, and light paper', async () => {
    const html = await renderAnalysisReport(deployedAnalysis());
    const svg = html.slice(html.indexOf('<svg'));
    const used = new Set([...svg.matchAll(/(?:fill|stroke)="(#[0-9a-f]{3,6}|[a-z]+)"/g)].map((m) => m[1]));
    used.delete('none');
    used.delete('transparent');
    const known: ReadonlySet<string | undefined> = new Set(Object.values(PALETTE).map(([light]) => light));
    expect([...used].filter((colour) => !known.has(colour))).toEqual([]);
    for (const colour of used) expect(html).toContain(`svg [fill="${colour}"]{fill:`);
    expect(html).toContain('@media screen and (prefers-color-scheme:dark)');
    expect(html).toContain('@media print');
  });

  it('stays under a megabyte for 300 cuts and 1000 classes, and says which classes it draws', async () => {
    const html = await renderAnalysisReport(largeAnalysis(300, 1000));
    expect(Buffer.byteLength(html)).toBeLessThan(1_000_000);
    expect(textOf(html)).toContain('988 more are in analysis.json');
    expect(textOf(html)).toContain('block_74_stage_with_a_long_name_299_relu');
  });

  it('has no figure that is not a number', async () => {
    const base = deployedAnalysis();
    const dead = base.cuts.map((cut) => ({
      ...cut,
      cui: null,
      log10Cui: null,
      cuiSum: null,
      margin: null,
      taylor: null,
    }));
    const layers = base.layers.map((layer) => ({ ...layer, cui: null, log10Cui: null, cuiSum: null }));
    for (const analysis of [
      base,
      { ...base, cuts: dead, layers, perClass: [], sizeExplains: null },
      { ...base, cuts: [], layers: [], perClass: [], ranking: [], pareto: [] },
      { ...base, cuts: base.cuts.slice(0, 1), layers: base.layers.slice(0, 1) },
    ]) {
      expect(await renderAnalysisReport(analysis)).not.toMatch(/NaN|undefined|Infinity/);
    }
  });
});
