import { prepareInt8Tanh } from './int8-elementwise.js';
import { encodeUnary } from './tflite-encode.js';
import { decodeUnary, defineUnary, scalarConstant } from './unary.js';

/** Hyperbolic tangent. */
export const tanh = defineUnary({
  kind: 'tanh',
  summary: 'hyperbolic tangent',
  compute: (v) => Math.tanh(v),
  gradient(sink, g, _x, y) {
    const slope = sink.op('sub', [scalarConstant(sink, 1), sink.op('mul', [y, y])]);
    return sink.op('mul', [g, slope]);
  },
  toOnnx: (e, x) => e.add('Tanh', [x]),
  toTfjs: (tf, x) => tf.tanh(x),
  toTfjsGraph: (e, x) => e.add('Tanh', [x]),
  decode: { TANH: decodeUnary('tanh') },
  encode: encodeUnary('TANH'),
  int8: { output: { scale: 1 / 128, zeroPoint: 0 }, prepare: prepareInt8Tanh },
  edgeTpu: [],
});
