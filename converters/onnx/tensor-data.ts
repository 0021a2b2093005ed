/** Values of TensorProtos: raw, typed or in another file; every number type becomes one of two. */
import { fail } from '../../src/core/errors.js';
import { halfToNumber } from '../../src/core/half-float.js';
import { elementCount } from '../../src/ir/graph.js';
import type { TensorEntry } from './parse.js';
import type { FieldValue } from './protobuf-view.js';

/** A value known when the file is read. Floats are float32; integers (shapes, axes) are doubles. */
export type Constant =
  | { readonly dims: readonly number[]; readonly kind: 'float'; readonly data: Float32Array }
  | { readonly dims: readonly number[]; readonly kind: 'int'; readonly data: Float64Array };

interface NumberType {
  readonly kind: Constant['kind'];
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => number;
}

/** By TensorProto.DataType. */
const TYPES: Readonly<Record<number, NumberType>> = {
  1: { kind: 'float', bytes: 4, read: (v, at) => v.getFloat32(at, true) },
  2: { kind: 'int', bytes: 1, read: (v, at) => v.getUint8(at) },
  3: { kind: 'int', bytes: 1, read: (v, at) => v.getInt8(at) },
  5: { kind: 'int', bytes: 2, read: (v, at) => v.getInt16(at, true) },
  6: { kind: 'int', bytes: 4, read: (v, at) => v.getInt32(at, true) },
  7: { kind: 'int', bytes: 8, read: (v, at) => Number(v.getBigInt64(at, true)) },
  9: { kind: 'int', bytes: 1, read: (v, at) => v.getUint8(at) },
  10: { kind: 'float', bytes: 2, read: (v, at) => halfToNumber(v.getUint16(at, true)) },
  11: { kind: 'float', bytes: 8, read: (v, at) => v.getFloat64(at, true) },
};

export const DATA_TYPE_NAMES: readonly string[] = (
  'UNDEFINED FLOAT UINT8 INT8 UINT16 INT16 INT32 INT64 STRING BOOL FLOAT16 DOUBLE UINT32 UINT64 COMPLEX64 COMPLEX128 ' +
  'BFLOAT16 FLOAT8E4M3FN FLOAT8E4M3FNUZ FLOAT8E5M2 FLOAT8E5M2FNUZ UINT4 INT4'
).split(' ');

export function dataTypeName(code: number): string {
  return DATA_TYPE_NAMES[code] ?? `type ${code}`;
}

export function isReadableType(code: number): boolean {
  return TYPES[code] !== undefined;
}

/**
 * @param external bytes of the file that the tensor names, when it names one
 * @throws IsplitError E_MODEL_CORRUPT
 */
export function readTensor(entry: TensorEntry, external?: Uint8Array): Constant {
  const type = TYPES[entry.dataType] as NumberType;
  const count = elementCount(entry.dims);
  const values = entry.external ? externalPart(entry, external as Uint8Array, count * type.bytes) : entry.raw;
  const wrongSize = (found: number, unit: string, wanted: number): never =>
    fail('E_MODEL_CORRUPT', `tensor "${entry.name}" has ${found} ${unit}; [${entry.dims}] takes ${wanted}`, {
      tensor: entry.name,
    });
  if (values) {
    if (values.byteLength !== count * type.bytes) wrongSize(values.byteLength, 'bytes', count * type.bytes);
    return fromBytes(entry, type, values, count);
  }
  const list: number[] = [];
  // The check comes first: a list is as long as its field at most.
  const room = entry.typed.reduce((sum, field) => sum + Math.max(1, field.end - field.start), 0);
  if (room < count) wrongSize(room, 'values at most', count);
  for (const field of entry.typed) readTyped(entry.dataType, field, list, count + 1);
  if (list.length !== count) wrongSize(list.length, 'values', count);
  // float16 in int32_data is stored by its bits.
  const numbers = entry.dataType === 10 ? list.map(halfToNumber) : list;
  return type.kind === 'float'
    ? { dims: entry.dims, kind: 'float', data: Float32Array.from(numbers) }
    : { dims: entry.dims, kind: 'int', data: Float64Array.from(numbers) };
}

function fromBytes(entry: TensorEntry, type: NumberType, values: Uint8Array, count: number): Constant {
  const { dims } = entry;
  if (entry.dataType === 1) {
    // A copy: the file's bytes need not be aligned, and a graph outlives the file.
    return { dims, kind: 'float', data: new Float32Array(new Uint8Array(values).buffer) };
  }
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const data = type.kind === 'float' ? new Float32Array(count) : new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = type.read(view, i * type.bytes);
  return { dims, kind: type.kind, data } as Constant;
}

function readTyped(dataType: number, field: FieldValue, into: number[], max: number): void {
  if (dataType === 1) field.floats(into, max);
  else if (dataType === 11) field.doubles(into, max);
  else field.ints(into, max);
}

function externalPart(entry: TensorEntry, file: Uint8Array, wanted: number): Uint8Array {
  const { location, offset = '0', length = String(wanted) } = entry.external as Record<string, string>;
  const start = Number(offset);
  const end = start + Number(length);
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start || end > file.byteLength) {
    fail(
      'E_MODEL_CORRUPT',
      `tensor "${entry.name}" takes bytes ${offset} + ${length} of "${location}", which has ${file.byteLength}`,
      { tensor: entry.name, file: location },
    );
  }
  return file.subarray(start, end);
}
