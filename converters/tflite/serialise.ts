/** Tensors and operators → the bytes of a .tflite file. Names, shapes, quantization and constants that are equal are written once. */
import { crc32 } from '../../src/core/crc32.js';
import type { DType, QuantParams, Tensor } from '../../src/ir/graph.js';
import type { TfliteOperatorSpec } from '../../src/ops/op-def.js';
import { FlatbufferWriter, type Offset } from './flatbuffer-writer.js';
import {
  BUILTIN_OPERATORS,
  BUILTIN_OPTIONS,
  FIELDS,
  FILE_IDENTIFIER,
  type OptionField,
  TENSOR_TYPES,
} from './schema.js';
import { appendLabelFile, encodeLabelMetadata } from './write-label-file.js';

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

const SCHEMA_VERSION = 3;

/** Room for everything but constants; the writer grows when it is not enough. */
const STRUCTURE_BYTES = 1 << 14;

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
  readonly #w: FlatbufferWriter;
  readonly #index: ReadonlyMap<string, number>;

  constructor(model: WrittenModel) {
    this.#model = model;
    const constantBytes = model.tensors.reduce((sum, t) => sum + (t.data?.byteLength ?? 0), 0);
    this.#w = new FlatbufferWriter(constantBytes + STRUCTURE_BYTES);
    this.#index = new Map(model.tensors.map((t, i) => [t.id, i]));
  }

  serialise(): Uint8Array {
    const { name, description, classNames, tensors, operators, inputs, outputs } = this.#model;
    const w = this.#w;
    const contents = new BufferContents();
    const places = tensors.map((t) => (t.data ? contents.place(t.data) : 0));
    const metadata = classNames ? contents.place(encodeLabelMetadata(name, inputs, outputs)) : undefined;
    const buffers = this.#buffers(contents.list);
    const tensorVector = w.offsets(tensors.map((t, i) => this.#tensor(t, places[i] as number)));
    const codes = this.#operatorCodes(operators);
    const operatorVector = w.offsets(operators.map((op) => this.#operator(op, codes.indexOf(op))));
    const subgraph = w.table(FIELDS.SubGraph, {
      tensors: tensorVector,
      inputs: this.#tensorList(inputs),
      outputs: this.#tensorList(outputs),
      operators: operatorVector,
      name: w.string('main'),
    });
    const root = w.table(
      FIELDS.Model,
      {
        operator_codes: w.offsets(codes.tables),
        subgraphs: w.offsets([subgraph]),
        description: description ? w.string(description) : undefined,
        buffers,
        metadata: metadata === undefined ? undefined : w.offsets([this.#metadata('TFLITE_METADATA', metadata)]),
        signature_defs: w.offsets([this.#signature()]),
      },
      (b) => b.addFieldInt32(FIELDS.Model.version, SCHEMA_VERSION, 0),
    );
    return w.finish(root, FILE_IDENTIFIER);
  }

  #buffers(list: readonly Uint8Array[]): Offset {
    // The last one first, so that they lie in order.
    const vectors = list
      .toReversed()
      .map((bytes) => (bytes.length === 0 ? 0 : this.#w.bytes(bytes, CONSTANT_ALIGNMENT)));
    return this.#w.offsets(vectors.reverse().map((data) => this.#w.table(FIELDS.Buffer, { data })));
  }

  #tensor({ id, shape, dtype, quant }: Tensor, buffer: number): Offset {
    const F = FIELDS.Tensor;
    const w = this.#w;
    const parts = {
      shape: shape.length > 0 ? this.#int32s(shape) : undefined,
      name: w.string(id),
      quantization: quant ? this.#quantization(quant, shape.length) : undefined,
    };
    return w.table(F, parts, (b) => {
      b.addFieldInt32(F.buffer, buffer, 0);
      b.addFieldInt8(F.type, TENSOR_TYPES.indexOf(TYPE_NAMES[dtype]), 0);
      // Without it an absent shape means "rank unknown".
      if (shape.length === 0) b.addFieldInt8(F.has_rank, 1, 0);
    });
  }

  #quantization({ scale, zeroPoint, axis }: QuantParams, rank: number): Offset {
    const F = FIELDS.QuantizationParameters;
    const w = this.#w;
    // A vector has one axis, a single scale has none; runtimes check that the axis exists.
    const dimension = rank > 1 && scale.length > 1 ? axis : 0;
    return w.shared('quantization', [dimension, scale, zeroPoint], () => {
      const parts = {
        scale: w.shared('scale', scale, () => w.float32s(scale)),
        zero_point: w.shared('zero point', zeroPoint, () => w.int64s(zeroPoint)),
      };
      return w.table(F, parts, (b) => b.addFieldInt32(F.quantized_dimension, dimension, 0));
    });
  }

  /** One operator code a builtin and version, in order of first use. */
  #operatorCodes(operators: readonly WrittenOperator[]): { tables: Offset[]; indexOf(op: WrittenOperator): number } {
    const F = FIELDS.OperatorCode;
    const keyOf = (op: WrittenOperator): string => `${op.builtin} ${op.version}`;
    const keys = [...new Set(operators.map(keyOf))];
    const tables = keys.map((key) => {
      const { builtin, version } = operators.find((op) => keyOf(op) === key) as WrittenOperator;
      const code = BUILTIN_OPERATORS.indexOf(builtin);
      if (code < 0) throw new Error(`no TFLite builtin is called ${builtin}`);
      return this.#w.table(F, {}, (b) => {
        b.addFieldInt8(F.deprecated_builtin_code, Math.min(code, PLACEHOLDER_FOR_GREATER_CODES), 0);
        b.addFieldInt32(F.version, version, 1);
        b.addFieldInt32(F.builtin_code, code, 0);
      });
    });
    return { tables, indexOf: (op) => keys.indexOf(keyOf(op)) };
  }

  #operator(op: WrittenOperator, opcodeIndex: number): Offset {
    const F = FIELDS.Operator;
    // A table without fields says nothing that its absence does not.
    const options = Object.keys(op.options).length > 0 ? this.#options(op) : undefined;
    const parts = {
      inputs: this.#tensorList(op.inputs),
      outputs: this.#tensorList(op.outputs),
      builtin_options: options,
    };
    return this.#w.table(F, parts, (b) => {
      b.addFieldInt32(F.opcode_index, opcodeIndex, 0);
      if (options) b.addFieldInt8(F.builtin_options_type, BUILTIN_OPTIONS[op.builtin]?.union as number, 0);
    });
  }

  #options({ builtin, options }: WrittenOperator): Offset {
    const fields = Object.entries(options).map(([name, value]) => {
      const field = BUILTIN_OPTIONS[builtin]?.fields[name];
      if (!field) throw new Error(`${builtin} has no option ${name}`);
      return { name, field, value };
    });
    const ids = Object.fromEntries(fields.map(({ name, field }) => [name, field.id]));
    return this.#w.shared(`options of ${builtin}`, [JSON.stringify(options)], () =>
      this.#w.table(ids, {}, () => {
        for (const { field, value } of fields) this.#option(field, value);
      }),
    );
  }

  #option({ id, type, fallback = 0 }: OptionField, value: TfliteOperatorSpec['options'][string]): void {
    const b = this.#w.builder;
    if (type === 'bool') b.addFieldInt8(id, value ? 1 : 0, 0);
    else if (type === 'int32') b.addFieldInt32(id, value as number, fallback);
    else if (type === 'float32') b.addFieldFloat32(id, value as number, fallback);
    else if (type === 'int32s') throw new Error('no operator is written whose options are vectors');
    else {
      const code = type.enumOf.indexOf(value as string);
      if (code < 0) throw new Error(`${value} is none of ${type.enumOf}`);
      b.addFieldInt8(id, code, 0);
    }
  }

  #signature(): Offset {
    const F = FIELDS.TensorMap;
    const w = this.#w;
    const names = (ids: readonly string[]): Offset =>
      w.offsets(
        ids.map((id) =>
          w.table(F, { name: w.string(id) }, (b) => b.addFieldInt32(F.tensor_index, this.#index.get(id) as number, 0)),
        ),
      );
    return w.table(FIELDS.SignatureDef, {
      inputs: names(this.#model.inputs),
      outputs: names(this.#model.outputs),
      signature_key: w.string('serving_default'),
    });
  }

  #metadata(name: string, buffer: number): Offset {
    const F = FIELDS.Metadata;
    return this.#w.table(F, { name: this.#w.string(name) }, (b) => b.addFieldInt32(F.buffer, buffer, 0));
  }

  /** Places of these tensors; −1 where one is absent. */
  #tensorList(ids: readonly (string | undefined)[]): Offset {
    const places = ids.map((id) => (id === undefined ? -1 : (this.#index.get(id) as number)));
    return this.#int32s(places);
  }

  #int32s(values: readonly number[]): Offset {
    return this.#w.shared('int32s', values, () => this.#w.int32s(values));
  }
}

/** The file's buffers: the first is empty by convention, equal ones are one. */
class BufferContents {
  readonly list: Uint8Array[] = [new Uint8Array(0)];
  readonly #byCrc = new Map<number, number[]>();

  place(data: ArrayBufferView): number {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const key = crc32(bytes);
    const alike = this.#byCrc.get(key) ?? [];
    const known = alike.find((i) => sameBytes(this.list[i] as Uint8Array, bytes));
    if (known !== undefined) return known;
    const place = this.list.push(bytes) - 1;
    this.#byCrc.set(key, [...alike, place]);
    return place;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
