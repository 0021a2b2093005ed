import type * as tfjs from '@tensorflow/tfjs-core';
import { elementCount, type Shape } from '../ir/graph.js';
import { prepareInt8Mean } from './int8-windows.js';
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

/** Mean over axes; over height and width it is global average pooling. */
export const mean: OpDef<ReductionAttrs> = {
  kind: 'mean',
  summary: 'mean over axes; over axes 1 and 2 global average pooling',
  role: 'network',

  inferShape: (inputs, attrs) => inferReduction('mean', inputs, attrs),
  macs: () => 0,
  reference([x], attrs) {
    const { shape } = x as RefTensor;
    const count = reducedCount(shape, attrs.axes);
    return [referenceReduce(x as RefTensor, attrs.axes, 0, (a, v) => a + v).map((v) => v / count)];
  },
  vjp(sink, { inputs, attrs, gradients }) {
    const { shape } = sink.type(inputs[0] as string);
    const scale = scalarConstant(sink, 1 / reducedCount(shape, attrs.axes));
    const scaled = sink.op('mul', [gradients[0] as string, scale]);
    const kept = sink.op('reshape', [scaled], { shape: keptShape(shape, attrs.axes) });
    return [sink.op('broadcast_to', [kept], { shape })];
  },
  toOnnx: (e, attrs) => reductionToOnnx(e, 'ReduceMean', attrs),
  toTfjs: (tf, [x], attrs) => [tf.mean(x as tfjs.Tensor, [...attrs.axes], attrs.keepDims)],
  toTfjsGraph: (e, attrs) => [reductionToTfGraph(e, 'Mean', attrs)],
  tflite: { decode: { MEAN: decodeReduction('mean') }, encode: encodeReduction('MEAN') },
  int8: { output: 'calibrated', prepare: prepareInt8Mean },
  emitC: LATER.emitC,
  edgeTpu: [
    { rule: 'the batch axis is not reduced', check: (inputs, _outputs, attrs) => sparesBatch(inputs, attrs) },
    {
      rule: 'only height and width are reduced',
      check: ([x], _outputs, attrs) =>
        attrs.axes.every((a) => x?.shape.length === 4 && [1, 2].includes(a < 0 ? a + 4 : a)),
    },
  ],
};

/** How many elements go into one mean. */
function reducedCount(shape: Shape, axes: readonly number[]): number {
  return elementCount(shape) / elementCount(keptShape(shape, axes));
}
