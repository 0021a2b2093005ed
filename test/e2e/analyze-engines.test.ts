/** One model, three engines: the same accuracy and the same importance at every cut. */
import { beforeAll, expect, it } from 'vitest';
import { renderAnalysisReport } from '../../src/report/analysis-report.js';
import { renderAnalysisText } from '../../src/report/analysis-text.js';
import { type Analysis, analyzeModel, openModel } from '../../src/sdk.js';
import { describeNeeding, sharedData, sharedTestData } from '../support/shared-data.js';

describeNeeding([sharedTestData], 'analyze of ic_resnet8 on 2 000 CIFAR-10 pictures', () => {
  const results = new Map<string, Analysis>();

  async function analyzeWith(engine: 'onnx' | 'tfjs-node' | 'tfjs-wasm'): Promise<Analysis> {
    const model = await openModel(sharedData('models/mlperf-tiny/ic_resnet8.h5'));
    return analyzeModel(model, { data: sharedData('datasets/cifar10/test_2000.bin.gz'), inputRange: '0..255', engine });
  }

  beforeAll(async () => {
    results.set('onnx', await analyzeWith('onnx'));
  }, 120_000);

  it('finds the accuracy NumPy and TF.js found', () => {
    const analysis = results.get('onnx') as Analysis;
    expect(analysis.samples).toBe(2000);
    expect(Math.abs(analysis.accuracy.full - 0.877)).toBeLessThanOrEqual(0.001);
  });

  it.each(['tfjs-node', 'tfjs-wasm'] as const)(
    '%s agrees with onnx at every cut',
    async (engine) => {
      const reference = results.get('onnx') as Analysis;
      const other = await analyzeWith(engine);
      expect(Math.abs(other.accuracy.full - 0.877)).toBeLessThanOrEqual(0.001);
      expect(other.cuts.map((c) => c.id)).toEqual(reference.cuts.map((c) => c.id));
      for (const [i, cut] of reference.cuts.entries()) {
        if (cut.cui === null) continue;
        expect(Math.abs((other.cuts[i]?.cui as number) / cut.cui - 1), `${engine}, ${cut.id}`).toBeLessThanOrEqual(
          1e-3,
        );
      }
    },
    300_000,
  );

  it('says how much size explains and where the rankings differ', async () => {
    const analysis = results.get('onnx') as Analysis;
    expect(Math.abs((analysis.sizeExplains as number) - 0.987)).toBeLessThanOrEqual(0.01);
    const text = renderAnalysisText(analysis, { width: 120 });
    expect(text).toMatch(/Size alone explains .*r = 0\.9[789]/);
    const html = await renderAnalysisReport(analysis);
    expect(html).toMatch(/0\.98\d/);
    // size-free importance orders these cuts differently, and the report names it
    expect(analysis.baselines.cuiSum).not.toEqual(analysis.baselines.cui);
    expect(html).toContain('size-free');
  });
});
