import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4 } from './checks.js';
import { bilinearMap, inferResizeGrad, type ResizeGradAttrs, resizeGradMaps } from './interpolation.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor } from './op-def.js';
import { referenceSeparable, separableToOnnx, separableToTfjs } from './separable.js';

/** Gradient of resize_bilinear: dy [N, oh, ow, C] → [N, H, W, C]. */
export const resizeBilinearGrad: OpDef<ResizeGradAttrs> = {
  kind: 'resize_bilinear_grad',
  summary: 'gradient of resize_bilinear',
  role: 'gradient',

  inferShape: (inputs, attrs) => inferResizeGrad('resize_bilinear_grad', inputs, attrs),
  macs: () => 0,
  reference: ([dy], attrs) => [
    referenceSeparable(dy as RefTensor, ...resizeGradMaps(bilinearMap, dy as RefTensor, attrs)),
  ],

  vjp(sink, { inputs, attrs, gradients }) {
    const [, oh, ow] = dims4(sink.type(inputs[0] as string));
    const { alignCorners, halfPixelCenters } = attrs;
    return [sink.op('resize_bilinear', [gradients[0] as string], { size: [oh, ow], alignCorners, halfPixelCenters })];
  },

  toOnnx: (e, attrs) => [separableToOnnx(e, e.input(0), ...resizeGradMaps(bilinearMap, e.inputType(0), attrs))],
  toTfjs: (tf, [dy], attrs) => [
    separableToTfjs(tf, dy as tfjs.Tensor4D, ...resizeGradMaps(bilinearMap, dy as tfjs.Tensor4D, attrs)),
  ],

  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
