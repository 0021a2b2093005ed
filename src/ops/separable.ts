/**
 * Linear maps of height and width that factor into one matrix an axis: gradients of average pooling and of resizing,
 * interpolation itself. Constant matrices and matrix products are exact and the same on every engine.
 */
import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4 } from './checks.js';
import type { OnnxEmitter, RefTensor, Tfjs } from './op-def.js';

/** Row-major [to, from] matrix of one axis. */
export interface AxisMap {
  readonly to: number;
  readonly from: number;
  readonly data: Float64Array;
}

export function transposeMap({ to, from, data }: AxisMap): AxisMap {
  const out = new Float64Array(data.length);
  for (let i = 0; i < to; i++) for (let j = 0; j < from; j++) out[j * to + i] = data[i * from + j] as number;
  return { to: from, from: to, data: out };
}

/** x [N, h, w, C] → [N, rows.to, columns.to, C]. */
export function referenceSeparable(x: RefTensor, rows: AxisMap, columns: AxisMap): Float64Array {
  const [n, h, w, c] = dims4(x);
  const across = mapAxis(x.data, n * h, w, c, columns);
  return mapAxis(across, n, h, columns.to * c, rows);
}

/** [outer, from, inner] → [outer, to, inner]. */
function mapAxis(x: Float64Array, outer: number, from: number, inner: number, map: AxisMap): Float64Array {
  const y = new Float64Array(outer * map.to * inner);
  for (let b = 0; b < outer; b++) {
    for (let i = 0; i < map.to; i++) {
      for (let j = 0; j < from; j++) {
        const weight = map.data[i * from + j] as number;
        if (weight === 0) continue;
        const source = (b * from + j) * inner;
        const target = (b * map.to + i) * inner;
        for (let k = 0; k < inner; k++) y[target + k] = (y[target + k] as number) + weight * (x[source + k] as number);
      }
    }
  }
  return y;
}

/** Physical NCHW value in and out: rows · x · columnsᵀ. */
export function separableToOnnx(e: OnnxEmitter, x: string, rows: AxisMap, columns: AxisMap): string {
  const right = transposeMap(columns);
  const across = e.add('MatMul', [x, e.floats([right.to, right.from], Float32Array.from(right.data))]);
  return e.add('MatMul', [e.floats([rows.to, rows.from], Float32Array.from(rows.data)), across]);
}

export function separableToTfjs(tf: Tfjs, x: tfjs.Tensor4D, rows: AxisMap, columns: AxisMap): tfjs.Tensor4D {
  const [n, h, w, c] = x.shape;
  const matrix = ({ to, from, data }: AxisMap): tfjs.Tensor3D => tf.tensor3d(Float32Array.from(data), [1, to, from]);
  const down = tf.matMul(matrix(rows), tf.reshape(x, [n, h, w * c]) as tfjs.Tensor3D);
  // The width is contracted as the second-to-last axis too, so that channels stay innermost.
  const across = tf.matMul(matrix(columns), tf.reshape(down, [n * rows.to, w, c]) as tfjs.Tensor3D);
  return tf.reshape(across, [n, rows.to, columns.to, c]) as tfjs.Tensor4D;
}
