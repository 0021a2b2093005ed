import type { WireTensor } from '../artifact/manifest.js';

/**
 * Records of wire bytes by tensor.
 * @param sent records one after the other, each its wire tensors one after the other
 * @returns per wire tensor all records
 */
export function splitWire(sent: Int8Array, count: number, wire: readonly WireTensor[]): Int8Array[] {
  const recordBytes = wire.reduce((sum, tensor) => sum + tensor.bytes, 0);
  let start = 0;
  return wire.map(({ bytes }) => {
    const values = new Int8Array(count * bytes);
    for (let i = 0; i < count; i++) {
      const from = i * recordBytes + start;
      values.set(sent.subarray(from, from + bytes), i * bytes);
    }
    start += bytes;
    return values;
  });
}

/** What a float tail gets: real = scale · (q − zeroPoint), rounded to float32, per wire tensor all records. */
export function dequantizeWire(sent: Int8Array, count: number, wire: readonly WireTensor[]): Float32Array[] {
  return splitWire(sent, count, wire).map((values, i) => {
    const { scale, zeroPoint } = wire[i] as WireTensor;
    return Float32Array.from(values, (q) => scale * (q - zeroPoint));
  });
}
