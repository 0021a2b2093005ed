/** Tensors of the file as tensors of a graph: ids, element types, constant data. */
import { fail } from '../../src/core/errors.js';
import { halfToNumber } from '../../src/core/half-float.js';
import { type DType, elementCount, type QuantParams, type Tensor, type TypedArray } from '../../src/ir/graph.js';
import { cleanTensorId, TensorIds } from '../../src/ir/tensor-id.js';
import type { TfliteModel, TfliteTensor } from './parse.js';

/** A tensor of the file; `refusal` says why operators that touch it cannot be read. */
export interface FileTensor {
  readonly tensor: Tensor;
  readonly type: string;
  readonly refusal?: string;
}

const DTYPES: Readonly<Record<string, DType>> = {
  FLOAT32: 'float32',
  INT8: 'int8',
  UINT8: 'uint8',
  INT16: 'int16',
  INT32: 'int32',
  BOOL: 'bool',
};

/** Types that only constants may have; their values are converted. */
const CONVERTED: Readonly<Record<string, DType>> = { FLOAT16: 'float32', FLOAT64: 'float32', INT64: 'int32' };

/** Expanded constants may not take more than this many times the file: tensors can share one buffer. */
export const MAX_EXPANSION = 16;
const SMALL_FILE_BYTES = 1 << 20;

/**
 * Ids: the tensor's name up to the first `;` (the converter joins the names of everything it fused, the result's first),
 * cleaned and made unique. Activations choose before constants, in the order in which they are computed.
 */
export function fileTensors(
  model: TfliteModel,
  fileBytes: number,
  ids: TensorIds = new TensorIds(),
): readonly FileTensor[] {
  const order = [...model.inputs, ...model.operators.flatMap((op) => op.outputs), ...model.tensors.keys()];
  const idOf = new Map<number, string>();
  for (const i of order) {
    if (idOf.has(i)) continue;
    const name = (model.tensors[i] as TfliteTensor).name.split(';', 1)[0] as string;
    idOf.set(i, ids.unique(cleanTensorId(name, `tensor_${i}`)));
  }
  const converter = new ConstantConverter(fileBytes * MAX_EXPANSION + SMALL_FILE_BYTES);
  return model.tensors.map((source, i) => toTensor(source, idOf.get(i) as string, converter));
}

function toTensor(source: TfliteTensor, id: string, converter: ConstantConverter): FileTensor {
  const converted = source.data ? CONVERTED[source.type] : undefined;
  const dtype = DTYPES[source.type] ?? converted;
  const tensor: Tensor = {
    id,
    shape: source.shape,
    dtype: dtype ?? 'float32',
    ...(source.quant && dtype !== 'float32' ? { quant: source.quant } : {}),
    ...(source.data && dtype ? { data: converter.convert(source, id) } : {}),
  };
  const refusal = source.refusal ?? (dtype === undefined ? `tensor type ${source.type}` : undefined);
  return { tensor, type: source.type, ...(refusal ? { refusal } : {}) };
}

class ConstantConverter {
  #budget: number;
  readonly #done = new Map<string, TypedArray>();

  constructor(budgetBytes: number) {
    this.#budget = budgetBytes;
  }

  convert(source: TfliteTensor, id: string): TypedArray {
    const bytes = source.data as Uint8Array;
    const width = BYTES_IN_FILE[source.type] as number;
    const count = elementCount(source.shape);
    if (bytes.byteLength !== count * width) {
      fail(
        'E_MODEL_CORRUPT',
        `constant "${id}" has ${bytes.byteLength} B; ${source.type} [${source.shape}] takes ${count * width} B`,
        { tensor: id, offset: bytes.byteOffset },
      );
    }
    const key = `${source.type}@${bytes.byteOffset}+${bytes.byteLength}`;
    const known = this.#done.get(key);
    if (known) return known;
    this.#budget -= count * 4;
    if (this.#budget < 0) {
      fail('E_MODEL_CORRUPT', `the constants overlap: "${id}" would take more than the file can hold`, { tensor: id });
    }
    const data = readValues(bytes, source.type, count);
    this.#done.set(key, data);
    return data;
  }
}

const BYTES_IN_FILE: Readonly<Record<string, number>> = {
  FLOAT32: 4,
  INT8: 1,
  UINT8: 1,
  INT16: 2,
  INT32: 4,
  BOOL: 1,
  FLOAT16: 2,
  FLOAT64: 8,
  INT64: 8,
};

/** Copies: the file's bytes need not be aligned, and a graph outlives the file. */
function readValues(bytes: Uint8Array, type: string, count: number): TypedArray {
  const copy = new Uint8Array(bytes);
  const view = new DataView(copy.buffer);
  switch (type) {
    case 'FLOAT32':
      return new Float32Array(copy.buffer);
    case 'INT32':
      return new Int32Array(copy.buffer);
    case 'INT16':
      return new Int16Array(copy.buffer);
    case 'INT8':
      return new Int8Array(copy.buffer);
    case 'FLOAT16':
      return Float32Array.from({ length: count }, (_, i) => halfToNumber(view.getUint16(2 * i, true)));
    case 'FLOAT64':
      return Float32Array.from({ length: count }, (_, i) => view.getFloat64(8 * i, true));
    case 'INT64':
      return Int32Array.from({ length: count }, (_, i) => {
        const value = view.getBigInt64(8 * i, true);
        // Ends of slices are written as the largest 64-bit number; 32 bits mean the same here.
        return value > 2147483647n ? 2147483647 : value < -2147483648n ? -2147483648 : Number(value);
      });
    default:
      return copy;
  }
}

/** Values of a quantized or half-precision constant as float32. */
export function dequantizeConstant(tensor: Tensor): Float32Array {
  const data = tensor.data as TypedArray;
  const q: QuantParams | undefined = tensor.quant;
  if (!q) return Float32Array.from(data);
  const step = q.scale.length > 1 ? elementCount(tensor.shape.slice(q.axis + 1)) : data.length;
  const channels = q.scale.length;
  return Float32Array.from(data, (v, i) => {
    const c = channels > 1 ? Math.floor(i / step) % channels : 0;
    return (v - (q.zeroPoint[c] as number)) * (q.scale[c] as number);
  });
}
