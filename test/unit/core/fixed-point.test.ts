/** Fixed-point arithmetic against its definition in exact integers (BigInt) and in real numbers. */
import { describe, expect, it } from 'vitest';
import {
  expOnNegativeValues,
  fixedLogistic,
  fixedReciprocal,
  fixedTanh,
  frexp,
  inputRadius,
  multiplyByQuantizedMultiplier,
  oneOverOnePlus,
  quantizeMultiplier,
  roundHalfAway,
  roundingDoublingHighMul,
  roundingShiftRight,
} from '../../../src/core/fixed-point.js';
import { createRandom } from '../../../src/core/random.js';

const random = createRandom(4);
const EDGES = [
  0,
  1,
  -1,
  2,
  127,
  -128,
  32767,
  -32768,
  2 ** 22 - 1,
  2 ** 22,
  -(2 ** 22),
  2 ** 30,
  2 ** 31 - 1,
  -(2 ** 31),
];
/** Every magnitude alike, so that small and large products occur. */
const anyInt32 = (): number =>
  random.int(5) === 0 ? (EDGES[random.int(EDGES.length)] as number) : (random.int(2 ** 32) - 2 ** 31) >> random.int(31);

const int32 = (x: bigint): bigint => BigInt.asIntN(32, x);

/** C's truncating division and the nudges of the source, in BigInt. */
function highMul(a: bigint, b: bigint): bigint {
  const product = a * b;
  const result = (product + (product >= 0n ? 1n << 30n : 1n - (1n << 30n))) / (1n << 31n);
  return result > 2147483647n ? 2147483647n : result;
}

function shiftRight(x: bigint, exponent: bigint): bigint {
  const mask = (1n << exponent) - 1n;
  const threshold = (mask >> 1n) + (x < 0n ? 1n : 0n);
  return (x >> exponent) + ((x & mask) > threshold ? 1n : 0n);
}

describe('integer products and shifts', () => {
  it('rounded high product', () => {
    for (let i = 0; i < 20_000; i++) {
      const a = anyInt32();
      const b = anyInt32();
      expect(roundingDoublingHighMul(a, b), `${a} * ${b}`).toBe(Number(highMul(BigInt(a), BigInt(b))));
    }
  });

  it('rounded shift, halves away from zero', () => {
    for (let i = 0; i < 20_000; i++) {
      const x = anyInt32();
      const exponent = random.int(32);
      expect(roundingShiftRight(x, exponent), `${x} >> ${exponent}`).toBe(
        Number(shiftRight(BigInt(x), BigInt(exponent))),
      );
    }
    expect([3, -3, 1, -1, 5, -5].map((x) => roundingShiftRight(x, 1))).toEqual([2, -2, 1, -1, 3, -3]);
  });

  it('multiplier and shift', () => {
    for (let i = 0; i < 20_000; i++) {
      const x = anyInt32();
      const multiplier = 2 ** 30 + random.int(2 ** 30);
      const shift = random.int(40) - 31;
      const left = BigInt(Math.max(shift, 0));
      const right = BigInt(Math.max(-shift, 0));
      const expected = shiftRight(highMul(int32(BigInt(x) << left), BigInt(multiplier)), right);
      expect(multiplyByQuantizedMultiplier(x, multiplier, shift), `${x} ${multiplier} ${shift}`).toBe(Number(expected));
    }
  });
});

describe('multipliers', () => {
  it('keep 31 bits of the factor', () => {
    for (let i = 0; i < 2000; i++) {
      const factor = (random.next() + 0.5) * 2 ** (random.int(36) - 30);
      const { multiplier, shift } = quantizeMultiplier(factor);
      expect(multiplier).toBeGreaterThanOrEqual(2 ** 30);
      expect(multiplier).toBeLessThan(2 ** 31);
      expect(Math.abs(multiplier * 2 ** (shift - 31) - factor)).toBeLessThanOrEqual(factor * 2 ** -31);
    }
  });

  it('known ones, powers of two, the carry, and what is too small', () => {
    expect(quantizeMultiplier(1)).toEqual({ multiplier: 2 ** 30, shift: 1 });
    expect(quantizeMultiplier(0.5)).toEqual({ multiplier: 2 ** 30, shift: 0 });
    expect(quantizeMultiplier(-0.75)).toEqual({ multiplier: -0.75 * 2 ** 31, shift: 0 });
    expect(quantizeMultiplier(1 - 2 ** -40)).toEqual({ multiplier: 2 ** 30, shift: 1 });
    expect(quantizeMultiplier(0)).toEqual({ multiplier: 0, shift: 0 });
    expect(quantizeMultiplier(2 ** -33)).toEqual({ multiplier: 0, shift: 0 });
    expect(quantizeMultiplier(2 ** -32)).toEqual({ multiplier: 2 ** 30, shift: -31 });
  });

  it('fraction and exponent', () => {
    for (const x of [1, 0.75, -3, 1e300, 5e-324, 2 ** -1022, Math.PI]) {
      const { fraction, exponent } = frexp(x);
      expect(Math.abs(fraction)).toBeGreaterThanOrEqual(0.5);
      expect(Math.abs(fraction)).toBeLessThan(1);
      // 2^exponent alone may be below the smallest float64.
      expect(fraction * 2 ** (exponent >> 1) * 2 ** (exponent - (exponent >> 1))).toBe(x);
    }
    expect(frexp(0)).toEqual({ fraction: 0, exponent: 0 });
  });

  it('halves away from zero, also where adding a half would round up', () => {
    expect([2.5, -2.5, 0.5, -0.4, 0.49999999999999994].map((x) => roundHalfAway(x) + 0)).toEqual([3, -3, 1, 0, 0]);
  });
});

describe('functions in fixed point', () => {
  const ONE = 2 ** 31;
  const sweep = (integerBits: number, from: number, to: number): { raw: number; real: number }[] =>
    Array.from({ length: 400 }, (_, i) => {
      const raw = Math.round((from + ((to - from) * i) / 399) * 2 ** (31 - integerBits));
      return { raw, real: raw / 2 ** (31 - integerBits) };
    });

  it('exp below 0', () => {
    for (const { raw, real } of sweep(5, -15.9, 0)) {
      expect(Math.abs(expOnNegativeValues(raw, 5) / ONE - Math.exp(real)), `exp(${real})`).toBeLessThan(3e-7);
    }
    // In the middle of each quarter the polynomial is exact: what is left are the constants.
    for (let n = 0; n < 63; n++) {
      const real = -n / 4 - 1 / 8;
      expect(Math.abs(expOnNegativeValues(real * 2 ** 26, 5) / ONE - Math.exp(real)), `exp(${real})`).toBeLessThan(
        2e-9,
      );
    }
    expect(expOnNegativeValues(0, 5)).toBe(2 ** 31 - 1);
  });

  it('1 / (1 + x), and reciprocals of sums', () => {
    for (const { raw, real } of sweep(0, 0, 0.999)) {
      expect(Math.abs(oneOverOnePlus(raw) / ONE - 1 / (1 + real)), `1 / (1 + ${real})`).toBeLessThan(4e-9);
    }
    for (const x of [1, 1.5, 7.25, 100, 500]) {
      const { scale, bitsOverUnit } = fixedReciprocal(Math.round(x * 2 ** 19), 12);
      expect(Math.abs((scale / ONE) * 2 ** -bitsOverUnit - 1 / x), `1 / ${x}`).toBeLessThan(1e-6 / x);
    }
  });

  it('logistic and tanh', () => {
    for (const { raw, real } of sweep(4, -7.9, 7.9)) {
      expect(Math.abs(fixedLogistic(raw, 4) / ONE - 1 / (1 + Math.exp(-real))), `σ(${real})`).toBeLessThan(1e-7);
      expect(Math.abs(fixedTanh(raw, 4) / ONE - Math.tanh(real)), `tanh(${real})`).toBeLessThan(2e-7);
    }
    expect(fixedLogistic(0, 4)).toBe(2 ** 30);
    expect(fixedTanh(0, 4)).toBe(0);
  });

  it('input radius', () => {
    // 15 · 2^27 / 2^20: beyond it, the shifted input leaves four integer bits.
    expect(inputRadius(4, 20, 31)).toBe(1920);
    expect(inputRadius(5, 31, 31)).toBe(0);
  });
});
