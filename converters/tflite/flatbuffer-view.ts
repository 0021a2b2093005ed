/**
 * Read-only access to FlatBuffers where no offset is believed: every position is checked against the buffer before it is
 * used, and the number of values taken out is bounded by the size of the file, so that tables which point at one another's
 * insides cannot make reading expensive. Format: FlatBuffers internals, "Encoding" (little-endian, soffset to the vtable,
 * uoffsets forward).
 */
import { fail } from '../../src/core/errors.js';

/** Values that may be read: a sane file reads each of its bytes about once. */
const SHARING_ALLOWANCE = 4;
const SMALL_FILE_ALLOWANCE = 1 << 16;

export class FlatbufferView {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #budget: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#budget = bytes.byteLength * SHARING_ALLOWANCE + SMALL_FILE_ALLOWANCE;
  }

  /** The root table. @throws IsplitError E_MODEL_CORRUPT */
  root(): TableView {
    return this.tableAt(this.uoffset(0, 'root'), 'root');
  }

  /** Position that the uoffset at `at` points to. */
  uoffset(at: number, what: string): number {
    this.check(at, 4, what);
    const target = at + this.#view.getUint32(at, true);
    if (target <= at || target >= this.bytes.byteLength) this.corrupt(`the offset of ${what} leaves the file`, at);
    return target;
  }

  tableAt(at: number, what: string): TableView {
    this.check(at, 4, what);
    const vtable = at - this.#view.getInt32(at, true);
    this.check(vtable, 4, `the field table of ${what}`);
    const vtableBytes = this.#view.getUint16(vtable, true);
    const tableBytes = this.#view.getUint16(vtable + 2, true);
    if (vtableBytes < 4 || vtableBytes % 2 !== 0) this.corrupt(`the field table of ${what} is damaged`, vtable);
    this.check(vtable, vtableBytes, `the field table of ${what}`);
    if (tableBytes < 4) this.corrupt(`${what} is damaged`, at);
    this.check(at, tableBytes, what);
    this.spend(1, at);
    return new TableView(this, this.#view, at, tableBytes, vtable, vtableBytes, what);
  }

  /** Start and length of a vector whose length field lies at `at`. */
  vector(at: number, bytesPerElement: number, what: string): { start: number; length: number } {
    this.check(at, 4, what);
    const length = this.#view.getUint32(at, true);
    this.check(at + 4, length * bytesPerElement, what);
    return { start: at + 4, length };
  }

  /** Counts `values` read values against the budget. */
  spend(values: number, at: number): void {
    this.#budget -= values;
    if (this.#budget < 0) this.corrupt('tables overlap so often that the file cannot be honest', at);
  }

  check(at: number, size: number, what: string): void {
    if (at < 0 || at + size > this.bytes.byteLength) {
      this.corrupt(`${what} needs bytes ${at} to ${at + size}, the file has ${this.bytes.byteLength}`, at);
    }
  }

  corrupt(message: string, offset: number): never {
    fail('E_MODEL_CORRUPT', `TFLite file: ${message} (at byte ${offset})`, { offset });
  }
}

/** One table. Field ids are positions in the schema's declaration; an absent field gives its default. */
export class TableView {
  readonly what: string;
  readonly at: number;
  readonly #file: FlatbufferView;
  readonly #view: DataView;
  readonly #size: number;
  readonly #vtable: number;
  readonly #vtableBytes: number;

  constructor(
    file: FlatbufferView,
    view: DataView,
    at: number,
    size: number,
    vtable: number,
    vtableBytes: number,
    what: string,
  ) {
    this.#file = file;
    this.#view = view;
    this.at = at;
    this.#size = size;
    this.#vtable = vtable;
    this.#vtableBytes = vtableBytes;
    this.what = what;
  }

  has(id: number): boolean {
    const slot = 4 + 2 * id;
    return slot + 2 <= this.#vtableBytes && this.#view.getUint16(this.#vtable + slot, true) !== 0;
  }

  int8(id: number, fallback = 0): number {
    return this.#scalar(id, 1, fallback, (at) => this.#view.getInt8(at));
  }

  uint8(id: number, fallback = 0): number {
    return this.#scalar(id, 1, fallback, (at) => this.#view.getUint8(at));
  }

  bool(id: number, fallback = false): boolean {
    return this.uint8(id, fallback ? 1 : 0) !== 0;
  }

  int32(id: number, fallback = 0): number {
    return this.#scalar(id, 4, fallback, (at) => this.#view.getInt32(at, true));
  }

  uint32(id: number, fallback = 0): number {
    return this.#scalar(id, 4, fallback, (at) => this.#view.getUint32(at, true));
  }

  /** 64-bit unsigned; values past 2^53 are refused as offsets no file can have. */
  uint64(id: number): number {
    const value = this.#scalar(id, 8, 0, (at) => Number(this.#view.getBigUint64(at, true)));
    if (!Number.isSafeInteger(value)) this.#file.corrupt(`${this.what} has an impossible 64-bit field`, this.at);
    return value;
  }

  float32(id: number, fallback = 0): number {
    return this.#scalar(id, 4, fallback, (at) => this.#view.getFloat32(at, true));
  }

  table(id: number, name: string): TableView | undefined {
    const at = this.#field(id, 4);
    const what = `${this.what}.${name}`;
    return at === undefined ? undefined : this.#file.tableAt(this.#file.uoffset(at, what), what);
  }

  string(id: number, name: string): string | undefined {
    const bytes = this.bytes(id, name);
    if (bytes === undefined) return undefined;
    this.#file.spend(bytes.length, this.at);
    return new TextDecoder().decode(bytes);
  }

  /** View on a byte vector; nothing is copied. */
  bytes(id: number, name: string): Uint8Array | undefined {
    const v = this.#vector(id, 1, name);
    return v && this.#file.bytes.subarray(v.start, v.start + v.length);
  }

  tables(id: number, name: string, max: number): TableView[] {
    const v = this.#vector(id, 4, name);
    if (!v) return [];
    this.#limit(v.length, max, name);
    const what = `${this.what}.${name}`;
    return Array.from({ length: v.length }, (_, i) => {
      const label = `${what}[${i}]`;
      return this.#file.tableAt(this.#file.uoffset(v.start + 4 * i, label), label);
    });
  }

  int32s(id: number, name: string, max: number): number[] | undefined {
    return this.#numbers(id, 4, name, max, (at) => this.#view.getInt32(at, true));
  }

  float32s(id: number, name: string, max: number): number[] | undefined {
    return this.#numbers(id, 4, name, max, (at) => this.#view.getFloat32(at, true));
  }

  int64s(id: number, name: string, max: number): number[] | undefined {
    return this.#numbers(id, 8, name, max, (at) => Number(this.#view.getBigInt64(at, true)));
  }

  corrupt(message: string): never {
    this.#file.corrupt(`${this.what} ${message}`, this.at);
  }

  #numbers(id: number, size: number, name: string, max: number, read: (at: number) => number): number[] | undefined {
    const v = this.#vector(id, size, name);
    if (!v) return undefined;
    this.#limit(v.length, max, name);
    return Array.from({ length: v.length }, (_, i) => read(v.start + size * i));
  }

  #limit(length: number, max: number, name: string): void {
    if (length > max) this.corrupt(`has ${length} ${name}, at most ${max} are accepted`);
    this.#file.spend(length, this.at);
  }

  #vector(id: number, size: number, name: string): { start: number; length: number } | undefined {
    const at = this.#field(id, 4);
    const what = `${this.what}.${name}`;
    return at === undefined ? undefined : this.#file.vector(this.#file.uoffset(at, what), size, what);
  }

  #scalar(id: number, size: number, fallback: number, read: (at: number) => number): number {
    const at = this.#field(id, size);
    return at === undefined ? fallback : read(at);
  }

  /** Position of a field of `size` bytes inside the table, or undefined when it is absent. */
  #field(id: number, size: number): number | undefined {
    if (!this.has(id)) return undefined;
    const offset = this.#view.getUint16(this.#vtable + 4 + 2 * id, true);
    if (offset < 4 || offset + size > this.#size) this.corrupt(`has field ${id} outside itself`);
    return this.at + offset;
  }
}
