import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4, requireInputs, requireRank } from './checks.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor, unsupported } from './op-def.js';
import { type ConvAttrs, checkConv } from './window.js';
import { planWinograd, winogradFilterGradToOnnx } from './winograd.js';

export interface Conv2dFilterGradAttrs extends ConvAttrs {
  readonly kernelSize: readonly [number, number];
}

/** Gradient of conv2d with respect to its filter: x [N, H, W, I], dy [N, oh, ow, O] → [O, kh, kw, I]. */
export const conv2dFilterGrad: OpDef<Conv2dFilterGradAttrs> = {
  kind: 'conv2d_filter_grad',
  summary: 'gradient of conv2d with respect to its filter',
  role: 'gradient',

  inferShape(inputs, attrs) {
    requireInputs('conv2d_filter_grad', inputs, 2);
    checkConv('conv2d_filter_grad', attrs);
    const [, , , i] = requireRank('conv2d_filter_grad', inputs, 0, 4) as [number, number, number, number];
    const [, , , o] = requireRank('conv2d_filter_grad', inputs, 1, 4) as [number, number, number, number];
    return [{ shape: [o, ...attrs.kernelSize, i], dtype: 'float32' }];
  },

  macs(inputs, outputs) {
    const [n, oh, ow] = dims4(inputs[1]);
    const [o, kh, kw, i] = dims4(outputs[0]);
    return n * oh * ow * o * kh * kw * i;
  },

  reference([x, dy], attrs) {
    const [n, h, w, c] = dims4(x);
    const [, oh, ow, o] = dims4(dy);
    const [kh, kw] = attrs.kernelSize;
    const xs = (x as RefTensor).data;
    const g = (dy as RefTensor).data;
    const df = new Float64Array(o * kh * kw * c);
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < oh; i++) {
        for (let j = 0; j < ow; j++) {
          for (let p = 0; p < kh; p++) {
            const row = i * attrs.strides[0] - attrs.pads[0] + p * attrs.dilations[0];
            if (row < 0 || row >= h) continue;
            for (let q = 0; q < kw; q++) {
              const col = j * attrs.strides[1] - attrs.pads[2] + q * attrs.dilations[1];
              if (col < 0 || col >= w) continue;
              const xi = ((b * h + row) * w + col) * c;
              for (let k = 0; k < o; k++) {
                const gv = g[((b * oh + i) * ow + j) * o + k] as number;
                const fi = ((k * kh + p) * kw + q) * c;
                for (let m = 0; m < c; m++) df[fi + m] = (df[fi + m] as number) + gv * (xs[xi + m] as number);
              }
            }
          }
        }
      }
    }
    return [df];
  },

  vjp: unsupported('second derivatives are not needed for importance or training'),

  toOnnx(e, attrs) {
    const [n, , , c] = dims4(e.inputType(0));
    const [, oh, ow, o] = dims4(e.inputType(1));
    const [kh, kw] = attrs.kernelSize;
    const [top, bottom, left, right] = attrs.pads;
    const plan = planWinograd(attrs, [kh, kw], dims4(e.inputType(0)), dims4(e.inputType(1)));
    if (plan) return [winogradFilterGradToOnnx(e, plan, e.input(0), e.input(1))];
    const positions = n * oh * ow;
    // One matrix product per kernel position over strided slices, channels innermost: far faster than a dilated Conv.
    const padded = attrs.pads.some((p) => p > 0)
      ? e.add('Pad', [e.input(0), e.int64s([0, 0, top, left, 0, 0, bottom, right])])
      : e.input(0);
    const pixels = e.add('Transpose', [padded], { perm: { ints: [0, 2, 3, 1] } });
    const gradient = e.add('Transpose', [e.input(1)], { perm: { ints: [1, 0, 2, 3] } });
    const rows = e.add('Reshape', [gradient, e.int64s([o, positions])]);
    const taps: string[] = [];
    for (let p = 0; p < kh; p++) {
      for (let q = 0; q < kw; q++) {
        const y0 = p * attrs.dilations[0];
        const x0 = q * attrs.dilations[1];
        const slice = e.add('Slice', [
          pixels,
          e.int64s([y0, x0]),
          e.int64s([y0 + (oh - 1) * attrs.strides[0] + 1, x0 + (ow - 1) * attrs.strides[1] + 1]),
          e.int64s([1, 2]),
          e.int64s(attrs.strides),
        ]);
        const product = e.add('MatMul', [rows, e.add('Reshape', [slice, e.int64s([positions, c])])]);
        taps.push(e.add('Reshape', [product, e.int64s([o, 1, c])]));
      }
    }
    const stacked = taps.length === 1 ? (taps[0] as string) : e.add('Concat', taps, { axis: { int: 1 } });
    return [e.toPhysicalLayout(e.add('Reshape', [stacked, e.int64s([o, kh, kw, c])]), 4)];
  },

  toTfjs(tf, [x, dy], attrs) {
    const g = dy as tfjs.Tensor4D;
    const [n, oh, ow, o] = g.shape;
    const [kh, kw] = attrs.kernelSize;
    const [top, bottom, left, right] = attrs.pads;
    const padded = tf.pad4d(x as tfjs.Tensor4D, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ]);
    const c = padded.shape[3];
    const flat = tf.reshape(g, [n * oh * ow, o]) as tfjs.Tensor2D;
    const taps: tfjs.Tensor[] = [];
    for (let p = 0; p < kh; p++) {
      for (let q = 0; q < kw; q++) {
        const y0 = p * attrs.dilations[0];
        const x0 = q * attrs.dilations[1];
        const slice = tf.stridedSlice(
          padded,
          [0, y0, x0, 0],
          [n, y0 + (oh - 1) * attrs.strides[0] + 1, x0 + (ow - 1) * attrs.strides[1] + 1, c],
          [1, ...attrs.strides, 1],
        );
        taps.push(tf.matMul(flat, tf.reshape(slice, [n * oh * ow, c]) as tfjs.Tensor2D, true, false));
      }
    }
    return [tf.reshape(tf.stack(taps, 1), [o, kh, kw, c])];
  },

  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
