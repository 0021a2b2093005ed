import { activationToOnnx } from './fused-activation.js';
import { prepareInt8Relu6 } from './int8-elementwise.js';
import { encodeUnary } from './tflite-encode.js';
import { decodeUnary, defineUnary, scalarConstant } from './unary.js';

/** min(max(x, 0), 6), any shape. */
export const relu6 = defineUnary({
  kind: 'relu6',
  summary: 'min(max(x, 0), 6)',
  compute: (v) => Math.min(Math.max(v, 0), 6),
  gradient(sink, g, x) {
    const above = sink.op('greater', [x, scalarConstant(sink, 0)]);
    const below = sink.op('greater', [scalarConstant(sink, 6), x]);
    return sink.op('mul', [sink.op('mul', [g, above]), below]);
  },
  toOnnx: (e, x) => activationToOnnx(e, x, 'relu6'),
  toTfjs: (tf, x) => tf.relu6(x),
  toTfjsGraph: (e, x) => e.add('Relu6', [x]),
  decode: {
    RELU6: decodeUnary('relu6'),
    RELU_N1_TO_1: (_op, sink) => sink.refuse('clamping to -1..1 is not supported; retrain with relu or relu6'),
  },
  encode: encodeUnary('RELU6'),
  int8: { output: 'as-inputs', prepare: prepareInt8Relu6 },
  edgeTpu: [],
});
