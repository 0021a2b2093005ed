import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chooseActivationQuant,
  dequantizeWeights,
  quantizeValues,
  quantizeWeights,
  representableRange,
} from '../../../src/quantize/quant-params.js';

const layer = { shape: [2, 1, 1, 3], channelAxis: 0, perChannel: true, inputScale: 0.02, outputScale: 0.05 };

describe('activations', () => {
  it('0 … 255 is the identity minus 128', () => {
    expect(chooseActivationQuant(0, 255)).toEqual({ scale: 1, zeroPoint: -128 });
  });

  it('have a zero that is exact and a zero point in −128 … 127, whatever the range', () => {
    const bound = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(bound, bound, (a, b) => {
        const quant = chooseActivationQuant(Math.min(a, b), Math.max(a, b));
        expect(Number.isInteger(quant.zeroPoint)).toBe(true);
        expect(quant.zeroPoint).toBeGreaterThanOrEqual(-128);
        expect(quant.zeroPoint).toBeLessThanOrEqual(127);
        expect(quantizeValues(Float32Array.of(0), quant)[0]).toBe(quant.zeroPoint);
        // Moving the grid so that it holds zero may cost half a step at either end.
        const { low, high } = representableRange(quant);
        expect(low).toBeLessThanOrEqual(Math.min(a, b, 0) + 0.51 * quant.scale);
        expect(high).toBeGreaterThanOrEqual(Math.max(a, b, 0) - 0.51 * quant.scale);
      }),
    );
  });

  it('a tensor that is always zero gets an ordinary scale', () => {
    expect(chooseActivationQuant(0, 0).scale).toBeCloseTo(1 / 255, 6);
  });

  it('rounds halves away from zero and clamps', () => {
    const quant = { scale: 2, zeroPoint: 3 };
    expect([...quantizeValues(Float32Array.of(1, -1, 3, -3, 1e9, -1e9), quant)]).toEqual([4, 2, 5, 1, 127, -128]);
  });
});

describe('weights', () => {
  it('reach 127 in each channel and never −128; biases count in input scale · weight scale', () => {
    const weights = Float32Array.of(1.27, -0.5, 0.1, -12.7, 3, 0.04);
    const bias = Float32Array.of(0.3, -7);
    const q = quantizeWeights({ ...layer, weights, bias });
    expect(q.scale[0]).toBeCloseTo(0.01, 8);
    expect(q.scale[1]).toBeCloseTo(0.1, 7);
    expect([...q.data]).toEqual([127, -50, 10, -127, 30, 0]);
    expect([...q.bias]).toEqual([Math.round(0.3 / (0.02 * 0.01)), Math.round(-7 / (0.02 * 0.1))]);
    expect(dequantizeWeights(q, layer.shape, 0)[3]).toBeCloseTo(-12.7, 5);
  });

  it('share one scale where the target wants it', () => {
    const weights = Float32Array.of(1.27, 0, 0, 12.7, 0, 0);
    const q = quantizeWeights({ ...layer, weights, bias: new Float32Array(2), perChannel: false });
    expect(q.scale).toHaveLength(1);
    expect([...q.data]).toEqual([13, 0, 0, 127, 0, 0]);
  });

  it('follow the channel axis of depthwise filters', () => {
    const weights = Float32Array.of(1, 10, 2, 20);
    const q = quantizeWeights({
      ...layer,
      weights,
      shape: [1, 2, 1, 2],
      channelAxis: 3,
      bias: new Float32Array(2),
    });
    expect(q.scale[0]).toBeCloseTo(2 / 127, 7);
    expect(q.scale[1]).toBeCloseTo(20 / 127, 6);
    expect([...q.data]).toEqual([64, 64, 127, 127]);
  });

  it.each([
    ['dead', 0, 0.7],
    ['tiny', 1e-30, -0.7],
    ['tiny weights and a huge bias', 1e-12, 1e9],
  ])('a %s channel keeps its bias, a multiplier that kernels can hold, and 32 bits', (_, size, b) => {
    const weights = Float32Array.of(1, 1, 1, size, size, size);
    const q = quantizeWeights({ ...layer, weights, bias: Float32Array.of(0, b) });
    const multiplier = (layer.inputScale * (q.scale[1] as number)) / layer.outputScale;
    // TFLite's multipliers have 31 bits and a right shift of at most 31; below 2^-31 the channel would be zero.
    expect(multiplier).toBeGreaterThan(2 ** -21);
    expect(Math.abs(q.bias[1] as number)).toBeLessThanOrEqual(2 ** 30 * 1.01);
    expect((q.bias[1] as number) * layer.inputScale * (q.scale[1] as number)).toBeCloseTo(b, b > 1e6 ? -3 : 4);
    expect(q.clippedBiases).toBe(0);
  });
});
