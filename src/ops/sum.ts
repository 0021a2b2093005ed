import type * as tfjs from '@tensorflow/tfjs-core';
import { GRADIENT_ONLY, type OpDef, type RefTensor } from './op-def.js';
import {
  inferReduction,
  keptShape,
  type ReductionAttrs,
  reductionToOnnx,
  reductionToTfGraph,
  referenceReduce,
} from './reduction.js';

/** Sum over axes. */
export const sum: OpDef<ReductionAttrs> = {
  kind: 'sum',
  summary: 'sum over axes',
  role: 'gradient',

  inferShape: (inputs, attrs) => inferReduction('sum', inputs, attrs),
  macs: () => 0,
  reference: ([x], attrs) => [referenceReduce(x as RefTensor, attrs.axes, 0, (a, v) => a + v)],
  vjp(sink, { inputs, attrs, gradients }) {
    const shape = sink.type(inputs[0] as string).shape;
    const kept = sink.op('reshape', [gradients[0] as string], { shape: keptShape(shape, attrs.axes) });
    return [sink.op('broadcast_to', [kept], { shape })];
  },
  // ReduceSum over the opset-13 form (axes as an input) exists in every opset we emit.
  toOnnx: (e, attrs) => reductionToOnnx(e, 'ReduceSum', attrs),
  toTfjs: (tf, [x], attrs) => [tf.sum(x as tfjs.Tensor, [...attrs.axes], attrs.keepDims)],
  toTfjsGraph: (e, attrs) => [reductionToTfGraph(e, 'Sum', attrs)],
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
