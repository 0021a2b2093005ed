import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4 } from './checks.js';
import {
  inferResizeGrad,
  nearestIndices,
  nearestMap,
  type ResizeGradAttrs,
  resizeGradMaps,
  wholeRepetition,
} from './interpolation.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor } from './op-def.js';
import { referenceSeparable, separableToOnnx, separableToTfjs } from './separable.js';

/** Gradient of resize_nearest: dy [N, oh, ow, C] → [N, H, W, C]. */
export const resizeNearestGrad: OpDef<ResizeGradAttrs> = {
  kind: 'resize_nearest_grad',
  summary: 'gradient of resize_nearest',
  role: 'gradient',

  inferShape: (inputs, attrs) => inferResizeGrad('resize_nearest_grad', inputs, attrs),
  macs: () => 0,
  reference: ([dy], attrs) => [
    referenceSeparable(dy as RefTensor, ...resizeGradMaps(nearestMap, dy as RefTensor, attrs)),
  ],

  vjp(sink, { inputs, attrs, gradients }) {
    const [, oh, ow] = dims4(sink.type(inputs[0] as string));
    const { alignCorners, halfPixelCenters } = attrs;
    return [sink.op('resize_nearest', [gradients[0] as string], { size: [oh, ow], alignCorners, halfPixelCenters })];
  },

  toOnnx(e, attrs) {
    const times = repetitions(e.inputType(0), attrs);
    if (!times) return [separableToOnnx(e, e.input(0), ...resizeGradMaps(nearestMap, e.inputType(0), attrs))];
    const pool = { kernel_shape: { ints: times }, strides: { ints: times } };
    return [
      e.add('Mul', [e.add('AveragePool', [e.input(0)], pool), e.floats([], Float32Array.of(times[0] * times[1]))]),
    ];
  },

  // Not tfjs's own kernel: the cpu backend's gradient of the nearest resize is wrong.
  toTfjs(tf, [dy], attrs) {
    const g = dy as tfjs.Tensor4D;
    const times = repetitions(g, attrs);
    if (!times) return [separableToTfjs(tf, g, ...resizeGradMaps(nearestMap, g, attrs))];
    return [tf.mul(tf.avgPool(g, times, times, 'valid'), times[0] * times[1])];
  },

  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};

/** When every pixel was repeated equally often, its gradient is the sum over a window of that size. */
function repetitions(dy: { readonly shape: readonly number[] }, attrs: ResizeGradAttrs): [number, number] | undefined {
  const [, oh, ow] = dims4(dy);
  const [h, w] = attrs.inputSize;
  const rows = wholeRepetition(nearestIndices(h, oh, attrs), h);
  const columns = wholeRepetition(nearestIndices(w, ow, attrs), w);
  return rows && columns ? [rows, columns] : undefined;
}
