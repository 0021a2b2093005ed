import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4 } from './checks.js';
import { prepareInt8MaxPool } from './int8-windows.js';
import { LATER, type OpDef, type RefTensor, type Tfjs } from './op-def.js';
import { decodePool, encodePool, inferPool, onnxMaxPoolAttrs, type PoolAttrs, windowRange } from './pooling.js';
import { padSpatial } from './taps.js';
import { windowToTfGraph } from './tf-graph.js';
import { classifyPads } from './window.js';

/** Largest value of each window: [N, H, W, C] → [N, oh, ow, C]. Padding never wins. */
export const maxPool2d: OpDef<PoolAttrs> = {
  kind: 'max_pool2d',
  summary: 'maximum over windows, explicit padding',
  role: 'network',

  inferShape: (inputs, attrs) => inferPool('max_pool2d', inputs, attrs),
  macs: () => 0,

  reference([x], attrs, [out]) {
    const [n, h, w, c] = dims4(x);
    const [, oh, ow] = dims4(out);
    const xs = (x as RefTensor).data;
    const y = new Float64Array(n * oh * ow * c).fill(Number.NEGATIVE_INFINITY);
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < oh; i++) {
        const [top, bottom] = windowRange(i, attrs.strides[0], attrs.kernelSize[0], attrs.pads[0], h);
        for (let j = 0; j < ow; j++) {
          const [left, right] = windowRange(j, attrs.strides[1], attrs.kernelSize[1], attrs.pads[2], w);
          const at = ((b * oh + i) * ow + j) * c;
          for (let row = top; row < bottom; row++) {
            for (let col = left; col < right; col++) {
              const xi = ((b * h + row) * w + col) * c;
              for (let k = 0; k < c; k++) y[at + k] = Math.max(y[at + k] as number, xs[xi + k] as number);
            }
          }
        }
      }
    }
    return [y];
  },

  vjp(sink, { inputs, outputs, attrs, gradients }) {
    const { kernelSize, strides, pads } = attrs;
    return [
      sink.op('max_pool2d_grad', [inputs[0] as string, outputs[0] as string, gradients[0] as string], {
        kernelSize,
        strides,
        pads,
      }),
    ];
  },

  toOnnx: (e, attrs) => [e.add('MaxPool', [e.input(0)], onnxMaxPoolAttrs(attrs))],
  toTfjs: (tf, [x], attrs) => [maxPoolToTfjs(tf, x as tfjs.Tensor4D, attrs)],

  toTfjsGraph(e, attrs) {
    const { x, attrs: window } = windowToTfGraph(e, attrs.kernelSize, attrs, LOWEST);
    return [e.add('MaxPool', [x], { ...window, ksize: { ints: [1, ...attrs.kernelSize, 1] } })];
  },

  tflite: {
    decode: {
      MAX_POOL_2D: decodePool('max_pool2d'),
    },
    encode: encodePool('MAX_POOL_2D'),
  },
  int8: { output: 'as-inputs', prepare: prepareInt8MaxPool },
  emitC: LATER.emitC,
  // The compiler refuses a fused activation, which this op never carries.
  edgeTpu: [],
};

/** Lowest finite float32: below everything, and arithmetic with it gives no NaN. */
const LOWEST = -3.4028234663852886e38;

function maxPoolToTfjs(tf: Tfjs, x: tfjs.Tensor4D, attrs: PoolAttrs): tfjs.Tensor4D {
  const kernel: [number, number] = [...attrs.kernelSize];
  const strides: [number, number] = [...attrs.strides];
  const padding = classifyPads(attrs.pads, [x.shape[1], x.shape[2]], kernel, strides);
  if (padding !== 'explicit') return tf.maxPool(x, kernel, strides, padding);
  return tf.maxPool(padSpatial(tf, x, attrs.pads, LOWEST), kernel, strides, 'valid');
}
