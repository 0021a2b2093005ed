import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4, requireInputs, requireInts, requireRank, shapeError } from './checks.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor } from './op-def.js';
import { openWindows, slideTap } from './taps.js';
import { type ConvAttrs, checkConv, windowOutput } from './window.js';

export interface DepthwiseFilterGradAttrs extends ConvAttrs {
  readonly kernelSize: readonly [number, number];
}

/** Gradient of depthwise_conv2d with respect to its filter: x [N, H, W, C], dy [N, oh, ow, C·m] → [1, kh, kw, C·m]. */
export const depthwiseConv2dFilterGrad: OpDef<DepthwiseFilterGradAttrs> = {
  kind: 'depthwise_conv2d_filter_grad',
  summary: 'gradient of depthwise_conv2d with respect to its filter',
  role: 'gradient',

  inferShape(inputs, attrs) {
    const kind = 'depthwise_conv2d_filter_grad';
    requireInputs(kind, inputs, 2);
    checkConv(kind, attrs);
    requireInts(kind, 'kernelSize', attrs.kernelSize, 2, 1);
    const [, h, w, c] = requireRank(kind, inputs, 0, 4) as [number, number, number, number];
    const [, oh, ow, o] = requireRank(kind, inputs, 1, 4) as [number, number, number, number];
    const [kh, kw] = attrs.kernelSize;
    const [top, bottom, left, right] = attrs.pads;
    if (o % c !== 0) shapeError(kind, `${o} gradient channels are no multiple of ${c} input channels`, inputs);
    if (
      windowOutput(kind, h, kh, attrs.strides[0], attrs.dilations[0], top + bottom) !== oh ||
      windowOutput(kind, w, kw, attrs.strides[1], attrs.dilations[1], left + right) !== ow
    ) {
      shapeError(kind, `the gradient does not belong to an input of ${h}x${w}`, inputs);
    }
    return [{ shape: [1, kh, kw, o], dtype: 'float32' }];
  },

  macs(inputs, outputs) {
    const [n, oh, ow, o] = dims4(inputs[1]);
    const [, kh, kw] = dims4(outputs[0]);
    return n * oh * ow * o * kh * kw;
  },

  reference([x, dy], attrs) {
    const [n, h, w, c] = dims4(x);
    const [, oh, ow, o] = dims4(dy);
    const [kh, kw] = attrs.kernelSize;
    const m = o / c;
    const xs = (x as RefTensor).data;
    const g = (dy as RefTensor).data;
    const df = new Float64Array(kh * kw * o);
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < oh; i++) {
        for (let j = 0; j < ow; j++) {
          for (let p = 0; p < kh; p++) {
            const row = i * attrs.strides[0] - attrs.pads[0] + p * attrs.dilations[0];
            if (row < 0 || row >= h) continue;
            for (let q = 0; q < kw; q++) {
              const col = j * attrs.strides[1] - attrs.pads[2] + q * attrs.dilations[1];
              if (col < 0 || col >= w) continue;
              for (let k = 0; k < o; k++) {
                const at = (p * kw + q) * o + k;
                const xv = xs[((b * h + row) * w + col) * c + Math.floor(k / m)] as number;
                df[at] = (df[at] as number) + xv * (g[((b * oh + i) * ow + j) * o + k] as number);
              }
            }
          }
        }
      }
    }
    return [df];
  },

  // Bilinear in x and dy, so both derivatives are depthwise convolutions again.
  vjp(sink, { inputs, attrs, gradients, needs }) {
    const [x, dy] = inputs as [string, string];
    const g = gradients[0] as string;
    const { strides, pads, dilations } = attrs;
    const [, height, width, c] = dims4(sink.type(x));
    const [, , , o] = dims4(sink.type(dy));
    return [
      needs[0]
        ? sink.op('depthwise_conv2d_input_grad', [dy, g], {
            strides,
            pads,
            dilations,
            inputSize: [height, width],
            multiplier: o / c,
          })
        : undefined,
      needs[1] ? sink.op('depthwise_conv2d', [x, g], { strides, pads, dilations }) : undefined,
    ];
  },

  toOnnx(e, attrs) {
    const [n, , , c] = dims4(e.inputType(0));
    const [, oh, ow, o] = dims4(e.inputType(1));
    const [kh, kw] = attrs.kernelSize;
    const [top, bottom, left, right] = attrs.pads;
    const m = o / c;
    const padded = attrs.pads.some((p) => p > 0)
      ? e.add('Pad', [e.input(0), e.int64s([0, 0, top, left, 0, 0, bottom, right])])
      : e.input(0);
    const dy = m === 1 ? e.input(1) : e.add('Reshape', [e.input(1), e.int64s([n, c, m, oh, ow])]);
    const taps: string[] = [];
    for (let p = 0; p < kh; p++) {
      for (let q = 0; q < kw; q++) {
        const y0 = p * attrs.dilations[0];
        const x0 = q * attrs.dilations[1];
        let values = e.add('Slice', [
          padded,
          e.int64s([y0, x0]),
          e.int64s([y0 + (oh - 1) * attrs.strides[0] + 1, x0 + (ow - 1) * attrs.strides[1] + 1]),
          e.int64s([2, 3]),
          e.int64s(attrs.strides),
        ]);
        if (m > 1) values = e.add('Reshape', [values, e.int64s([n, c, 1, oh, ow])]);
        const sum = e.add('ReduceSum', [e.add('Mul', [values, dy]), e.int64s(m === 1 ? [0, 2, 3] : [0, 3, 4])], {
          keepdims: { int: 0 },
        });
        taps.push(e.add('Reshape', [sum, e.int64s([o, 1])]));
      }
    }
    const stacked = taps.length === 1 ? (taps[0] as string) : e.add('Concat', taps, { axis: { int: 1 } });
    return [e.add('Reshape', [stacked, e.int64s([1, o, kh, kw])])];
  },

  toTfjs(tf, [x, dy], attrs) {
    const g = dy as tfjs.Tensor4D;
    const input = x as tfjs.Tensor4D;
    const [n, oh, ow, o] = g.shape;
    const c = input.shape[3];
    const m = o / c;
    const [kh, kw] = attrs.kernelSize;
    const [dh, dw] = attrs.dilations;
    const windows = openWindows(tf, input, attrs, [(kh - 1) * dh + 1, (kw - 1) * dw + 1], [oh, ow]);
    const rows = tf.reshape(g, [n * oh * ow, c, m]);
    const taps: tfjs.Tensor[] = [];
    for (let p = 0; p < kh; p++) {
      for (let q = 0; q < kw; q++) {
        const values = slideTap(tf, windows, p * dh, q * dw);
        taps.push(tf.reshape(tf.sum(tf.mul(rows, tf.reshape(values, [n * oh * ow, c, 1])), 0), [o]));
      }
    }
    return [tf.reshape(tf.stack(taps), [1, kh, kw, o])];
  },

  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
