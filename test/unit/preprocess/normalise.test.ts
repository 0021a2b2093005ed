import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeInt8Map, quantizeToInt8, toFloat, toInt8 } from '../../../src/preprocess/normalise.js';
import { specFromOptions } from '../../../src/preprocess/options.js';

const allBytes = Uint8Array.from({ length: 256 }, (_, i) => i);
const greySpec = (inputRange: string) => specFromOptions({ inputRange }, [1, 256, 1]).spec;

describe('toFloat', () => {
  it.each([
    ['0..255', (v: number) => v],
    ['0..1', (v: number) => Math.fround(v / 255)],
    ['-1..1', (v: number) => Math.fround(v / 127.5 - 1)],
  ])('%s of every byte', (range, expected) => {
    const floats = toFloat(allBytes, greySpec(range));
    allBytes.forEach((v) => {
      expect(floats[v]).toBeCloseTo(expected(v), 6);
    });
    if (range !== '-1..1') expect([...floats]).toEqual([...allBytes].map(expected));
  });
  it('uses mean and std of the channel', () => {
    const { spec } = specFromOptions({ mean: '10,20,30', std: '1,2,4' }, [1, 2, 3]);
    expect([...toFloat(Uint8Array.of(11, 22, 34, 10, 20, 30), spec)]).toEqual([1, 1, 1, 0, 0, 0]);
  });
});

describe('int8 map', () => {
  it('0..255 at scale 1, zero point -128 is the offset -128', () => {
    expect(makeInt8Map(greySpec('0..255'), { scale: 1, zeroPoint: -128 })).toEqual({ kind: 'offset', offset: -128 });
  });
  it('0..1 at float32(1/255) and -1..1 at float32(2/255) are offsets as well', () => {
    const map = makeInt8Map(greySpec('0..1'), { scale: Math.fround(1 / 255), zeroPoint: -128 });
    expect(map).toEqual({ kind: 'offset', offset: -128 });
    expect([...toInt8(Uint8Array.of(0, 128, 255), map)]).toEqual([-128, 0, 127]);
    const symmetric = makeInt8Map(greySpec('-1..1'), { scale: 0.0078125, zeroPoint: -1 });
    expect(symmetric.kind).toBe('table');
  });
  it('channels scaled differently get a table each', () => {
    const { spec } = specFromOptions({ mean: '0,128', std: '2,1' }, [1, 1, 2]);
    const map = makeInt8Map(spec, { scale: 1, zeroPoint: 0 });
    expect(map).toMatchObject({ kind: 'table', channels: 2 });
    expect([...toInt8(Uint8Array.of(3, 3, 4, 255), map)]).toEqual([2, -125, 2, 127]);
  });
  it('rounds halves away from zero and clamps, as TFLite does', () => {
    const q = { scale: 1, zeroPoint: 0 };
    expect([-2.5, -0.5, 0.5, 1.5, 2.49, 1e9, -1e9].map((v) => quantizeToInt8(v, q))).toEqual([
      -3, -1, 1, 2, 2, 127, -128,
    ]);
  });
  it('is within half a step of the float input wherever it does not clamp, and clamps only outside', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -300, max: 300, noNaN: true }),
        fc.double({ min: 0.5, max: 300, noNaN: true }),
        fc.double({ min: 1e-3, max: 2, noNaN: true }),
        fc.integer({ min: -128, max: 127 }),
        (mean, std, scale32, zeroPoint) => {
          const scale = Math.fround(scale32);
          const { spec } = specFromOptions({ inputRange: '0..255', mean: [mean], std: [std] }, [1, 256, 1]);
          const floats = toFloat(allBytes, spec);
          const quantized = toInt8(allBytes, makeInt8Map(spec, { scale, zeroPoint }));
          allBytes.forEach((v) => {
            const real = floats[v] as number;
            const q = quantized[v] as number;
            const error = Math.abs(scale * (q - zeroPoint) - real);
            const slack = scale / 2 + Math.abs(real) * 1e-6;
            if (q > -128 && q < 127) expect(error).toBeLessThanOrEqual(slack);
            else if (q === 127) expect(real).toBeGreaterThanOrEqual(scale * (127 - zeroPoint) - slack);
            else expect(real).toBeLessThanOrEqual(scale * (-128 - zeroPoint) + slack);
          });
        },
      ),
    );
  });
});
