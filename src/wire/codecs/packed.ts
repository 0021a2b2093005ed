import { fail } from '../../core/errors.js';
import type { WireBits, WireCodec } from './codec.js';
import { checkLength } from './raw.js';

export function packedBytes(elements: number, bits: WireBits): number {
  return Math.ceil((elements * bits) / 8);
}

/** `bits` bits a code, the first code in the lowest bits of the first byte; the last byte is filled with zeros. */
export function createPacked(elements: number, bits: WireBits): WireCodec {
  const maxBytes = packedBytes(elements, bits);
  return {
    spec: { id: 'packed', bits },
    maxBytes,
    encode: (codes) => packCodes(codes, bits),
    decode(payload) {
      checkLength(payload, maxBytes, 'packed');
      return unpackCodes(payload, elements, bits);
    },
  };
}

/** Codes that `bits` bits cannot hold become the largest one that they can, as on the device. */
export function packCodes(codes: Uint8Array, bits: WireBits): Uint8Array {
  if (bits === 8) return codes.slice();
  const perByte = 8 / bits;
  const largest = 2 ** bits - 1;
  const payload = new Uint8Array(packedBytes(codes.length, bits));
  for (let i = 0; i < codes.length; i++) {
    const at = Math.floor(i / perByte);
    const code = Math.min(codes[i] as number, largest);
    payload[at] = (payload[at] as number) | (code << (bits * (i % perByte)));
  }
  return payload;
}

/** @throws IsplitError E_WIRE_PAYLOAD when the bits behind the last code are not zero */
export function unpackCodes(payload: Uint8Array, elements: number, bits: WireBits): Uint8Array {
  if (bits === 8) return payload.slice();
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  const codes = new Uint8Array(elements);
  for (let i = 0; i < elements; i++) {
    codes[i] = ((payload[Math.floor(i / perByte)] as number) >> (bits * (i % perByte))) & mask;
  }
  const used = (elements * bits) % 8;
  const filling = used === 0 ? 0 : (payload[payload.length - 1] as number) >> used;
  if (filling !== 0) {
    fail('E_WIRE_PAYLOAD', 'the last byte of a packed payload is not filled with zeros', { filling });
  }
  return codes;
}
