import { describe, expect, it } from 'vitest';
import { renderStudyPage } from '../../../evidence/study-page.js';
import type { CellResult, Estimate } from '../../../src/evaluate/study.js';
import { concludeStudy } from '../../../src/report/study-phrases.js';
import { drawStudyCharts, renderStudyReport } from '../../../src/report/study-report.js';
import { renderStudyText } from '../../../src/report/study-text.js';
import { assembleStudy } from '../../../src/sdk.js';
import { studiedCell } from './study-fixture.js';

const study = assembleStudy([studiedCell()], { engine: 'onnx 1', seed: 0, subsets: 4 });
const [result] = study.results as readonly [CellResult];
const around = (value: number, half: number): Estimate => ({ value, interval: [value - half, value + half] });

describe('a study in words', () => {
  it('says what is where: cuts with bytes, predictors with intervals, regret with the pick, subsets', () => {
    const text = renderStudyText(study, { width: 120, wrote: ['study.json'] });
    expect(text).toMatch(/study {4}net on pictures · 40 B · 5 cuts, 2 seeds each · 400 test samples/);
    expect(text).toMatch(/layer3 +84 % +conv1x1-s2-c8-b4 +40 +\d\d\.\d \[/);
    expect(text).toMatch(/layer4 +105 % +conv1x1-s2-c8-b4 +21 \* +/);
    expect(text).toContain('* not at the target');
    expect(text).toMatch(/Taylor +\d\d\.\d \[.*layer0/);
    expect(text).toMatch(/4 random sets of 2 classes/);
    expect(text).toContain('Fewer bytes than the target even at their finest');
    expect(text).toContain('Left out: early (no bottleneck brings its 4 096 values to the target)');
    expect(text).toContain('wrote    study.json');
  });

  it('says plainly that nothing is distinguishable when intervals overlap, and what is when they do not', () => {
    const alike = result.predictors.map((row, i) => ({
      ...row,
      rho: around(0.5 + i / 100, 0.2),
      beyondSize: around(0, 0.1),
    }));
    const sentences = concludeStudy({ ...result, predictors: alike }).join(' ');
    expect(sentences).toContain('no predictor is distinguishable from another by it: all intervals overlap');
    expect(sentences).toContain('no predictor orders the cuts better or worse than their mere size does');

    const apart = alike.map((row) =>
      row.predictor === 'probe' ? { ...row, rho: around(0.95, 0.04), beyondSize: around(0.4, 0.1) } : row,
    );
    const others = concludeStudy({ ...result, predictors: apart }).join(' ');
    expect(others).toContain('Probe follows the accuracies most closely, ρ = 0.95 [0.91, 0.99], and no interval');
    expect(others).toContain('Probe orders the cuts better than their mere size does');
  });

  it('names who costs nothing and who does, by the interval', () => {
    const sentences = concludeStudy(result).join(' ');
    expect(sentences).toMatch(/following CUI.* costs nothing that could be told from zero; it costs with .*Taylor/);
    expect(sentences).toMatch(/Taylor [345]\d\.\d \[.*\] points \(layer0\)/);
  });

  it('says that one seed tells nothing of repeating', () => {
    const one = assembleStudy([studiedCell(1)], { engine: 'onnx', seed: 0, subsets: 0 });
    expect(concludeStudy(one.results[0] as CellResult)[0]).toContain('With one seed');
    expect(renderStudyText(one, { width: 100, wrote: [] })).not.toContain('± seeds');
  });
});

describe('a study as a page', () => {
  it('draws both charts, the same bytes each time, and a report that loads nothing', async () => {
    const charts = await drawStudyCharts(result, { onPaper: true });
    expect(await drawStudyCharts(result, { onPaper: true })).toEqual(charts);
    for (const id of ['layer0', 'layer4']) expect(charts.cuts).toContain(id);
    for (const name of ['size-free CUI', 'probe', 'rank correlation with accuracy']) {
      expect(charts.predictors).toContain(name);
    }
    const page = await renderStudyReport(study);
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
    expect(page).toContain('<td class="l">layer3</td>');
  });

  it('is a page of the docs with its tables, or says how to make the figures', () => {
    const page = renderStudyPage(study);
    expect(page).toContain('![Accuracy of net at every cut');
    expect(page).toMatch(/\| layer4 \| 105 % \| conv1x1-s2-c8-b4 \| 21 \\\* \|/);
    expect(page).not.toContain('Figures: none');
    expect(renderStudyPage(undefined)).toContain('npm run evidence -- study');
  });
});
