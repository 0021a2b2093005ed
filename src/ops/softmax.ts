import type * as tfjs from '@tensorflow/tfjs-core';
import type { Shape, TensorType } from '../ir/graph.js';
import { normalizeAxis, requireInputs } from './checks.js';
import { prepareInt8Softmax, SOFTMAX_OUTPUT } from './int8-softmax.js';
import { LATER, type OpDef, type RefTensor } from './op-def.js';
import { inputIdsOf, versionSinceInt8 } from './tflite-encode.js';
import { inputId } from './unary.js';

export interface SoftmaxAttrs {
  /** Negative axes count from the end. */
  readonly axis: number;
}

const EDGE_TPU_LENGTH = 16_000;

/** exp(x) / Σ exp(x) along one axis. */
export const softmax: OpDef<SoftmaxAttrs> = {
  kind: 'softmax',
  summary: 'softmax along one axis',
  role: 'network',
  inPlace: [0],

  inferShape(inputs, attrs) {
    requireInputs('softmax', inputs, 1);
    const { shape, dtype } = inputs[0] as TensorType;
    normalizeAxis('softmax', attrs.axis, shape.length);
    return [{ shape, dtype }];
  },
  macs: () => 0,
  reference([x], attrs) {
    const { shape, data } = x as RefTensor;
    const y = new Float64Array(data.length);
    const { outer, length, inner } = linesAlong(shape, attrs.axis);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        const start = o * length * inner + i;
        let max = Number.NEGATIVE_INFINITY;
        for (let k = 0; k < length; k++) max = Math.max(max, data[start + k * inner] as number);
        let sum = 0;
        for (let k = 0; k < length; k++) {
          const at = start + k * inner;
          y[at] = Math.exp((data[at] as number) - max);
          sum += y[at] as number;
        }
        for (let k = 0; k < length; k++) y[start + k * inner] = (y[start + k * inner] as number) / sum;
      }
    }
    return [y];
  },
  vjp(sink, { outputs, gradients, attrs }) {
    const y = outputs[0] as string;
    const g = gradients[0] as string;
    const mean = sink.op('sum', [sink.op('mul', [g, y])], { axes: [attrs.axis], keepDims: true });
    return [sink.op('mul', [y, sink.op('sub', [g, mean])])];
  },
  toOnnx(e, attrs) {
    const rank = e.inputType(0).shape.length;
    return [e.add('Softmax', [e.input(0)], { axis: { int: e.axis(rank, attrs.axis) } })];
  },
  toTfjs(tf, [x], attrs) {
    const input = x as tfjs.Tensor;
    const axis = normalizeAxis('softmax', attrs.axis, input.rank);
    if (axis === input.rank - 1) return [tf.softmax(input)];
    // tf.softmax takes the last axis only; exchanging two axes is its own inverse.
    const perm = input.shape.map((_, i) => (i === axis ? input.rank - 1 : i === input.rank - 1 ? axis : i));
    return [tf.transpose(tf.softmax(tf.transpose(input, perm)), perm)];
  },
  toTfjsGraph(e, attrs) {
    const rank = e.inputType(0).shape.length;
    const axis = normalizeAxis('softmax', attrs.axis, rank);
    if (axis === rank - 1) return [e.add('Softmax', [e.input(0)])];
    const axes = e.inputType(0).shape.map((_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i));
    const perm = e.int32s('perm', [rank], axes);
    return [e.add('Transpose', [e.add('Softmax', [e.add('Transpose', [e.input(0), perm])]), perm])];
  },
  tflite: {
    decode: {
      SOFTMAX(op, sink) {
        if (op.options.beta !== 1) sink.refuse(`softmax with beta ${op.options.beta}; only 1 is supported`);
        sink.emit('softmax', [inputId(op, sink, 0)], { axis: -1 });
      },
    },
    encode(e, attrs) {
      const rank = (e.inputs[0] as TensorType).shape.length;
      if (normalizeAxis('softmax', attrs.axis, rank) !== rank - 1)
        e.refuse(`softmax over axis ${attrs.axis} of ${rank}`);
      return { builtin: 'SOFTMAX', version: versionSinceInt8(e), options: { beta: 1 }, inputs: inputIdsOf(e) };
    },
  },
  int8: { output: SOFTMAX_OUTPUT, prepare: prepareInt8Softmax },
  emitC: LATER.emitC,
  edgeTpu: [
    {
      rule: `one line of at most ${EDGE_TPU_LENGTH} elements`,
      check(inputs, _outputs, attrs) {
        const { outer, length, inner } = linesAlong((inputs[0] as TensorType).shape, attrs.axis);
        return outer * inner === 1 && length <= EDGE_TPU_LENGTH;
      },
    },
  ],
};

/** Row-major lines of a shape along an axis: element k of line (o, i) is at (o · length + k) · inner + i. */
function linesAlong(shape: Shape, axis: number): { outer: number; length: number; inner: number } {
  const at = axis < 0 ? axis + shape.length : axis;
  let outer = 1;
  let inner = 1;
  shape.forEach((d, i) => {
    if (i < at) outer *= d;
    else if (i > at) inner *= d;
  });
  return { outer, length: shape[at] as number, inner };
}
