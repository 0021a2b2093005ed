/** Writes small HDF5 files by hand, hostile ones too: version 2 headers, compact links, chunked datasets. Source: HDF5 file format specification 3.0. */
import { deflateSync } from 'node:zlib';

const UNDEFINED = [255, 255, 255, 255, 255, 255, 255, 255];
const u16 = (n: number): number[] => [n & 255, n >> 8];
const u32 = (n: number): number[] => [...u16(n & 0xffff), ...u16(n >>> 16)];
const u64 = (n: number): number[] => [...u32(n >>> 0), ...u32(Math.floor(n / 2 ** 32))];
const text = (s: string): number[] => [...Buffer.from(s)];

/** Type and content of an object header's message. */
export type Message = readonly [type: number, content: readonly number[]];

const dataspace = (shape: readonly number[]): number[] => [
  2,
  shape.length,
  0,
  shape.length === 0 ? 0 : 1,
  ...shape.flatMap(u64),
];
const FLOAT32 = [0x11, 0x20, 31, 0, ...u32(4), ...u16(0), ...u16(32), 23, 8, 0, 23, ...u32(127)];

/** Attribute of fixed-length strings; one string is a scalar. */
export function stringAttribute(name: string, values: string | readonly string[]): Message {
  const list = typeof values === 'string' ? [values] : values;
  const size = Math.max(1, ...list.map((s) => Buffer.byteLength(s)));
  const datatype = [0x13, 0, 0, 0, ...u32(size)];
  const space = dataspace(typeof values === 'string' ? [] : [values.length]);
  const data = list.flatMap((s) => [...text(s.padEnd(size, '\0'))]);
  const sizes = [...u16(name.length + 1), ...u16(datatype.length), ...u16(space.length)];
  return [12, [3, 0, ...sizes, 0, ...text(name), 0, ...datatype, ...space, ...data]];
}

export class Hdf5Writer {
  readonly #parts: Uint8Array[] = [new Uint8Array(48)];
  #length = 48;

  /** @returns its address */
  add(bytes: Uint8Array | readonly number[]): number {
    const at = this.#length;
    this.#parts.push(Uint8Array.from(bytes));
    this.#length += bytes.length;
    return at;
  }

  header(messages: readonly Message[]): number {
    const body = messages.flatMap(([type, content]) => [type, ...u16(content.length), 0, ...content]);
    return this.add([...text('OHDR'), 2, 2, ...u32(body.length), ...body, 0, 0, 0, 0]);
  }

  /** A group of objects by name; names may share an address. */
  group(members: Readonly<Record<string, number>>, attributes: readonly Message[] = []): number {
    const links = Object.entries(members).map(
      ([name, at]): Message => [6, [1, 0, name.length, ...text(name), ...u64(at)]],
    );
    return this.header([[2, [0, 0, ...UNDEFINED, ...UNDEFINED]], ...links, ...attributes]);
  }

  /** Zeros in one compressed chunk. */
  zeros(shape: readonly number[]): number {
    const packed = deflateSync(new Uint8Array(4 * shape.reduce((n, d) => n * d, 1)));
    const chunk = this.add(packed);
    const key = [...u32(packed.length), ...u32(0), ...shape.flatMap(() => u64(0)), ...u64(0)];
    const tree = this.add([...text('TREE'), 1, 0, ...u16(1), ...UNDEFINED, ...UNDEFINED, ...key, ...u64(chunk)]);
    const layout = [3, 2, shape.length + 1, ...u64(tree), ...shape.flatMap(u32), ...u32(4)];
    const deflate = [2, 1, ...u16(1), ...u16(0), ...u16(1), ...u32(9)];
    return this.header([
      [1, dataspace(shape)],
      [3, FLOAT32],
      [8, layout],
      [11, deflate],
    ]);
  }

  finish(root: number): Uint8Array {
    const bytes = new Uint8Array(Buffer.concat(this.#parts));
    const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
    bytes.set([...signature, 2, 8, 8, 0, ...u64(0), ...UNDEFINED, ...u64(bytes.length), ...u64(root), 0, 0, 0, 0]);
    return bytes;
  }
}
