/** TFLite file → plain model object, fully checked, before any meaning is given to operators. */
import { fail } from '../../src/core/errors.js';
import { elementCount, type QuantParams } from '../../src/ir/graph.js';
import { FlatbufferView, type TableView } from './flatbuffer-view.js';
import { BUILTIN_OPERATORS, BUILTIN_OPTIONS, FIELDS, type OptionField, TENSOR_TYPES } from './schema.js';

/** FlatBuffers offsets are 32 bits wide; larger models keep their weights outside of the tables. */
export const MAX_FILE_BYTES = 2 ** 31 - 1;
const MAX_TENSORS = 100_000;
const MAX_OPERATORS = 100_000;
const MAX_RANK = 8;
const MAX_ELEMENTS = 2 ** 31;
const MAX_CHANNELS = 1 << 20;

export interface TfliteTensor {
  readonly name: string;
  /** Name of the schema's TensorType. */
  readonly type: string;
  /** A free batch is 1. */
  readonly shape: readonly number[];
  /** The shape as it stands in the file: what an interpreter allocates. */
  readonly recordedShape: readonly number[];
  /** Keeps its value from one run to the next. */
  readonly variable: boolean;
  /** Absent when the file has no scale for the tensor. */
  readonly quant?: QuantParams;
  /** Bytes of a constant. */
  readonly data?: Uint8Array;
  /** Why no operator may touch this tensor (sparse, variable, external buffer). */
  readonly refusal?: string;
}

export type OptionValue = number | string | boolean | readonly number[];

export interface TfliteOp {
  /** Schema name of the builtin; `CUSTOM` operators have `customCode`. */
  readonly builtin: string;
  readonly customCode?: string;
  readonly version: number;
  readonly options: Readonly<Record<string, OptionValue>>;
  /** Tensor indices, −1 = absent. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

export interface TfliteModel {
  readonly version: number;
  readonly description: string;
  readonly subgraphs: number;
  readonly tensors: readonly TfliteTensor[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly operators: readonly TfliteOp[];
  /** Names of the model's metadata entries. */
  readonly metadata: readonly string[];
}

/** @throws IsplitError E_MODEL_CORRUPT, E_MODEL_TOO_LARGE */
export function parseTflite(bytes: Uint8Array): TfliteModel {
  if (bytes.byteLength > MAX_FILE_BYTES) {
    fail('E_MODEL_TOO_LARGE', `the file has ${bytes.byteLength} B, at most ${MAX_FILE_BYTES} B are read`, {
      bytes: bytes.byteLength,
      limit: MAX_FILE_BYTES,
    });
  }
  const view = new FlatbufferView(bytes);
  const model = view.root();
  const F = FIELDS.Model;
  const version = model.uint32(F.version);
  if (version !== 3) model.corrupt(`has schema version ${version} instead of 3`);
  const subgraphs = model.tables(F.subgraphs, 'subgraphs', 10_000);
  const main = subgraphs[0] ?? model.corrupt('has no subgraph');
  const codes = model.tables(F.operator_codes, 'operator_codes', MAX_OPERATORS).map(parseOperatorCode);
  const buffers = model.tables(F.buffers, 'buffers', MAX_TENSORS);
  const readBuffer = bufferReader(bytes, model, buffers);
  const tensors = main
    .tables(FIELDS.SubGraph.tensors, 'tensors', MAX_TENSORS)
    .map((table) => parseTensor(table, readBuffer));
  const indices = (table: TableView, id: number, name: string, optional: boolean): number[] => {
    const list = table.int32s(id, name, MAX_TENSORS) ?? [];
    for (const i of list) {
      if (i >= tensors.length || i < (optional ? -1 : 0)) {
        table.corrupt(`names tensor ${i} in ${name}, there are ${tensors.length}`);
      }
    }
    return list;
  };
  return {
    version,
    description: model.string(F.description, 'description') ?? '',
    subgraphs: subgraphs.length,
    tensors,
    inputs: indices(main, FIELDS.SubGraph.inputs, 'inputs', false),
    outputs: indices(main, FIELDS.SubGraph.outputs, 'outputs', false),
    operators: main.tables(FIELDS.SubGraph.operators, 'operators', MAX_OPERATORS).map((table) => {
      const index = table.uint32(FIELDS.Operator.opcode_index);
      const code = codes[index] ?? table.corrupt(`has operator code ${index}, there are ${codes.length}`);
      return {
        ...code,
        options: parseOptions(table, code.builtin),
        inputs: indices(table, FIELDS.Operator.inputs, 'inputs', true),
        outputs: indices(table, FIELDS.Operator.outputs, 'outputs', false),
      };
    }),
    metadata: model
      .tables(F.metadata, 'metadata', 1000)
      .map((table) => table.string(FIELDS.Metadata.name, 'name') ?? ''),
  };
}

function parseOperatorCode(table: TableView): Pick<TfliteOp, 'builtin' | 'version' | 'customCode'> {
  const F = FIELDS.OperatorCode;
  // Files from before 2020 have the deprecated byte only; newer ones hold 127 there for codes past it.
  const code = Math.max(table.int8(F.deprecated_builtin_code), table.int32(F.builtin_code));
  const builtin = BUILTIN_OPERATORS[code] ?? `BUILTIN_${code}`;
  const version = table.int32(F.version, 1);
  if (builtin !== 'CUSTOM') return { builtin, version };
  return { builtin, version, customCode: table.string(F.custom_code, 'custom_code') ?? '' };
}

type BufferReader = (index: number, table: TableView) => Uint8Array | undefined;

function bufferReader(bytes: Uint8Array, model: TableView, buffers: readonly TableView[]): BufferReader {
  const read = buffers.map((buffer) => {
    const F = FIELDS.Buffer;
    const offset = buffer.uint64(F.offset);
    // Offsets 0 and 1 mean "inside the table"; larger ones point past the FlatBuffer (models over 2 GB).
    if (offset > 1) {
      const end = offset + buffer.uint64(F.size);
      if (end > bytes.byteLength) buffer.corrupt(`ends at byte ${end}, the file has ${bytes.byteLength}`);
      return bytes.subarray(offset, end);
    }
    const data = buffer.bytes(F.data, 'data');
    return data && data.length > 0 ? data : undefined;
  });
  return (index, table) => {
    if (index >= read.length) table.corrupt(`names buffer ${index}, ${model.what} has ${read.length}`);
    // Buffer 0 is empty by convention: "no data".
    return index === 0 ? undefined : read[index];
  };
}

function parseTensor(table: TableView, readBuffer: BufferReader): TfliteTensor {
  const F = FIELDS.Tensor;
  const typeCode = table.int8(F.type);
  const type = TENSOR_TYPES[typeCode] ?? table.corrupt(`has the unknown type ${typeCode}`);
  const recorded = table.int32s(F.shape, 'shape', MAX_RANK) ?? [];
  const signature = table.int32s(F.shape_signature, 'shape_signature', MAX_RANK) ?? [];
  const shape = [...recorded];
  // A batch that is free is run as 1, whatever was recorded.
  if (shape.length > 0 && signature[0] === -1) shape[0] = 1;
  if (shape.some((d) => d < 0) || elementCount(shape) > MAX_ELEMENTS) {
    table.corrupt(`has the impossible shape [${recorded}]`);
  }
  const name = table.string(F.name, 'name') ?? '';
  const quant = parseQuantization(table, shape);
  const data = readBuffer(table.uint32(F.buffer), table);
  const variable = table.bool(F.is_variable);
  const refusal = table.has(F.sparsity)
    ? 'sparse tensor'
    : variable
      ? 'variable tensor'
      : table.uint32(F.external_buffer) !== 0
        ? 'external buffer'
        : quant === 'custom'
          ? 'custom quantization'
          : undefined;
  return {
    name,
    type,
    shape,
    recordedShape: recorded,
    variable,
    ...(quant && quant !== 'custom' ? { quant } : {}),
    ...(data ? { data } : {}),
    ...(refusal ? { refusal } : {}),
  };
}

function parseQuantization(tensor: TableView, shape: readonly number[]): QuantParams | 'custom' | undefined {
  const table = tensor.table(FIELDS.Tensor.quantization, 'quantization');
  if (!table) return undefined;
  const F = FIELDS.QuantizationParameters;
  if (table.uint8(F.details_type) !== 0) return 'custom';
  const scale = table.float32s(F.scale, 'scale', MAX_CHANNELS) ?? [];
  if (scale.length === 0) return undefined;
  const zeroPoint = table.int64s(F.zero_point, 'zero_point', MAX_CHANNELS) ?? [];
  if (zeroPoint.length === 0) for (let i = 0; i < scale.length; i++) zeroPoint.push(0);
  if (zeroPoint.length !== scale.length) {
    table.corrupt(`has ${scale.length} scales and ${zeroPoint.length} zero points`);
  }
  if (zeroPoint.some((z) => Math.abs(z) > 2 ** 31 - 1)) table.corrupt('has a zero point past 32 bits');
  // Old converters give biases the axis of their filter; a vector has only one.
  const axis = shape.length === 1 ? 0 : table.int32(F.quantized_dimension);
  if (scale.length > 1 && shape[axis] !== scale.length) {
    table.corrupt(`has ${scale.length} scales along axis ${axis} of the shape [${shape}]`);
  }
  if (scale.some((s) => !(s > 0) || !Number.isFinite(s))) table.corrupt('has a scale that is not positive and finite');
  return { scale: Float32Array.from(scale), zeroPoint: Int32Array.from(zeroPoint), axis };
}

function parseOptions(operator: TableView, builtin: string): Record<string, OptionValue> {
  const F = FIELDS.Operator;
  const schema = BUILTIN_OPTIONS[builtin];
  if (!schema) return {};
  const union = operator.uint8(F.builtin_options_type);
  if (union !== 0 && union !== schema.union) {
    operator.corrupt(`is ${builtin} but carries options of type ${union} instead of ${schema.union} (${schema.name})`);
  }
  const table = union === 0 ? undefined : operator.table(F.builtin_options, schema.name);
  const options: Record<string, OptionValue> = {};
  for (const [name, field] of Object.entries(schema.fields)) options[name] = parseOption(table, name, field);
  return options;
}

function parseOption(table: TableView | undefined, name: string, { id, type, fallback = 0 }: OptionField): OptionValue {
  if (type === 'bool') return table?.bool(id) ?? false;
  if (type === 'int32') return table?.int32(id, fallback) ?? fallback;
  if (type === 'float32') return table?.float32(id, fallback) ?? fallback;
  if (type === 'int32s') return table?.int32s(id, name, 64) ?? [];
  const value = table?.int8(id) ?? 0;
  return type.enumOf[value] ?? (table as TableView).corrupt(`has the unknown ${name} ${value}`);
}
