import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorType } from '../ir/graph.js';
import { requireInputs } from './checks.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor } from './op-def.js';

/** The input itself, which losses treat as a constant: a teacher's answer, the rounding error of a quantizer. */
export const stopGradient: OpDef = {
  kind: 'stop_gradient',
  summary: 'the input itself; no gradient goes through',
  role: 'gradient',

  inferShape(inputs) {
    requireInputs('stop_gradient', inputs, 1);
    const { shape, dtype } = inputs[0] as TensorType;
    return [{ shape, dtype }];
  },
  macs: () => 0,
  reference: ([x]) => [(x as RefTensor).data],
  vjp: () => [undefined],
  toOnnx: (e) => [e.add('Identity', [e.input(0)])],
  // As in identity: a reshape shares the data.
  toTfjs: (tf, [x]) => [tf.reshape(x as tfjs.Tensor, (x as tfjs.Tensor).shape)],
  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
