/** Builds small .tflite files, honest or not, with the flatbuffers package: the reader under test has its own access code. */
import { Builder, type Offset } from 'flatbuffers';

export interface TensorSpec {
  readonly name?: string;
  readonly shape?: readonly number[];
  readonly signature?: readonly number[];
  /** Enum TensorType; 0 = FLOAT32, 9 = INT8. */
  readonly type?: number;
  readonly buffer?: number;
  readonly scale?: readonly number[];
  readonly zeroPoint?: readonly number[];
  readonly axis?: number;
  readonly variable?: boolean;
}

export interface OperatorSpec {
  readonly code?: number;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Value of the union and the int8/int32 fields of the options table by field id. */
  readonly options?: {
    readonly union: number;
    readonly int8?: Record<number, number>;
    readonly int32?: Record<number, number>;
  };
}

export interface FileSpec {
  readonly version?: number;
  readonly builtins?: readonly number[];
  readonly tensors: readonly TensorSpec[];
  readonly operators: readonly OperatorSpec[];
  readonly inputs?: readonly number[];
  readonly outputs?: readonly number[];
  readonly buffers?: readonly Uint8Array[];
  readonly subgraphs?: number;
  /** The vector of operators names its first one this many times. */
  readonly repeatFirstOperator?: number;
}

export function floats(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

export function buildTflite(spec: FileSpec): Uint8Array {
  const b = new Builder(1024);
  const int32s = (values: readonly number[]): Offset => {
    b.startVector(4, values.length, 4);
    for (const v of [...values].reverse()) b.addInt32(v);
    return b.endVector();
  };
  const offsets = (values: readonly Offset[]): Offset => {
    b.startVector(4, values.length, 4);
    for (const v of [...values].reverse()) b.addOffset(v);
    return b.endVector();
  };
  const buffers = [new Uint8Array(0), ...(spec.buffers ?? [])].map((data) => {
    const vector = data.length > 0 ? b.createByteVector(data) : 0;
    b.startObject(3);
    if (vector) b.addFieldOffset(0, vector, 0);
    return b.endObject();
  });
  const tensors = spec.tensors.map((t) => {
    let quantization = 0;
    if (t.scale) {
      b.startVector(4, t.scale.length, 4);
      for (const s of [...t.scale].reverse()) b.addFloat32(s);
      const scale = b.endVector();
      const zeroPoints = t.zeroPoint ?? t.scale.map(() => 0);
      b.startVector(8, zeroPoints.length, 8);
      for (const z of [...zeroPoints].reverse()) b.addInt64(BigInt(z));
      const zeroPoint = b.endVector();
      b.startObject(7);
      b.addFieldOffset(2, scale, 0);
      b.addFieldOffset(3, zeroPoint, 0);
      b.addFieldInt32(6, t.axis ?? 0, 0);
      quantization = b.endObject();
    }
    const shape = int32s(t.shape ?? []);
    const signature = t.signature ? int32s(t.signature) : 0;
    const name = b.createString(t.name ?? '');
    b.startObject(11);
    b.addFieldOffset(0, shape, 0);
    b.addFieldInt8(1, t.type ?? 0, 0);
    b.addFieldInt32(2, t.buffer ?? 0, 0);
    b.addFieldOffset(3, name, 0);
    if (quantization) b.addFieldOffset(4, quantization, 0);
    b.addFieldInt8(5, t.variable ? 1 : 0, 0);
    if (signature) b.addFieldOffset(7, signature, 0);
    return b.endObject();
  });
  const operators = spec.operators.map((op) => {
    let options = 0;
    if (op.options) {
      b.startObject(8);
      for (const [id, v] of Object.entries(op.options.int8 ?? {})) b.addFieldInt8(Number(id), v, 0);
      for (const [id, v] of Object.entries(op.options.int32 ?? {})) b.addFieldInt32(Number(id), v, 0);
      options = b.endObject();
    }
    const inputs = int32s(op.inputs);
    const outputs = int32s(op.outputs);
    b.startObject(9);
    b.addFieldInt32(0, op.code ?? 0, 0);
    b.addFieldOffset(1, inputs, 0);
    b.addFieldOffset(2, outputs, 0);
    if (op.options) b.addFieldInt8(3, op.options.union, 0);
    if (options) b.addFieldOffset(4, options, 0);
    return b.endObject();
  });
  const listed = spec.repeatFirstOperator
    ? new Array<Offset>(spec.repeatFirstOperator).fill(operators[0] as Offset)
    : operators;
  const parts = [
    offsets(tensors),
    int32s(spec.inputs ?? [0]),
    int32s(spec.outputs ?? [spec.tensors.length - 1]),
    offsets(listed),
  ];
  b.startObject(5);
  parts.forEach((part, id) => {
    b.addFieldOffset(id, part, 0);
  });
  const subgraph = b.endObject();
  const codes = (spec.builtins ?? [0]).map((builtin) => {
    b.startObject(4);
    b.addFieldInt8(0, Math.min(builtin, 127), 0);
    b.addFieldInt32(3, builtin, 0);
    return b.endObject();
  });
  const codeVector = offsets(codes);
  const subgraphVector = offsets(new Array<Offset>(spec.subgraphs ?? 1).fill(subgraph));
  const bufferVector = offsets(buffers);
  b.startObject(7);
  b.addFieldInt32(0, spec.version ?? 3, 0);
  b.addFieldOffset(1, codeVector, 0);
  b.addFieldOffset(2, subgraphVector, 0);
  b.addFieldOffset(4, bufferVector, 0);
  b.finish(b.endObject(), 'TFL3');
  return b.asUint8Array().slice();
}
