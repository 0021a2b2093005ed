import { shapeError } from './checks.js';
import { prepareInt8LeakyRelu } from './int8-elementwise.js';
import { unsupported } from './op-def.js';
import { inputIdsOf } from './tflite-encode.js';
import { defineUnary, inputId, scalarConstant } from './unary.js';

export interface LeakyReluAttrs {
  /** Slope below zero. */
  readonly alpha: number;
}

/** x where x > 0, else alpha · x. */
export const leakyRelu = defineUnary<LeakyReluAttrs>({
  kind: 'leaky_relu',
  summary: 'x above zero, alpha · x below',
  checkAttrs({ alpha }) {
    if (!Number.isFinite(alpha)) shapeError('leaky_relu', `attribute alpha must be a finite number, got ${alpha}`);
  },
  compute: (v, { alpha }) => (v > 0 ? v : alpha * v),
  gradient(sink, g, x, _y, { alpha }) {
    const positive = sink.op('greater', [x, scalarConstant(sink, 0)]);
    const steep = sink.op('mul', [positive, scalarConstant(sink, 1 - alpha)]);
    return sink.op('mul', [g, sink.op('add', [steep, scalarConstant(sink, alpha)])]);
  },
  toOnnx: (e, x, { alpha }) => e.add('LeakyRelu', [x], { alpha: { float: alpha } }),
  toTfjs: (tf, x, { alpha }) => tf.leakyRelu(x, alpha),
  toTfjsGraph: (e, x, { alpha }) => e.add('LeakyRelu', [x], { alpha: { float: alpha } }),
  decode: {
    LEAKY_RELU: (op, sink) => sink.emit('leaky_relu', [inputId(op, sink, 0)], { alpha: op.options.alpha as number }),
  },
  encode: (e, { alpha }) => ({ builtin: 'LEAKY_RELU', version: 1, options: { alpha }, inputs: inputIdsOf(e) }),
  int8: { output: 'calibrated', prepare: prepareInt8LeakyRelu },
  edgeTpu: unsupported('the Edge TPU compiler does not list LEAKY_RELU'),
});
