import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readTflmModel } from '../../../converters/tflite/tflm-model.js';
import { predictTflmArena, TFLM_TARGETS } from '../../../src/memory/tflm-arena.js';
import { describeNeeding, sharedData, sharedTestData } from '../../support/shared-data.js';

interface Golden {
  readonly model: string;
  readonly arenaUsedBytes: number;
}

const GOLDENS = ['hello_world_int8', 'ic_resnet8_int8', 'person_detect'];

const golden = (name: string): Golden =>
  JSON.parse(readFileSync(sharedData(`golden/${name}/golden.json`), 'utf8')) as Golden;

const model = (path: string) => readTflmModel(readFileSync(sharedData(path)));

describeNeeding([sharedTestData], 'predictTflmArena', () => {
  it.each(GOLDENS)('is what TFLite-Micro reported for %s, to the byte', (name) => {
    const { model: path, arenaUsedBytes } = golden(name);
    const { lowBytes, highBytes } = predictTflmArena(model(path), TFLM_TARGETS['x86-64']);
    expect([lowBytes, highBytes]).toEqual([arenaUsedBytes, arenaUsedBytes]);
  });
});
