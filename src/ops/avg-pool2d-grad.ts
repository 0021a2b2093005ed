import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorType } from '../ir/graph.js';
import type { AvgPoolAttrs } from './avg-pool2d.js';
import { dims4, requireInputs, requireInts, requireRank, shapeError } from './checks.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor } from './op-def.js';
import { checkPool, onnxPoolAttrs, pooledSize, windowRange } from './pooling.js';
import { type AxisMap, referenceSeparable, separableToOnnx } from './separable.js';
import { cropSpatial, foldTaps, padSpatial } from './taps.js';
import { mirrorPads } from './window.js';

export interface AvgPoolGradAttrs extends AvgPoolAttrs {
  /** Height and width of the pool's input. */
  readonly inputSize: readonly [number, number];
}

/** Gradient of avg_pool2d: dy [N, oh, ow, C] → [N, H, W, C]. */
export const avgPool2dGrad: OpDef<AvgPoolGradAttrs> = {
  kind: 'avg_pool2d_grad',
  summary: 'gradient of avg_pool2d',
  role: 'gradient',

  inferShape(inputs, attrs) {
    const kind = 'avg_pool2d_grad';
    requireInputs(kind, inputs, 1);
    checkPool(kind, attrs);
    requireInts(kind, 'inputSize', attrs.inputSize, 2, 1);
    const [n, oh, ow, c] = requireRank(kind, inputs, 0, 4) as [number, number, number, number];
    const [h, w] = attrs.inputSize;
    const pooled = pooledSize(kind, [h, w], attrs);
    if (pooled[0] !== oh || pooled[1] !== ow) {
      shapeError(kind, `the gradient does not belong to an input of ${h}x${w}`, inputs);
    }
    return [{ shape: [n, h, w, c], dtype: (inputs[0] as TensorType).dtype }];
  },
  macs: () => 0,

  reference: ([dy], attrs) => [referenceSeparable(dy as RefTensor, ...gradientMaps(dy as RefTensor, attrs))],

  vjp(sink, { attrs, gradients }) {
    const { inputSize: _, ...pool } = attrs;
    return [sink.op('avg_pool2d', [gradients[0] as string], pool)];
  },

  toOnnx(e, attrs) {
    const [n, oh, ow, c] = dims4(e.inputType(0));
    const [h, w] = attrs.inputSize;
    const { counts, uniform } = windowCounts(attrs, [oh, ow]);
    const [kh, kw] = attrs.kernelSize;
    const mirrored = mirrorPads({ ...attrs, dilations: [1, 1] }, attrs.kernelSize);
    const scaled = (factor: number): string => {
      const values = Float32Array.from(uniform ? counts.slice(0, 1) : counts, (count) => factor / count);
      return e.add('Mul', [e.input(0), e.floats(uniform ? [] : [1, 1, oh, ow], values)]);
    };
    if (coversInput(attrs, [oh, ow])) return [e.add('Expand', [scaled(1), e.int64s([n, c, h, w])])];
    if (tilesInput(attrs)) {
      return [
        e.add('Resize', [scaled(1), '', '', e.int64s([n, c, h, w])], {
          mode: { string: 'nearest' },
          coordinate_transformation_mode: { string: 'asymmetric' },
          nearest_mode: { string: 'floor' },
        }),
      ];
    }
    if (attrs.strides.every((s) => s === 1)) {
      // A sum over the windows that read each element is again a pool.
      return [
        e.add('AveragePool', [scaled(kh * kw)], {
          ...onnxPoolAttrs({ ...attrs, pads: mirrored }),
          count_include_pad: { int: 1 },
        }),
      ];
    }
    return [separableToOnnx(e, e.input(0), ...gradientMaps(e.inputType(0), attrs))];
  },

  toTfjs(tf, [dy], attrs) {
    const g = dy as tfjs.Tensor4D;
    const [, oh, ow] = g.shape;
    const [h, w] = attrs.inputSize;
    const [kh, kw] = attrs.kernelSize;
    const [top, bottom, left, right] = attrs.pads;
    const { counts, uniform } = windowCounts(attrs, [oh, ow]);
    const share: tfjs.Tensor4D = uniform
      ? tf.mul(g, 1 / (counts[0] as number))
      : tf.mul(
          g,
          tf.tensor4d(
            Float32Array.from(counts, (count) => 1 / count),
            [1, oh, ow, 1],
          ),
        );
    if (coversInput(attrs, [oh, ow])) return [tf.tile(share, [1, h, w, 1])];
    if (attrs.strides.every((s) => s === 1)) {
      const mirrored = mirrorPads({ ...attrs, dilations: [1, 1] }, attrs.kernelSize);
      return [tf.mul(tf.avgPool(padSpatial(tf, share, mirrored), [kh, kw], 1, 'valid'), kh * kw)];
    }
    const taps = Array.from({ length: kh * kw }, (_, i) => ({ y: Math.floor(i / kw), x: i % kw, values: share }));
    const folded = foldTaps(tf, taps, attrs.strides, [h + top + bottom, w + left + right]);
    return [cropSpatial(tf, folded, attrs.pads, [h, w])];
  },

  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};

/** Share of every window's gradient that each input position gets; a count of elements factors into rows times columns. */
function gradientMaps(dy: { readonly shape: readonly number[] }, attrs: AvgPoolGradAttrs): [AxisMap, AxisMap] {
  const [, oh, ow] = dims4(dy);
  const axis = (a: 0 | 1, from: number): AxisMap => {
    const size = attrs.inputSize[a];
    const kernel = attrs.kernelSize[a];
    const data = new Float64Array(size * from);
    for (let i = 0; i < from; i++) {
      const [start, end] = windowRange(i, attrs.strides[a], kernel, attrs.pads[2 * a] as number, size);
      for (let j = start; j < end; j++) data[j * from + i] = 1 / (attrs.countIncludePad ? kernel : end - start);
    }
    return { to: size, from, data };
  };
  return [axis(0, oh), axis(1, ow)];
}

/** Elements that each window's mean is over, row-major, and whether they are all the same. */
function windowCounts(
  attrs: AvgPoolGradAttrs,
  outputSize: readonly [number, number],
): { counts: number[]; uniform: boolean } {
  const [rows, columns] = ([0, 1] as const).map((a) =>
    Array.from({ length: outputSize[a] }, (_, i) => {
      const [start, end] = windowRange(
        i,
        attrs.strides[a],
        attrs.kernelSize[a],
        attrs.pads[2 * a] as number,
        attrs.inputSize[a],
      );
      return attrs.countIncludePad ? attrs.kernelSize[a] : end - start;
    }),
  ) as [number[], number[]];
  const counts = rows.flatMap((r) => columns.map((c) => r * c));
  return { counts, uniform: counts.every((count) => count === counts[0]) };
}

/** One window over the whole input: the same share everywhere. */
function coversInput(
  { kernelSize, pads, inputSize }: AvgPoolGradAttrs,
  outputSize: readonly [number, number],
): boolean {
  return ([0, 1] as const).every((a) => outputSize[a] === 1 && kernelSize[a] - (pads[2 * a] as number) >= inputSize[a]);
}

/** Windows lie side by side and leave nothing over. */
function tilesInput({ kernelSize, strides, pads, inputSize }: AvgPoolGradAttrs): boolean {
  return (
    pads.every((p) => p === 0) &&
    ([0, 1] as const).every((a) => strides[a] === kernelSize[a] && inputSize[a] % kernelSize[a] === 0)
  );
}
