import type * as tfjs from '@tensorflow/tfjs-core';
import { broadcastShapes, inferBinary, reduceToShape, referenceBinary } from './broadcast.js';
import { activationToOnnx, activationToTfjs, applyActivation, type Fusable } from './fused-activation.js';
import { prepareInt8Sum } from './int8-elementwise.js';
import { LATER, type OpDef, type RefTensor } from './op-def.js';
import { activationToTfGraph } from './tf-graph.js';
import { encodeBinary } from './tflite-encode.js';
import { inputIds, scalarConstant } from './unary.js';

/** Element-wise difference with numpy broadcasting. */
export const sub: OpDef<Fusable> = {
  kind: 'sub',
  summary: 'element-wise difference with broadcasting',
  role: 'network',
  fusesActivation: true,
  inPlace: [0, 1],

  inferShape: (inputs) => inferBinary('sub', inputs),
  macs: () => 0,
  reference(inputs, attrs) {
    const [a, b] = inputs as readonly [RefTensor, RefTensor];
    const y = referenceBinary(a, b, broadcastShapes('sub', a.shape, b.shape), (x, y) => x - y);
    return [applyActivation(y, attrs.activation)];
  },
  vjp(sink, { inputs, gradients, needs }) {
    const [a, b] = inputs as [string, string];
    const g = gradients[0] as string;
    const minus = (): string => sink.op('mul', [g, scalarConstant(sink, -1)]);
    return [
      needs[0] ? reduceToShape(sink, g, sink.type(a).shape) : undefined,
      needs[1] ? reduceToShape(sink, minus(), sink.type(b).shape) : undefined,
    ];
  },
  toOnnx(e, attrs) {
    const rank = e.outputType(0).shape.length;
    const y = e.add('Sub', [e.broadcastInput(0, rank), e.broadcastInput(1, rank)]);
    return [activationToOnnx(e, y, attrs.activation)];
  },
  toTfjs(tf, inputs, attrs) {
    const [a, b] = inputs as readonly [tfjs.Tensor, tfjs.Tensor];
    return [activationToTfjs(tf, tf.sub(a, b), attrs.activation)];
  },
  toTfjsGraph: (e, attrs) => [activationToTfGraph(e, e.add('Sub', [e.input(0), e.input(1)]), attrs.activation)],
  tflite: {
    decode: { SUB: (op, sink) => sink.emitFused('sub', inputIds(op, sink), {}) },
    encode: encodeBinary('SUB'),
  },
  int8: { output: 'calibrated', prepare: (operands) => prepareInt8Sum(operands, -1) },
  emitC: LATER.emitC,
  edgeTpu: [],
};
