import type * as tfjs from '@tensorflow/tfjs-core';
import { prepareInt8ReduceMax } from './int8-windows.js';
import { LATER, type OpDef, type RefTensor } from './op-def.js';
import {
  decodeReduction,
  encodeReduction,
  inferReduction,
  keptShape,
  type ReductionAttrs,
  reductionToOnnx,
  reductionToTfGraph,
  referenceReduce,
  sparesBatch,
} from './reduction.js';
import { scalarConstant } from './unary.js';

/** Maximum over axes; over height and width it is global max pooling. */
export const reduceMax: OpDef<ReductionAttrs> = {
  kind: 'reduce_max',
  summary: 'maximum over axes; over axes 1 and 2 global max pooling',
  role: 'network',

  inferShape: (inputs, attrs) => inferReduction('reduce_max', inputs, attrs),
  macs: () => 0,
  reference: ([x], attrs) => [
    referenceReduce(x as RefTensor, attrs.axes, Number.NEGATIVE_INFINITY, (a, v) => Math.max(a, v)),
  ],
  vjp(sink, { inputs, outputs, attrs, gradients }) {
    const x = inputs[0] as string;
    const { shape } = sink.type(x);
    const kept = keptShape(shape, attrs.axes);
    const max = sink.op('reshape', [outputs[0] as string], { shape: kept });
    const g = sink.op('reshape', [gradients[0] as string], { shape: kept });
    // Equal maxima share the gradient, as in TensorFlow.
    const isMax = sink.op('sub', [scalarConstant(sink, 1), sink.op('greater', [max, x])]);
    const count = sink.op('sum', [isMax], { axes: attrs.axes, keepDims: true });
    return [sink.op('mul', [isMax, sink.op('div', [g, count])])];
  },
  toOnnx: (e, attrs) => reductionToOnnx(e, 'ReduceMax', attrs),
  toTfjs: (tf, [x], attrs) => [tf.max(x as tfjs.Tensor, [...attrs.axes], attrs.keepDims)],
  toTfjsGraph: (e, attrs) => [reductionToTfGraph(e, 'Max', attrs)],
  tflite: { decode: { REDUCE_MAX: decodeReduction('reduce_max') }, encode: encodeReduction('REDUCE_MAX') },
  int8: { output: 'as-inputs', prepare: prepareInt8ReduceMax },
  emitC: LATER.emitC,
  edgeTpu: [{ rule: 'the batch axis is not reduced', check: (inputs, _outputs, attrs) => sparesBatch(inputs, attrs) }],
};
