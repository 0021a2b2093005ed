/**
 * Tensors and operators → a FlatBuffer. Buffers are written from back to front: what is created first lies last.
 * What is equal is written once: names, shapes, scales, whole quantization tables, constants.
 */
import { Builder, type Offset } from 'flatbuffers';
import type { DType, QuantParams, Tensor } from '../../src/ir/graph.js';
import type { TfliteOperatorSpec } from '../../src/ops/op-def.js';
import { appendLabelFile, buildLabelMetadata } from './label-file-write.js';
import {
  BUILTIN_OPERATORS,
  BUILTIN_OPTIONS,
  FIELDS,
  FILE_IDENTIFIER,
  type OptionField,
  TENSOR_TYPES,
} from './schema.js';

export interface WrittenOperator extends TfliteOperatorSpec {
  readonly outputs: readonly string[];
}

export interface WrittenModel {
  readonly name: string;
  readonly description?: string;
  readonly classNames?: readonly string[];
  readonly tensors: readonly Tensor[];
  readonly operators: readonly WrittenOperator[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Constants start at multiples of this: TFLite-Micro reads them in place, and optimised kernels load vectors. */
export const CONSTANT_ALIGNMENT = 16;

/** The deprecated code is one signed byte; this value says "look at the other field". */
const PLACEHOLDER_FOR_GREATER_CODES = 127;

const TYPE_NAMES: Readonly<Record<DType, string>> = {
  float32: 'FLOAT32',
  int8: 'INT8',
  uint8: 'UINT8',
  int16: 'INT16',
  int32: 'INT32',
  bool: 'BOOL',
};

export function serialiseModel(model: WrittenModel): Uint8Array {
  const bytes = new Serialiser(model).serialise();
  return model.classNames ? appendLabelFile(bytes, model.classNames) : bytes;
}

class Serialiser {
  readonly #model: WrittenModel;
  readonly #b: Builder;
  readonly #index: ReadonlyMap<string, number>;
  /** Offsets of what was written, by kind and content. */
  readonly #written = new Map<string, Offset>();

  constructor(model: WrittenModel) {
    this.#model = model;
    const constantBytes = model.tensors.reduce((sum, t) => sum + (t.data?.byteLength ?? 0), 0);
    this.#b = new Builder(constantBytes + (1 << 14));
    this.#index = new Map(model.tensors.map((t, i) => [t.id, i]));
  }

  serialise(): Uint8Array {
    const { tensors, operators, inputs, outputs } = this.#model;
    const b = this.#b;
    const metadata = this.#model.classNames ? buildLabelMetadata(outputs.length, this.#model.name) : undefined;
    const contents = this.#collectBuffers(metadata);
    const buffers = this.#writeBuffers(contents.list);
    const tensorVector = this.#offsets(tensors.map((t) => this.#tensor(t, contents.placeOf.get(t.id) ?? 0)));
    const codes = this.#operatorCodes(operators);
    const operatorVector = this.#offsets(operators.map((op) => this.#operator(op, codes.indexOf(op))));
    const places = (ids: readonly string[]): Offset => this.#int32s(ids.map((id) => this.#index.get(id) as number));
    const subgraph = this.#table(FIELDS.SubGraph, {
      tensors: tensorVector,
      inputs: places(inputs),
      outputs: places(outputs),
      operators: operatorVector,
      name: this.#string('main'),
    });
    const parts = {
      operator_codes: this.#offsets(codes.tables),
      subgraphs: this.#offsets([subgraph]),
      ...(this.#model.description ? { description: this.#string(this.#model.description) } : {}),
      buffers,
      ...(metadata ? { metadata: this.#offsets([this.#metadata('TFLITE_METADATA', contents.list.length - 1)]) } : {}),
      signature_defs: this.#offsets([this.#signature()]),
    };
    const root = this.#table(FIELDS.Model, parts, () => b.addFieldInt32(FIELDS.Model.version, 3, 0));
    b.finish(root, FILE_IDENTIFIER);
    return b.asUint8Array().slice();
  }

  /** Contents of all buffers (the first is empty by convention) and which one a constant's is. */
  #collectBuffers(metadata: Uint8Array | undefined): { list: Uint8Array[]; placeOf: Map<string, number> } {
    const list: Uint8Array[] = [new Uint8Array(0)];
    const placeOf = new Map<string, number>();
    const byContent = new Map<string, number[]>();
    for (const { id, data } of this.#model.tensors) {
      if (!data) continue;
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const key = `${bytes.length} ${checksum(bytes)}`;
      const alike = byContent.get(key) ?? [];
      let place = alike.find((i) => sameBytes(list[i] as Uint8Array, bytes));
      if (place === undefined) {
        place = list.push(bytes) - 1;
        byContent.set(key, [...alike, place]);
      }
      placeOf.set(id, place);
    }
    if (metadata) list.push(metadata);
    return { list, placeOf };
  }

  #writeBuffers(list: readonly Uint8Array[]): Offset {
    const b = this.#b;
    const vectors = list.toReversed().map((bytes) => {
      if (bytes.length === 0) return 0;
      // Vectors of bytes are aligned to their length field only.
      b.prep(CONSTANT_ALIGNMENT, bytes.length);
      return b.createByteVector(bytes);
    });
    const tables = vectors.reverse().map((data) => this.#table(FIELDS.Buffer, data ? { data } : {}));
    return this.#offsets(tables);
  }

  #tensor(tensor: Tensor, buffer: number): Offset {
    const F = FIELDS.Tensor;
    const parts = {
      ...(tensor.shape.length > 0
        ? { shape: this.#shared('shape', tensor.shape, () => this.#int32s(tensor.shape)) }
        : {}),
      name: this.#string(tensor.id),
      ...(tensor.quant ? { quantization: this.#quantization(tensor.quant, tensor.shape.length) } : {}),
    };
    return this.#table(F, parts, () => {
      this.#b.addFieldInt32(F.buffer, buffer, 0);
      this.#b.addFieldInt8(F.type, TENSOR_TYPES.indexOf(TYPE_NAMES[tensor.dtype]), 0);
      // Without it an empty shape means "rank unknown".
      if (tensor.shape.length === 0) this.#b.addFieldInt8(F.has_rank, 1, 0);
    });
  }

  #quantization(quant: QuantParams, rank: number): Offset {
    const F = FIELDS.QuantizationParameters;
    // A vector has one axis; a single scale has none.
    const axis = rank > 1 && quant.scale.length > 1 ? quant.axis : 0;
    return this.#shared('quantization', [axis, quant.scale, quant.zeroPoint], () => {
      const scale = this.#shared('scale', quant.scale, () => this.#float32s(quant.scale));
      const zeroPoint = this.#shared('zero point', quant.zeroPoint, () => this.#int64s(quant.zeroPoint));
      return this.#table(F, { scale, zero_point: zeroPoint }, () =>
        this.#b.addFieldInt32(F.quantized_dimension, axis, 0),
      );
    });
  }

  /** One operator code a builtin and version, in order of first use. */
  #operatorCodes(operators: readonly WrittenOperator[]): { tables: Offset[]; indexOf(op: WrittenOperator): number } {
    const F = FIELDS.OperatorCode;
    const key = (op: WrittenOperator): string => `${op.builtin} ${op.version}`;
    const first = new Map<string, WrittenOperator>();
    for (const op of operators) if (!first.has(key(op))) first.set(key(op), op);
    const keys = [...first.keys()];
    const tables = [...first.values()].map((op) => {
      const code = BUILTIN_OPERATORS.indexOf(op.builtin);
      if (code < 0) throw new Error(`no TFLite builtin is called ${op.builtin}`);
      return this.#table(F, {}, () => {
        this.#b.addFieldInt8(F.deprecated_builtin_code, Math.min(code, PLACEHOLDER_FOR_GREATER_CODES), 0);
        this.#b.addFieldInt32(F.version, op.version, 1);
        this.#b.addFieldInt32(F.builtin_code, code, 0);
      });
    });
    return { tables, indexOf: (op) => keys.indexOf(key(op)) };
  }

  #operator(op: WrittenOperator, opcodeIndex: number): Offset {
    const F = FIELDS.Operator;
    const places = (ids: readonly (string | undefined)[]): Offset =>
      this.#int32s(ids.map((id) => (id === undefined ? -1 : (this.#index.get(id) as number))));
    const schema = BUILTIN_OPTIONS[op.builtin];
    // A table without fields says nothing that its absence does not.
    const options = schema && Object.keys(op.options).length > 0 ? this.#options(op) : undefined;
    const parts = {
      inputs: places(op.inputs),
      outputs: places(op.outputs),
      ...(options ? { builtin_options: options } : {}),
    };
    return this.#table(F, parts, () => {
      this.#b.addFieldInt32(F.opcode_index, opcodeIndex, 0);
      if (options) this.#b.addFieldInt8(F.builtin_options_type, schema?.union as number, 0);
    });
  }

  #options({ builtin, options }: WrittenOperator): Offset {
    const fields = Object.entries(options).map(([name, value]) => {
      const field = BUILTIN_OPTIONS[builtin]?.fields[name];
      if (!field) throw new Error(`${builtin} has no option ${name}`);
      return { field, value };
    });
    return this.#shared(`options ${builtin}`, [JSON.stringify(options)], () => {
      const ids = fields.map(({ field }) => field.id);
      this.#b.startObject(Math.max(...ids) + 1);
      for (const { field, value } of fields) this.#option(field, value);
      return this.#b.endObject();
    });
  }

  #option({ id, type, fallback = 0 }: OptionField, value: TfliteOperatorSpec['options'][string]): void {
    const b = this.#b;
    if (type === 'bool') b.addFieldInt8(id, value ? 1 : 0, 0);
    else if (type === 'int32') b.addFieldInt32(id, value as number, fallback);
    else if (type === 'float32') b.addFieldFloat32(id, value as number, fallback);
    else if (type === 'int32s') throw new Error('options that are vectors are not written');
    else {
      const code = type.enumOf.indexOf(value as string);
      if (code < 0) throw new Error(`${value} is none of ${type.enumOf}`);
      b.addFieldInt8(id, code, 0);
    }
  }

  #signature(): Offset {
    const F = FIELDS.TensorMap;
    const map = (ids: readonly string[]): Offset =>
      this.#offsets(
        ids.map((id) => {
          const name = this.#string(id);
          return this.#table(F, { name }, () =>
            this.#b.addFieldInt32(F.tensor_index, this.#index.get(id) as number, 0),
          );
        }),
      );
    return this.#table(FIELDS.SignatureDef, {
      inputs: map(this.#model.inputs),
      outputs: map(this.#model.outputs),
      signature_key: this.#string('serving_default'),
    });
  }

  #metadata(name: string, buffer: number): Offset {
    const F = FIELDS.Metadata;
    return this.#table(F, { name: this.#string(name) }, () => this.#b.addFieldInt32(F.buffer, buffer, 0));
  }

  /** A table of these offset fields, and of the scalar fields that `addScalars` adds. */
  #table<F extends Readonly<Record<string, number>>>(
    fields: F,
    offsets: Partial<Record<keyof F & string, Offset>>,
    addScalars?: () => void,
  ): Offset {
    const b = this.#b;
    b.startObject(Math.max(...Object.values(fields)) + 1);
    addScalars?.();
    for (const [name, offset] of Object.entries(offsets)) b.addFieldOffset(fields[name] as number, offset as Offset, 0);
    return b.endObject();
  }

  #shared(kind: string, content: Iterable<unknown>, write: () => Offset): Offset {
    const key = `${kind}|${[...content].join('|')}`;
    const known = this.#written.get(key);
    if (known !== undefined) return known;
    const offset = write();
    this.#written.set(key, offset);
    return offset;
  }

  #string(text: string): Offset {
    return this.#shared('text', [text], () => this.#b.createString(text));
  }

  #int32s(values: ArrayLike<number>): Offset {
    this.#b.startVector(4, values.length, 4);
    for (let i = values.length - 1; i >= 0; i--) this.#b.addInt32(values[i] as number);
    return this.#b.endVector();
  }

  #int64s(values: ArrayLike<number>): Offset {
    this.#b.startVector(8, values.length, 8);
    for (let i = values.length - 1; i >= 0; i--) this.#b.addInt64(BigInt(values[i] as number));
    return this.#b.endVector();
  }

  #float32s(values: ArrayLike<number>): Offset {
    this.#b.startVector(4, values.length, 4);
    for (let i = values.length - 1; i >= 0; i--) this.#b.addFloat32(values[i] as number);
    return this.#b.endVector();
  }

  #offsets(values: readonly Offset[]): Offset {
    this.#b.startVector(4, values.length, 4);
    for (const v of values.toReversed()) this.#b.addOffset(v);
    return this.#b.endVector();
  }
}

/** FNV-1a; only narrows down which buffers to compare. */
function checksum(bytes: Uint8Array): number {
  let h = 0x811c9dc5;
  for (const byte of bytes) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}
