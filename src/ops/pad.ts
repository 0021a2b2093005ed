import type * as tfjs from '@tensorflow/tfjs-core';
import { elementCount, type TensorType } from '../ir/graph.js';
import { requireInputs, requireInts, shapeError } from './checks.js';
import { prepareInt8Pad } from './int8-moves.js';
import { LATER, type OpDef, type RefTensor, type TfliteOperator, type TfliteSink } from './op-def.js';
import { padToTfGraph } from './tf-graph.js';
import { inputIdsOf, scalarLike, versionSinceInt8 } from './tflite-encode.js';

export interface PadAttrs {
  /** [before, after] of every axis, flat. */
  readonly paddings: readonly number[];
  /** Real value (not a quantized code) of the padding. */
  readonly value: number;
}

/** Constant padding of any axes. */
export const pad: OpDef<PadAttrs> = {
  kind: 'pad',
  summary: 'constant padding',
  role: 'network',

  inferShape(inputs, attrs) {
    requireInputs('pad', inputs, 1);
    const { shape, dtype } = inputs[0] as TensorType;
    requireInts('pad', 'paddings', attrs.paddings, 2 * shape.length, 0);
    if (typeof attrs.value !== 'number') shapeError('pad', `attribute value must be a number, got ${attrs.value}`);
    return [{ shape: shape.map((d, i) => d + before(attrs, i) + after(attrs, i)), dtype }];
  },
  macs: () => 0,

  reference([x], attrs, [out]) {
    const { shape, data } = x as RefTensor;
    const outShape = (out as TensorType).shape;
    const y = new Float64Array(elementCount(outShape)).fill(attrs.value);
    const index = shape.map(() => 0);
    for (let i = 0; i < data.length; i++) {
      let at = 0;
      for (let d = 0; d < shape.length; d++) {
        at = at * (outShape[d] as number) + (index[d] as number) + before(attrs, d);
      }
      y[at] = data[i] as number;
      for (let d = shape.length - 1; d >= 0; d--) {
        index[d] = (index[d] as number) + 1;
        if ((index[d] as number) < (shape[d] as number)) break;
        index[d] = 0;
      }
    }
    return [y];
  },

  vjp(sink, { inputs, attrs, gradients }) {
    const { shape } = sink.type(inputs[0] as string);
    const begin = shape.map((_, i) => before(attrs, i));
    const size = shape.map((d, i) => (before(attrs, i) + after(attrs, i) === 0 ? -1 : d));
    return [sink.op('slice', [gradients[0] as string], { begin, size })];
  },

  toOnnx(e, attrs) {
    const rank = e.inputType(0).shape.length;
    const begins = new Array<number>(rank).fill(0);
    const ends = new Array<number>(rank).fill(0);
    for (let i = 0; i < rank; i++) {
      begins[e.axis(rank, i)] = before(attrs, i);
      ends[e.axis(rank, i)] = after(attrs, i);
    }
    const value = e.floats([], Float32Array.of(attrs.value));
    return [e.add('Pad', [e.input(0), e.int64s([...begins, ...ends]), value])];
  },

  toTfjs: (tf, [x], attrs) => {
    const input = x as tfjs.Tensor;
    const paddings = input.shape.map((_, i): [number, number] => [before(attrs, i), after(attrs, i)]);
    return [tf.pad(input, paddings, attrs.value)];
  },

  toTfjsGraph: (e, attrs) => [padToTfGraph(e, e.input(0), attrs.paddings, attrs.value)],

  tflite: {
    decode: {
      PAD: (op, sink) => decodePad(op, sink, 0),
      PADV2(op, sink) {
        const fill = op.inputs[2];
        if (fill?.data?.length !== 1) return sink.refuse('PADV2 needs one constant padding value');
        const code = fill.data[0] as number;
        const quant = fill.quant;
        decodePad(op, sink, quant ? (quant.scale[0] as number) * (code - (quant.zeroPoint[0] as number)) : code);
      },
    },
    encode(e, attrs) {
      const rank = (e.inputs[0] as TensorType).shape.length;
      const inputs = [...inputIdsOf(e), e.int32s('paddings', [rank, 2], attrs.paddings)];
      const version = rank > 4 ? 4 : versionSinceInt8(e);
      if (attrs.value === 0) return { builtin: 'PAD', version, options: {}, inputs };
      return {
        builtin: 'PADV2',
        version,
        options: {},
        inputs: [...inputs, e.constant('value', scalarLike(e, attrs.value))],
      };
    },
  },
  int8: { output: 'as-inputs', prepare: prepareInt8Pad },
  emitC: LATER.emitC,
  edgeTpu: [
    {
      rule: 'pads height and width only',
      check: (inputs, _outputs, attrs) => {
        const rank = (inputs[0] as TensorType).shape.length;
        return attrs.paddings.every((p, i) => p === 0 || (rank === 4 && (i >> 1 === 1 || i >> 1 === 2)));
      },
    },
  ],
};

function before({ paddings }: PadAttrs, axis: number): number {
  return paddings[2 * axis] as number;
}

function after({ paddings }: PadAttrs, axis: number): number {
  return paddings[2 * axis + 1] as number;
}

function decodePad(op: TfliteOperator, sink: TfliteSink, value: number): void {
  const [x, paddings] = op.inputs;
  if (!x || !paddings) sink.refuse(`${op.builtin} lacks its input or paddings`);
  if (!paddings.data) sink.refuse(`${op.builtin} with computed paddings`);
  sink.emit('pad', [x.id], { paddings: Array.from(paddings.data), value });
}
