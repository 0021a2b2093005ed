/** TensorFlow's weight layouts → those of the graph, which are TFLite's. Depthwise kernels need no change of order. */

/** [kh, kw, in, out] → [out, kh, kw, in]. */
export function hwioToOhwi(
  data: Float32Array,
  [kh, kw, i, o]: readonly [number, number, number, number],
): Float32Array {
  return transposeMatrix(data, kh * kw * i, o);
}

/** Kernels of transposed convolutions: [kh, kw, out, in] → [out, kh, kw, in]. */
export function hwoiToOhwi(
  data: Float32Array,
  [kh, kw, o, i]: readonly [number, number, number, number],
): Float32Array {
  const out = new Float32Array(data.length);
  const taps = kh * kw;
  for (let t = 0; t < taps; t++) {
    for (let k = 0; k < o; k++) {
      const from = (t * o + k) * i;
      out.set(data.subarray(from, from + i), (k * taps + t) * i);
    }
  }
  return out;
}

/** [rows, columns] → [columns, rows]. */
export function transposeMatrix(data: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c] as number;
  return out;
}
