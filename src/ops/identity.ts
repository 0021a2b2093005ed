import { prepareInt8Copy } from './int8-moves.js';
import { unsupported } from './op-def.js';
import { defineUnary } from './unary.js';

/** The input itself: dropout and other layers that do nothing in inference. Passes remove it. */
export const identity = defineUnary({
  kind: 'identity',
  summary: 'the input itself (dropout in inference)',
  compute: (v) => v,
  gradient: (_sink, g) => g,
  toOnnx: (e, x) => e.add('Identity', [x]),
  // Not tf.clone: on wasm its kernel copies the data, a reshape only shares it.
  toTfjs: (tf, x) => tf.reshape(x, x.shape),
  toTfjsGraph: (_e, x) => x,
  decode: unsupported('no TFLite builtin does nothing'),
  encode: unsupported('passes remove it before anything is written'),
  int8: { output: 'as-inputs', prepare: prepareInt8Copy },
  edgeTpu: [],
});
