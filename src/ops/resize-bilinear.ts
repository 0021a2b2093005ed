import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4 } from './checks.js';
import { prepareInt8ResizeBilinear } from './int8-windows.js';
import {
  bilinearMap,
  decodeResize,
  encodeResize,
  inferResize,
  onnxSizes,
  RESIZE_ON_EDGE_TPU,
  type ResizeAttrs,
  resizeMaps,
} from './interpolation.js';
import { LATER, type OpDef, type RefTensor } from './op-def.js';
import { referenceSeparable } from './separable.js';

/** Bilinear resize without antialiasing: [N, H, W, C] → [N, size, C]. */
export const resizeBilinear: OpDef<ResizeAttrs> = {
  kind: 'resize_bilinear',
  summary: 'bilinear resize of height and width, corners aligned or not, half-pixel centres or not',
  role: 'network',

  inferShape: (inputs, attrs) => inferResize('resize_bilinear', inputs, attrs),
  macs: () => 0,
  reference: ([x], attrs) => [referenceSeparable(x as RefTensor, ...resizeMaps(bilinearMap, x as RefTensor, attrs))],

  vjp(sink, { inputs, attrs, gradients }) {
    const [, h, w] = dims4(sink.type(inputs[0] as string));
    const { alignCorners, halfPixelCenters } = attrs;
    return [
      sink.op('resize_bilinear_grad', [gradients[0] as string], { inputSize: [h, w], alignCorners, halfPixelCenters }),
    ];
  },

  toOnnx(e, attrs) {
    const mode = attrs.alignCorners ? 'align_corners' : attrs.halfPixelCenters ? 'half_pixel' : 'asymmetric';
    return [
      e.add('Resize', [e.input(0), '', '', onnxSizes(e, attrs)], {
        mode: { string: 'linear' },
        coordinate_transformation_mode: { string: mode },
      }),
    ];
  },

  toTfjs: (tf, [x], attrs) => [
    tf.image.resizeBilinear(x as tfjs.Tensor4D, [...attrs.size], attrs.alignCorners, attrs.halfPixelCenters),
  ],

  toTfjsGraph: (e, { size, alignCorners, halfPixelCenters }) => [
    e.add('ResizeBilinear', [e.input(0), e.int32s('size', [2], size)], {
      align_corners: { bool: alignCorners },
      half_pixel_centers: { bool: halfPixelCenters },
    }),
  ],

  tflite: {
    decode: { RESIZE_BILINEAR: (op, sink) => decodeResize('resize_bilinear', op, sink) },
    encode: encodeResize('RESIZE_BILINEAR'),
  },
  int8: { output: 'as-inputs', prepare: prepareInt8ResizeBilinear },
  emitC: LATER.emitC,
  edgeTpu: RESIZE_ON_EDGE_TPU,
};
