import { type InputQuantization, quantizeToInt8 } from '../preprocess/normalise.js';
import type { CalibrationSource } from './build-head.js';

/** The first calibration samples as int8 network inputs, one after the other. */
export async function quantizeInputs(
  calibration: CalibrationSource,
  atMost: number,
  quantization: InputQuantization,
): Promise<{ samples: Int8Array; count: number }> {
  const pieces: Float32Array[] = [];
  let count = 0;
  for await (const batch of calibration.samples()) {
    const used = Math.min(batch.count, atMost - count);
    pieces.push(batch.inputs.slice(0, (used * batch.inputs.length) / batch.count));
    count += used;
    if (count >= atMost) break;
  }
  const samples = new Int8Array(pieces.reduce((n, piece) => n + piece.length, 0));
  let at = 0;
  for (const piece of pieces) for (const value of piece) samples[at++] = quantizeToInt8(value, quantization);
  return { samples, count };
}
