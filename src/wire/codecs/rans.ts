/**
 * Range asymmetric numeral system over static tables. docs/wire-codecs.md has the format for strangers.
 * Source: J. Duda, arXiv:1311.2540; byte-wise renormalisation as F. Giesen describes it ("Interleaved entropy coders", arXiv:1402.3392).
 *
 * The encoder walks forward over the codes that the device holds in its arena (once for the check, once to code) and puts
 * bytes in order; the decoder reads the payload from its end and finds the last code first. All states are below 2^31.
 */
import { fail } from '../../core/errors.js';
import type { CodecSpec, WireCodec } from './codec.js';
import { packCodes, packedBytes, unpackCodes } from './packed.js';

export type RansSpec = Extract<CodecSpec, { readonly id: 'rans' }>;

/** From 2^23 on a state is full: the decoder reads bytes until it is. */
export const RANS_FULL_STATE = 2 ** 23;
/** The encoder begins, and the decoder must end, with this plus a check over all codes. Smaller states would code badly. */
export const RANS_FIRST_STATE = 2 ** 16;
/** The check is h ← (h · factor + code) mod 2^16 from 0: any one wrong code shows. */
export const RANS_CHECK_FACTOR = 40503;
const CHECK_MASK = 0xffff;

/** Frequencies before each code, and all of them: 2^bits + 1 entries. */
export function cumulate(table: readonly number[]): Uint16Array {
  const starts = new Uint16Array(table.length + 1);
  for (let code = 0; code < table.length; code++) starts[code + 1] = (starts[code] as number) + (table[code] as number);
  return starts;
}

/**
 * A payload that would not be shorter than the packed codes is the packed codes instead: no payload is longer, and its length alone
 * says which it is.
 * @param spec free of problems (listCodecProblems)
 */
export function createRans(elements: number, spec: RansSpec): WireCodec {
  const { bits } = spec;
  const maxBytes = packedBytes(elements, bits);
  const coder = new RansCoder(elements, spec);
  const scratch = new Uint8Array(maxBytes);
  return {
    spec,
    maxBytes,
    encode(codes) {
      const length = coder.encode(codes, scratch);
      return length < maxBytes ? scratch.slice(0, length) : packCodes(codes, bits);
    },
    decode(payload) {
      if (payload.length > maxBytes || payload.length === 0) {
        fail('E_WIRE_PAYLOAD', `a payload of this tensor has 1 to ${maxBytes} B, this one has ${payload.length} B`, {
          codec: 'rans',
          maxBytes,
          bytes: payload.length,
        });
      }
      if (payload.length < maxBytes) return coder.decode(payload);
      const codes = unpackCodes(payload, elements, bits);
      const length = coder.encode(codes, scratch);
      if (length < maxBytes) corrupt(payload, `${maxBytes} B of packed codes that take ${length} B`);
      return codes;
    },
  };
}

class RansCoder {
  readonly #elements: number;
  readonly #precision: number;
  readonly #largest: number;
  readonly #tableOfChannel: Uint16Array;
  readonly #starts: readonly Uint16Array[];
  /** Code of each of the 2^precision slots, per table; made by the first decode. */
  #codeOfSlot: readonly Uint8Array[] | undefined;

  constructor(elements: number, { bits, precision, tableOfChannel, tables }: RansSpec) {
    this.#elements = elements;
    this.#precision = precision;
    this.#largest = 2 ** bits - 1;
    this.#tableOfChannel = Uint16Array.from(tableOfChannel);
    this.#starts = tables.map(cumulate);
  }

  /** @returns length of the payload in `out`; out.length when it would not be shorter than that */
  encode(codes: Uint8Array, out: Uint8Array): number {
    const precision = this.#precision;
    const largest = this.#largest;
    const allStarts = this.#starts;
    const tableOfChannel = this.#tableOfChannel;
    const channels = tableOfChannel.length;
    let state = RANS_FIRST_STATE + checkOf(codes, largest);
    let length = 0;
    let channel = 0;
    for (let i = 0; i < codes.length; i++) {
      const starts = allStarts[tableOfChannel[channel] as number] as Uint16Array;
      const given = codes[i] as number;
      const code = given < largest ? given : largest;
      const start = starts[code] as number;
      const frequency = (starts[code + 1] as number) - start;
      const limit = frequency << (31 - precision);
      while (state >= limit) {
        if (length === out.length) return length;
        out[length++] = state & 0xff;
        state >>>= 8;
      }
      const quotient = (state / frequency) | 0;
      state = (quotient << precision) + (state - quotient * frequency) + start;
      if (++channel === channels) channel = 0;
    }
    for (; state > 0; state >>>= 8) {
      if (length === out.length) return length;
      out[length++] = state & 0xff;
    }
    return length;
  }

  /** @throws IsplitError E_WIRE_PAYLOAD */
  decode(payload: Uint8Array): Uint8Array {
    const precision = this.#precision;
    const allStarts = this.#starts;
    const tableOfChannel = this.#tableOfChannel;
    const channels = tableOfChannel.length;
    const mask = 2 ** precision - 1;
    const slots = this.#slots();
    const codes = new Uint8Array(this.#elements);
    let at = payload.length;
    let state = 0;
    let channel = channels - 1;
    if (payload[at - 1] === 0) corrupt(payload, 'its last byte is 0');
    while (state < RANS_FULL_STATE && at > 0) state = (state << 8) | (payload[--at] as number);
    for (let i = codes.length - 1; i >= 0; i--) {
      const table = tableOfChannel[channel] as number;
      const starts = allStarts[table] as Uint16Array;
      const slot = state & mask;
      const code = (slots[table] as Uint8Array)[slot] as number;
      const start = starts[code] as number;
      state = ((starts[code + 1] as number) - start) * (state >>> precision) + slot - start;
      while (state < RANS_FULL_STATE && at > 0) state = (state << 8) | (payload[--at] as number);
      codes[i] = code;
      if (channel-- === 0) channel = channels - 1;
    }
    if (at > 0) corrupt(payload, `${at} B of it belong to no code`);
    const first = RANS_FIRST_STATE + checkOf(codes, this.#largest);
    if (state !== first) corrupt(payload, `its codes end in state ${state} and not in ${first}`);
    return codes;
  }

  #slots(): readonly Uint8Array[] {
    this.#codeOfSlot ??= this.#starts.map((starts) => {
      const slots = new Uint8Array(2 ** this.#precision);
      for (let code = 0; code + 1 < starts.length; code++) slots.fill(code, starts[code], starts[code + 1]);
      return slots;
    });
    return this.#codeOfSlot;
  }
}

function checkOf(codes: Uint8Array, largest: number): number {
  let check = 0;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] as number;
    check = (Math.imul(check, RANS_CHECK_FACTOR) + (code < largest ? code : largest)) & CHECK_MASK;
  }
  return check;
}

function corrupt(payload: Uint8Array, why: string): never {
  fail('E_WIRE_PAYLOAD', `no encoder makes this payload of ${payload.length} B: ${why}`, {
    codec: 'rans',
    bytes: payload.length,
  });
}
