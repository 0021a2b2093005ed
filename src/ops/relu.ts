import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorType } from '../ir/graph.js';
import { requireInputs } from './checks.js';
import { prepareInt8Relu } from './int8-elementwise.js';
import { LATER, type OpDef, type RefTensor } from './op-def.js';
import { encodeUnary } from './tflite-encode.js';

/** max(x, 0), any shape. */
export const relu: OpDef = {
  kind: 'relu',
  summary: 'max(x, 0)',
  role: 'network',
  inPlace: [0],

  inferShape(inputs) {
    requireInputs('relu', inputs, 1);
    const { shape, dtype } = inputs[0] as TensorType;
    return [{ shape, dtype }];
  },
  macs: () => 0,
  reference: ([x]) => [(x as RefTensor).data.map((v) => Math.max(v, 0))],
  vjp(sink, { inputs, gradients }) {
    const positive = sink.op('greater', [inputs[0] as string, sink.constant([], Float32Array.of(0))]);
    return [sink.op('mul', [gradients[0] as string, positive])];
  },
  toOnnx: (e) => [e.add('Relu', [e.input(0)])],
  toTfjs: (tf, [x]) => [tf.relu(x as tfjs.Tensor)],
  toTfjsGraph: (e) => [e.add('Relu', [e.input(0)])],
  tflite: {
    decode: { RELU: (op, sink) => sink.emit('relu', [op.inputs[0]?.id ?? sink.refuse('RELU lacks its input')], {}) },
    encode: encodeUnary('RELU'),
  },
  int8: { output: 'calibrated', prepare: prepareInt8Relu },
  emitC: LATER.emitC,
  edgeTpu: [],
};
