import { replaceConstants } from '../train/trainable-constants.js';
import type { BottleneckedNetwork } from './bottleneck.js';

/**
 * The same network with smaller values on the wire, and so shorter codes: the encoder's last layer gives `factor` times what it gave before
 * its clamp, the decoder's first layer takes it back. Before rounding nothing else changes but that less is clamped.
 * @param factor 0 < factor ≤ 1
 */
export function scaleWire(network: BottleneckedNetwork, factor: number): BottleneckedNetwork {
  const { head, tail, encoderParameters, decoderParameters } = network;
  const named = (ids: readonly string[], name: string): string | undefined => ids.find((id) => id.endsWith(`/${name}`));
  const encoder = ['encoder/kernel', 'encoder/bias'].flatMap((name) => named(encoderParameters, name) ?? []);
  const first = named(decoderParameters, 'decoder/hidden/kernel') ?? named(decoderParameters, 'decoder/kernel');
  const offset = named(decoderParameters, 'decoder/offset');
  if (encoder.length !== 2 || first === undefined) throw new Error(`"${network.wire}" has no encoder and decoder`);
  const scaled = (id: string, by: number): [string, Float32Array] => {
    const data = (encoderParameters.includes(id) ? head : tail).tensors.get(id)?.data as Float32Array;
    return [id, data.map((v) => v * by)];
  };
  return {
    ...network,
    head: replaceConstants(head, new Map(encoder.map((id) => scaled(id, factor)))),
    // What is added before the kernel is in units of the wire.
    tail: replaceConstants(
      tail,
      new Map([scaled(first, 1 / factor), ...(offset === undefined ? [] : [scaled(offset, factor)])]),
    ),
  };
}
