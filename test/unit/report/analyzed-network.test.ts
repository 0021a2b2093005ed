import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { resnet8 } from '../../../models/resnet8/build.js';
import type { LabelledBatch } from '../../../src/analyze/importance.js';
import { createRandom } from '../../../src/core/random.js';
import { createEngine } from '../../../src/engines/index.js';
import { normaliseGraph } from '../../../src/passes/normalise.js';
import { analyze } from '../../../src/pipeline/analyze.js';
import type { Analysis } from '../../../src/plan/analysis.js';
import { renderAnalysisReport } from '../../../src/report/analysis-report.js';
import { renderAnalysisText } from '../../../src/report/analysis-text.js';
import { repositoryRoot } from '../../support/shared-data.js';

const SIDE = 8;
const COUNT = 6;
const CLASSES = 3;

/** Random pictures from `first` on. */
async function* samples(first: number): AsyncGenerator<LabelledBatch> {
  const random = createRandom(1);
  const inputs = Float32Array.from({ length: COUNT * SIDE * SIDE * 3 }, () => random.next());
  const labels = Int32Array.from({ length: COUNT }, (_, i) => i % CLASSES);
  yield { count: COUNT - first, inputs: inputs.slice(first * SIDE * SIDE * 3), labels: labels.slice(first) };
}

function keysOf(value: object | undefined | null): string[] {
  return Object.keys(value ?? {});
}

describe('report of an analysed network with residual edges', () => {
  let analysis: Analysis;
  beforeAll(async () => {
    const network = normaliseGraph(resnet8.build({ inputShape: [SIDE, SIDE, 3], classes: CLASSES, seed: 0 }));
    analysis = await analyze(
      {
        network,
        model: { name: 'resnet8', format: 'architecture', description: '', sha256: '0'.repeat(64), classNames: null },
        data: { name: 'random', format: 'raw', part: null },
        samples,
        engine: await createEngine('onnx'),
        threads: 1,
        toolVersion: '0.0.0',
      },
      {},
    );
  });

  it('shows every cut and layer that the pipeline found', async () => {
    const page = await renderAnalysisReport(analysis);
    expect(analysis.cuts.some((cut) => cut.tensors.length > 1)).toBe(true);
    for (const { id } of [...analysis.cuts, ...analysis.layers]) expect(page).toContain(`<code>${id}</code>`);
    const text = renderAnalysisText(analysis, { width: 160 });
    for (const cut of analysis.cuts.filter((c) => c.tensors.length === 1)) expect(text).toContain(`  ${cut.id} `);
    expect(`${page}${text}`).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('has no field that docs/analysis-json.md does not name', () => {
    const page = readFileSync(path.join(repositoryRoot, 'docs/analysis-json.md'), 'utf8');
    const fields = [
      ...keysOf(analysis),
      ...keysOf(analysis.model),
      ...keysOf(analysis.data),
      ...keysOf(analysis.cuts[0]),
      ...keysOf(analysis.layers[0]),
      ...keysOf(analysis.perClass[0]),
      ...keysOf(analysis.baselines),
    ];
    expect(fields.length).toBeGreaterThan(50);
    expect(fields.filter((field) => !page.includes(`\`${field}\``))).toEqual([]);
  });
});
