/** ONNX file → plain model object. Field numbers are those of onnx.proto (ONNX IR version 3 to 10). */
import { fail } from '../../src/core/errors.js';
import { type FieldValue, MessageView } from './protobuf-view.js';

/** Protobuf's own limit. */
export const MAX_FILE_BYTES = 2 ** 31 - 1;
const MAX_NODES = 100_000;
const MAX_TENSORS = 100_000;
const MAX_RANK = 16;
const MAX_LIST = 1 << 20;

/** A TensorProto; the values stay in the file until they are wanted. */
export interface TensorEntry {
  readonly name: string;
  readonly dims: readonly number[];
  /** TensorProto.DataType. */
  readonly dataType: number;
  readonly raw?: Uint8Array;
  /** float_data, int32_data, int64_data, double_data or uint64_data, as they lie in the file. */
  readonly typed: readonly FieldValue[];
  /** Keys of external_data (location, offset, length) when the values lie in another file. */
  readonly external?: Readonly<Record<string, string>>;
}

export interface AttributeEntry {
  readonly name: string;
  readonly float?: number;
  readonly int?: number;
  readonly string?: string;
  readonly tensor?: TensorEntry;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly strings: readonly string[];
  /** Subgraphs, sparse tensors and the like. */
  readonly other: boolean;
}

export interface NodeEntry {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeEntry>;
}

/** A graph input or output. A dimension is a number, the name of a free one, or '' when nothing is said. */
export interface ValueEntry {
  readonly name: string;
  /** TensorProto.DataType; 0 when it is not a tensor. */
  readonly elementType: number;
  /** Undefined when the file states no shape. */
  readonly dims?: readonly (number | string)[];
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly producer: string;
  readonly opset: number;
  readonly name: string;
  readonly nodes: readonly NodeEntry[];
  readonly initializers: readonly TensorEntry[];
  readonly sparseInitializers: number;
  readonly inputs: readonly ValueEntry[];
  readonly outputs: readonly ValueEntry[];
}

/** @throws IsplitError E_MODEL_CORRUPT, E_MODEL_TOO_LARGE */
export function parseOnnx(bytes: Uint8Array): OnnxModel {
  if (bytes.byteLength > MAX_FILE_BYTES) {
    fail('E_MODEL_TOO_LARGE', `the file has ${bytes.byteLength} B, at most ${MAX_FILE_BYTES} B are read`, {
      bytes: bytes.byteLength,
      limit: MAX_FILE_BYTES,
    });
  }
  const model = MessageView.of(bytes, 'the model');
  let irVersion = 0;
  let producer = '';
  let producerVersion = '';
  const found: { opset?: number; graph?: MessageView } = {};
  model.forEach((field, value) => {
    if (field === 1) irVersion = value.int();
    else if (field === 2) producer = value.string();
    else if (field === 3) producerVersion = value.string();
    else if (field === 7) {
      if (found.graph) model.corrupt('has two graphs', value.start);
      found.graph = value.message('the graph');
    } else if (field === 8) {
      const { domain, version } = parseOpset(value.message('an opset'));
      if (domain === '' || domain === 'ai.onnx') found.opset = version;
    }
  });
  const { graph, opset } = found;
  if (!graph) return model.corrupt('has no graph', 0);
  if (opset === undefined) return model.corrupt('states no opset of the ONNX operators', 0);
  const maker = `${producer} ${producerVersion}`.replace(/[^\x20-\x7e]+/g, ' ');
  return { irVersion, producer: maker.trim().slice(0, 60), opset, ...parseGraph(graph) };
}

function parseOpset(message: MessageView): { domain: string; version: number } {
  let domain = '';
  let version = 0;
  message.forEach((field, value) => {
    if (field === 1) domain = value.string();
    else if (field === 2) version = value.int();
  });
  return { domain, version };
}

function parseGraph(graph: MessageView): Omit<OnnxModel, 'irVersion' | 'producer' | 'opset'> {
  const nodes: NodeEntry[] = [];
  const initializers: TensorEntry[] = [];
  const inputs: ValueEntry[] = [];
  const outputs: ValueEntry[] = [];
  let name = '';
  let sparseInitializers = 0;
  graph.forEach((field, value) => {
    if (field === 1) nodes.push(parseNode(value.message(`node ${nodes.length}`)));
    else if (field === 2) name = value.string();
    else if (field === 5) initializers.push(parseTensor(value.message(`initializer ${initializers.length}`)));
    else if (field === 11) inputs.push(parseValue(value.message(`input ${inputs.length}`)));
    else if (field === 12) outputs.push(parseValue(value.message(`output ${outputs.length}`)));
    else if (field === 15) sparseInitializers++;
    if (nodes.length > MAX_NODES) graph.corrupt(`has more than ${MAX_NODES} nodes`, value.start);
    if (initializers.length > MAX_TENSORS) graph.corrupt(`has more than ${MAX_TENSORS} initializers`, value.start);
  });
  return { name, nodes, initializers, sparseInitializers, inputs, outputs };
}

function parseNode(message: MessageView): NodeEntry {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, AttributeEntry>();
  let name = '';
  let opType = '';
  let domain = '';
  message.forEach((field, value) => {
    if (field === 1) inputs.push(value.string());
    else if (field === 2) outputs.push(value.string());
    else if (field === 3) name = value.string();
    else if (field === 4) opType = value.string();
    else if (field === 5) {
      const attribute = parseAttribute(value.message('an attribute'));
      attributes.set(attribute.name, attribute);
    } else if (field === 7) domain = value.string();
  });
  return { name, opType, domain, inputs, outputs, attributes };
}

function parseAttribute(message: MessageView): AttributeEntry {
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  const rest: { -readonly [K in 'float' | 'int' | 'string' | 'tensor']?: AttributeEntry[K] } = {};
  let name = '';
  let other = false;
  message.forEach((field, value) => {
    if (field === 1) name = value.string();
    else if (field === 2) rest.float = value.float();
    else if (field === 3) rest.int = value.int();
    else if (field === 4) rest.string = value.string();
    else if (field === 5) rest.tensor = parseTensor(value.message('a tensor attribute'));
    else if (field === 7) value.floats(floats, MAX_LIST);
    else if (field === 8) value.ints(ints, MAX_LIST);
    else if (field === 9) strings.push(value.string());
    else if ([6, 10, 11, 14, 15, 21, 22, 23].includes(field)) other = true;
  });
  return { name, ...(rest as Partial<AttributeEntry>), floats, ints, strings, other };
}

function parseTensor(message: MessageView): TensorEntry {
  const dims: number[] = [];
  const typed: FieldValue[] = [];
  const external: Record<string, string> = {};
  let name = '';
  let dataType = 0;
  let location = 0;
  let raw: Uint8Array | undefined;
  message.forEach((field, value) => {
    if (field === 1) value.ints(dims, MAX_RANK);
    else if (field === 2) dataType = value.int();
    else if (field === 3) message.corrupt('is split into segments, which no exporter does', value.start);
    else if ([4, 5, 7, 10, 11].includes(field)) typed.push(value);
    else if (field === 8) name = value.string();
    else if (field === 9) raw = value.bytes();
    else if (field === 13) parseEntry(value.message('an external data entry'), external);
    else if (field === 14) location = value.int();
  });
  if (dims.some((d) => !Number.isSafeInteger(d) || d < 0)) {
    message.corrupt(`"${name}" has the impossible shape [${dims}]`, message.start);
  }
  return { name, dims, dataType, typed, ...(raw ? { raw } : {}), ...(location === 1 ? { external } : {}) };
}

function parseEntry(message: MessageView, into: Record<string, string>): void {
  let key = '';
  let text = '';
  message.forEach((field, value) => {
    if (field === 1) key = value.string();
    else if (field === 2) text = value.string();
  });
  if (['location', 'offset', 'length'].includes(key)) into[key] = text;
}

function parseValue(message: MessageView): ValueEntry {
  let name = '';
  let elementType = 0;
  let dims: (number | string)[] | undefined;
  message.forEach((field, value) => {
    if (field === 1) name = value.string();
    if (field !== 2) return;
    value.message('a type').forEach((kind, type) => {
      if (kind !== 1) return;
      type.message('a tensor type').forEach((part, inner) => {
        if (part === 1) elementType = inner.int();
        if (part === 2) dims = parseShape(inner.message('a shape'));
      });
    });
  });
  return { name, elementType, ...(dims ? { dims } : {}) };
}

function parseShape(shape: MessageView): (number | string)[] {
  const dims: (number | string)[] = [];
  shape.forEach((field, value) => {
    if (field !== 1) return;
    let dim: number | string = '';
    value.message('a dimension').forEach((kind, inner) => {
      if (kind === 1) dim = inner.int();
      else if (kind === 2) dim = inner.string();
    });
    dims.push(dim);
    if (dims.length > MAX_RANK) shape.corrupt(`has more than ${MAX_RANK} dimensions`, shape.start);
  });
  return dims;
}
