import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4 } from './checks.js';
import { prepareInt8AvgPool } from './int8-windows.js';
import { LATER, type OpDef, type RefTensor } from './op-def.js';
import { decodePool, encodePool, inferPool, onnxPoolAttrs, type PoolAttrs, windowRange } from './pooling.js';
import { padSpatial } from './taps.js';
import { padSpatialInTfGraph, windowToTfGraph } from './tf-graph.js';
import { classifyPads } from './window.js';

export interface AvgPoolAttrs extends PoolAttrs {
  /** ONNX's count_include_pad: padding counts as zeros. Default false, as in TensorFlow: it is left out of the mean. */
  readonly countIncludePad?: boolean;
}

/** Mean of each window: [N, H, W, C] → [N, oh, ow, C]. */
export const avgPool2d: OpDef<AvgPoolAttrs> = {
  kind: 'avg_pool2d',
  summary: 'mean over windows, explicit padding, padding counted or not',
  role: 'network',

  inferShape: (inputs, attrs) => inferPool('avg_pool2d', inputs, attrs),
  macs: () => 0,

  reference([x], attrs, [out]) {
    const [n, h, w, c] = dims4(x);
    const [, oh, ow] = dims4(out);
    const xs = (x as RefTensor).data;
    const y = new Float64Array(n * oh * ow * c);
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < oh; i++) {
        const [top, bottom] = windowRange(i, attrs.strides[0], attrs.kernelSize[0], attrs.pads[0], h);
        for (let j = 0; j < ow; j++) {
          const [left, right] = windowRange(j, attrs.strides[1], attrs.kernelSize[1], attrs.pads[2], w);
          const at = ((b * oh + i) * ow + j) * c;
          const count = attrs.countIncludePad
            ? attrs.kernelSize[0] * attrs.kernelSize[1]
            : (bottom - top) * (right - left);
          for (let row = top; row < bottom; row++) {
            for (let col = left; col < right; col++) {
              const xi = ((b * h + row) * w + col) * c;
              for (let k = 0; k < c; k++) y[at + k] = (y[at + k] as number) + (xs[xi + k] as number);
            }
          }
          for (let k = 0; k < c; k++) y[at + k] = (y[at + k] as number) / count;
        }
      }
    }
    return [y];
  },

  vjp(sink, { inputs, attrs, gradients }) {
    const [, height, width] = dims4(sink.type(inputs[0] as string));
    return [sink.op('avg_pool2d_grad', [gradients[0] as string], { ...attrs, inputSize: [height, width] })];
  },

  toOnnx: (e, attrs) => [
    e.add('AveragePool', [e.input(0)], {
      ...onnxPoolAttrs(attrs),
      count_include_pad: { int: attrs.countIncludePad ? 1 : 0 },
    }),
  ],

  toTfjs(tf, [x], attrs) {
    const input = x as tfjs.Tensor4D;
    const [, h, w] = input.shape;
    const kernel: [number, number] = [...attrs.kernelSize];
    const strides: [number, number] = [...attrs.strides];
    const padding = classifyPads(attrs.pads, [h, w], kernel, strides);
    if (padding === 'valid' || (padding === 'same' && !attrs.countIncludePad)) {
      return [tf.avgPool(input, kernel, strides, padding)];
    }
    const mean = tf.avgPool(padSpatial(tf, input, attrs.pads), kernel, strides, 'valid');
    if (attrs.countIncludePad) return [mean];
    const [, oh, ow] = mean.shape;
    const scale = uncountPads(attrs, [h, w], [oh, ow]);
    return [tf.mul(mean, tf.tensor4d(scale, [1, oh, ow, 1]))];
  },

  toTfjsGraph(e, attrs) {
    const [, h, w] = dims4(e.inputType(0));
    const [, oh, ow] = dims4(e.outputType(0));
    const kernel = { ksize: { ints: [1, ...attrs.kernelSize, 1] } };
    const padding = classifyPads(attrs.pads, [h, w], attrs.kernelSize, attrs.strides);
    if (padding === 'valid' || (padding === 'same' && !attrs.countIncludePad)) {
      const { x, attrs: window } = windowToTfGraph(e, attrs.kernelSize, attrs);
      return [e.add('AvgPool', [x], { ...window, ...kernel })];
    }
    const padded = padSpatialInTfGraph(e, attrs.pads, 0);
    const mean = e.add('AvgPool', [padded], {
      ...kernel,
      strides: { ints: [1, ...attrs.strides, 1] },
      padding: { string: 'VALID' },
      data_format: { string: 'NHWC' },
    });
    if (attrs.countIncludePad) return [mean];
    return [e.add('Mul', [mean, e.floats('scale', [1, oh, ow, 1], uncountPads(attrs, [h, w], [oh, ow]))])];
  },

  tflite: {
    decode: {
      AVERAGE_POOL_2D: decodePool('avg_pool2d'),
    },
    encode(e, attrs) {
      if (attrs.countIncludePad && attrs.pads.some((p) => p > 0)) e.refuse('the padding counts in the mean');
      return encodePool('AVERAGE_POOL_2D')(e, attrs);
    },
  },
  int8: { output: 'as-inputs', prepare: prepareInt8AvgPool },
  emitC: LATER.emitC,
  // The compiler refuses a fused activation, which this op never carries.
  edgeTpu: [],
};

/** Factor of every window that takes its padding out of a mean that counted it: (oh, ow). */
function uncountPads(
  { kernelSize, strides, pads }: AvgPoolAttrs,
  [h, w]: readonly [number, number],
  [oh, ow]: readonly [number, number],
): Float32Array {
  const scale = new Float32Array(oh * ow);
  for (let i = 0; i < oh; i++) {
    const [top, bottom] = windowRange(i, strides[0], kernelSize[0], pads[0], h);
    for (let j = 0; j < ow; j++) {
      const [left, right] = windowRange(j, strides[1], kernelSize[1], pads[2], w);
      scale[i * ow + j] = (kernelSize[0] * kernelSize[1]) / ((bottom - top) * (right - left));
    }
  }
  return scale;
}
