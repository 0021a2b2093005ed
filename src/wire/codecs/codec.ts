/** How the codes of one wire tensor become the payload of a frame, and back. */

export const CODEC_IDS = ['raw', 'packed', 'rans'] as const;
export type CodecId = (typeof CODEC_IDS)[number];

/** Bits of a code. */
export const WIRE_CODE_BITS = [1, 2, 4, 8] as const;
export type WireBits = (typeof WIRE_CODE_BITS)[number];

/** Frequencies of a rANS table add up to 2^14 at most: 256 codes of frequency 1 then cost little, and sums fit 16 bits. */
export const MAX_PRECISION = 14;
/** Tables of one wire tensor, at most. */
export const MAX_TABLES = 256;

/**
 * What both ends must agree on; the manifest's wire tensors hold it and the splitId covers it. A code is int8 value + 128: 0 … 255
 * for 8 bits, else 0 … 2^bits − 1.
 */
export type CodecSpec =
  /** One byte a code: the int8 values themselves. */
  | { readonly id: 'raw' }
  /** `bits` bits a code, first code in the lowest bits, last byte filled with zeros. */
  | { readonly id: 'packed'; readonly bits: WireBits }
  /** Range asymmetric numeral system with static tables. Source: J. Duda, arXiv:1311.2540; F. Giesen's byte-wise variant. */
  | {
      readonly id: 'rans';
      readonly bits: WireBits;
      /** Frequencies of a table add up to 2^precision. */
      readonly precision: number;
      /** Table of each channel (last axis of the tensor). */
      readonly tableOfChannel: readonly number[];
      /** Frequency of each code, at least 1. */
      readonly tables: readonly (readonly number[])[];
    };

export interface WireCodec {
  readonly spec: CodecSpec;
  /** No payload is longer: exact for `raw` and `packed`. */
  readonly maxBytes: number;
  /** @param codes one tensor, row-major, last axis channels; codes too large for the spec's bits become the largest that fits */
  encode(codes: Uint8Array): Uint8Array;
  /** @throws IsplitError E_WIRE_PAYLOAD for a payload that no encoder makes; in time bounded by the tensor's size */
  decode(payload: Uint8Array): Uint8Array;
}
