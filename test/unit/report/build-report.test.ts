import { describe, expect, it } from 'vitest';
import { type BuildReportInput, renderBuildReport } from '../../../src/report/build-report.js';
import { PALETTE } from '../../../src/report/palette.js';
import { buildEvaluation, buildReportInput, verifyReport } from './build-fixtures.js';
import { deployedAnalysis } from './fixtures.js';

/** What a reader sees: no markup, entities decoded. */
function textOf(html: string): string {
  return html
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<\/t[dh]>/g, ' ')
    .replace(/<[^>]*>/g, '')
    .replaceAll('\u00a0', ' ')
    .replaceAll('&gt;', '>')
    .replaceAll('&lt;', '<')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}

/** Text of the section under a heading. */
function sectionOf(html: string, heading: string): string {
  const start = html.indexOf(`<h2>${heading}</h2>`);
  expect(start, heading).toBeGreaterThan(0);
  const end = html.indexOf('<h2', start + 4);
  return textOf(html.slice(start, end < 0 ? undefined : end));
}

describe('HTML report of a build', () => {
  it('loads nothing and runs nothing', async () => {
    const html = await renderBuildReport(buildReportInput());
    const urls = [...html.matchAll(/https?:\/\/[^"'\s<>)]+/g)].map((m) => m[0]);
    expect(new Set(urls)).toEqual(new Set(['http://www.w3.org/2000/svg', 'http://www.w3.org/1999/xlink']));
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\son\w+=/i);
    expect(html).toContain("default-src 'none'");
  });

  it('says first what was built and what it takes', async () => {
    const text = textOf(await renderBuildReport(buildReportInput()));
    expect(text).toContain(
      'Cut at pool2: 61 204 B of flash and 48 912 B of RAM on esp32-s3, 1 568 B an inference on the wire.',
    );
    expect(text.indexOf('Cut at pool2')).toBeLessThan(text.indexOf('Accuracy'));
    expect(text).toContain('worst layer conv2_1, SQNR 22.4 dB');
    expect(text).toContain('our executor = TensorFlow Lite Micro: 31 360 of 31 360 bytes equal');
  });

  it('has accuracies with intervals, the paired difference, classes and confusion', async () => {
    const text = sectionOf(await renderBuildReport(buildReportInput()), 'Accuracy');
    // 38, 38 and 35 of 40; Wilson 95 % of 38/40 is 83.5 … 98.6, of 35/40 is 73.9 … 94.5.
    expect(text).toContain('whole network, float32 95.0 % [83.5 – 98.6]');
    expect(text).toContain('split, int8 head, 1 568 B on the wire 87.5 % [73.9 – 94.5]');
    expect(text).toContain('int8 split minus whole network: -7.50 points [');
    expect(text).toContain('right only in float32: 3, only in int8: 0');
    expect(text).toContain('same class on 92.5 % of the samples');
    expect(text).toMatch(/dog 10 90\.0 % 90\.0 % 80\.0 %/);
    expect(text).toMatch(/\nfox 1 · · 9/);
  });

  it('has sizes against what was asked', async () => {
    const text = sectionOf(await renderBuildReport(buildReportInput()), 'Sizes');
    expect(text).toMatch(/flash 61 204 B 80 000 B/);
    expect(text).toMatch(/flash and RAM together 110 116 B 300 000 B/);
    expect(text).toMatch(/arena, planned offline 47 000 B/);
    expect(text).toMatch(/TensorFlow Lite Micro 48 000 – 48 912 B/);
    expect(text).toContain('40 000 B');
  });

  it('has the error of every tensor, and every runtime with what it did', async () => {
    const html = await renderBuildReport(buildReportInput());
    const quantization = sectionOf(html, 'Quantization');
    expect(quantization).toMatch(/conv2_1 conv2d 22\.4 dB/);
    expect(quantization).toMatch(/input input exact/);
    expect(quantization).toContain('1.25 %');
    expect(quantization).toContain('cross-layer equalisation');
    expect(quantization).not.toContain('bias correction');
    const runtimes = sectionOf(html, 'Runtimes');
    expect(runtimes).toMatch(/tfjs-tflite .*31 100 of 31 360 3 19 up to 3 LSB in 260 of 31 360 bytes/);
    expect(runtimes).toContain('single operators within 1 LSB (most: conv1_1)');
    expect(runtimes).toContain('crashed with SIGSEGV');
    expect(runtimes).toContain('.venv/bin/pip install ai-edge-litert');
    expect(runtimes).toContain('runs on the board only');
    expect(runtimes).toContain('esp-nn#31');
  });

  it('has everything of the analysis, the wire, notes, and the hashes of all files but its own', async () => {
    const html = await renderBuildReport(buildReportInput());
    const text = textOf(html);
    for (const cut of deployedAnalysis().cuts) expect(text).toContain(cut.id);
    expect(text).toContain('Size alone explains 66 % of log10 CUI (r = 0.812).');
    expect(sectionOf(html, 'On the wire')).toMatch(/pool2 7×7×32 int8 1 568 B raw 0\.0471000 -128/);
    expect(sectionOf(html, 'Why this cut')).toContain(
      'Chosen by the ranking: highest cui of those that fit. 1 rejected cuts stand in plan.json',
    );
    expect(text).toContain('a note of the plan');
    expect(text).toContain('a note of the quantizer');
    const files = sectionOf(html, 'Files');
    expect(files.indexOf('head.tflite')).toBeLessThan(files.indexOf('tail.onnx'));
    expect(files).toContain('6'.repeat(64));
    expect(files).not.toContain('report.html');
  });

  it('says aloud when a reference runtime differs', async () => {
    const failed = { ...verifyReport(), passed: false };
    const html = await renderBuildReport({ ...buildReportInput(), verify: failed });
    expect(textOf(html)).toContain('A reference runtime does not agree with it');
    expect(textOf(await renderBuildReport(buildReportInput()))).not.toContain('does not agree with it');
  });

  it('can be drawn without evaluation, for both ends, and for a thousand classes', async () => {
    const input = buildReportInput();
    const base = { ...input, plan: { ...input.plan, chosen: null } } as BuildReportInput;
    const variants: readonly BuildReportInput[] = [
      { ...input, evaluation: null },
      { ...input, manifest: { ...input.manifest, cut: 'output' } },
      { ...base, quantization: null, verify: null, manifest: { ...input.manifest, cut: 'input', device: null } },
      { ...input, evaluation: buildEvaluation(Array.from({ length: 1000 }, (_, c) => `class ${c}`)) },
      { ...input, evaluation: { ...buildEvaluation(), accuracy: { full: null, splitFloat: null, splitInt8: 0.5 } } },
    ];
    const texts: string[] = [];
    for (const variant of variants) {
      const html = await renderBuildReport(variant);
      expect(html).not.toMatch(/NaN|undefined|Infinity/);
      expect(Buffer.byteLength(html)).toBeLessThan(1_000_000);
      texts.push(textOf(html));
    }
    expect(texts[1]).toContain('Everything on the device: 61 204 B of flash');
    expect(texts[2]).toContain('Nothing on the device: the quantized input is sent, 1 568 B an inference.');
    expect(texts[3]).toContain('most frequent confusions');
  });

  it('escapes names from model, data and runtimes', async () => {
    const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'>`;
    const input = buildReportInput();
    const verify = verifyReport();
    const html = await renderBuildReport({
      ...input,
      plan: { ...input.plan, warnings: [hostile] },
      quantization: {
        ...(input.quantization as NonNullable<typeof input.quantization>),
        tensors: (input.quantization?.tensors ?? []).map((t) => ({ ...t, id: hostile, kind: hostile })),
        worst: [hostile],
      },
      verify: {
        ...verify,
        runtimes: verify.runtimes.map((r) => ({ ...r, name: hostile, version: hostile, reason: hostile })),
        warnings: [{ kernelLibrary: hostile, upstream: hostile, nodes: [hostile], message: hostile }],
      },
      evaluation: buildEvaluation([hostile, hostile, hostile, hostile]),
      manifest: {
        ...input.manifest,
        cut: hostile,
        model: { ...input.manifest.model, name: hostile },
        wire: input.manifest.wire.map((wire) => ({ ...wire, id: hostile })),
        files: { [hostile]: hostile },
      },
    });
    expect(html).not.toMatch(/<script|<img/i);
    expect(html).toContain('&lt;script&gt;');
  });

  it('gives the same bytes for the same input, and knows a dark colour for each of its colours', async () => {
    const html = await renderBuildReport(buildReportInput());
    expect(await renderBuildReport(buildReportInput())).toBe(html);
    const used = new Set([...html.matchAll(/(?:fill|stroke)="(#[0-9a-f]{3,6}|[a-z]+)"/g)].map((m) => m[1]));
    used.delete('none');
    used.delete('transparent');
    const known: ReadonlySet<string | undefined> = new Set(Object.values(PALETTE).map(([light]) => light));
    expect([...used].filter((colour) => !known.has(colour))).toEqual([]);
  });
});
