import type { SampleBatch } from '../data/dataset.js';
import { type InputQuantization, type Int8Map, quantizeToInt8, toInt8 } from '../preprocess/normalise.js';

/**
 * int8 inputs of the head as the device makes them: pictures through the map of bytes; samples that are stored as floats value by
 * value, as TFLite's QUANTIZE does it.
 */
export function quantizeSamples(batch: SampleBatch, map: Int8Map, input: InputQuantization): Int8Array {
  if (batch.pixels) return toInt8(batch.pixels, map);
  return Int8Array.from(batch.inputs, (value) => quantizeToInt8(value, input));
}
