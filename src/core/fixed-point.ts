/**
 * Fixed-point arithmetic of TFLite's integer kernels, exact in 32 and 64 bits, without BigInt. The rounding is the one
 * of builds without TFLITE_SINGLE_ROUNDING (the default, and TFLite-Micro's): a rounded high product, then a rounded shift.
 * Sources: tensorflow/lite/kernels/internal/{quantization_util.cc, common.cc, common.h}, gemmlowp fixedpoint/fixedpoint.h.
 */

const INT32_MAX = 2147483647;
const TWO_31 = 2147483648;
const TWO_30 = 1073741824;
/** Products up to here are exact in float64, with room for the rounding term. */
const EXACT = 2 ** 52;

/** A positive real factor as multiplier · 2^(shift − 31), 2^30 ≤ multiplier < 2^31. */
export interface QuantizedMultiplier {
  readonly multiplier: number;
  readonly shift: number;
}

const bits = new DataView(new ArrayBuffer(8));

/** x = fraction · 2^exponent with 0.5 ≤ |fraction| < 1, as C's frexp. */
export function frexp(x: number): { fraction: number; exponent: number } {
  if (x === 0 || !Number.isFinite(x)) return { fraction: x, exponent: 0 };
  bits.setFloat64(0, x);
  let exponent = ((bits.getUint32(0) >>> 20) & 0x7ff) - 1022;
  if (exponent === -1022) {
    // Subnormal: scaled up first.
    bits.setFloat64(0, x * 2 ** 54);
    exponent = ((bits.getUint32(0) >>> 20) & 0x7ff) - 1022 - 54;
  }
  bits.setUint32(0, (bits.getUint32(0) & 0x800fffff) | (1022 << 20));
  return { fraction: bits.getFloat64(0), exponent };
}

/** Halves away from zero, as C's round. */
export function roundHalfAway(x: number): number {
  const whole = Math.trunc(x);
  return Math.abs(x - whole) >= 0.5 ? whole + Math.sign(x) : whole;
}

/** Source: QuantizeMultiplier. Negative factors give negative multipliers. */
export function quantizeMultiplier(factor: number): QuantizedMultiplier {
  if (factor === 0) return { multiplier: 0, shift: 0 };
  const { fraction, exponent } = frexp(factor);
  let multiplier = roundHalfAway(fraction * TWO_31);
  let shift = exponent;
  if (multiplier === TWO_31) {
    multiplier = TWO_30;
    shift++;
  }
  // Smaller factors would shift every bit out.
  if (shift < -31) return { multiplier: 0, shift: 0 };
  return { multiplier, shift };
}

/** round(a · b / 2^31), halves up; a and b int32. Source: gemmlowp SaturatingRoundingDoublingHighMul. */
export function roundingDoublingHighMul(a: number, b: number): number {
  const product = a * b;
  if (product < EXACT && product > -EXACT) return Math.floor((product + TWO_30) / TWO_31) | 0;
  // a = upper · 2^16 + lower: both partial products are exact.
  const upper = (a >> 16) * b;
  const lower = (a & 0xffff) * b;
  return Math.min(Math.floor((upper + Math.floor((lower + TWO_30) / 65536)) / 32768), INT32_MAX) | 0;
}

/** x / 2^exponent, halves away from zero; 0 ≤ exponent ≤ 31. Source: gemmlowp RoundingDivideByPOT. */
export function roundingShiftRight(x: number, exponent: number): number {
  const mask = ((1 << exponent) - 1) | 0;
  const threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return ((x >> exponent) + ((x & mask) > threshold ? 1 : 0)) | 0;
}

/** x · multiplier · 2^(shift − 31), rounded twice; x int32. Source: MultiplyByQuantizedMultiplier. */
export function multiplyByQuantizedMultiplier(x: number, multiplier: number, shift: number): number {
  if (shift > 0) return roundingDoublingHighMul(x << shift, multiplier);
  return roundingShiftRight(roundingDoublingHighMul(x, multiplier), -shift);
}

/** x · 2^exponent, saturated to int32. Source: gemmlowp SaturatingRoundingMultiplyByPOT for positive exponents. */
function saturatingShiftLeft(x: number, exponent: number): number {
  const threshold = (1 << (31 - exponent)) - 1;
  if (x > threshold) return INT32_MAX;
  if (x < -threshold) return -TWO_31;
  return x << exponent;
}

/** (a + b) / 2, halves away from zero. Source: gemmlowp RoundingHalfSum. */
function roundingHalfSum(a: number, b: number): number {
  const sum = a + b;
  return Math.trunc((sum + (sum >= 0 ? 1 : -1)) / 2) | 0;
}

/** exp of a Q0.31 value in [−1/4, 0). Source: gemmlowp exp_on_interval_between_negative_one_quarter_and_0_excl. */
function expNearZero(a: number): number {
  const constantTerm = 1895147668;
  const oneThird = 715827883;
  const x = (a + (1 << 28)) | 0;
  const x2 = roundingDoublingHighMul(x, x);
  const x3 = roundingDoublingHighMul(x2, x);
  const x4 = roundingDoublingHighMul(x2, x2);
  const cubic = roundingDoublingHighMul((roundingShiftRight(x4, 2) + x3) | 0, oneThird);
  const tail = roundingShiftRight((cubic + x2) | 0, 1);
  return (constantTerm + roundingDoublingHighMul(constantTerm, (x + tail) | 0)) | 0;
}

/** exp(−2^k) in Q0.31 for k = −2 … 4. */
const EXP_OF_MINUS_POWERS = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242] as const;

/**
 * exp of a value ≤ 0 with `integerBits` ≤ 5 integer bits (raw / 2^(31 − integerBits)), in Q0.31.
 * Source: gemmlowp exp_on_negative_values.
 */
export function expOnNegativeValues(raw: number, integerBits: number): number {
  if (raw === 0) return INT32_MAX;
  const fractionalBits = 31 - integerBits;
  const quarter = 1 << (fractionalBits - 2);
  const partOfQuarter = ((raw & (quarter - 1)) - quarter) | 0;
  let result = expNearZero(saturatingShiftLeft(partOfQuarter, integerBits));
  const remainder = (partOfQuarter - raw) | 0;
  for (let k = -2; k < integerBits; k++) {
    if (remainder & (1 << (fractionalBits + k))) {
      result = roundingDoublingHighMul(result, EXP_OF_MINUS_POWERS[k + 2] as number);
    }
  }
  return result;
}

/** Newton's iteration of both divisions below: 1 / halfDenominator in Q2.29. */
function divide(halfDenominator: number): number {
  let x = (1515870810 + roundingDoublingHighMul(halfDenominator, -1010580540)) | 0;
  for (let i = 0; i < 3; i++) {
    const rest = ((1 << 29) - roundingDoublingHighMul(halfDenominator, x)) | 0;
    x = (x + saturatingShiftLeft(roundingDoublingHighMul(x, rest), 2)) | 0;
  }
  return x;
}

/** 1 / (1 + x) for x in [0, 1], Q0.31. Source: gemmlowp one_over_one_plus_x_for_x_in_0_1. */
export function oneOverOnePlus(x: number): number {
  return saturatingShiftLeft(divide(roundingHalfSum(x, INT32_MAX)), 1);
}

/** Logistic function of a value with `integerBits` ≤ 5, in Q0.31. Source: gemmlowp logistic. */
export function fixedLogistic(raw: number, integerBits: number): number {
  if (raw === 0) return 1 << 30;
  const positive = raw > 0;
  const result = oneOverOnePlus(expOnNegativeValues(positive ? -raw | 0 : raw, integerBits));
  return positive ? result : (INT32_MAX - result) | 0;
}

/** tanh of a value with `integerBits` ≤ 4, in Q0.31. Source: gemmlowp tanh. */
export function fixedTanh(raw: number, integerBits: number): number {
  if (raw === 0) return 0;
  const negative = raw < 0;
  const x = expOnNegativeValues(negative ? raw : -raw | 0, integerBits + 1);
  // (1 − x) / (1 + x)
  const t = saturatingShiftLeft((divide(roundingHalfSum(x, INT32_MAX)) - (1 << 29)) | 0, 2);
  return negative ? -t | 0 : t;
}

/** 1 / x for a positive x with `integerBits` integer bits: Q0.31 times 2^−bitsOverUnit. Source: GetReciprocal. */
export function fixedReciprocal(x: number, integerBits: number): { scale: number; bitsOverUnit: number } {
  const headroom = Math.clz32(x);
  return { scale: oneOverOnePlus(((x << headroom) - -TWO_31) | 0), bitsOverUnit: integerBits - headroom };
}

/** Largest distance from the zero point that a fixed-point function still needs to look at. Source: CalculateInputRadius. */
export function inputRadius(integerBits: number, leftShift: number, signedBits: number): number {
  return Math.floor((((1 << integerBits) - 1) * 2 ** (signedBits - integerBits)) / 2 ** leftShift);
}
