import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorType } from '../ir/graph.js';
import { broadcastShapes, inferBinary, reduceToShape, referenceBinary } from './broadcast.js';
import { activationToOnnx, activationToTfjs, applyActivation, type Fusable } from './fused-activation.js';
import { prepareInt8Sum } from './int8-elementwise.js';
import { LATER, type OpDef, type RefTensor } from './op-def.js';
import { activationToTfGraph } from './tf-graph.js';
import { encodeBinary } from './tflite-encode.js';

/** Element-wise sum with numpy broadcasting. */
export const add: OpDef<Fusable> = {
  kind: 'add',
  summary: 'element-wise sum with broadcasting',
  role: 'network',
  fusesActivation: true,
  inPlace: [0, 1],

  inferShape: (inputs) => inferBinary('add', inputs),
  macs: () => 0,
  reference: ([a, b], attrs) => {
    const shape = broadcastShapes('add', (a as RefTensor).shape, (b as RefTensor).shape);
    return [
      applyActivation(
        referenceBinary(a as RefTensor, b as RefTensor, shape, (x, y) => x + y),
        attrs.activation,
      ),
    ];
  },
  vjp(sink, { inputs, gradients, needs }) {
    const [a, b] = inputs as [string, string];
    const g = gradients[0] as string;
    return [
      needs[0] ? reduceToShape(sink, g, sink.type(a).shape) : undefined,
      needs[1] ? reduceToShape(sink, g, sink.type(b).shape) : undefined,
    ];
  },
  toOnnx(e, attrs) {
    const rank = e.outputType(0).shape.length;
    return [
      activationToOnnx(e, e.add('Add', [e.broadcastInput(0, rank), e.broadcastInput(1, rank)]), attrs.activation),
    ];
  },
  toTfjs: (tf, inputs, attrs) => {
    const [a, b] = inputs as [tfjs.Tensor, tfjs.Tensor];
    return [activationToTfjs(tf, tf.add(a, b), attrs.activation)];
  },
  toTfjsGraph: (e, attrs) => [activationToTfGraph(e, e.add('AddV2', [e.input(0), e.input(1)]), attrs.activation)],
  tflite: {
    decode: {
      ADD: (op, sink) =>
        sink.emitFused(
          'add',
          op.inputs.map((t) => (t as TensorType & { id: string }).id),
          {},
        ),
    },
    encode: encodeBinary('ADD'),
  },
  int8: { output: 'calibrated', prepare: (operands) => prepareInt8Sum(operands, 1) },
  emitC: LATER.emitC,
  edgeTpu: [],
};
