import { unsupported } from './op-def.js';
import { decodeUnary, defineUnary } from './unary.js';

/** natural logarithm. */
export const log = defineUnary({
  kind: 'log',
  summary: 'natural logarithm',
  compute: (v) => Math.log(v),
  gradient: (sink, g, x) => sink.op('div', [g, x]),
  toOnnx: (e, x) => e.add('Log', [x]),
  toTfjs: (tf, x) => tf.log(x),
  toTfjsGraph: (e, x) => e.add('Log', [x]),
  decode: { LOG: decodeUnary('log') },
  edgeTpu: unsupported('the Edge TPU compiler does not list LOG'),
  notInHeads: unsupported('runs in the float tail and in training graphs; heads do not use it'),
});
