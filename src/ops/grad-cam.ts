import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4, requireInputs, requireRank, shapeError } from './checks.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor, unsupported } from './op-def.js';

/**
 * Class activation map, M = relu(mean_c(w_c · A_c)): activation [N, H, W, C], channel weights [N, C] → [N, H·W].
 * Source: Selvaraju et al., "Grad-CAM", ICCV 2017, eq. 2, with the channel mean of I-SPLIT (Cunico et al., ICPR 2022).
 * A product of matrices instead of a broadcast product: the [N, H, W, C] intermediate is never made.
 */
export const gradCam: OpDef = {
  kind: 'grad_cam',
  summary: 'class activation map relu(mean over channels of weight times activation)',
  role: 'gradient',

  inferShape(inputs) {
    requireInputs('grad_cam', inputs, 2);
    const [n, h, w, c] = requireRank('grad_cam', inputs, 0, 4) as [number, number, number, number];
    const [wn, wc] = requireRank('grad_cam', inputs, 1, 2) as [number, number];
    if (wn !== n || wc !== c) shapeError('grad_cam', `the weights must be [${n}, ${c}]`, inputs);
    return [{ shape: [n, h * w], dtype: 'float32' }];
  },
  macs: (inputs) => dims4(inputs[0]).reduce((a, b) => a * b, 1),

  reference([a, weights]) {
    const [n, h, w, c] = dims4(a);
    const as = (a as RefTensor).data;
    const ws = (weights as RefTensor).data;
    const map = new Float64Array(n * h * w);
    for (let b = 0; b < n; b++) {
      for (let p = 0; p < h * w; p++) {
        let sum = 0;
        for (let k = 0; k < c; k++) sum += (as[(b * h * w + p) * c + k] as number) * (ws[b * c + k] as number);
        map[b * h * w + p] = Math.max(sum / c, 0);
      }
    }
    return [map];
  },
  vjp: unsupported('importance is not differentiated again'),

  toOnnx(e) {
    const [n, h, w, c] = dims4(e.inputType(0));
    const a = e.add('Reshape', [e.input(0), e.int64s([n, c, h * w])]);
    const scaled = e.add('Mul', [e.input(1), e.floats([], Float32Array.of(1 / c))]);
    const rows = e.add('Reshape', [scaled, e.int64s([n, 1, c])]);
    const map = e.add('Reshape', [e.add('MatMul', [rows, a]), e.int64s([n, h * w])]);
    return [e.add('Relu', [map])];
  },
  toTfjs(tf, [a, weights]) {
    const x = a as tfjs.Tensor4D;
    const [n, h, w, c] = x.shape;
    const map = tf.matMul(tf.reshape(x, [n, h * w, c]), tf.reshape(weights as tfjs.Tensor2D, [n, c, 1]));
    return [tf.relu(tf.div(tf.reshape(map, [n, h * w]), c))];
  },
  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
