/** Integer kernels that move codes without computing with them, and those between number formats. */
import { multiplyByQuantizedMultiplier, quantizeMultiplier, roundHalfAway } from '../core/fixed-point.js';
import { elementCount, type Shape, type Tensor, type TypedArray } from '../ir/graph.js';
import { rowMajorSteps, walkStrided } from '../ir/strided-walk.js';
import { copyKernel, refuseInt8, sharedQuant } from './int8-operands.js';
import type { Int8Kernel, Int8Operands } from './op-def.js';

/** Kernels that move values run on any dtype; int8 ones must keep their quantization. */
function requireSameQuant({ inputs, outputs }: Int8Operands<unknown>): void {
  const output = outputs[0] as Tensor;
  for (const input of inputs) {
    if (input.dtype !== output.dtype) refuseInt8(`${input.dtype} in, ${output.dtype} out`, input);
    if (input.dtype === 'int8') sharedQuant(input, output);
  }
}

/** reshape and identity. @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8Copy(operands: Int8Operands<unknown>): Int8Kernel {
  requireSameQuant(operands);
  return copyKernel;
}

/** For every position of `shape` in row-major order: offset + Σ index · step. */
function positions(shape: Shape, steps: readonly number[], offset: number): Int32Array {
  const list = new Int32Array(elementCount(shape));
  walkStrided(shape, steps, offset, (position, place) => {
    list[position] = place;
  });
  return list;
}

function gatherKernel(sources: Int32Array): Int8Kernel {
  return (inputs, outputs) => {
    const x = inputs[0] as TypedArray;
    const y = outputs[0] as TypedArray;
    for (let i = 0; i < y.length; i++) y[i] = x[sources[i] as number] as number;
  };
}

/** @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8Transpose(operands: Int8Operands<{ readonly perm: readonly number[] }>): Int8Kernel {
  requireSameQuant(operands);
  const steps = rowMajorSteps((operands.inputs[0] as Tensor).shape);
  const { perm } = operands.attrs;
  return gatherKernel(
    positions(
      (operands.outputs[0] as Tensor).shape,
      perm.map((p) => steps[p] as number),
      0,
    ),
  );
}

/** @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8Slice(operands: Int8Operands<{ readonly begin: readonly number[] }>): Int8Kernel {
  requireSameQuant(operands);
  const steps = rowMajorSteps((operands.inputs[0] as Tensor).shape);
  const offset = operands.attrs.begin.reduce((sum, start, d) => sum + start * (steps[d] as number), 0);
  return gatherKernel(positions((operands.outputs[0] as Tensor).shape, steps, offset));
}

/**
 * Padding is the code of the real value: the zero point for 0.
 * Source: tensorflow/lite/micro/kernels/pad_common.cc.
 * @throws IsplitError E_INT8_UNSUPPORTED
 */
export function prepareInt8Pad(
  operands: Int8Operands<{ readonly paddings: readonly number[]; readonly value: number }>,
): Int8Kernel {
  const { scale, zeroPoint } = sharedQuant(operands.inputs[0], operands.outputs[0]);
  const { paddings, value } = operands.attrs;
  const code = zeroPoint + roundHalfAway(value / scale);
  if (!(code >= -128 && code <= 127)) refuseInt8(`the padding ${value} has no int8 code`, operands.outputs[0]);
  const steps = rowMajorSteps((operands.outputs[0] as Tensor).shape);
  const offset = steps.reduce((sum, step, d) => sum + step * (paddings[2 * d] as number), 0);
  const targets = positions((operands.inputs[0] as Tensor).shape, steps, offset);
  return (inputs, outputs) => {
    const x = inputs[0] as Int8Array;
    const y = outputs[0] as Int8Array;
    y.fill(code);
    for (let i = 0; i < x.length; i++) y[targets[i] as number] = x[i] as number;
  };
}

/** @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8Concat(operands: Int8Operands<{ readonly axis: number }>): Int8Kernel {
  requireSameQuant(operands);
  const { shape } = operands.outputs[0] as Tensor;
  const axis = operands.attrs.axis < 0 ? operands.attrs.axis + shape.length : operands.attrs.axis;
  const outer = elementCount(shape.slice(0, axis));
  const stride = elementCount(shape.slice(axis));
  const runs = operands.inputs.map((t) => elementCount(t.shape.slice(axis)));
  return (inputs, outputs) => {
    const y = outputs[0] as TypedArray;
    let offset = 0;
    for (let t = 0; t < runs.length; t++) {
      const x = inputs[t] as TypedArray;
      const run = runs[t] as number;
      for (let o = 0; o < outer; o++) {
        const to = o * stride + offset;
        const from = o * run;
        for (let k = 0; k < run; k++) y[to + k] = x[from + k] as number;
      }
      offset += run;
    }
  };
}

interface QuantizeOperands {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly dtype: 'int8' | 'uint8' | 'int16';
  readonly inputScale?: number;
  readonly inputZeroPoint?: number;
}

const RANGES = { int8: [-128, 127], uint8: [0, 255], int16: [-32768, 32767] } as const;

/** Pairs of number formats that TFLite-Micro's QUANTIZE knows. */
const QUANTIZE_PAIRS: readonly string[] = [
  'float32→int8',
  'float32→int16',
  'int8→int8',
  'int8→uint8',
  'int8→int16',
  'uint8→int8',
  'int16→int8',
  'int16→int16',
];

/**
 * Sources: reference/quantize.h (division in float32, halves away from zero), reference/requantize.h,
 * micro/kernels/quantize_common.cc.
 * @throws IsplitError E_INT8_UNSUPPORTED
 */
export function prepareInt8Quantize({ inputs, outputs, attrs }: Int8Operands<QuantizeOperands>): Int8Kernel {
  const input = inputs[0] as Tensor;
  const pair = `${input.dtype}→${(outputs[0] as Tensor).dtype}`;
  if (!QUANTIZE_PAIRS.includes(pair)) refuseInt8(`TFLite-Micro does not quantize ${pair}`, outputs[0]);
  const [min, max] = RANGES[attrs.dtype];
  const scale = Math.fround(attrs.scale);
  const { zeroPoint } = attrs;
  if (attrs.inputScale === undefined) {
    return (from, to) => {
      const x = from[0] as Float32Array;
      const y = to[0] as TypedArray;
      for (let i = 0; i < y.length; i++) {
        const steps = roundHalfAway(Math.fround((x[i] as number) / scale));
        // x86 turns what has no int32 (NaN too) into the smallest one.
        const whole = steps >= -2147483648 && steps < 2147483648 ? steps : -2147483648;
        y[i] = Math.min(Math.max((whole + zeroPoint) | 0, min), max);
      }
    };
  }
  const inputZeroPoint = attrs.inputZeroPoint ?? 0;
  const { multiplier, shift } = quantizeMultiplier(Math.fround(attrs.inputScale) / scale);
  return (from, to) => {
    const x = from[0] as TypedArray;
    const y = to[0] as TypedArray;
    for (let i = 0; i < y.length; i++) {
      const value = multiplyByQuantizedMultiplier((x[i] as number) - inputZeroPoint, multiplier, shift);
      y[i] = Math.min(Math.max((value + zeroPoint) | 0, min), max);
    }
  };
}

/** Source: reference/dequantize.h: the product in float64. */
export function prepareInt8Dequantize({ attrs }: Int8Operands<{ scale: number; zeroPoint: number }>): Int8Kernel {
  const scale = Math.fround(attrs.scale);
  return (inputs, outputs) => {
    const x = inputs[0] as TypedArray;
    const y = outputs[0] as Float32Array;
    for (let i = 0; i < y.length; i++) y[i] = scale * ((x[i] as number) - attrs.zeroPoint);
  };
}
