/** Integer softmax. Source: tensorflow/lite/kernels/internal/reference/softmax.h and micro/kernels/softmax_common.cc. */
import {
  expOnNegativeValues,
  fixedReciprocal,
  inputRadius,
  quantizeMultiplier,
  roundingDoublingHighMul,
  roundingShiftRight,
} from '../core/fixed-point.js';
import { elementCount, type Tensor } from '../ir/graph.js';
import { activationQuant, clampInt8, INT8_MIN, refuseInt8 } from './int8-operands.js';
import type { Int8Kernel, Int8Operands } from './op-def.js';

/** Bits before the point of scaled differences, and of the sum of exponentials. */
const DIFF_INTEGER_BITS = 5;
const SUM_INTEGER_BITS = 12;

/** What every int8 softmax of TFLite gives. */
export const SOFTMAX_OUTPUT = { scale: 1 / 256, zeroPoint: INT8_MIN } as const;

/** Over the last axis. @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8Softmax({ inputs, outputs, attrs }: Int8Operands<{ readonly axis: number }>): Int8Kernel {
  const input = activationQuant(inputs[0]);
  const output = activationQuant(outputs[0]);
  const { shape } = inputs[0] as Tensor;
  if (attrs.axis !== -1 && attrs.axis !== shape.length - 1) {
    refuseInt8(`softmax along axis ${attrs.axis}; TFLite has it along the last axis only`, inputs[0]);
  }
  if (output.scale !== SOFTMAX_OUTPUT.scale || output.zeroPoint !== SOFTMAX_OUTPUT.zeroPoint) {
    refuseInt8(`quantization ${output.scale}, ${output.zeroPoint}; softmax gives 1/256, -128`, outputs[0]);
  }
  const factor = Math.min(input.scale * 2 ** (31 - DIFF_INTEGER_BITS), 2 ** 31 - 1);
  if (!(factor > 1)) refuseInt8(`scale ${input.scale} is too small for softmax`, inputs[0]);
  const { multiplier, shift } = quantizeMultiplier(factor);
  const smallest = -inputRadius(DIFF_INTEGER_BITS, shift, 31);
  /** exp(−d · scale) in Q0.31 by difference from the largest code; −1 = too small to count. */
  const exps = Int32Array.from({ length: 256 }, (_, d) =>
    -d < smallest ? -1 : expOnNegativeValues(roundingDoublingHighMul(-d << shift, multiplier), DIFF_INTEGER_BITS),
  );
  const parts = exps.map((e) => (e < 0 ? 0 : roundingShiftRight(e, SUM_INTEGER_BITS)));
  const depth = shape.at(-1) as number;
  const lines = elementCount(shape) / depth;
  return (from, to) => {
    const x = from[0] as Int8Array;
    const y = to[0] as Int8Array;
    for (let line = 0; line < lines; line++) {
      const start = line * depth;
      let max = INT8_MIN;
      for (let k = 0; k < depth; k++) max = Math.max(max, x[start + k] as number);
      let sum = 0;
      for (let k = 0; k < depth; k++) sum = (sum + (parts[max - (x[start + k] as number)] as number)) | 0;
      const { scale, bitsOverUnit } = fixedReciprocal(sum, SUM_INTEGER_BITS);
      const exponent = bitsOverUnit + 31 - 8;
      for (let k = 0; k < depth; k++) {
        const e = exps[max - (x[start + k] as number)] as number;
        // Lines so even that every share rounds to 0.
        y[start + k] =
          e < 0 || exponent > 31
            ? INT8_MIN
            : clampInt8(roundingShiftRight(roundingDoublingHighMul(scale, e), exponent) + INT8_MIN);
      }
    }
  };
}
