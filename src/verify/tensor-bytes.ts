/** Tensors as the raw bytes that files, runtimes and records hold. */
import {
  bytesPerElement,
  type DType,
  elementCount,
  type Graph,
  type TensorType,
  type TypedArray,
  tensorOf,
} from '../ir/graph.js';

/** A tensor as it stands in a record. */
export interface TensorLayout {
  readonly dtype: DType;
  readonly bytes: number;
}

export function tensorBytes({ shape, dtype }: TensorType): number {
  return elementCount(shape) * bytesPerElement(dtype);
}

/** The output tensors of a record, in order. */
export function outputLayout(graph: Graph): readonly TensorLayout[] {
  return graph.outputs.map((id) => {
    const tensor = tensorOf(graph, id);
    return { dtype: tensor.dtype, bytes: tensorBytes(tensor) };
  });
}

/** @param bytes begin at an offset that is a multiple of the element's size */
export function viewAs(dtype: DType, bytes: Uint8Array): TypedArray {
  const { buffer, byteOffset } = bytes;
  const elements = bytes.length / bytesPerElement(dtype);
  if (dtype === 'int8') return new Int8Array(buffer, byteOffset, elements);
  if (dtype === 'int16') return new Int16Array(buffer, byteOffset, elements);
  if (dtype === 'int32') return new Int32Array(buffer, byteOffset, elements);
  if (dtype === 'float32') return new Float32Array(buffer, byteOffset, elements);
  return bytes;
}

export function bytesOf(values: TypedArray): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

export function int8Of(bytes: Uint8Array): Int8Array {
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
