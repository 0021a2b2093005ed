/** The ONNX reader: float networks as PyTorch, tf2onnx and Keras export them. */
import { throwIfAborted } from '../../src/core/context.js';
import { fail } from '../../src/core/errors.js';
import type { FormatReader, ModelFile } from '../format.js';
import { type OnnxModel, parseOnnx, type TensorEntry } from './parse.js';
import { MessageView } from './protobuf-view.js';
import { type Constant, isReadableType, readTensor } from './tensor-data.js';
import { translateOnnx } from './translate.js';

const MIN_OPSET = 9;
const MAX_OPSET = 22;

/** Graph constants may take this many times the values in the files: one weight may be used in several layouts. */
const MAX_EXPANSION = 16;
const SMALL_MODEL_VALUES = 1 << 20;

export const onnxReader: FormatReader = {
  id: 'onnx',
  label: 'ONNX',

  claims({ bytes }) {
    try {
      return looksLikeOnnx(bytes);
    } catch {
      return false;
    }
  },

  async read(file, ctx) {
    const model = parseOnnx(file.bytes);
    if (model.opset < MIN_OPSET || model.opset > MAX_OPSET) {
      fail(
        'E_OP_UNSUPPORTED',
        `"${file.name}" uses opset ${model.opset}; ${MIN_OPSET} to ${MAX_OPSET} are read`,
        { opset: model.opset },
        'Export it again with opset 17.',
      );
    }
    if (model.sparseInitializers > 0) {
      fail('E_OP_UNSUPPORTED', `"${file.name}" has ${model.sparseInitializers} sparse initializers`);
    }
    const constants = await readConstants(model, file);
    throwIfAborted(ctx);
    const { graph, warnings } = translateOnnx({
      model,
      name: file.name.replace(/\.onnx$/i, ''),
      constantOf: (value) => constants.values.get(value),
      valueBudget: MAX_EXPANSION * constants.count + SMALL_MODEL_VALUES,
    });
    const maker = model.producer.replace(/ None$/, '');
    const producer = maker ? ` (${maker})` : '';
    return { graph, description: `ONNX opset ${model.opset}${producer}`, warnings };
  },
};

/** Fields of ModelProto and their wire types. */
const MODEL_FIELDS: Readonly<Record<number, 0 | 2>> = {
  1: 0,
  2: 2,
  3: 2,
  4: 2,
  5: 0,
  6: 2,
  7: 2,
  8: 2,
  14: 2,
  20: 2,
  25: 2,
};

/**
 * Protobuf has no signature. An ONNX file begins with its IR version and holds only fields of a ModelProto; a truncated one
 * counts, so that reading it says where it ends.
 */
function looksLikeOnnx(bytes: Uint8Array): boolean {
  if (bytes.length < 3 || bytes[0] !== 0x08 || !((bytes[1] as number) >= 3 && (bytes[1] as number) <= 20)) return false;
  let known = 0;
  let foreign = false;
  try {
    MessageView.of(bytes, 'the model').forEach((field, { wire }) => {
      if (MODEL_FIELDS[field] === wire) known++;
      else foreign = true;
    });
  } catch {
    return known >= 1 && !foreign;
  }
  return known >= 2 && !foreign;
}

interface Constants {
  readonly values: ReadonlyMap<string, Constant>;
  /** Values in all. */
  readonly count: number;
}

/** Initializers and Constant nodes; a name of two initializers is refused. */
async function readConstants(model: OnnxModel, file: ModelFile): Promise<Constants> {
  const values = new Map<string, Constant>();
  const files = new Map<string, Uint8Array>();
  let count = 0;
  const add = async (name: string, tensor: TensorEntry): Promise<void> => {
    if (!isReadableType(tensor.dataType)) return;
    const constant = readTensor(tensor, await externalFile(tensor, file, files));
    count += constant.data.length;
    values.set(name, constant);
  };
  for (const tensor of model.initializers) {
    if (values.has(tensor.name)) fail('E_MODEL_CORRUPT', `two initializers are called "${tensor.name}"`);
    await add(tensor.name, tensor);
  }
  for (const { opType, attributes, outputs } of model.nodes) {
    const [output] = outputs;
    if (opType !== 'Constant' || output === undefined || values.has(output)) continue;
    const tensor = attributes.get('value')?.tensor;
    if (tensor) await add(output, tensor);
    for (const [name, kind, scalar] of SHORT_CONSTANTS) {
      const attribute = attributes.get(name);
      if (!attribute) continue;
      const list = scalar ? [kind === 'float' ? (attribute.float ?? 0) : (attribute.int ?? 0)] : attribute[`${kind}s`];
      const dims = scalar ? [] : [list.length];
      values.set(
        output,
        kind === 'float'
          ? { kind, dims, data: Float32Array.from(list) }
          : { kind, dims, data: Float64Array.from(list) },
      );
    }
  }
  return { values, count };
}

const SHORT_CONSTANTS = [
  ['value_float', 'float', true],
  ['value_int', 'int', true],
  ['value_floats', 'float', false],
  ['value_ints', 'int', false],
] as const;

async function externalFile(
  tensor: TensorEntry,
  file: ModelFile,
  files: Map<string, Uint8Array>,
): Promise<Uint8Array | undefined> {
  if (!tensor.external) return undefined;
  const { location } = tensor.external;
  if (!location) fail('E_MODEL_CORRUPT', `tensor "${tensor.name}" lies in another file, which is not named`);
  const name = location.replace(/^\.\//, '');
  let bytes = files.get(name);
  if (!bytes) {
    bytes = await file.sibling(name);
    files.set(name, bytes);
  }
  return bytes;
}
