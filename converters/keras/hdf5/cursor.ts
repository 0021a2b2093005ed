import { fail } from '../../../src/core/errors.js';

/**
 * Little-endian reader that never leaves its bytes: every read is checked, and a read past the end is E_MODEL_CORRUPT with
 * the offset, so that the parsers above it need no checks of their own.
 */
export class Cursor {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #what: string;
  readonly end: number;
  at: number;

  /** @param what name for messages, e.g. the file name */
  constructor(bytes: Uint8Array, what: string, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    this.at = at;
    this.end = end;
    if (!Number.isSafeInteger(at) || !Number.isSafeInteger(end) || at < 0 || end > bytes.length || at > end) {
      this.corrupt(`bytes ${at} to ${end} lie outside the ${bytes.length} bytes that there are`);
    }
  }

  corrupt(why: string): never {
    fail('E_MODEL_CORRUPT', `${this.#what}: ${why} (at byte ${this.at})`, { file: this.#what, offset: this.at });
  }

  get left(): number {
    return this.end - this.at;
  }

  skip(count: number): void {
    this.#take(count);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** Unsigned integer of 1 to 8 bytes; undefined when all bits are set, which is HDF5's "undefined address". */
  uint(size: number): number | undefined {
    const from = this.#take(size);
    let value = 0;
    let ones = true;
    for (let i = size - 1; i >= 0; i--) {
      const byte = this.#bytes[from + i] as number;
      value = value * 256 + byte;
      ones &&= byte === 255;
    }
    if (ones) return undefined;
    if (!Number.isSafeInteger(value)) this.corrupt(`the value ${value} is too large`);
    return value;
  }

  bytes(count: number): Uint8Array {
    const from = this.#take(count);
    return this.#bytes.subarray(from, from + count);
  }

  /** A part of the same bytes. */
  sub(at: number, length: number): Cursor {
    if (!Number.isSafeInteger(at + length)) this.corrupt(`the position ${at} is too large`);
    return new Cursor(this.#bytes, this.#what, at, at + length);
  }

  from(at: number): Cursor {
    return new Cursor(this.#bytes, this.#what, at);
  }

  expect(signature: string): void {
    for (const letter of signature) {
      if (this.u8() !== letter.charCodeAt(0)) this.corrupt(`the signature ${signature} is missing`);
    }
  }

  #take(count: number): number {
    const at = this.at;
    if (!Number.isSafeInteger(count) || count < 0 || at + count > this.end) {
      this.corrupt(`${count} bytes are announced where ${this.end - at} are left`);
    }
    this.at = at + count;
    return at;
  }
}
