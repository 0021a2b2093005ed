import type * as tfjs from '@tensorflow/tfjs-core';
import { elementCount, type TensorType } from '../ir/graph.js';
import { requireInputs, requireInts, shapeError } from './checks.js';
import { prepareInt8Slice } from './int8-moves.js';
import { LATER, type OpDef, type RefTensor, type TfliteOperator } from './op-def.js';
import { inputIdsOf, versionSinceInt8 } from './tflite-encode.js';

export interface SliceAttrs {
  readonly begin: readonly number[];
  /** −1 = to the end of the axis. */
  readonly size: readonly number[];
}

/** A box of consecutive elements of every axis. */
export const slice: OpDef<SliceAttrs> = {
  kind: 'slice',
  summary: 'box of consecutive elements',
  role: 'network',

  inferShape(inputs, attrs) {
    requireInputs('slice', inputs, 1);
    const { shape, dtype } = inputs[0] as TensorType;
    requireInts('slice', 'begin', attrs.begin, shape.length, 0);
    requireInts('slice', 'size', attrs.size, shape.length, -1);
    const size = sliceSize(shape, attrs);
    size.forEach((d, i) => {
      const start = attrs.begin[i] as number;
      if (d < 1 || start + d > (shape[i] as number)) {
        shapeError('slice', `elements ${start} to ${start + d} of axis ${i} do not exist`, inputs);
      }
    });
    return [{ shape: size, dtype }];
  },
  macs: () => 0,

  reference([x], attrs) {
    const { shape, data } = x as RefTensor;
    const size = sliceSize(shape, attrs);
    const y = new Float64Array(elementCount(size));
    const index = size.map(() => 0);
    for (let i = 0; i < y.length; i++) {
      let at = 0;
      for (let d = 0; d < shape.length; d++) {
        at = at * (shape[d] as number) + (attrs.begin[d] as number) + (index[d] as number);
      }
      y[i] = data[at] as number;
      for (let d = size.length - 1; d >= 0; d--) {
        index[d] = (index[d] as number) + 1;
        if ((index[d] as number) < (size[d] as number)) break;
        index[d] = 0;
      }
    }
    return [y];
  },

  vjp(sink, { inputs, attrs, gradients }) {
    const { shape } = sink.type(inputs[0] as string);
    const size = sliceSize(shape, attrs);
    const paddings = shape.flatMap((d, i) => {
      const start = attrs.begin[i] as number;
      return [start, d - start - (size[i] as number)];
    });
    return [sink.op('pad', [gradients[0] as string], { paddings, value: 0 })];
  },

  toOnnx(e, attrs) {
    const { shape } = e.inputType(0);
    const size = sliceSize(shape, attrs);
    const cut = shape.map((_, i) => i).filter((i) => size[i] !== shape[i]);
    if (cut.length === 0) return [e.add('Identity', [e.input(0)])];
    return [
      e.add('Slice', [
        e.input(0),
        e.int64s(cut.map((i) => attrs.begin[i] as number)),
        e.int64s(cut.map((i) => (attrs.begin[i] as number) + (size[i] as number))),
        e.int64s(cut.map((i) => e.axis(shape.length, i))),
      ]),
    ];
  },

  toTfjs: (tf, [x], attrs) => [tf.slice(x as tfjs.Tensor, [...attrs.begin], [...attrs.size])],

  toTfjsGraph(e, { begin, size }) {
    const [from, count] = [e.int32s('begin', [begin.length], begin), e.int32s('size', [size.length], size)];
    return [e.add('Slice', [e.input(0), from, count])];
  },

  tflite: {
    decode: {
      SLICE(op, sink) {
        const [x, begin, size] = op.inputs;
        if (!x || !begin || !size) return sink.refuse('SLICE lacks its input, begin or size');
        if (!begin.data || !size.data) return sink.refuse('SLICE with computed begin or size');
        const start = Array.from(begin.data);
        // A size that reaches the end is written −1, so that the batch size can change.
        const reach = Array.from(size.data, (d, i) => ((start[i] as number) + d === x.shape[i] ? -1 : d));
        sink.emit('slice', [x.id], { begin: start, size: reach });
      },
      STRIDED_SLICE(op, sink) {
        const x = op.inputs[0];
        if (!x) return sink.refuse('STRIDED_SLICE lacks its input');
        const box = stridedBox(op, x.shape);
        if (typeof box === 'string') return sink.refuse(box);
        const { begin, size, shrunk } = box;
        if (shrunk.length === 0) return sink.emit('slice', [x.id], { begin, size });
        const inner = sink.inner('slice', [x.id], { begin, size }, 'slice');
        const shape = (op.outputs[0] as TensorType).shape;
        sink.emit('reshape', [inner], { shape: shrunk.includes(0) ? shape : [-1, ...shape.slice(1)] });
      },
    },
    encode(e, attrs) {
      const { shape } = e.inputs[0] as TensorType;
      const rank = [shape.length];
      const begin = e.int32s('begin', rank, attrs.begin);
      const size = e.int32s('size', rank, sliceSize(shape, attrs));
      const version = shape.length > 4 ? 5 : versionSinceInt8(e);
      return { builtin: 'SLICE', version, options: {}, inputs: [...inputIdsOf(e), begin, size] };
    },
  },
  int8: { output: 'as-inputs', prepare: prepareInt8Slice },
  emitC: LATER.emitC,
  edgeTpu: [],
};

/** Size with every −1 resolved. */
export function sliceSize(shape: readonly number[], { begin, size }: SliceAttrs): number[] {
  return shape.map((d, i) => (size[i] === -1 ? d - (begin[i] as number) : (size[i] as number)));
}

/** Begin and size of a STRIDED_SLICE with its masks applied, or why it is no box. */
function stridedBox(
  op: TfliteOperator,
  shape: readonly number[],
): { begin: number[]; size: number[]; shrunk: number[] } | string {
  const [, begins, ends, strides] = op.inputs;
  if (!begins?.data || !ends?.data || !strides?.data) return 'STRIDED_SLICE with computed bounds';
  if (op.options.ellipsis_mask || op.options.new_axis_mask) return 'STRIDED_SLICE with an ellipsis or a new axis';
  const has = (mask: string, axis: number): boolean => (((op.options[mask] ?? 0) as number) & (1 << axis)) !== 0;
  const begin: number[] = [];
  const size: number[] = [];
  const shrunk: number[] = [];
  for (const [axis, d] of shape.entries()) {
    if (axis >= begins.data.length) {
      begin.push(0);
      size.push(-1);
      continue;
    }
    if (strides.data[axis] !== 1) return `STRIDED_SLICE with stride ${strides.data[axis]}`;
    const clamp = (v: number): number => Math.min(Math.max(v < 0 ? v + d : v, 0), d);
    const start = has('begin_mask', axis) ? 0 : clamp(begins.data[axis] as number);
    let end = has('end_mask', axis) ? d : clamp(ends.data[axis] as number);
    if (has('shrink_axis_mask', axis)) {
      shrunk.push(axis);
      end = start + 1;
    }
    begin.push(start);
    size.push(end === d && !shrunk.includes(axis) ? -1 : end - start);
  }
  return { begin, size, shrunk };
}
