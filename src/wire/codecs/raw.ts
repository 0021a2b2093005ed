import { fail } from '../../core/errors.js';
import type { WireCodec } from './codec.js';

/** One byte a code: the int8 value, which is code − 128. */
export function createRaw(elements: number): WireCodec {
  const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0x80);
  return {
    spec: { id: 'raw' },
    maxBytes: elements,
    encode: (codes) => flip(codes),
    decode(payload) {
      checkLength(payload, elements, 'raw');
      return flip(payload);
    },
  };
}

/** @throws IsplitError E_WIRE_PAYLOAD */
export function checkLength(payload: Uint8Array, bytes: number, codec: string): void {
  if (payload.length === bytes) return;
  fail('E_WIRE_PAYLOAD', `a ${codec} payload of this tensor has ${bytes} B, this one has ${payload.length} B`, {
    codec,
    expectedBytes: bytes,
    bytes: payload.length,
  });
}
