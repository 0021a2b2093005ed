import type * as tfjs from '@tensorflow/tfjs-core';
import { elementCount, type TensorType } from '../ir/graph.js';
import { normalizeAxis, requireInputs, shapeError } from './checks.js';
import { prepareInt8Concat } from './int8-moves.js';
import { LATER, type OpDef } from './op-def.js';
import { inputIdsOf, versionSinceInt8 } from './tflite-encode.js';
import { inputIds } from './unary.js';

export interface ConcatAttrs {
  /** Negative axes count from the end. */
  readonly axis: number;
}

/** Joins any number of tensors along one axis. */
export const concat: OpDef<ConcatAttrs> = {
  kind: 'concat',
  summary: 'joins tensors along one axis',
  role: 'network',

  inferShape(inputs, attrs) {
    requireInputs('concat', inputs, 1, Number.POSITIVE_INFINITY);
    const first = inputs[0] as TensorType;
    const axis = normalizeAxis('concat', attrs.axis, first.shape.length);
    let length = 0;
    for (const { shape, dtype } of inputs) {
      const fits = shape.length === first.shape.length && shape.every((d, i) => i === axis || d === first.shape[i]);
      if (!fits || dtype !== first.dtype) {
        shapeError('concat', `inputs must agree in dtype and in every axis but ${axis}`, inputs);
      }
      length += shape[axis] as number;
    }
    return [{ shape: first.shape.with(axis, length), dtype: first.dtype }];
  },
  macs: () => 0,
  reference(inputs, attrs, [out]) {
    const shape = (out as TensorType).shape;
    const axis = attrs.axis < 0 ? attrs.axis + shape.length : attrs.axis;
    const y = new Float64Array(elementCount(shape));
    const outer = elementCount(shape.slice(0, axis));
    const stride = elementCount(shape.slice(axis));
    let offset = 0;
    for (const x of inputs) {
      const run = elementCount(x.shape.slice(axis));
      for (let o = 0; o < outer; o++) y.set(x.data.subarray(o * run, (o + 1) * run), o * stride + offset);
      offset += run;
    }
    return [y];
  },
  vjp(sink, { inputs, gradients, needs, attrs }) {
    const g = gradients[0] as string;
    let start = 0;
    return inputs.map((id, i) => {
      const { shape } = sink.type(id);
      const axis = attrs.axis < 0 ? attrs.axis + shape.length : attrs.axis;
      const begin = shape.map((_, d) => (d === axis ? start : 0));
      start += shape[axis] as number;
      return needs[i] ? sink.op('slice', [g], { begin, size: shape }) : undefined;
    });
  },
  toOnnx(e, attrs) {
    const inputs = Array.from({ length: e.inputCount }, (_, i) => e.input(i));
    return [e.add('Concat', inputs, { axis: { int: e.axis(e.outputType(0).shape.length, attrs.axis) } })];
  },
  toTfjs(tf, inputs, attrs) {
    if (inputs.length === 1) return [tf.reshape(inputs[0] as tfjs.Tensor, (inputs[0] as tfjs.Tensor).shape)];
    return [tf.concat([...inputs], attrs.axis)];
  },
  toTfjsGraph(e, attrs) {
    const inputs = Array.from({ length: e.inputCount }, (_, i) => e.input(i));
    if (inputs.length === 1) return inputs;
    return [e.add('ConcatV2', [...inputs, e.int32s('axis', [], [attrs.axis])], { N: { int: inputs.length } })];
  },
  tflite: {
    decode: {
      CONCATENATION: (op, sink) => sink.emitFused('concat', inputIds(op, sink), { axis: op.options.axis as number }),
    },
    encode: (e, attrs) => ({
      builtin: 'CONCATENATION',
      version: versionSinceInt8(e),
      options: { axis: normalizeAxis('concat', attrs.axis, (e.inputs[0] as TensorType).shape.length) },
      inputs: inputIdsOf(e),
    }),
  },
  int8: { output: 'as-inputs', prepare: prepareInt8Concat },
  emitC: LATER.emitC,
  // A fused activation would block the mapping; ours never carries one.
  edgeTpu: [],
};
