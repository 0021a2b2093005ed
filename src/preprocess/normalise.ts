import type { PreprocessSpec } from './spec.js';

/** Affine quantization of the network's input, as in TFLite: real = scale · (q − zeroPoint). */
export interface InputQuantization {
  readonly scale: number;
  readonly zeroPoint: number;
}

/**
 * Byte → int8 as the device does it: a plain offset where every byte maps exactly (q = u8 + offset, no table in flash),
 * else 256 entries a channel: q = table[256·(c mod channels) + u8]; one channel serves all when they are scaled alike.
 */
export type Int8Map =
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'table'; readonly channels: number; readonly table: Int8Array };

/** y of every byte, (channels, 256); channels is 1 when all channels are scaled alike. */
export interface FloatTable {
  readonly channels: number;
  readonly values: Float32Array;
}

/** y = (u8 − mean[c]) / std[c] in float64, rounded once to float32. */
export function makeFloatTable(spec: PreprocessSpec): FloatTable {
  const alike = spec.mean.every((m) => m === spec.mean[0]) && spec.std.every((s) => s === spec.std[0]);
  const channels = alike ? 1 : spec.channels;
  const values = new Float32Array(256 * channels);
  for (let c = 0; c < channels; c++) {
    const mean = spec.mean[c] as number;
    const std = spec.std[c] as number;
    for (let v = 0; v < 256; v++) values[256 * c + v] = (v - mean) / std;
  }
  return { channels, values };
}

/**
 * The float input of the network from the bytes of applyToU8.
 * @param pixels any number of pixels, channels last
 * @param out where to write, as long as pixels; a new array when left out
 */
export function toFloat(pixels: Uint8Array, spec: PreprocessSpec, out?: Float32Array): Float32Array {
  return applyFloatTable(pixels, makeFloatTable(spec), out);
}

/** toFloat with the table made once for many pictures. */
export function applyFloatTable(
  pixels: Uint8Array,
  table: FloatTable,
  out: Float32Array = new Float32Array(pixels.length),
): Float32Array {
  const { channels, values } = table;
  for (let i = 0, c = 0; i < pixels.length; i++) {
    out[i] = values[256 * c + (pixels[i] as number)] as number;
    if (++c === channels) c = 0;
  }
  return out;
}

/**
 * One value as TFLite's QUANTIZE does it: float32 division, halves away from zero, clamped to −128 … 127.
 * Source: tensorflow/lite/kernels/internal/reference/quantize.h, AffineQuantize.
 */
export function quantizeToInt8(value: number, quantization: InputQuantization): number {
  const ratio = Math.fround(Math.fround(value) / Math.fround(quantization.scale));
  const rounded = ratio < 0 ? -Math.round(-ratio) : Math.round(ratio);
  return Math.min(127, Math.max(-128, rounded + quantization.zeroPoint));
}

/** Byte → int8 for a network whose input is quantized so: normalisation and quantization in one step. */
export function makeInt8Map(spec: PreprocessSpec, quantization: InputQuantization): Int8Map {
  const { channels, values: reals } = makeFloatTable(spec);
  const table = new Int8Array(reals.length);
  let offsetFits = true;
  // Byte 128 is far from both clamps: its image gives the only offset that can fit.
  const offset = quantizeToInt8(reals[128] as number, quantization) - 128;
  for (let i = 0; i < reals.length; i++) {
    const q = quantizeToInt8(reals[i] as number, quantization);
    table[i] = q;
    offsetFits &&= q === (i & 255) + offset;
  }
  return offsetFits ? { kind: 'offset', offset } : { kind: 'table', channels, table };
}

/**
 * The int8 input of the network from the bytes of applyToU8.
 * @param pixels any number of pixels, channels last
 */
export function toInt8(pixels: Uint8Array, map: Int8Map, out: Int8Array = new Int8Array(pixels.length)): Int8Array {
  if (map.kind === 'offset') {
    for (let i = 0; i < pixels.length; i++) out[i] = (pixels[i] as number) + map.offset;
    return out;
  }
  const { table, channels } = map;
  for (let i = 0, c = 0; i < pixels.length; i++) {
    out[i] = table[256 * c + (pixels[i] as number)] as number;
    if (++c === channels) c = 0;
  }
  return out;
}
