import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorType } from '../ir/graph.js';
import { broadcastShapes, inferBinary, referenceBinary } from './broadcast.js';
import { GRADIENT_ONLY, type OnnxEmitter, type OpDef, type RefTensor } from './op-def.js';

/** 1 where a > b, else 0, as float32, with numpy broadcasting. */
export const greater: OpDef = {
  kind: 'greater',
  summary: '1 where a > b, else 0, with broadcasting',
  role: 'gradient',

  inferShape(inputs) {
    const [{ shape }] = inferBinary('greater', inputs) as [TensorType];
    return [{ shape, dtype: 'float32' }];
  },
  macs: () => 0,
  reference(inputs) {
    const [a, b] = inputs as readonly [RefTensor, RefTensor];
    return [referenceBinary(a, b, broadcastShapes('greater', a.shape, b.shape), (x, y) => (x > y ? 1 : 0))];
  },
  // Constant almost everywhere: no gradient goes through.
  vjp: () => [undefined, undefined],
  toOnnx(e) {
    const rank = e.outputType(0).shape.length;
    // Against a constant, as in the masks of relu and relu6: one pass instead of Greater and Cast.
    const above = scalarOf(e, 1);
    if (above !== undefined) return [stepToOnnx(e, e.input(0), above, 1)];
    const below = scalarOf(e, 0);
    if (below !== undefined) return [stepToOnnx(e, e.input(1), below, -1)];
    const mask = e.add('Greater', [e.broadcastInput(0, rank), e.broadcastInput(1, rank)]);
    return [e.add('Cast', [mask], { to: { int: ONNX_FLOAT } })];
  },
  toTfjs(tf, inputs) {
    const [a, b] = inputs as readonly [tfjs.Tensor, tfjs.Tensor];
    return [tf.cast(tf.greater(a, b), 'float32')];
  },
  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};

/** The constant of input i when it is a single number that is exact in the step below: 0 or 6, for relu and relu6. */
function scalarOf(e: OnnxEmitter, i: number): number | undefined {
  const data = e.constant(i);
  return data?.length === 1 && e.inputType(i).shape.length === 0 && (data[0] === 0 || data[0] === 6)
    ? data[0]
    : undefined;
}

/**
 * 1 where direction · (x − threshold) > 0, else 0, as min(max(slope · x + offset, 0), 1). With a power of two as slope the sum
 * is exactly 0 at the threshold and at least 1 at the next float32 above it; at 0 the largest slope makes that the smallest normal
 * number and up.
 */
function stepToOnnx(e: OnnxEmitter, x: string, threshold: number, direction: 1 | -1): string {
  const slope = direction * (threshold === 0 ? 2 ** 127 : 2 ** 64);
  return e.add('HardSigmoid', [x], { alpha: { float: slope }, beta: { float: -slope * threshold } });
}

/** TensorProto.DataType.FLOAT */
const ONNX_FLOAT = 1;
