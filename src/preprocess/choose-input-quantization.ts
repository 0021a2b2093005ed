import { type InputQuantization, makeInt8Map } from './normalise.js';
import type { PreprocessSpec } from './spec.js';

/**
 * Quantization of the input under which a byte becomes int8 by adding an offset, exactly and without a table: all channels
 * scaled alike, (u8 − mean) / std with a whole mean in 0 … 255 gives scale 1/std and zero point mean − 128.
 * @returns undefined where bytes need a table; then the range comes from the samples
 */
export function chooseInputQuantization(spec: PreprocessSpec): InputQuantization | undefined {
  const [mean, std] = [spec.mean[0] as number, spec.std[0] as number];
  const alike = spec.mean.every((m) => m === mean) && spec.std.every((s) => s === std);
  // A mean of 127.5 is off by half a step: every byte would be, and with it the whole first layer.
  if (!alike || !Number.isInteger(mean) || mean < 0 || mean > 255) return undefined;
  const quantization = { scale: Math.fround(1 / std), zeroPoint: mean - 128 };
  return makeInt8Map(spec, quantization).kind === 'offset' ? quantization : undefined;
}
