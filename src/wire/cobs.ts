/**
 * Consistent Overhead Byte Stuffing: frames on a serial line without a zero in them, each ended by one.
 * Source: S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7(2), 1999.
 */
import { fail } from '../core/errors.js';

/** A block holds so many bytes that are not zero, at most. */
const LONGEST_BLOCK = 254;
export const COBS_DELIMITER = 0;

/** Bytes of an encoded frame, delimiter included, at most. */
export function cobsMaxBytes(length: number): number {
  return length + Math.floor(length / LONGEST_BLOCK) + 2;
}

/** @returns the bytes without any zero, and the delimiter */
export function encodeCobs(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(cobsMaxBytes(bytes.length));
  let block = 0;
  let length = 1;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte !== 0) out[length++] = byte;
    const blockBytes = length - block - 1;
    if (byte !== 0 && blockBytes < LONGEST_BLOCK) continue;
    // A full block says nothing of a zero, so the last one of the data needs no other behind it.
    if (byte !== 0 && i + 1 === bytes.length) break;
    out[block] = length - block;
    block = length++;
  }
  out[block] = length - block;
  out[length++] = COBS_DELIMITER;
  return out.slice(0, length);
}

/** @param bytes between two delimiters, without them @throws IsplitError E_WIRE_COBS */
export function decodeCobs(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; ) {
    const code = bytes[at] as number;
    const next = at + code;
    if (code === 0) corrupt(`a zero at ${at}`, bytes.length);
    if (next > bytes.length) corrupt(`a block of ${code - 1} B at ${at}`, bytes.length);
    for (let i = at + 1; i < next; i++) {
      const byte = bytes[i] as number;
      if (byte === 0) corrupt(`a zero at ${i}`, bytes.length);
      out[length++] = byte;
    }
    at = next;
    if (code <= LONGEST_BLOCK && at < bytes.length) out[length++] = 0;
  }
  return out.slice(0, length);
}

function corrupt(what: string, length: number): never {
  return fail('E_WIRE_COBS', `${what} of ${length} B is not COBS`, { bytes: length });
}

/** Cuts a stream at its delimiters. Holds at most `mostBytes`: what is longer is dropped up to the next delimiter. */
export class CobsStream {
  readonly #mostBytes: number;
  readonly #mostHeld: number;
  #held: number[] = [];
  #overrun = false;
  /** Pieces that were too long or no COBS. */
  dropped = 0;

  /** @param mostBytes of a decoded frame */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
    this.#mostHeld = cobsMaxBytes(mostBytes);
  }

  /** Frames that these bytes complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const byte of bytes) {
      if (byte !== COBS_DELIMITER) {
        if (this.#held.length < this.#mostHeld) this.#held.push(byte);
        else this.#overrun = true;
        continue;
      }
      const frame = this.#take();
      if (frame) frames.push(frame);
    }
    return frames;
  }

  #take(): Uint8Array | undefined {
    const held = Uint8Array.from(this.#held);
    const overrun = this.#overrun;
    this.#held = [];
    this.#overrun = false;
    if (held.length === 0 && !overrun) return undefined;
    if (!overrun) {
      try {
        const frame = decodeCobs(held);
        if (frame.length <= this.#mostBytes) return frame;
      } catch {
        // Counted below: a line begins in the middle of a frame, and noise is none of ours.
      }
    }
    this.dropped++;
    return undefined;
  }
}
