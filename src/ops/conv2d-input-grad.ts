import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4, requireInputs, requireRank, shapeError } from './checks.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor } from './op-def.js';
import { scatterProducts } from './taps.js';
import {
  type ConvAttrs,
  checkConv,
  mirrorPads,
  onnxPads,
  outputPadding,
  rotateToOnnx,
  windowOutput,
} from './window.js';
import { planWinograd, winogradToOnnx } from './winograd.js';

export interface Conv2dInputGradAttrs extends ConvAttrs {
  /** Height and width of the convolution's input. */
  readonly inputSize: readonly [number, number];
}

/** Gradient of conv2d with respect to its input: dy [N, oh, ow, O], filter [O, kh, kw, I] → [N, H, W, I]. */
export const conv2dInputGrad: OpDef<Conv2dInputGradAttrs> = {
  kind: 'conv2d_input_grad',
  summary: 'gradient of conv2d with respect to its input',
  role: 'gradient',

  inferShape(inputs, attrs) {
    const kind = 'conv2d_input_grad';
    requireInputs(kind, inputs, 2);
    checkConv(kind, attrs);
    const [n, oh, ow, o] = requireRank(kind, inputs, 0, 4) as [number, number, number, number];
    const [fo, kh, kw, i] = requireRank(kind, inputs, 1, 4) as [number, number, number, number];
    const [h, w] = attrs.inputSize;
    const [top, bottom, left, right] = attrs.pads;
    if (
      o !== fo ||
      windowOutput(kind, h, kh, attrs.strides[0], attrs.dilations[0], top + bottom) !== oh ||
      windowOutput(kind, w, kw, attrs.strides[1], attrs.dilations[1], left + right) !== ow
    ) {
      shapeError(kind, `the gradient does not belong to an input of ${h}x${w}`, inputs);
    }
    return [{ shape: [n, h, w, i], dtype: 'float32' }];
  },

  macs(inputs) {
    const [n, oh, ow, o] = dims4(inputs[0]);
    const [, kh, kw, i] = dims4(inputs[1]);
    return n * oh * ow * o * kh * kw * i;
  },

  reference([dy, filter], attrs, [out]) {
    const [n, oh, ow, o] = dims4(dy);
    const [, kh, kw, c] = dims4(filter);
    const [, h, w] = dims4(out);
    const g = (dy as RefTensor).data;
    const fs = (filter as RefTensor).data;
    const dx = new Float64Array(n * h * w * c);
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < oh; i++) {
        for (let j = 0; j < ow; j++) {
          for (let k = 0; k < o; k++) {
            const gv = g[((b * oh + i) * ow + j) * o + k] as number;
            for (let p = 0; p < kh; p++) {
              const row = i * attrs.strides[0] - attrs.pads[0] + p * attrs.dilations[0];
              if (row < 0 || row >= h) continue;
              for (let q = 0; q < kw; q++) {
                const col = j * attrs.strides[1] - attrs.pads[2] + q * attrs.dilations[1];
                if (col < 0 || col >= w) continue;
                const xi = ((b * h + row) * w + col) * c;
                const fi = ((k * kh + p) * kw + q) * c;
                for (let m = 0; m < c; m++) dx[xi + m] = (dx[xi + m] as number) + gv * (fs[fi + m] as number);
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
      needs[0] ? sink.op('conv2d', [g, filter], { strides, pads, dilations }) : undefined,
      needs[1] ? sink.op('conv2d_filter_grad', [g, dy], { strides, pads, dilations, kernelSize: [kh, kw] }) : undefined,
    ];
  },

  toOnnx(e, attrs) {
    const [, oh, ow] = dims4(e.inputType(0));
    const [, kh, kw] = dims4(e.inputType(1));
    const window = {
      kernel_shape: { ints: [kh, kw] },
      strides: { ints: attrs.strides },
      dilations: { ints: attrs.dilations },
    };
    const mirrored = mirrorPads(attrs, [kh, kw]);
    const adjoint = { ...attrs, pads: mirrored };
    const plan = e.constant(1)
      ? undefined
      : planWinograd(adjoint, [kh, kw], dims4(e.inputType(0)), dims4(e.outputType(0)));
    if (plan) return [winogradToOnnx(e, plan, e.input(0), e.input(1), { adjoint: true })];
    // A stride-1 gradient is a convolution with the rotated filter: faster than ConvTranspose, even if the filter is rotated every time.
    if (attrs.strides.every((s) => s === 1) && mirrored.every((p) => p >= 0)) {
      const exchanged = e.add('Transpose', [rotateToOnnx(e, e.input(1), [kh, kw])], { perm: { ints: [1, 0, 2, 3] } });
      return [e.add('Conv', [e.input(0), exchanged], { ...window, pads: onnxPads(mirrored) })];
    }
    return [
      e.add('ConvTranspose', [e.input(0), e.input(1)], {
        ...window,
        pads: onnxPads(attrs.pads),
        output_padding: { ints: outputPadding(attrs, attrs.inputSize, [oh, ow], [kh, kw]) },
      }),
    ];
  },

  toTfjs(tf, [dy, filter], attrs) {
    const g = dy as tfjs.Tensor4D;
    const f = filter as tfjs.Tensor4D;
    const [n] = g.shape;
    const [, kh, kw, c] = f.shape;
    const [h, w] = attrs.inputSize;
    const [top, bottom, left, right] = attrs.pads;
    const mirrored = [kh - 1 - top, kh - 1 - bottom, kw - 1 - left, kw - 1 - right] as const;
    const dense = attrs.dilations.every((d) => d === 1);
    if (attrs.strides.every((s) => s === 1) && dense && mirrored.every((p) => p >= 0)) {
      // Recomposed as a forward convolution: stock wasm has no fast input gradient.
      const rotated = tf.transpose(tf.reverse(f, [1, 2]), [1, 2, 0, 3]);
      const padded = tf.pad4d(g, [
        [0, 0],
        [mirrored[0], mirrored[1]],
        [mirrored[2], mirrored[3]],
        [0, 0],
      ]);
      return [tf.conv2d(padded, rotated as tfjs.Tensor4D, 1, 'valid')];
    }
    const hwio = tf.transpose(f, [1, 2, 3, 0]) as tfjs.Tensor4D;
    const size: [number, number, number, number] = [n, h + top + bottom, w + left + right, c];
    const full = dense
      ? tf.conv2dTranspose(g, hwio, size, [...attrs.strides], 'valid')
      : scatterProducts(
          tf,
          g,
          (p, q) => tf.reshape(tf.slice4d(f, [0, p, q, 0], [-1, 1, 1, c]), [-1, c]) as tfjs.Tensor2D,
          [kh, kw],
          attrs,
          [size[1], size[2]],
        );
    return [tf.slice4d(full, [0, top, left, 0], [n, h, w, c])];
  },

  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
