import type { WireTensor } from '../artifact/manifest.js';
import { elementCount } from '../ir/graph.js';
import type { WireCodec } from '../wire/codecs/codec.js';
import { createCodec } from '../wire/codecs/create-codec.js';

/** What arrives at the gateway. */
export interface Transmitted {
  /** `count` records of int8 values as the gateway decodes them. */
  readonly received: Int8Array;
  /** Payload bytes of each record, all wire tensors together. */
  readonly payloadBytes: readonly number[];
}

/** The wire tensors' codecs, one after another in every record. */
export class WireLink {
  readonly #codecs: readonly WireCodec[];
  readonly #sizes: readonly number[];

  constructor(wire: readonly WireTensor[]) {
    this.#codecs = wire.map(({ codec, shape }) => createCodec(codec, shape));
    this.#sizes = wire.map(({ shape }) => elementCount(shape));
  }

  /**
   * Encodes and decodes every record for real, so that a codec's defect shows in the accuracy.
   * @param sent `count` records of int8 values, each its wire tensors one after the other
   * @throws IsplitError E_WIRE_PAYLOAD when the decoder refuses what the encoder made
   */
  transmit(sent: Int8Array, count: number): Transmitted {
    const received = new Int8Array(sent.length);
    const payloadBytes: number[] = [];
    let at = 0;
    for (let i = 0; i < count; i++) {
      let bytes = 0;
      for (const [t, codec] of this.#codecs.entries()) {
        const size = this.#sizes[t] as number;
        const payload = codec.encode(toCodes(sent.subarray(at, at + size)));
        received.set(fromCodes(codec.decode(payload)), at);
        bytes += payload.length;
        at += size;
      }
      payloadBytes.push(bytes);
    }
    return { received, payloadBytes };
  }
}

/** Codes of int8 values: value + 128. */
export function toCodes(values: Int8Array): Uint8Array {
  const codes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) codes[i] = (values[i] as number) + 128;
  return codes;
}

/** Inverse of toCodes. */
export function fromCodes(codes: Uint8Array): Int8Array {
  const values = new Int8Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = (codes[i] as number) - 128;
  return values;
}

/**
 * Records of wire values by tensor.
 * @param values records one after the other, each its wire tensors one after the other
 * @returns per wire tensor all records
 */
export function splitWire(values: Int8Array, count: number, wire: readonly WireTensor[]): Int8Array[] {
  const sizes = wire.map(({ shape }) => elementCount(shape));
  const record = sizes.reduce((sum, size) => sum + size, 0);
  let start = 0;
  return sizes.map((size) => {
    const own = new Int8Array(count * size);
    for (let i = 0; i < count; i++) {
      const from = i * record + start;
      own.set(values.subarray(from, from + size), i * size);
    }
    start += size;
    return own;
  });
}

/** What a float tail gets: real = scale · (q − zeroPoint), rounded to float32, per wire tensor all records. */
export function dequantizeWire(values: Int8Array, count: number, wire: readonly WireTensor[]): Float32Array[] {
  return splitWire(values, count, wire).map((own, i) => {
    const { scale, zeroPoint } = wire[i] as WireTensor;
    return Float32Array.from(own, (q) => scale * (q - zeroPoint));
  });
}
