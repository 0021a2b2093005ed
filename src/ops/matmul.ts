import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorType } from '../ir/graph.js';
import { dims2, requireInputs, requireRank, shapeError } from './checks.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor } from './op-def.js';

export interface MatmulAttrs {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Product of two matrices, each optionally transposed: [m, k] · [k, n] → [m, n]. */
export const matmul: OpDef<MatmulAttrs> = {
  kind: 'matmul',
  summary: 'matrix product of two rank-2 tensors, each optionally transposed',
  role: 'gradient',

  inferShape(inputs, attrs) {
    requireInputs('matmul', inputs, 2);
    const a = requireRank('matmul', inputs, 0, 2) as readonly [number, number];
    const b = requireRank('matmul', inputs, 1, 2) as readonly [number, number];
    const [m, ka] = attrs.transposeA ? [a[1], a[0]] : a;
    const [kb, n] = attrs.transposeB ? [b[1], b[0]] : b;
    if (ka !== kb) shapeError('matmul', `inner dimensions ${ka} and ${kb} differ`, inputs);
    return [{ shape: [m, n], dtype: 'float32' }];
  },

  macs(inputs, outputs, attrs) {
    const [m, n] = (outputs[0] as TensorType).shape as [number, number];
    return m * n * (inputs[0]?.shape[attrs.transposeA ? 0 : 1] as number);
  },

  reference([a, b], attrs, [out]) {
    const [m, n] = dims2(out);
    const [rows, columns] = dims2(a);
    const k = attrs.transposeA ? rows : columns;
    const bColumns = (b as RefTensor).shape[1] as number;
    const y = new Float64Array(m * n);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) {
          const av = (a as RefTensor).data[attrs.transposeA ? p * columns + i : i * columns + p] as number;
          const bv = (b as RefTensor).data[attrs.transposeB ? j * bColumns + p : p * bColumns + j] as number;
          sum += av * bv;
        }
        y[i * n + j] = sum;
      }
    }
    return [y];
  },

  vjp(sink, { inputs, attrs, gradients, needs }) {
    const [a, b] = inputs as [string, string];
    const g = gradients[0] as string;
    const { transposeA: ta, transposeB: tb } = attrs;
    const product = (x: string, y: string, transposeA: boolean, transposeB: boolean): string =>
      sink.op('matmul', [x, y], { transposeA, transposeB });
    return [
      needs[0] ? (ta ? product(b, g, tb, true) : product(g, b, false, !tb)) : undefined,
      needs[1] ? (tb ? product(g, a, true, ta) : product(a, g, !ta, false)) : undefined,
    ];
  },

  toOnnx: (e, attrs) => [
    e.add('Gemm', [e.input(0), e.input(1)], {
      transA: { int: attrs.transposeA ? 1 : 0 },
      transB: { int: attrs.transposeB ? 1 : 0 },
    }),
  ],
  toTfjs: (tf, [a, b], attrs) => [
    tf.matMul(a as tfjs.Tensor2D, b as tfjs.Tensor2D, attrs.transposeA, attrs.transposeB),
  ],
  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
