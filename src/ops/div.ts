import type * as tfjs from '@tensorflow/tfjs-core';
import { broadcastShapes, inferBinary, reduceToShape, referenceBinary } from './broadcast.js';
import { activationToOnnx, activationToTfjs, applyActivation, type Fusable } from './fused-activation.js';
import { type GradientSink, type OpDef, type RefTensor, unsupported } from './op-def.js';
import { activationToTfGraph } from './tf-graph.js';
import { inputIds, scalarConstant } from './unary.js';

const NOT_IN_HEADS = unsupported('runs in the float tail and in training graphs; heads do not use it');

/** Element-wise quotient with numpy broadcasting. */
export const div: OpDef<Fusable> = {
  kind: 'div',
  summary: 'element-wise quotient with broadcasting',
  role: 'network',
  fusesActivation: true,
  inPlace: [0, 1],

  inferShape: (inputs) => inferBinary('div', inputs),
  macs: () => 0,
  reference(inputs, attrs) {
    const [a, b] = inputs as readonly [RefTensor, RefTensor];
    const y = referenceBinary(a, b, broadcastShapes('div', a.shape, b.shape), (x, y) => x / y);
    return [applyActivation(y, attrs.activation)];
  },
  vjp(sink, { inputs, gradients, needs }) {
    const [a, b] = inputs as [string, string];
    const g = gradients[0] as string;
    const byB = sink.op('div', [g, b]);
    return [
      needs[0] ? reduceToShape(sink, byB, sink.type(a).shape) : undefined,
      needs[1] ? reduceToShape(sink, gradientOfDivisor(sink, byB, a, b), sink.type(b).shape) : undefined,
    ];
  },
  toOnnx(e, attrs) {
    const rank = e.outputType(0).shape.length;
    const y = e.add('Div', [e.broadcastInput(0, rank), e.broadcastInput(1, rank)]);
    return [activationToOnnx(e, y, attrs.activation)];
  },
  toTfjs(tf, inputs, attrs) {
    const [a, b] = inputs as readonly [tfjs.Tensor, tfjs.Tensor];
    return [activationToTfjs(tf, tf.div(a, b), attrs.activation)];
  },
  toTfjsGraph: (e, attrs) => [activationToTfGraph(e, e.add('RealDiv', [e.input(0), e.input(1)]), attrs.activation)],
  tflite: {
    decode: { DIV: (op, sink) => sink.emitFused('div', inputIds(op, sink), {}) },
    encode: NOT_IN_HEADS,
  },
  int8: NOT_IN_HEADS,
  emitC: NOT_IN_HEADS,
  edgeTpu: unsupported('the Edge TPU compiler does not list DIV'),
};

/** −(g / b) · a / b. */
function gradientOfDivisor(sink: GradientSink, byB: string, a: string, b: string): string {
  return sink.op('mul', [sink.op('mul', [byB, sink.op('div', [a, b])]), scalarConstant(sink, -1)]);
}
