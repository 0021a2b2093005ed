import { prepareInt8Sigmoid } from './int8-elementwise.js';
import { encodeUnary } from './tflite-encode.js';
import { decodeUnary, defineUnary, scalarConstant } from './unary.js';

/** 1 / (1 + exp(−x)). */
export const sigmoid = defineUnary({
  kind: 'sigmoid',
  summary: '1 / (1 + exp(−x))',
  compute: (v) => 1 / (1 + Math.exp(-v)),
  gradient(sink, g, _x, y) {
    const complement = sink.op('sub', [scalarConstant(sink, 1), y]);
    return sink.op('mul', [g, sink.op('mul', [y, complement])]);
  },
  toOnnx: (e, x) => e.add('Sigmoid', [x]),
  toTfjs: (tf, x) => tf.sigmoid(x),
  toTfjsGraph: (e, x) => e.add('Sigmoid', [x]),
  decode: { LOGISTIC: decodeUnary('sigmoid') },
  encode: encodeUnary('LOGISTIC'),
  int8: { output: { scale: 1 / 256, zeroPoint: -128 }, prepare: prepareInt8Sigmoid },
  edgeTpu: [],
});
