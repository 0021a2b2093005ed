import { prepareInt8HardSwish } from './int8-elementwise.js';
import { unsupported } from './op-def.js';
import { encodeUnary } from './tflite-encode.js';
import { decodeUnary, defineUnary, scalarConstant } from './unary.js';

/** x · relu6(x + 3) / 6 (MobileNetV3). */
export const hardSwish = defineUnary({
  kind: 'hard_swish',
  summary: 'x · relu6(x + 3) / 6',
  compute: (v) => (v * Math.min(Math.max(v + 3, 0), 6)) / 6,
  gradient(sink, g, x) {
    // relu6(x + 3) / 6, plus x / 6 between the bends.
    const gate = sink.op('relu6', [sink.op('add', [x, scalarConstant(sink, 3)])]);
    const above = sink.op('greater', [x, scalarConstant(sink, -3)]);
    const below = sink.op('greater', [scalarConstant(sink, 3), x]);
    const slope = sink.op('mul', [x, sink.op('mul', [above, below])]);
    const sixth = sink.op('mul', [sink.op('add', [gate, slope]), scalarConstant(sink, 1 / 6)]);
    return sink.op('mul', [g, sixth]);
  },
  toOnnx: (e, x) => e.add('HardSwish', [x]),
  toTfjs: (tf, x) => tf.mul(x, tf.mul(tf.relu6(tf.add(x, 3)), 1 / 6)),
  toTfjsGraph(e, x) {
    const shifted = e.add('AddV2', [x, e.floats('three', [], Float32Array.of(3))]);
    const sixth = e.floats('sixth', [], Float32Array.of(1 / 6));
    return e.add('Mul', [x, e.add('Mul', [e.add('Relu6', [shifted]), sixth])]);
  },
  decode: { HARD_SWISH: decodeUnary('hard_swish') },
  encode: encodeUnary('HARD_SWISH', () => 1),
  int8: { output: 'calibrated', prepare: prepareInt8HardSwish },
  edgeTpu: unsupported('the Edge TPU compiler does not list HARD_SWISH'),
});
