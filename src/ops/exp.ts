import { unsupported } from './op-def.js';
import { decodeUnary, defineUnary } from './unary.js';

/** exponential. */
export const exp = defineUnary({
  kind: 'exp',
  summary: 'exponential',
  compute: (v) => Math.exp(v),
  gradient: (sink, g, _x, y) => sink.op('mul', [g, y]),
  toOnnx: (e, x) => e.add('Exp', [x]),
  toTfjs: (tf, x) => tf.exp(x),
  toTfjsGraph: (e, x) => e.add('Exp', [x]),
  decode: { EXP: decodeUnary('exp') },
  edgeTpu: unsupported('the Edge TPU compiler does not list EXP'),
  notInHeads: unsupported('runs in the float tail and in training graphs; heads do not use it'),
});
