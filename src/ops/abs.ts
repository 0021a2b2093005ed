import { unsupported } from './op-def.js';
import { decodeUnary, defineUnary, scalarConstant } from './unary.js';

/** absolute value. */
export const abs = defineUnary({
  kind: 'abs',
  summary: 'absolute value',
  compute: (v) => Math.abs(v),
  gradient: (sink, g, x) => {
    const zero = scalarConstant(sink, 0);
    const sign = sink.op('sub', [sink.op('greater', [x, zero]), sink.op('greater', [zero, x])]);
    return sink.op('mul', [g, sign]);
  },
  toOnnx: (e, x) => e.add('Abs', [x]),
  toTfjs: (tf, x) => tf.abs(x),
  toTfjsGraph: (e, x) => e.add('Abs', [x]),
  decode: { ABS: decodeUnary('abs') },
  edgeTpu: unsupported('the Edge TPU compiler does not list ABS'),
  notInHeads: unsupported('runs in the float tail and in training graphs; heads do not use it'),
});
