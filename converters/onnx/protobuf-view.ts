/**
 * Read-only walk over protobuf messages where no length is believed. Messages are looked into only where the reader asks
 * for it, so nesting costs nothing, and bytes are never copied. Format: Protocol Buffers, "Encoding".
 */
import { fail } from '../../src/core/errors.js';

/** A decoded varint; 64-bit values past 2^53 lose their last bits, which no field that is read can have. */
type Visit = (field: number, value: FieldValue) => void;

export class FieldValue {
  readonly #message: MessageView;
  /** Varint or fixed value (as its raw unsigned or float bits), or the length of a length-delimited field. */
  readonly wire: 0 | 1 | 2 | 5;
  readonly start: number;
  readonly end: number;

  constructor(message: MessageView, wire: 0 | 1 | 2 | 5, start: number, end: number) {
    this.#message = message;
    this.wire = wire;
    this.start = start;
    this.end = end;
  }

  /** Signed 64-bit integer. */
  int(): number {
    if (this.wire !== 0) return this.#wrong('an integer');
    return this.#message.varint(this.start).value;
  }

  float(): number {
    if (this.wire !== 5) return this.#wrong('a float');
    return this.#message.data.getFloat32(this.start, true);
  }

  bytes(): Uint8Array {
    if (this.wire !== 2) return this.#wrong('bytes');
    return this.#message.file.subarray(this.start, this.end);
  }

  string(): string {
    return new TextDecoder().decode(this.bytes());
  }

  message(what: string): MessageView {
    if (this.wire !== 2) return this.#wrong('a message');
    return new MessageView(this.#message.file, this.#message.data, this.start, this.end, what);
  }

  /** Values of a repeated number, packed or one by one. */
  ints(into: number[], max: number): void {
    this.#repeat(into, max, 0, (at) => this.#message.varint(at));
  }

  floats(into: number[], max: number): void {
    this.#repeat(into, max, 5, (at) => ({ value: this.#message.data.getFloat32(at, true), next: at + 4 }));
  }

  doubles(into: number[], max: number): void {
    this.#repeat(into, max, 1, (at) => ({ value: this.#message.data.getFloat64(at, true), next: at + 8 }));
  }

  #repeat(into: number[], max: number, single: 0 | 1 | 5, read: (at: number) => { value: number; next: number }): void {
    if (this.wire !== 2 && this.wire !== single) this.#wrong('numbers');
    if (this.wire === 2 && single !== 0 && (this.end - this.start) % (single === 5 ? 4 : 8) !== 0) {
      this.#message.corrupt('a list of numbers ends inside one', this.start);
    }
    let at = this.start;
    while (at < this.end) {
      const { value, next } = read(at);
      if (next > this.end) this.#message.corrupt('a list of numbers ends inside one', at);
      if (into.length >= max) this.#message.corrupt(`has more than ${max} numbers in one list`, at);
      into.push(value);
      at = next;
    }
  }

  #wrong(wanted: string): never {
    this.#message.corrupt(`has a field of wire type ${this.wire} where ${wanted} belongs`, this.start);
  }
}

export class MessageView {
  readonly file: Uint8Array;
  readonly data: DataView;
  readonly start: number;
  readonly end: number;
  readonly #what: string;

  constructor(file: Uint8Array, data: DataView, start: number, end: number, what: string) {
    this.file = file;
    this.data = data;
    this.start = start;
    this.end = end;
    this.#what = what;
  }

  static of(bytes: Uint8Array, what: string): MessageView {
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new MessageView(bytes, data, 0, bytes.byteLength, what);
  }

  /** Calls `visit` for every field in file order. @throws IsplitError E_MODEL_CORRUPT */
  forEach(visit: Visit): void {
    let at = this.start;
    while (at < this.end) {
      const key = this.varint(at);
      const field = Math.floor(key.value / 8);
      const wire = key.value % 8;
      if (field < 1 || key.value < 0) this.corrupt(`has the field number ${field}`, at);
      let start = key.next;
      let end: number;
      if (wire === 0) end = this.varint(start).next;
      else if (wire === 1) end = start + 8;
      else if (wire === 5) end = start + 4;
      else if (wire === 2) {
        const length = this.varint(start);
        start = length.next;
        end = start + length.value;
        if (length.value < 0) this.corrupt(`has a field of length ${length.value}`, at);
      } else this.corrupt(`has the wire type ${wire}`, at);
      if (end > this.end) this.corrupt(`has a field that ends at byte ${end}, past byte ${this.end}`, at);
      visit(field, new FieldValue(this, wire as 0 | 1 | 2 | 5, start, end));
      at = end;
    }
  }

  varint(at: number): { value: number; next: number } {
    let low = 0;
    let high = 0;
    for (let i = 0; i < 10; i++) {
      const byte = at + i < this.end ? (this.file[at + i] as number) : this.corrupt('ends inside a number', at);
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (7 * i);
      else if (i === 4) {
        low |= bits << 28;
        high |= bits >> 4;
      } else high |= bits << (7 * i - 32);
      if (byte < 0x80) return { value: (high | 0) * 2 ** 32 + (low >>> 0), next: at + i + 1 };
    }
    return this.corrupt('has a number of more than 10 bytes', at);
  }

  corrupt(message: string, offset: number): never {
    fail('E_MODEL_CORRUPT', `ONNX file: ${this.#what} ${message} (at byte ${offset})`, { offset });
  }
}
