/** Whole trained networks, a small edition of `npm run evidence -- quantization`. */
import { describe, expect, it } from 'vitest';
import { compareQuantization, quantizationCases } from '../../../evidence/quantization.js';
import { createEngine } from '../../../src/engines/index.js';
import { itNeeding, sharedTestData } from '../../support/shared-data.js';

const engine = await createEngine('onnx');

/** The first test set, with fewer samples. */
async function compare(name: string, samples: number) {
  const row = quantizationCases().find((c) => c.name === name) as ReturnType<typeof quantizationCases>[number];
  const tests = row.tests.slice(0, 1).map((test) => ({ ...test, samples }));
  const { result, quantized } = await compareQuantization({ ...row, tests, calibrationSamples: 64 }, engine);
  return { test: result.tests[0] as (typeof result.tests)[number], bytes: result.bytes.ours, quantized };
}

describe('trained networks in int8', () => {
  it('fashion-cnn keeps its answers', async () => {
    const { test, quantized } = await compare('fashion-cnn', 150);
    expect(test.ours.outputSqnrDb).toBeGreaterThan(34);
    expect(test.ours.sameTop1).toBeGreaterThan(0.98);
    expect(quantized.report.warnings).toEqual([]);
  }, 180_000);

  itNeeding(
    [sharedTestData],
    'ic_resnet8 loses at most three answers of 200 and beats 24 dB, where the official converter ends',
    async () => {
      const { test, bytes } = await compare('ic_resnet8', 200);
      expect(test.ours.outputSqnrDb).toBeGreaterThan(24);
      expect(test.ours.accuracy).toBeGreaterThan((test.floatAccuracy as number) - 3.5 / 200);
      // The official converter's file for the same network, TensorFlow 2.21.
      expect(bytes).toBeLessThan(1.02 * 95_568);
    },
    180_000,
  );
});
