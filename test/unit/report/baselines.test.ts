import { describe, expect, it } from 'vitest';
import type { BaselineCurve, BaselinePoint } from '../../../src/evaluate/evaluation.js';
import { addBaselines } from '../../../src/evaluate/verdict.js';
import { renderEvaluationText } from '../../../src/report/build-text.js';
import { renderEvaluationReport } from '../../../src/report/evaluation-report.js';
import { buildEvaluation } from './build-fixtures.js';

function point(targetBytes: number | null, accuracy: number | null, more: Partial<BaselinePoint> = {}): BaselinePoint {
  return {
    targetBytes,
    exists: accuracy !== null,
    setting: accuracy === null ? 'none is so small: 8×8, quality 1 takes 9 B' : '24×24, quality 35',
    bytesMean: accuracy === null ? null : targetBytes,
    bytesWithHeaders: accuracy === null ? null : 512,
    accuracy,
    interval: accuracy === null ? null : [accuracy - 0.1, accuracy + 0.1],
    difference: null,
    fits: null,
    deviceLatencyUs: null,
    ...more,
  };
}

const base = { fineTuned: false, practical: true, note: 'a note <b>', searchedOn: { name: 'train', samples: 400 } };
const curves: BaselineCurve[] = [
  { ...base, id: 'jpeg', name: 'JPEG', points: [point(5, null), point(450, 0.7), point(1568, 0.85)] },
  { ...base, id: 'webp', name: 'WebP', practical: false, points: [point(5, 0.2), point(450, 0.75), point(1568, 0.9)] },
  {
    ...base,
    id: 'on-device',
    name: 'whole network on the device, int8',
    searchedOn: null,
    points: [point(null, 0.875, { bytesMean: 0, setting: 'weights 98 464 B', fits: true, deviceLatencyUs: 900_000 })],
  },
];
const evaluation = addBaselines(
  {
    ...buildEvaluation(),
    headMacs: 420_000,
    linkOverheadBytes: 371,
    latencyUs: { head: 9000, encode: 200, link: 14_000, tail: 1000, total: 24_200, source: 'estimate' },
  },
  curves,
);

describe('an evaluation with baselines, in the terminal', () => {
  const text = renderEvaluationText(evaluation, 100);
  it('has one row a curve, the split’s own rate marked, rates that cannot exist left blank', () => {
    expect(text).toContain('1 568 B *');
    expect(text).toMatch(/^ {2}JPEG +85\.0 % +70\.0 % +–$/m);
    expect(text).toMatch(/^ {2}WebP \(no encoder for microcontrollers\) +90\.0 % +75\.0 % +20\.0 %$/m);
    expect(text.replace(/\s+/g, ' ')).toContain('settings chosen on 400 other samples of train');
  });

  it('has what runs on the device, costs and the verdict', () => {
    expect(text.replace(/\s+/g, ' ')).toContain(
      'whole network on the device, int8: nothing sent, 87.5 %, weights 98 464 B, fits the board, about 900.0 ms on the device (estimate)',
    );
    expect(text).toContain('wire      1 568 B; the link adds 371 B');
    expect(text).toContain('head      420 000 MACs on the device');
    expect(text.replace(/\s+/g, ' ')).toContain('14.0 ms link');
    expect(text).toMatch(/^verdict {3}At 1 568 B the split has/m);
  });

  it('keeps to the width', () => {
    for (const line of renderEvaluationText(evaluation, 80).split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });
});

describe('an evaluation as a page', () => {
  it('has the chart, every figure and no foreign markup; equal bytes each time', async () => {
    const page = await renderEvaluationReport('fashion', evaluation);
    expect(page).toContain('aria-label="Accuracy against payload bytes, the split among simpler ideas"');
    expect(page).toContain('a note &lt;b&gt;');
    expect(page).toContain('none is so small: 8×8, quality 1 takes 9 B');
    expect(page).not.toContain('<script');
    expect(await renderEvaluationReport('fashion', evaluation)).toBe(page);
  });

  it('without baselines it says how to get them', async () => {
    const page = await renderEvaluationReport('fashion', buildEvaluation());
    expect(page).toContain('--baselines');
    expect(page).not.toContain('Simpler ideas on the same samples');
  });
});
