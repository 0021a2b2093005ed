import { halfToNumber } from '../../../src/core/half-float.js';
import type { Cursor } from './cursor.js';

/** Element types that Keras files contain. Source: HDF5 file format specification 3.0, IV.A.2.d. */
export type H5Type =
  | { readonly kind: 'int'; readonly size: number; readonly signed: boolean; readonly littleEndian: boolean }
  | { readonly kind: 'float'; readonly size: number; readonly littleEndian: boolean }
  | { readonly kind: 'string'; readonly size: number }
  | { readonly kind: 'vlenString'; readonly size: number }
  | { readonly kind: 'other'; readonly size: number; readonly name: string };

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

const CLASS_NAMES = [
  'integer',
  'float',
  'time',
  'string',
  'bit field',
  'opaque',
  'compound',
  'reference',
  'enumeration',
  'variable-length sequence',
  'array',
];

export function parseDatatype(c: Cursor): H5Type {
  const head = c.u8();
  const version = head >> 4;
  if (version < 1 || version > 4) c.corrupt(`the datatype version ${version} does not exist`);
  const bits = c.u8() | (c.u8() << 8) | (c.u8() << 16);
  const size = c.u32();
  switch (head & 15) {
    case 0:
      return { kind: 'int', size, signed: (bits & 8) !== 0, littleEndian: (bits & 1) === 0 };
    case 1: {
      c.skip(4); // bit offset, precision
      const layout = [c.u8(), c.u8(), c.u8(), c.u8()].join();
      const ieee = { 2: '10,5,0,10', 4: '23,8,0,23', 8: '52,11,0,52' }[size];
      if (layout !== ieee || (bits & 0x40) !== 0) return { kind: 'other', size, name: 'float that is not IEEE' };
      return { kind: 'float', size, littleEndian: (bits & 1) === 0 };
    }
    case 3:
      return { kind: 'string', size };
    case 9:
      if ((bits & 15) === 1) return { kind: 'vlenString', size };
      break;
  }
  return { kind: 'other', size, name: CLASS_NAMES[head & 15] ?? `class ${head & 15}` };
}

/** Dimensions of a dataspace message; a scalar is []. Null dataspaces have the shape [0]. */
export function parseDataspace(c: Cursor, lengthSize: number): number[] {
  const version = c.u8();
  const rank = c.u8();
  c.skip(1);
  if (version === 1) c.skip(5);
  else if (version === 2) {
    if (c.u8() === 2) return [0];
  } else c.corrupt(`the dataspace version ${version} does not exist`);
  if (rank > 32) c.corrupt(`a dataspace has ${rank} dimensions`);
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) shape.push(c.uint(lengthSize) ?? c.corrupt('a dimension is undefined'));
  return shape;
}

/** Numbers of `count` elements as float32. */
export function decodeFloats(bytes: Uint8Array, type: H5Type, count: number, c: Cursor): Float32Array {
  if (type.kind !== 'float' && type.kind !== 'int') c.corrupt(`numbers were expected, the file has ${describe(type)}`);
  if (count * type.size > bytes.length) c.corrupt(`${count} values do not fit in ${bytes.length} bytes`);
  if (type.kind === 'float' && type.size === 4 && type.littleEndian && HOST_IS_LITTLE_ENDIAN) {
    // What nearly every weight is; copied because the file's bytes need not be aligned.
    const out = new Float32Array(count);
    new Uint8Array(out.buffer).set(bytes.subarray(0, 4 * count));
    return out;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const get = numberGetter(view, type) ?? c.corrupt(`numbers of ${type.size} bytes are not read`);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = get(i * type.size);
  return out;
}

function numberGetter(view: DataView, type: H5Type & { kind: 'float' | 'int' }): ((at: number) => number) | undefined {
  const little = type.littleEndian;
  if (type.kind === 'float') {
    if (type.size === 4) return (at) => view.getFloat32(at, little);
    if (type.size === 8) return (at) => view.getFloat64(at, little);
    if (type.size === 2) return (at) => halfToNumber(view.getUint16(at, little));
    return undefined;
  }
  if (type.size === 1) return type.signed ? (at) => view.getInt8(at) : (at) => view.getUint8(at);
  if (type.size === 2) return type.signed ? (at) => view.getInt16(at, little) : (at) => view.getUint16(at, little);
  if (type.size === 4) return type.signed ? (at) => view.getInt32(at, little) : (at) => view.getUint32(at, little);
  if (type.size === 8)
    return (at) => Number(type.signed ? view.getBigInt64(at, little) : view.getBigUint64(at, little));
  return undefined;
}

export function describe(type: H5Type): string {
  if (type.kind === 'other') return `a ${type.name}`;
  return type.kind === 'int' || type.kind === 'float' ? `${type.kind}${type.size * 8}` : 'a string';
}
