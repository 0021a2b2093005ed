/** Coded bytes of real activations: a smaller edition of `npm run evidence -- entropy-codec`. */
import { expect, it } from 'vitest';
import { ENTROPY_CASES, type EntropyCase, measureEntropy } from '../../../evidence/entropy-codec.js';
import { describeNeeding, sharedTestData } from '../../support/shared-data.js';

const QUICK = {
  calibrationSamples: 20,
  trainingSamples: 60,
  testSamples: 30,
  cuts: 1,
  quantize: { rangeMethod: 'minmax', equalise: false, correctBias: false },
} as const;

describeNeeding([sharedTestData], 'payloads of real activations', () => {
  it.each(ENTROPY_CASES)(
    'take at most 1.05 × the entropy per channel: $name',
    async (subject: EntropyCase) => {
      const rows = await measureEntropy(subject, QUICK, () => undefined);
      expect(rows.map(({ bits }) => bits)).toEqual([8, 4, 2]);
      for (const row of rows) {
        expect(row.ratio).toBeLessThanOrEqual(1.05);
        expect(row.largestPayloadBytes).toBeLessThanOrEqual(row.packedBytes);
        expect(row.tableBytes).toBeLessThanOrEqual(8192);
        // Fewer bytes than packed codes, or there is no point in it.
        expect(row.payloadBytes).toBeLessThan(0.9 * row.packedBytes);
      }
    },
    60_000,
  );
});
