import type * as tfjs from '@tensorflow/tfjs-core';
import { elementCount, type Shape, sameShape, type TensorType } from '../ir/graph.js';
import { broadcastShapes, reduceToShape, referenceBinary } from './broadcast.js';
import { requireInputs, shapeError } from './checks.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor } from './op-def.js';

export interface BroadcastToAttrs {
  readonly shape: Shape;
}

/** Repeats a tensor to a shape, by numpy's rules. */
export const broadcastTo: OpDef<BroadcastToAttrs> = {
  kind: 'broadcast_to',
  summary: 'repeats a tensor to a shape',
  role: 'gradient',

  inferShape(inputs, attrs) {
    requireInputs('broadcast_to', inputs, 1);
    const { shape, dtype } = inputs[0] as TensorType;
    if (!sameShape(broadcastShapes('broadcast_to', shape, attrs.shape), attrs.shape)) {
      shapeError('broadcast_to', `[${shape}] does not broadcast to [${attrs.shape}]`, inputs);
    }
    return [{ shape: attrs.shape, dtype }];
  },
  macs: () => 0,
  reference([x], attrs) {
    const nothing: RefTensor = { shape: attrs.shape, data: new Float64Array(elementCount(attrs.shape)) };
    return [referenceBinary(x as RefTensor, nothing, attrs.shape, (a) => a)];
  },
  vjp: (sink, { inputs, gradients }) => [
    reduceToShape(sink, gradients[0] as string, sink.type(inputs[0] as string).shape),
  ],
  toOnnx(e, attrs) {
    const rank = attrs.shape.length;
    const shape = new Array<number>(rank);
    attrs.shape.forEach((d, i) => {
      shape[e.axis(rank, i)] = d;
    });
    return [e.add('Expand', [e.broadcastInput(0, rank), e.int64s(shape)])];
  },
  toTfjs: (tf, [x], attrs) => [tf.broadcastTo(x as tfjs.Tensor, [...attrs.shape] as [number])],
  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
