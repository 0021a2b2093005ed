import { unsupported } from './op-def.js';
import { decodeUnary, defineUnary, scalarConstant } from './unary.js';

/** square root. */
export const sqrt = defineUnary({
  kind: 'sqrt',
  summary: 'square root',
  compute: (v) => Math.sqrt(v),
  gradient: (sink, g, _x, y) => sink.op('div', [sink.op('mul', [g, scalarConstant(sink, 0.5)]), y]),
  toOnnx: (e, x) => e.add('Sqrt', [x]),
  toTfjs: (tf, x) => tf.sqrt(x),
  toTfjsGraph: (e, x) => e.add('Sqrt', [x]),
  decode: { SQRT: decodeUnary('sqrt') },
  edgeTpu: unsupported('the Edge TPU compiler does not list SQRT'),
  notInHeads: unsupported('runs in the float tail and in training graphs; heads do not use it'),
});
