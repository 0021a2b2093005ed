import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4, requireInputs, requireInts, requireRank, shapeError } from './checks.js';
import { depthwiseToTfjs } from './depthwise-conv2d.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor } from './op-def.js';
import { cropSpatial, foldTaps, padSpatial, type Tap } from './taps.js';
import {
  type ConvAttrs,
  checkConv,
  mirrorPads,
  onnxPads,
  outputPadding,
  rotateToOnnx,
  windowOutput,
} from './window.js';

export interface DepthwiseInputGradAttrs extends ConvAttrs {
  /** Height and width of the convolution's input. */
  readonly inputSize: readonly [number, number];
  /** Output channels per input channel of the convolution. */
  readonly multiplier: number;
}

/** Gradient of depthwise_conv2d with respect to its input: dy [N, oh, ow, C·m], filter [1, kh, kw, C·m] → [N, H, W, C]. */
export const depthwiseConv2dInputGrad: OpDef<DepthwiseInputGradAttrs> = {
  kind: 'depthwise_conv2d_input_grad',
  summary: 'gradient of depthwise_conv2d with respect to its input',
  role: 'gradient',

  inferShape(inputs, attrs) {
    const kind = 'depthwise_conv2d_input_grad';
    requireInputs(kind, inputs, 2);
    checkConv(kind, attrs);
    requireInts(kind, 'inputSize', attrs.inputSize, 2, 1);
    const [n, oh, ow, o] = requireRank(kind, inputs, 0, 4) as [number, number, number, number];
    const [one, kh, kw, fo] = requireRank(kind, inputs, 1, 4) as [number, number, number, number];
    const [h, w] = attrs.inputSize;
    const [top, bottom, left, right] = attrs.pads;
    if (one !== 1 || o !== fo || !Number.isSafeInteger(o / attrs.multiplier)) {
      shapeError(kind, `${o} gradient channels, multiplier ${attrs.multiplier} and the filter do not fit`, inputs);
    }
    if (
      windowOutput(kind, h, kh, attrs.strides[0], attrs.dilations[0], top + bottom) !== oh ||
      windowOutput(kind, w, kw, attrs.strides[1], attrs.dilations[1], left + right) !== ow
    ) {
      shapeError(kind, `the gradient does not belong to an input of ${h}x${w}`, inputs);
    }
    return [{ shape: [n, h, w, o / attrs.multiplier], dtype: 'float32' }];
  },

  macs(inputs) {
    const [n, oh, ow, o] = dims4(inputs[0]);
    const [, kh, kw] = dims4(inputs[1]);
    return n * oh * ow * o * kh * kw;
  },

  reference([dy, filter], attrs) {
    const [n, oh, ow, o] = dims4(dy);
    const [, kh, kw] = dims4(filter);
    const [h, w] = attrs.inputSize;
    const c = o / attrs.multiplier;
    const g = (dy as RefTensor).data;
    const fs = (filter as RefTensor).data;
    const dx = new Float64Array(n * h * w * c);
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
                const at = ((b * h + row) * w + col) * c + Math.floor(k / attrs.multiplier);
                const product = (g[((b * oh + i) * ow + j) * o + k] as number) * (fs[(p * kw + q) * o + k] as number);
                dx[at] = (dx[at] as number) + product;
              }
            }
          }
        }
      }
    }
    return [dx];
  },

  vjp(sink, { inputs, attrs, gradients, needs }) {
    const [dy, filter] = inputs as [string, string];
    const g = gradients[0] as string;
    const { strides, pads, dilations } = attrs;
    const [, kh, kw] = dims4(sink.type(filter));
    return [
      needs[0] ? sink.op('depthwise_conv2d', [g, filter], { strides, pads, dilations }) : undefined,
      needs[1]
        ? sink.op('depthwise_conv2d_filter_grad', [g, dy], { strides, pads, dilations, kernelSize: [kh, kw] })
        : undefined,
    ];
  },

  toOnnx(e, attrs) {
    const [, oh, ow, o] = dims4(e.inputType(0));
    const [, kh, kw] = dims4(e.inputType(1));
    const [sh, sw] = attrs.strides;
    const m = attrs.multiplier;
    const c = o / m;
    const mirrored = mirrorPads(attrs, [kh, kw]);
    // Stride 1: a grouped convolution with the rotated filter; each group reads the m channels of one input channel.
    if (sh === 1 && sw === 1 && mirrored.every((p) => p >= 0)) {
      const filter = e.add('Reshape', [e.input(1), e.int64s([c, m, kh, kw])]);
      return [
        e.add('Conv', [e.input(0), rotateToOnnx(e, filter, [kh, kw])], {
          kernel_shape: { ints: [kh, kw] },
          strides: { ints: [1, 1] },
          dilations: { ints: attrs.dilations },
          pads: onnxPads(mirrored),
          group: { int: c },
        }),
      ];
    }
    return [
      e.add('ConvTranspose', [e.input(0), e.add('Reshape', [e.input(1), e.int64s([o, 1, kh, kw])])], {
        kernel_shape: { ints: [kh, kw] },
        strides: { ints: attrs.strides },
        dilations: { ints: attrs.dilations },
        pads: onnxPads(attrs.pads),
        output_padding: { ints: outputPadding(attrs, attrs.inputSize, [oh, ow], [kh, kw]) },
        group: { int: c },
      }),
    ];
  },

  toTfjs(tf, [dy, filter], attrs) {
    const g = dy as tfjs.Tensor4D;
    const f = filter as tfjs.Tensor4D;
    const [n, , , o] = g.shape;
    const [, kh, kw] = f.shape;
    const [h, w] = attrs.inputSize;
    const [top, bottom, left, right] = attrs.pads;
    const m = attrs.multiplier;
    const mirrored = mirrorPads(attrs, [kh, kw]);
    let perOutput: tfjs.Tensor4D;
    if (attrs.strides.every((s) => s === 1) && mirrored.every((p) => p >= 0)) {
      const rotated = tf.reshape(tf.reverse(f, [1, 2]), [kh, kw, o, 1]) as tfjs.Tensor4D;
      perOutput = depthwiseToTfjs(tf, padSpatial(tf, g, mirrored), rotated, attrs);
    } else {
      const taps: Tap[] = [];
      for (let p = 0; p < kh; p++) {
        for (let q = 0; q < kw; q++) {
          const weights = tf.reshape(tf.slice4d(f, [0, p, q, 0], [1, 1, 1, o]), [o]);
          taps.push({ y: p * attrs.dilations[0], x: q * attrs.dilations[1], values: tf.mul(g, weights) });
        }
      }
      const padded = foldTaps(tf, taps, attrs.strides, [h + top + bottom, w + left + right]);
      perOutput = cropSpatial(tf, padded, attrs.pads, attrs.inputSize);
    }
    if (m === 1) return [perOutput];
    return [tf.reshape(tf.sum(tf.reshape(perOutput, [n * h * w, o / m, m]), 2), [n, h, w, o / m])];
  },

  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
