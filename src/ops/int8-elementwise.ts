/**
 * Integer kernels that work element by element. What depends on one code alone is a table of 256 codes.
 * Sources: tensorflow/lite/micro/kernels/{add,sub,mul,leaky_relu,hard_swish,logistic,activations}_common.cc, tanh.cc and
 * kernels/internal/reference{,/integer_ops}/{add,sub,mul,leaky_relu,hard_swish,logistic,tanh}.h.
 */
import {
  fixedLogistic,
  fixedTanh,
  frexp,
  inputRadius,
  multiplyByQuantizedMultiplier,
  type QuantizedMultiplier,
  quantizeMultiplier,
  roundHalfAway,
  roundingShiftRight,
} from '../core/fixed-point.js';
import type { Tensor } from '../ir/graph.js';
import { broadcastIndices } from './broadcast.js';
import type { Fusable } from './fused-activation.js';
import {
  activationQuant,
  activationRange,
  clampInt8,
  INT8_MAX,
  INT8_MIN,
  type PerTensor,
  refuseInt8,
  tableKernel,
} from './int8-operands.js';
import { prepareRescale, type Rescaling } from './int8-rescaling.js';
import type { FusedActivation, Int8Kernel, Int8Operands } from './op-def.js';

/** Operands of add and sub are brought to a common scale with this many more bits. */
const SUM_SHIFT = 20;

/**
 * add, and sub with `sign` −1. sub takes its ratios of scales in float32, add in float64.
 * @throws IsplitError E_INT8_UNSUPPORTED
 */
export function prepareInt8Sum({ inputs, outputs, attrs }: Int8Operands<Fusable>, sign: 1 | -1): Int8Kernel {
  const a = activationQuant(inputs[0]);
  const b = activationQuant(inputs[1]);
  const output = activationQuant(outputs[0]);
  const round = sign === 1 ? (x: number): number => x : Math.fround;
  const twiceMax = round(2 * Math.max(a.scale, b.scale));
  const tableOf = ({ scale, zeroPoint }: PerTensor): Int32Array => {
    const factor = smallerThanOne(round(scale / twiceMax), inputs[0]);
    return Int32Array.from({ length: 256 }, (_, i) =>
      multiplyByQuantizedMultiplier(
        ((((i << 24) >> 24) - zeroPoint) << SUM_SHIFT) | 0,
        factor.multiplier,
        factor.shift,
      ),
    );
  };
  const tableA = tableOf(a);
  const tableB = tableOf(b);
  const { multiplier, shift } = smallerThanOne(round(twiceMax / round((1 << SUM_SHIFT) * output.scale)), outputs[0]);
  const rescaling = uniformRescaling({ multiplier, shift }, output, attrs.activation);
  return binaryKernel(
    inputs,
    outputs,
    rescaling,
    (x, y) => ((tableA[x & 0xff] as number) + sign * (tableB[y & 0xff] as number)) | 0,
  );
}

/** Source: QuantizeMultiplierSmallerThanOneExp, which ends the program where this refuses. */
function smallerThanOne(factor: number, tensor: Tensor | undefined): QuantizedMultiplier {
  const quantized = quantizeMultiplier(factor);
  if (!(factor > 0) || factor >= 1 || quantized.shift > 0) {
    refuseInt8(`its scale is too far from the other operand's: a factor of ${factor} instead of less than 1`, tensor);
  }
  return quantized;
}

/** @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8Mul({ inputs, outputs, attrs }: Int8Operands<Fusable>): Int8Kernel {
  const a = activationQuant(inputs[0]);
  const b = activationQuant(inputs[1]);
  const output = activationQuant(outputs[0]);
  const rescaling = uniformRescaling(quantizeMultiplier((a.scale * b.scale) / output.scale), output, attrs.activation);
  return binaryKernel(inputs, outputs, rescaling, (x, y) => (x - a.zeroPoint) * (y - b.zeroPoint));
}

/** Elements whose int32 results wait to be rescaled together. */
const CHUNK = 256;

/** The same rescaling for every element of a chunk. */
function uniformRescaling(
  { multiplier, shift }: QuantizedMultiplier,
  output: PerTensor,
  activation: FusedActivation | undefined,
): Rescaling {
  const [min, max] = activationRange(output, activation);
  return {
    multipliers: new Int32Array(CHUNK).fill(multiplier),
    shifts: new Int32Array(CHUNK).fill(shift),
    zeroPoint: output.zeroPoint,
    min,
    max,
  };
}

function binaryKernel(
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  rescaling: Rescaling,
  combine: (x: number, y: number) => number,
): Int8Kernel {
  const shape = (outputs[0] as Tensor).shape;
  const at0 = broadcastIndices((inputs[0] as Tensor).shape, shape);
  const at1 = broadcastIndices((inputs[1] as Tensor).shape, shape);
  const rescale = prepareRescale(rescaling);
  const results = new Int32Array(CHUNK);
  return (from, to) => {
    const a = from[0] as Int8Array;
    const b = from[1] as Int8Array;
    const y = to[0] as Int8Array;
    for (let start = 0; start < y.length; start += CHUNK) {
      const count = Math.min(CHUNK, y.length - start);
      for (let k = 0; k < count; k++) {
        const i = start + k;
        results[k] = combine(a[at0 ? (at0[i] as number) : i] as number, b[at1 ? (at1[i] as number) : i] as number);
      }
      rescale(results, 0, count, 0, y, start);
    }
  };
}

/** relu as an operator of its own: it rescales. @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8Relu({ inputs, outputs }: Int8Operands<unknown>): Int8Kernel {
  const input = activationQuant(inputs[0]);
  const output = activationQuant(outputs[0]);
  const { multiplier, shift } = quantizeMultiplier(Math.fround(input.scale / output.scale));
  return tableKernel((code) => {
    const value = multiplyByQuantizedMultiplier(code - input.zeroPoint, multiplier, shift) + output.zeroPoint;
    return Math.min(Math.max(value, output.zeroPoint), INT8_MAX);
  });
}

/** relu6 as an operator of its own: it clamps codes and takes no notice of the output's quantization. */
export function prepareInt8Relu6({ inputs, outputs }: Int8Operands<unknown>): Int8Kernel {
  const input = activationQuant(inputs[0]);
  activationQuant(outputs[0]);
  const [min, max] = activationRange(input, 'relu6');
  return tableKernel((code) => Math.min(Math.max(code, min), max));
}

/** @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8LeakyRelu({ inputs, outputs, attrs }: Int8Operands<{ readonly alpha: number }>): Int8Kernel {
  const input = activationQuant(inputs[0]);
  const output = activationQuant(outputs[0]);
  const identity = quantizeMultiplier(Math.fround(input.scale / output.scale));
  const scaled = Math.fround(input.scale * Math.fround(attrs.alpha));
  const below = quantizeMultiplier(Math.fround(scaled / output.scale));
  // Rounding is done on the magnitude of the slope.
  const sign = below.multiplier < 0 ? -1 : 1;
  return tableKernel((code) => {
    const x = code - input.zeroPoint;
    const value =
      x >= 0
        ? multiplyByQuantizedMultiplier(x, identity.multiplier, identity.shift)
        : sign * multiplyByQuantizedMultiplier(x, sign * below.multiplier, below.shift);
    return clampInt8((value + output.zeroPoint) | 0);
  });
}

/** Input bits before the point in the fixed-point logistic and tanh. */
const INPUT_INTEGER_BITS = 4;

/** Table of a fixed-point function of Q4.27 values that saturates outside the representable range. */
function saturatingTable(input: PerTensor, compute: (raw: number) => number): Int8Kernel {
  const { fraction, exponent } = frexp(input.scale * 2 ** (31 - INPUT_INTEGER_BITS));
  const multiplier = roundHalfAway(fraction * 2 ** 31) | 0;
  const radius = inputRadius(INPUT_INTEGER_BITS, exponent, 31);
  return tableKernel((code) => {
    const x = code - input.zeroPoint;
    if (x <= -radius) return INT8_MIN;
    if (x >= radius) return INT8_MAX;
    return clampInt8(compute(multiplyByQuantizedMultiplier(x, multiplier, exponent)));
  });
}

/** sigmoid to scale 1/256, zero point −128. @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8Sigmoid({ inputs, outputs }: Int8Operands<unknown>): Int8Kernel {
  const input = activationQuant(inputs[0]);
  const { zeroPoint } = activationQuant(outputs[0]);
  if (zeroPoint !== INT8_MIN)
    refuseInt8(`zero point ${zeroPoint}; the logistic function gives ${INT8_MIN}`, outputs[0]);
  return saturatingTable(input, (raw) => roundingShiftRight(fixedLogistic(raw, INPUT_INTEGER_BITS), 23) + INT8_MIN);
}

/** tanh to scale 1/128, zero point 0, whatever the file says of its output. @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8Tanh({ inputs, outputs }: Int8Operands<unknown>): Int8Kernel {
  activationQuant(outputs[0]);
  return saturatingTable(activationQuant(inputs[0]), (raw) =>
    roundingShiftRight(fixedTanh(raw, INPUT_INTEGER_BITS), 24),
  );
}

/** @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8HardSwish({ inputs, outputs }: Int8Operands<unknown>): Int8Kernel {
  const input = activationQuant(inputs[0]);
  const output = activationQuant(outputs[0]);
  const fine = Math.fround(input.scale / 128);
  const toOutput = quantizeMultiplier(Math.fround(fine / output.scale));
  const toReluish = quantizeMultiplier(Math.fround(fine / Math.fround(3 / 32768)));
  if (toOutput.shift > 0) refuseInt8("its scale is more than 128 times smaller than the input's", outputs[0]);
  const outputMultiplier = upperHalf(toOutput.multiplier);
  const reluishMultiplier = upperHalf(toReluish.multiplier);
  return tableKernel((code) => {
    const x = (code - input.zeroPoint) * 128;
    const onOutputScale = highMul16(x, outputMultiplier);
    let reluish = x;
    if (toReluish.shift > 0) reluish = shiftLeft16(reluish, toReluish.shift - 1);
    reluish = highMul16(reluish, reluishMultiplier);
    if (toReluish.shift > 0) reluish = shiftLeft16(reluish, 1);
    if (toReluish.shift < 0) reluish = roundingShiftRight(reluish, -toReluish.shift);
    // From [−1, 1] to [0, 1].
    reluish = (reluish + 32768) >> 1;
    const product = Math.trunc((reluish * onOutputScale) / 32768);
    const shifted = roundingShiftRight(product, -toOutput.shift);
    return clampInt8(((shifted + output.zeroPoint) << 16) >> 16);
  });
}

/** Source: DownScaleInt32ToInt16Multiplier. */
function upperHalf(multiplier: number): number {
  return multiplier >= 2147483647 - 32768 ? 32767 : (multiplier + 32768) >> 16;
}

/** Rounded high product of two int16. Source: gemmlowp SaturatingRoundingDoublingHighMul. */
function highMul16(a: number, b: number): number {
  return a === -32768 && b === -32768 ? 32767 : (a * b + 16384) >> 15;
}

/** Source: SaturatingLeftShift in reference/hard_swish.h. */
function shiftLeft16(value: number, amount: number): number {
  return Math.min(Math.max(value * 2 ** amount, -32768), 32767);
}
