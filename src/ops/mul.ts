import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorType } from '../ir/graph.js';
import { broadcastShapes, inferBinary, reduceToShape, referenceBinary } from './broadcast.js';
import { activationToOnnx, activationToTfjs, applyActivation, type Fusable } from './fused-activation.js';
import { prepareInt8Mul } from './int8-elementwise.js';
import { LATER, type OpDef, type RefTensor, type TfliteEncoder } from './op-def.js';
import { activationToTfGraph } from './tf-graph.js';
import { encodeBinary, versionSinceInt8 } from './tflite-encode.js';

/** Element-wise product with numpy broadcasting. */
export const mul: OpDef<Fusable> = {
  kind: 'mul',
  summary: 'element-wise product with broadcasting',
  role: 'network',
  fusesActivation: true,
  inPlace: [0, 1],

  inferShape: (inputs) => inferBinary('mul', inputs),
  macs: () => 0,
  reference: ([a, b], attrs) => {
    const shape = broadcastShapes('mul', (a as RefTensor).shape, (b as RefTensor).shape);
    return [
      applyActivation(
        referenceBinary(a as RefTensor, b as RefTensor, shape, (x, y) => x * y),
        attrs.activation,
      ),
    ];
  },
  vjp(sink, { inputs, gradients, needs }) {
    const [a, b] = inputs as [string, string];
    const g = gradients[0] as string;
    return [
      needs[0] ? reduceToShape(sink, sink.op('mul', [g, b]), sink.type(a).shape) : undefined,
      needs[1] ? reduceToShape(sink, sink.op('mul', [g, a]), sink.type(b).shape) : undefined,
    ];
  },
  toOnnx(e, attrs) {
    const rank = e.outputType(0).shape.length;
    return [
      activationToOnnx(e, e.add('Mul', [e.broadcastInput(0, rank), e.broadcastInput(1, rank)]), attrs.activation),
    ];
  },
  toTfjs: (tf, inputs, attrs) => {
    const [a, b] = inputs as [tfjs.Tensor, tfjs.Tensor];
    return [activationToTfjs(tf, tf.mul(a, b), attrs.activation)];
  },
  toTfjsGraph: (e, attrs) => [activationToTfGraph(e, e.add('Mul', [e.input(0), e.input(1)]), attrs.activation)],
  tflite: {
    decode: {
      MUL: (op, sink) =>
        sink.emitFused(
          'mul',
          op.inputs.map((t) => (t as TensorType & { id: string }).id),
          {},
        ),
    },
    encode: encodeBinary('MUL', mulVersion),
  },
  int8: { output: 'calibrated', prepare: prepareInt8Mul },
  emitC: LATER.emitC,
  edgeTpu: [],
};

/** Older int8 kernels cannot scale a product up. */
function mulVersion(encoder: TfliteEncoder): number {
  const [a, b, y] = [...encoder.inputs, ...encoder.outputs].map((t) => t.quant?.scale[0]);
  if (a !== undefined && b !== undefined && y !== undefined && (a * b) / y >= 1) return 3;
  return versionSinceInt8(encoder);
}
