import type * as tfjs from '@tensorflow/tfjs-core';
import { elementCount, sameShape, type TensorType } from '../ir/graph.js';
import { dims4, requireInputs, shapeError } from './checks.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor, unsupported } from './op-def.js';
import { inferPool, onnxMaxPoolAttrs, type PoolAttrs, windowRange } from './pooling.js';
import { cropSpatial, foldTaps, openWindows, slideTap, type Tap } from './taps.js';

/**
 * Gradient of max_pool2d: x [N, H, W, C], y and dy [N, oh, ow, C] → [N, H, W, C]. Each window's gradient goes to its first
 * maximum in row-major order, as in TensorFlow; overlapping windows add up.
 */
export const maxPool2dGrad: OpDef<PoolAttrs> = {
  kind: 'max_pool2d_grad',
  summary: 'gradient of max_pool2d',
  role: 'gradient',

  inferShape(inputs, attrs) {
    const kind = 'max_pool2d_grad';
    requireInputs(kind, inputs, 3);
    const [x, y, dy] = inputs as [TensorType, TensorType, TensorType];
    const [pooled] = inferPool(kind, [x], attrs) as [TensorType];
    if (!sameShape(pooled.shape, y.shape) || !sameShape(pooled.shape, dy.shape)) {
      shapeError(kind, `y and dy must be [${pooled.shape}]`, inputs);
    }
    return [{ shape: x.shape, dtype: 'float32' }];
  },
  macs: () => 0,

  reference([x, , dy], attrs) {
    const [n, h, w, c] = dims4(x);
    const [, oh, ow] = dims4(dy);
    const xs = (x as RefTensor).data;
    const g = (dy as RefTensor).data;
    const dx = new Float64Array(xs.length);
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < oh; i++) {
        const [top, bottom] = windowRange(i, attrs.strides[0], attrs.kernelSize[0], attrs.pads[0], h);
        for (let j = 0; j < ow; j++) {
          const [left, right] = windowRange(j, attrs.strides[1], attrs.kernelSize[1], attrs.pads[2], w);
          for (let k = 0; k < c; k++) {
            let first = ((b * h + top) * w + left) * c + k;
            for (let row = top; row < bottom; row++) {
              for (let col = left; col < right; col++) {
                const at = ((b * h + row) * w + col) * c + k;
                if ((xs[at] as number) > (xs[first] as number)) first = at;
              }
            }
            dx[first] = (dx[first] as number) + (g[((b * oh + i) * ow + j) * c + k] as number);
          }
        }
      }
    }
    return [dx];
  },

  vjp: unsupported('second derivatives through the choice of a maximum are not needed'),

  toOnnx(e, attrs) {
    const [n, h, w, c] = dims4(e.inputType(0));
    const count = elementCount(e.inputType(0).shape);
    const windows = elementCount(e.inputType(2).shape);
    // Indices point into the whole flattened NCHW tensor, batch and channel included; the first maximum wins.
    const [, indices] = e.addMulti('MaxPool', [e.input(0)], 2, onnxMaxPoolAttrs(attrs)) as [string, string];
    const zeros = e.add('Expand', [e.floats([1], Float32Array.of(0)), e.int64s([count])]);
    const scattered = e.add(
      'ScatterElements',
      [zeros, e.add('Reshape', [indices, e.int64s([windows])]), e.add('Reshape', [e.input(2), e.int64s([windows])])],
      { axis: { int: 0 }, reduction: { string: 'add' } },
    );
    return [e.add('Reshape', [scattered, e.int64s([n, c, h, w])])];
  },

  // Composed: the wasm backend's own MaxPoolGrad is wrong. A tap takes the gradient where it equals the maximum and no
  // earlier tap did.
  toTfjs(tf, [x, y, dy], attrs) {
    const input = x as tfjs.Tensor4D;
    const max = y as tfjs.Tensor4D;
    const [, h, w] = input.shape;
    const [, oh, ow] = max.shape;
    const [kh, kw] = attrs.kernelSize;
    const [top, bottom, left, right] = attrs.pads;
    const windows = openWindows(tf, input, attrs, attrs.kernelSize, [oh, ow], Number.NEGATIVE_INFINITY);
    const taps: Tap[] = [];
    let rest = dy as tfjs.Tensor4D;
    for (let p = 0; p < kh; p++) {
      for (let q = 0; q < kw; q++) {
        const won = tf.cast(tf.equal(slideTap(tf, windows, p, q), max), 'float32');
        const values = tf.mul(rest, won) as tfjs.Tensor4D;
        taps.push({ y: p, x: q, values });
        if (p + q < kh + kw - 2) rest = tf.sub(rest, values);
      }
    }
    const folded = foldTaps(tf, taps, attrs.strides, [h + top + bottom, w + left + right]);
    return [cropSpatial(tf, folded, attrs.pads, [h, w])];
  },

  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
