/**
 * Integer pooling, reductions and resizing.
 * Sources: tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h, reference/{reduce,resize_bilinear}.h,
 * micro/kernels/{pooling,reduce}_common.cc.
 */
import { multiplyByQuantizedMultiplier, quantizeMultiplier } from '../core/fixed-point.js';
import { elementCount, type Tensor } from '../ir/graph.js';
import { dims4 } from './checks.js';
import { activationQuant, clampInt8, INT8_MIN, refuseInt8, sharedQuant } from './int8-operands.js';
import { nearestIndices, type ResizeAttrs } from './interpolation.js';
import type { Int8Kernel, Int8Operands } from './op-def.js';
import { type PoolAttrs, windowRange } from './pooling.js';
import { keptShape, type ReductionAttrs } from './reduction.js';

/** TFLite-Micro's pooling kernels let scales differ by this much. */
const POOL_SCALE_TOLERANCE = 1e-6;

type Fold = (x: Int8Array, sums: Int32Array, from: number) => void;

/**
 * Visits every window with its elements added up (`fold`) from `start`, channels side by side; `finish` turns what was
 * folded over `count` positions into a code.
 */
function poolKernel(
  { inputs, outputs, attrs }: Int8Operands<PoolAttrs>,
  start: number,
  fold: Fold,
  finish: (folded: number, count: number) => number,
): Int8Kernel {
  sharedQuant(inputs[0], outputs[0], POOL_SCALE_TOLERANCE);
  const [n, h, w, c] = dims4(inputs[0]);
  const [, oh, ow] = dims4(outputs[0]);
  const sums = new Int32Array(c);
  const rows = Array.from({ length: oh }, (_, i) =>
    windowRange(i, attrs.strides[0], attrs.kernelSize[0], attrs.pads[0], h),
  );
  const columns = Array.from({ length: ow }, (_, j) =>
    windowRange(j, attrs.strides[1], attrs.kernelSize[1], attrs.pads[2], w),
  );
  return (from, to) => {
    const x = from[0] as Int8Array;
    const y = to[0] as Int8Array;
    let at = 0;
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < oh; i++) {
        const [top, bottom] = rows[i] as [number, number];
        for (let j = 0; j < ow; j++) {
          const [left, right] = columns[j] as [number, number];
          sums.fill(start);
          for (let row = top; row < bottom; row++) {
            for (let column = left; column < right; column++) fold(x, sums, ((b * h + row) * w + column) * c);
          }
          const count = (bottom - top) * (right - left);
          for (let k = 0; k < c; k++) y[at++] = finish(sums[k] as number, count);
        }
      }
    }
  };
}

/** @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8MaxPool(operands: Int8Operands<PoolAttrs>): Int8Kernel {
  return poolKernel(
    operands,
    INT8_MIN,
    (x, maxima, from) => {
      for (let k = 0; k < maxima.length; k++) {
        const value = x[from + k] as number;
        if (value > (maxima[k] as number)) maxima[k] = value;
      }
    },
    (max) => max,
  );
}

/** The mean of codes, halves away from zero. @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8AvgPool(
  operands: Int8Operands<PoolAttrs & { readonly countIncludePad?: boolean }>,
): Int8Kernel {
  const { attrs } = operands;
  if (attrs.countIncludePad && attrs.pads.some((p) => p > 0)) {
    refuseInt8('TFLite leaves padding out of the mean; padding that counts needs a pad node before the pool');
  }
  return poolKernel(
    operands,
    0,
    (x, sums, from) => {
      for (let k = 0; k < sums.length; k++) sums[k] = (sums[k] as number) + (x[from + k] as number);
    },
    (sum, count) => {
      const half = Math.trunc(count / 2);
      return Math.trunc((sum > 0 ? sum + half : sum - half) / count);
    },
  );
}

/** Output index of every input element. */
function reducedIndices(input: Tensor, { axes }: ReductionAttrs): Int32Array {
  const { shape } = input;
  const kept = keptShape(shape, axes);
  const strides = new Array<number>(shape.length).fill(0);
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = kept[d] === 1 ? 0 : step;
    step *= kept[d] as number;
  }
  const indices = new Int32Array(elementCount(shape));
  for (let i = 0; i < indices.length; i++) {
    let rest = i;
    let at = 0;
    for (let d = shape.length - 1; d >= 0; d--) {
      at += (rest % (shape[d] as number)) * (strides[d] as number);
      rest = Math.floor(rest / (shape[d] as number));
    }
    indices[i] = at;
  }
  return indices;
}

/**
 * Codes added up, then one rescaling, into which the division by the count is folded.
 * Source: QuantizedMeanOrSum.
 * @throws IsplitError E_INT8_UNSUPPORTED
 */
export function prepareInt8Mean({ inputs, outputs, attrs }: Int8Operands<ReductionAttrs>): Int8Kernel {
  const input = activationQuant(inputs[0]);
  const output = activationQuant(outputs[0]);
  const x = inputs[0] as Tensor;
  const count = elementCount(x.shape) / elementCount(keptShape(x.shape, attrs.axes));
  if (count < 1) refuseInt8('a mean of nothing', x);
  const sumScale = quantizeMultiplier(input.scale / output.scale);
  const by = Math.min(31 - Math.clz32(count), 31 + sumScale.shift);
  const multiplier = Number(BigInt.asIntN(32, (BigInt(sumScale.multiplier) << BigInt(by)) / BigInt(count)));
  const shift = sumScale.shift - by;
  const offset = Math.imul(input.zeroPoint, count);
  const indices = reducedIndices(x, attrs);
  const sums = new Int32Array(elementCount((outputs[0] as Tensor).shape));
  return (from, to) => {
    const data = from[0] as Int8Array;
    const y = to[0] as Int8Array;
    sums.fill(0);
    for (let i = 0; i < data.length; i++) {
      const at = indices[i] as number;
      sums[at] = (sums[at] as number) + (data[i] as number);
    }
    for (let i = 0; i < y.length; i++) {
      const value = multiplyByQuantizedMultiplier(((sums[i] as number) - offset) | 0, multiplier, shift);
      y[i] = clampInt8((value + output.zeroPoint) | 0);
    }
  };
}

/** @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8ReduceMax({ inputs, outputs, attrs }: Int8Operands<ReductionAttrs>): Int8Kernel {
  sharedQuant(inputs[0], outputs[0]);
  const indices = reducedIndices(inputs[0] as Tensor, attrs);
  return (from, to) => {
    const x = from[0] as Int8Array;
    const y = to[0] as Int8Array;
    y.fill(INT8_MIN);
    for (let i = 0; i < x.length; i++) {
      const at = indices[i] as number;
      if ((x[i] as number) > (y[at] as number)) y[at] = x[i] as number;
    }
  };
}

/** @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8ResizeNearest({ inputs, outputs, attrs }: Int8Operands<ResizeAttrs>): Int8Kernel {
  sharedQuant(inputs[0], outputs[0]);
  const [n, h, w, c] = dims4(inputs[0]);
  const rows = nearestIndices(h, attrs.size[0], attrs);
  const columns = nearestIndices(w, attrs.size[1], attrs);
  return (from, to) => {
    const x = from[0] as Int8Array;
    const y = to[0] as Int8Array;
    let at = 0;
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < rows.length; i++) {
        for (let j = 0; j < columns.length; j++) {
          const source = ((b * h + (rows[i] as number)) * w + (columns[j] as number)) * c;
          for (let k = 0; k < c; k++) y[at++] = x[source + k] as number;
        }
      }
    }
  };
}

/** Two neighbours of every output position of one axis, with the distance from the lower one in 1/1024. */
interface Neighbours {
  readonly lower: Int32Array;
  readonly upper: Int32Array;
  readonly distance: Int32Array;
}

/** Source: ComputeInterpolationValuesInteger and the scales in ResizeBilinearInteger. */
function neighbours(from: number, to: number, { alignCorners, halfPixelCenters }: ResizeAttrs): Neighbours {
  const aligned = alignCorners && to > 1;
  const scale = aligned
    ? Math.trunc((1024 * (from - 1) + Math.trunc((to - 1) / 2)) / (to - 1))
    : Math.trunc((1024 * from + Math.trunc(to / 2)) / to);
  const lower = new Int32Array(to);
  const upper = new Int32Array(to);
  const distance = new Int32Array(to);
  for (let i = 0; i < to; i++) {
    const position = halfPixelCenters ? i * scale + Math.trunc(scale / 2) - 512 : i * scale;
    lower[i] = Math.max(Math.trunc(position / 1024), 0);
    upper[i] = Math.min(Math.trunc((position + 1023) / 1024), from - 1);
    distance[i] = position - 1024 * (lower[i] as number);
  }
  return { lower, upper, distance };
}

/** @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8ResizeBilinear({ inputs, outputs, attrs }: Int8Operands<ResizeAttrs>): Int8Kernel {
  sharedQuant(inputs[0], outputs[0]);
  const [n, h, w, c] = dims4(inputs[0]);
  const rows = neighbours(h, attrs.size[0], attrs);
  const columns = neighbours(w, attrs.size[1], attrs);
  return (from, to) => {
    const x = from[0] as Int8Array;
    const y = to[0] as Int8Array;
    let at = 0;
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < attrs.size[0]; i++) {
        const upperRow = (b * h + (rows.lower[i] as number)) * w;
        const lowerRow = (b * h + (rows.upper[i] as number)) * w;
        const dy = rows.distance[i] as number;
        for (let j = 0; j < attrs.size[1]; j++) {
          const left = columns.lower[j] as number;
          const right = columns.upper[j] as number;
          const dx = columns.distance[j] as number;
          for (let k = 0; k < c; k++) {
            const sum =
              (x[(upperRow + left) * c + k] as number) * (1024 - dy) * (1024 - dx) +
              (x[(lowerRow + left) * c + k] as number) * dy * (1024 - dx) +
              (x[(upperRow + right) * c + k] as number) * (1024 - dy) * dx +
              (x[(lowerRow + right) * c + k] as number) * dy * dx;
            y[at++] = Math.trunc((sum + (sum > 0 ? 524288 : -524288)) / 1048576);
          }
        }
      }
    }
  };
}
