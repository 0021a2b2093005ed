/** Records of raw tensor bytes through a prepared program: what the worker threads and the main thread both do. */
import { bytesPerElement, elementCount, type Graph, type Tensor, type TypedArray } from '../ir/graph.js';
import { prepareInt8 } from './executor.js';

/** Runs one record after the other; a record is the bytes of all inputs in order, a result those of all outputs. */
export interface RecordProgram {
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Reads record `index` of `inputs`, writes result `index` of `outputs`. */
  runRecord(inputs: Uint8Array, outputs: Uint8Array, index: number): void;
}

export function tensorBytes({ shape, dtype }: Tensor): number {
  return elementCount(shape) * bytesPerElement(dtype);
}

/** @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareRecords(graph: Graph): RecordProgram {
  const program = prepareInt8(graph);
  const staging = program.inputs.map((tensor) => stage(tensor));
  const values = staging.map(({ array }) => array);
  const inputBytes = staging.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const outputBytes = program.outputs.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  return {
    inputBytes,
    outputBytes,
    runRecord(inputs, outputs, index) {
      let at = index * inputBytes;
      for (const { bytes } of staging) {
        for (let i = 0; i < bytes.length; i++) bytes[i] = inputs[at + i] as number;
        at += bytes.length;
      }
      at = index * outputBytes;
      for (const { buffer, byteOffset, byteLength } of program.run(values)) {
        outputs.set(new Uint8Array(buffer, byteOffset, byteLength), at);
        at += byteLength;
      }
    },
  };
}

/** An input's array, and its bytes. */
function stage(tensor: Tensor): { array: TypedArray; bytes: Uint8Array } {
  const bytes = new Uint8Array(tensorBytes(tensor));
  const count = elementCount(tensor.shape);
  switch (tensor.dtype) {
    case 'float32':
      return { array: new Float32Array(bytes.buffer, 0, count), bytes };
    case 'int32':
      return { array: new Int32Array(bytes.buffer, 0, count), bytes };
    case 'int16':
      return { array: new Int16Array(bytes.buffer, 0, count), bytes };
    case 'int8':
      return { array: new Int8Array(bytes.buffer, 0, count), bytes };
    default:
      return { array: bytes, bytes };
  }
}
