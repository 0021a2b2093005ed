import { expect, it } from 'vitest';
import { ARENA_FILES, measureFiles, measureHeads } from '../../../evidence/arena.js';
import { describeNeeding, oraclePython, pythonOracle, sharedTestData } from '../../support/shared-data.js';

/** A smaller edition of `npm run evidence -- arena`. */
describeNeeding([pythonOracle, sharedTestData], 'arena of heads in the TFLite-Micro wheel', () => {
  it('is predicted to the byte, before and after quantization', async () => {
    const heads = await measureHeads(['fashion-cnn', 'ic_resnet8'], 3, oraclePython() as string, () => {});
    expect(heads.length).toBeGreaterThan(6);
    for (const head of heads) {
      expect([head.cut, head.wheelPredictedBytes]).toEqual([head.cut, head.wheelBytes]);
      expect([head.cut, head.wheelPredictedUsedBytes]).toEqual([head.cut, head.wheelUsedBytes]);
      expect([head.cut, head.foreseenBytes]).toEqual([head.cut, head.predictedBytes]);
      // The wheel's recorder takes up to 320 bytes.
      expect(head.predictedBytes).toBeGreaterThanOrEqual(head.wheelBytes - 320);
      expect(head.predictedBytes).toBeLessThanOrEqual(head.wheelBytes + Math.max(0.02 * head.wheelBytes, 512));
      expect(head.plannedBytes).toBeLessThan(head.predictedBytes);
    }
  }, 120_000);

  it('is predicted to the byte for published files, int8 and float32', () => {
    const files = measureFiles(oraclePython() as string);
    expect(files).toHaveLength(ARENA_FILES.length);
    for (const file of files) {
      expect([file.file, file.wheelPredictedBytes]).toEqual([file.file, file.wheelBytes]);
      expect([file.file, file.wheelPredictedUsedBytes]).toEqual([file.file, file.wheelUsedBytes]);
    }
  }, 60_000);
});
