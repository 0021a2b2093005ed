/** Behind the int8 heads of fashion-cnn, tails in plain runtimes choose the classes that our engines choose. In full: evidence `tails`. */
import { expect } from 'vitest';
import { FASHION_CNN, measureTails } from '../../evidence/tails.js';
import { itNeeding, oraclePython, pythonOracle } from '../support/shared-data.js';

itNeeding(
  [pythonOracle],
  'of fashion-cnn at four cuts, 60 samples',
  async () => {
    const rows = await measureTails(
      FASHION_CNN,
      { every: 4, samples: 60, calibrationSamples: 20, backends: ['wasm'], python: oraclePython() },
      () => undefined,
    );
    expect(rows.length).toBeGreaterThanOrEqual(4);
    expect(rows.map(({ cut }) => cut)).toEqual(expect.arrayContaining(['input', 'output']));
    for (const { cut, runtimes } of rows) {
      expect(Object.keys(runtimes).length).toBe(3);
      for (const [runtime, { differentTop1, largestDifference }] of Object.entries(runtimes)) {
        expect(differentTop1, `${cut} in ${runtime}`).toBe(0);
        expect(largestDifference, `${cut} in ${runtime}`).toBeLessThan(1e-5);
      }
    }
  },
  60_000,
);
