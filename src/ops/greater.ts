import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorType } from '../ir/graph.js';
import { broadcastShapes, inferBinary, referenceBinary } from './broadcast.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor } from './op-def.js';

/** 1 where a > b, else 0, as float32, with numpy broadcasting. */
export const greater: OpDef = {
  kind: 'greater',
  summary: '1 where a > b, else 0, with broadcasting',
  role: 'gradient',

  inferShape(inputs) {
    const [{ shape }] = inferBinary('greater', inputs) as [TensorType];
    return [{ shape, dtype: 'float32' }];
  },
  macs: () => 0,
  reference(inputs) {
    const [a, b] = inputs as readonly [RefTensor, RefTensor];
    return [referenceBinary(a, b, broadcastShapes('greater', a.shape, b.shape), (x, y) => (x > y ? 1 : 0))];
  },
  // Constant almost everywhere: no gradient goes through.
  vjp: () => [undefined, undefined],
  toOnnx(e) {
    const rank = e.outputType(0).shape.length;
    const mask = e.add('Greater', [e.broadcastInput(0, rank), e.broadcastInput(1, rank)]);
    return [e.add('Cast', [mask], { to: { int: ONNX_FLOAT } })];
  },
  toTfjs(tf, inputs) {
    const [a, b] = inputs as readonly [tfjs.Tensor, tfjs.Tensor];
    return [tf.cast(tf.greater(a, b), 'float32')];
  },
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};

/** TensorProto.DataType.FLOAT */
const ONNX_FLOAT = 1;
