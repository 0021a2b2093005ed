import { fail } from '../core/errors.js';
import type { SampleShape, StoredSample } from './sample-source.js';

/** Element types of stored arrays, in NumPy's letters: kind and bytes. */
export type ElementType = 'u1' | 'i1' | 'u2' | 'i2' | 'u4' | 'i4' | 'u8' | 'i8' | 'f4' | 'f8' | 'b1';

export function elementBytes(type: ElementType): number {
  return Number(type[1]);
}

/** Reads element i of stored bytes as a number (int64 beyond 2^53 loses its last bits: no label or pixel is there). */
export function elementReader(type: ElementType, littleEndian: boolean): (view: DataView, i: number) => number {
  switch (type) {
    case 'u1':
    case 'b1':
      return (view, i) => view.getUint8(i);
    case 'i1':
      return (view, i) => view.getInt8(i);
    case 'u2':
      return (view, i) => view.getUint16(2 * i, littleEndian);
    case 'i2':
      return (view, i) => view.getInt16(2 * i, littleEndian);
    case 'u4':
      return (view, i) => view.getUint32(4 * i, littleEndian);
    case 'i4':
      return (view, i) => view.getInt32(4 * i, littleEndian);
    case 'u8':
      return (view, i) => Number(view.getBigUint64(8 * i, littleEndian));
    case 'i8':
      return (view, i) => Number(view.getBigInt64(8 * i, littleEndian));
    case 'f4':
      return (view, i) => view.getFloat32(4 * i, littleEndian);
    case 'f8':
      return (view, i) => view.getFloat64(8 * i, littleEndian);
  }
}

/**
 * How one sample is made of its stored bytes: integers are pictures and must be 0 … 255, floats are tensors and must be finite.
 */
export function sampleDecoder(
  type: ElementType,
  littleEndian: boolean,
  shape: SampleShape,
  name: string,
): (bytes: Uint8Array, position: number) => StoredSample {
  const elements = shape.height * shape.width * shape.channels;
  if (type === 'u1') {
    return (bytes, position) => ({ kind: 'picture', position, picture: { data: bytes.slice(), ...shape } });
  }
  const read = elementReader(type, littleEndian);
  const isFloat = type.startsWith('f');
  return (bytes, position) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (isFloat) {
      const values = new Float32Array(elements);
      for (let i = 0; i < elements; i++) {
        const value = read(view, i);
        if (!Number.isFinite(value)) failValue(name, position, value, 'is not finite');
        values[i] = value;
      }
      return { kind: 'tensor', position, shape, values };
    }
    const data = new Uint8Array(elements);
    for (let i = 0; i < elements; i++) {
      const value = read(view, i);
      if (value < 0 || value > 255) failValue(name, position, value, 'is no pixel value (0 … 255)');
      data[i] = value;
    }
    return { kind: 'picture', position, picture: { data, ...shape } };
  };
}

function failValue(name: string, position: number, value: number, problem: string): never {
  fail(
    'E_DATA_VALUES',
    `${name}: sample ${position} has the value ${value}, which ${problem}`,
    { name, sample: position, value: String(value) },
    'Whole numbers are read as pixels 0 … 255; floats are taken as the network gets them.',
  );
}
