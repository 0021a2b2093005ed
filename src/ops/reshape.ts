import type * as tfjs from '@tensorflow/tfjs-core';
import { elementCount, type Shape, type TensorType } from '../ir/graph.js';
import { requireInputs, shapeError } from './checks.js';
import { prepareInt8Copy } from './int8-moves.js';
import { LATER, type OnnxEmitter, type OpDef, type RefTensor, type TfliteOperator, type TfliteSink } from './op-def.js';
import { inputIdsOf } from './tflite-encode.js';

export interface ReshapeAttrs {
  /** New dimensions; at most one is −1 (the rest). Readers write the batch as −1. */
  readonly shape: Shape;
}

/** The same elements in row-major (NHWC) order under another shape. */
export const reshape: OpDef<ReshapeAttrs> = {
  kind: 'reshape',
  summary: 'another shape over the same elements (flatten, squeeze, expand dimensions)',
  role: 'network',
  inPlace: [0],

  inferShape(inputs, attrs) {
    requireInputs('reshape', inputs, 1);
    const { shape, dtype } = inputs[0] as TensorType;
    return [{ shape: resolveShape(shape, attrs.shape, inputs), dtype }];
  },
  macs: () => 0,
  reference: ([x]) => [(x as RefTensor).data.slice()],
  vjp: (sink, { inputs, gradients }) => [
    sink.op('reshape', [gradients[0] as string], { shape: sink.type(inputs[0] as string).shape }),
  ],
  toOnnx: (e, attrs) => [onnxReshape(e, attrs.shape[0] === -1)],
  toTfjs: (tf, [x], _attrs, [out]) => [tf.reshape(x as tfjs.Tensor, [...(out as TensorType).shape])],
  toTfjsGraph(e, attrs) {
    const to = e.outputType(0).shape;
    const shape = attrs.shape[0] === -1 ? [-1, ...to.slice(1)] : to;
    return [e.add('Reshape', [e.input(0), e.int32s('shape', [shape.length], shape)])];
  },
  tflite: {
    decode: { RESHAPE: decodeReshape, SQUEEZE: decodeReshape, EXPAND_DIMS: decodeReshape },
    encode(e) {
      const { shape } = e.outputs[0] as TensorType;
      return {
        builtin: 'RESHAPE',
        version: 1,
        options: {},
        inputs: [...inputIdsOf(e), e.int32s('shape', [shape.length], shape)],
      };
    },
  },
  int8: { output: 'as-inputs', prepare: prepareInt8Copy },
  emitC: LATER.emitC,
  edgeTpu: [],
};

function resolveShape(from: Shape, to: Shape, inputs: readonly TensorType[]): number[] {
  const open = Array.isArray(to) ? to.filter((d) => d === -1).length : 2;
  if (open > 1 || to.some((d) => !Number.isSafeInteger(d) || (d < 1 && d !== -1))) {
    shapeError('reshape', `attribute shape must be positive integers and at most one -1, got ${JSON.stringify(to)}`);
  }
  const total = elementCount(from);
  const known = elementCount(to.filter((d) => d !== -1));
  if (open === 1 ? total % known !== 0 : total !== known) {
    shapeError('reshape', `${total} elements do not fit [${to}]`, inputs);
  }
  return to.map((d) => (d === -1 ? total / known : d));
}

/** True when NCHW and NHWC order the elements alike. */
function orderIsLayoutFree(shape: Shape): boolean {
  if (shape.length !== 4) return true;
  const [, h, w, c] = shape as readonly [number, number, number, number];
  return c === 1 || h * w === 1;
}

/** Reshape between physical layouts, with a Transpose only where the order of elements depends on the layout. */
function onnxReshape(e: OnnxEmitter, batchIsOpen: boolean): string {
  const from = e.inputType(0).shape;
  const to = e.outputType(0).shape;
  const dims = batchIsOpen ? [-1, ...to.slice(1)] : to;
  const source = orderIsLayoutFree(from) ? e.input(0) : e.toGraphLayout(e.input(0), from.length);
  if (!orderIsLayoutFree(to)) return e.toPhysicalLayout(e.add('Reshape', [source, e.int64s(dims)]), to.length);
  const shape = new Array<number>(to.length);
  dims.forEach((d, i) => {
    shape[e.axis(to.length, i)] = d;
  });
  return e.add('Reshape', [source, e.int64s(shape)]);
}

/** RESHAPE, SQUEEZE and EXPAND_DIMS: the file's output shape is static, so it says all. */
function decodeReshape(op: TfliteOperator, sink: TfliteSink): void {
  const x = op.inputs[0];
  const to = op.outputs[0]?.shape;
  if (!x || !to) sink.refuse(`${op.builtin} lacks its input or output`);
  const keepsBatch = to.length > 0 && to[0] === x.shape[0];
  sink.emit('reshape', [x.id], { shape: keepsBatch ? [-1, ...to.slice(1)] : to });
}
