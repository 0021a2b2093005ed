/** What TFLite-Micro's allocator sees of a .tflite file: for the prediction of its arena. */
import { fail } from '../../src/core/errors.js';
import type { TflmModel } from '../../src/memory/tflm-model.js';
import { parseTflite } from './parse.js';

/**
 * Bytes of an element in the interpreter. Source: TfLiteTypeSizeOf in tensorflow/lite/micro/memory_helpers.cc, where an INT4
 * counts as a whole byte.
 */
const BYTES_PER_ELEMENT: Readonly<Record<string, number>> = {
  FLOAT32: 4,
  FLOAT16: 2,
  BFLOAT16: 2,
  FLOAT64: 8,
  INT4: 1,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  BOOL: 1,
  COMPLEX64: 8,
  COMPLEX128: 16,
};

/**
 * Tensors and operators of the file as they stand in it; any operator may occur, custom ones included (`CUSTOM`).
 * @throws IsplitError E_MODEL_CORRUPT, E_MODEL_TOO_LARGE; E_OP_UNSUPPORTED for several subgraphs and for types without a size
 */
export function readTflmModel(bytes: Uint8Array): TflmModel {
  const model = parseTflite(bytes);
  if (model.subgraphs > 1) {
    fail('E_OP_UNSUPPORTED', `the file has ${model.subgraphs} subgraphs; the arena of control flow is not predicted`, {
      subgraphs: model.subgraphs,
    });
  }
  return {
    tensors: model.tensors.map((tensor) => {
      const bytesPerElement = BYTES_PER_ELEMENT[tensor.type];
      if (bytesPerElement === undefined) {
        fail('E_OP_UNSUPPORTED', `tensor "${tensor.name}" is ${tensor.type}, which TFLite-Micro gives no size`, {
          tensor: tensor.name,
          type: tensor.type,
        });
      }
      return {
        dims: tensor.recordedShape,
        bytesPerElement,
        constant: tensor.data !== undefined,
        variable: tensor.variable,
        channels: tensor.quant?.scale.length ?? 0,
      };
    }),
    operators: model.operators.map(({ builtin, options, inputs, outputs }) => ({ builtin, options, inputs, outputs })),
    inputs: model.inputs,
    outputs: model.outputs,
  };
}
