import { describe, expect, it } from 'vitest';
import { chooseInputQuantization } from '../../../src/preprocess/choose-input-quantization.js';
import { makeInt8Map, toFloat } from '../../../src/preprocess/normalise.js';
import { specFromOptions } from '../../../src/preprocess/options.js';

const specOf = (options: object, channels = 3) => specFromOptions(options, [2, 2, channels]).spec;

describe('chooseInputQuantization', () => {
  it.each([
    ['0..255', { scale: 1, zeroPoint: -128 }],
    ['0..1', { scale: Math.fround(1 / 255), zeroPoint: -128 }],
  ])('range %s is an offset', (inputRange, wanted) => {
    const spec = specOf({ inputRange });
    const chosen = chooseInputQuantization(spec);
    expect(chosen).toEqual(wanted);
    expect(makeInt8Map(spec, chosen as NonNullable<typeof chosen>)).toEqual({ kind: 'offset', offset: -128 });
  });

  it('gives every byte back as the real value the network was trained on', () => {
    const spec = specOf({ mean: '100', std: '64' }, 1);
    const chosen = chooseInputQuantization(spec) as { scale: number; zeroPoint: number };
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const reals = toFloat(bytes, spec);
    bytes.forEach((byte, i) => {
      expect(chosen.scale * (byte - 128 - chosen.zeroPoint)).toBeCloseTo(reals[i] as number, 6);
    });
  });

  it.each([
    ['a mean between two bytes', { inputRange: '-1..1' }],
    ['channels scaled differently', { mean: '10,20,30', std: '1,1,1' }],
    ['a mean outside the bytes', { mean: '-3', std: '2' }],
  ])('%s needs a table', (_, options) => {
    expect(chooseInputQuantization(specOf(options))).toBeUndefined();
  });
});
