/**
 * Reads the part of HDF5 that h5py writes for Keras: superblocks 0 to 3, both kinds of object header, symbol-table groups,
 * attributes, fixed and variable-length strings, contiguous and chunked datasets. Written for untrusted files: every
 * access is bounded, links cannot run in circles, and no allocation is larger than the data that is really there — the
 * HDF5 C library, compiled to WebAssembly or not, hangs and aborts on damaged files.
 * Source: HDF5 File Format Specification, version 3.0.
 */
import { fail } from '../../../src/core/errors.js';
import { formatBytes } from '../../../src/core/units.js';
import { elementCount } from '../../../src/ir/graph.js';
import { Cursor } from './cursor.js';
import { decodeFloats, describe, type H5Type, parseDataspace, parseDatatype } from './datatype.js';
import { readLinks } from './links.js';
import { MESSAGE, type Message, readMessages, type Sizes } from './object-header.js';
import { readStorage } from './storage.js';

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const DECODER = new TextDecoder();
/** Strings of one attribute; layer and weight names of the largest networks are thousands. */
const MAX_STRINGS = 1_000_000;
/**
 * Weights may be compressed, and two names may mean one dataset; but no honest file holds more than this many times its
 * own size (beside a small one full of zeros).
 */
const MAX_EXPANSION = 16;
const SMALL_FILE_BYTES = 128 * 1024 ** 2;

/** True when the bytes begin with HDF5's signature. */
export function isHdf5(bytes: Uint8Array): boolean {
  return SIGNATURE.every((b, i) => bytes[i] === b);
}

interface Attribute {
  readonly type: H5Type;
  readonly shape: readonly number[];
  readonly data: Cursor;
}

/** A group or dataset. */
export class H5Object {
  readonly path: string;
  readonly #file: H5File;
  readonly #messages: readonly Message[];
  readonly #links: ReadonlyMap<string, number> | undefined;
  /** Members that were looked up: a group of thousands is not parsed again for each of them. */
  readonly #members = new Map<string, H5Object>();
  #attributes: Map<string, Attribute> | undefined;

  constructor(file: H5File, path: string, address: number) {
    this.path = path;
    this.#file = file;
    this.#messages = readMessages(file.cursor, address, file.sizes);
    this.#links = readLinks(file.cursor, this.#messages, file.sizes);
  }

  get isDataset(): boolean {
    return this.#links === undefined && this.#messages.some((m) => m.type === MESSAGE.layout);
  }

  /** Member names in the file's order; empty for a dataset. */
  names(): string[] {
    return [...(this.#links?.keys() ?? [])];
  }

  /** The object at a `/`-separated path below this one. */
  find(path: string): H5Object | undefined {
    const [first, ...rest] = path.split('/').filter((part) => part !== '');
    if (first === undefined) return this;
    const address = this.#links?.get(first);
    if (address === undefined) return undefined;
    let child = this.#members.get(first);
    if (!child) {
      child = new H5Object(this.#file, this.path === '/' ? `/${first}` : `${this.path}/${first}`, address);
      this.#members.set(first, child);
    }
    return rest.length === 0 ? child : child.find(rest.join('/'));
  }

  hasAttribute(name: string): boolean {
    return this.#attributeMap().has(name);
  }

  /** Strings of an attribute (a scalar gives one); undefined when it is missing or an empty array of numbers. */
  strings(name: string): string[] | undefined {
    const attribute = this.#attributeMap().get(name);
    if (!attribute) return undefined;
    const count = elementCount(attribute.shape);
    if (count === 0) return [];
    const { type } = attribute;
    const c = attribute.data.sub(attribute.data.at, attribute.data.left);
    if (count > MAX_STRINGS) c.corrupt(`the attribute "${name}" of ${this.path} has ${count} strings`);
    const out: string[] = [];
    if (type.kind === 'string') {
      for (let i = 0; i < count; i++) out.push(trimString(c.bytes(type.size)));
    } else if (type.kind === 'vlenString') {
      for (let i = 0; i < count; i++) {
        const length = c.u32();
        const heap = c.uint(this.#file.sizes.offset);
        const index = c.u32();
        out.push(heap === undefined || heap === 0 || length === 0 ? '' : this.#file.heapString(heap, index, length));
      }
    } else c.corrupt(`the attribute "${name}" of ${this.path} is ${describe(type)}, not a string`);
    return out;
  }

  /** Shape of a dataset, checked against nothing yet. */
  shape(): number[] {
    const message = this.#messages.find((m) => m.type === MESSAGE.dataspace)?.body;
    if (!message) this.#file.cursor.corrupt(`${this.path} is no dataset`);
    return parseDataspace(message.sub(message.at, message.left), this.#file.sizes.length);
  }

  /** Values of a dataset of numbers, as float32, row-major. @throws IsplitError E_MODEL_CORRUPT */
  readFloats(): Float32Array {
    const file = this.#file.cursor;
    const shape = this.shape();
    const body = this.#messages.find((m) => m.type === MESSAGE.datatype)?.body;
    if (!body) return file.corrupt(`${this.path} is no dataset`);
    const type = parseDatatype(body.sub(body.at, body.left));
    const count = elementCount(shape);
    if (!Number.isSafeInteger(count * type.size)) file.corrupt(`${this.path} has an impossible shape [${shape}]`);
    // Deflate packs at most about 1000 to 1: more than that cannot be in the file.
    if (count * type.size > file.end * 1100)
      file.corrupt(`${this.path} has more data [${shape}] than the file can hold`);
    this.#file.spend(4 * count + count * type.size, this.path);
    const fresh = this.#messages.map((m) => ({ type: m.type, body: m.body.sub(m.body.at, m.body.left) }));
    const bytes = readStorage(file, fresh, this.#file.sizes, shape, type.size, count * type.size);
    return decodeFloats(bytes, type, count, file);
  }

  #attributeMap(): Map<string, Attribute> {
    if (this.#attributes) return this.#attributes;
    const map = new Map<string, Attribute>();
    for (const message of this.#messages) {
      if (message.type === MESSAGE.attribute) {
        const [name, attribute] = parseAttribute(message.body, this.#file.sizes);
        map.set(name, attribute);
      } else if (message.type === MESSAGE.attributeInfo) {
        const c = message.body.sub(message.body.at, message.body.left);
        c.skip(1);
        const flags = c.u8();
        if (flags & 1) c.skip(2);
        if (c.uint(this.#file.sizes.offset) !== undefined) {
          c.corrupt('densely stored attributes (libver="latest") are not read; save with h5py\'s default libver');
        }
      }
    }
    this.#attributes = map;
    return map;
  }
}

function parseAttribute(body: Cursor, sizes: Sizes): [string, Attribute] {
  const c = body.sub(body.at, body.left);
  const version = c.u8();
  if (version < 1 || version > 3) c.corrupt(`the attribute version ${version} does not exist`);
  const flags = c.u8();
  if (version > 1 && (flags & 3) !== 0) c.corrupt('attributes of a shared type are not read');
  const nameSize = c.u16();
  const typeSize = c.u16();
  const spaceSize = c.u16();
  if (version === 3) c.skip(1);
  const padded = (size: number): number => (version === 1 ? Math.ceil(size / 8) * 8 : size);
  const part = (size: number): Cursor => {
    const cursor = c.sub(c.at, size);
    c.skip(Math.min(padded(size), c.left));
    return cursor;
  };
  const name = trimString(part(nameSize).bytes(nameSize));
  const type = parseDatatype(part(typeSize));
  const shape = parseDataspace(part(spaceSize), sizes.length);
  return [name, { type, shape, data: c.sub(c.at, c.left) }];
}

function trimString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return DECODER.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** An opened file. */
export class H5File {
  readonly cursor: Cursor;
  readonly sizes: Sizes;
  readonly root: H5Object;
  readonly #heaps = new Map<number, Map<number, Cursor>>();
  /** Bytes that datasets may still take. */
  #budget: number;

  /** @throws IsplitError E_MODEL_CORRUPT */
  constructor(bytes: Uint8Array, name: string) {
    const c = new Cursor(bytes, name);
    this.cursor = new Cursor(bytes, name);
    this.#budget = MAX_EXPANSION * bytes.length + SMALL_FILE_BYTES;
    for (const byte of SIGNATURE) if (c.u8() !== byte) c.corrupt('the HDF5 signature is missing');
    const version = c.u8();
    if (version > 3) c.corrupt(`the superblock version ${version} does not exist`);
    const old = version < 2;
    if (old) c.skip(4);
    this.sizes = { offset: c.u8(), length: c.u8() };
    if (![2, 4, 8].includes(this.sizes.offset) || ![2, 4, 8].includes(this.sizes.length)) {
      c.corrupt(`addresses of ${this.sizes.offset} and lengths of ${this.sizes.length} bytes do not exist`);
    }
    c.skip(old ? (version === 1 ? 13 : 9) : 1);
    if (c.uint(this.sizes.offset) !== 0) c.corrupt('files with a base address are not read');
    c.skip(this.sizes.offset);
    const end = c.uint(this.sizes.offset) ?? c.corrupt('the superblock does not say where the file ends');
    if (end > bytes.length) c.corrupt(`the file should have ${end} bytes, it has ${bytes.length}: it was cut off`);
    if (old) c.skip(2 * this.sizes.offset);
    const root = c.uint(this.sizes.offset) ?? c.corrupt('the file has no root group');
    this.root = new H5Object(this, '/', root);
  }

  /** Counts bytes of a dataset before they are made. @throws IsplitError E_MODEL_TOO_LARGE */
  spend(bytes: number, path: string): void {
    this.#budget -= bytes;
    if (this.#budget >= 0) return;
    const { end } = this.cursor;
    const message = `the weights take more than a file of ${formatBytes(end)} can honestly hold (reading ${path})`;
    fail('E_MODEL_TOO_LARGE', message, { path, fileBytes: end });
  }

  /** A string in a global heap collection. */
  heapString(address: number, index: number, length: number): string {
    let objects = this.#heaps.get(address);
    if (!objects) {
      objects = this.#readHeap(address);
      this.#heaps.set(address, objects);
    }
    const object = objects.get(index);
    if (!object || object.left < length) this.cursor.corrupt(`string ${index} of the heap at ${address} is missing`);
    return trimString(object.sub(object.at, length).bytes(length));
  }

  #readHeap(address: number): Map<number, Cursor> {
    const head = this.cursor.from(address);
    head.expect('GCOL');
    head.skip(4);
    const size = head.uint(this.sizes.length) ?? head.corrupt('a heap has no size');
    const c = this.cursor.sub(head.at, size - (head.at - address));
    const objects = new Map<number, Cursor>();
    while (c.left >= 8 + this.sizes.length) {
      const index = c.u16();
      c.skip(6);
      const length = c.uint(this.sizes.length) ?? c.corrupt('a heap object has no size');
      if (index === 0) break; // free space up to the end
      objects.set(index, c.sub(c.at, length));
      c.skip(Math.min(Math.ceil(length / 8) * 8, c.left));
    }
    return objects;
  }
}
