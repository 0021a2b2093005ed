/** Numpy broadcasting and what element-wise binary ops share. */
import type { Shape, TensorType } from '../ir/graph.js';
import { elementCount, sameShape } from '../ir/graph.js';
import { shapeError } from './checks.js';
import type { GradientSink, RefTensor } from './op-def.js';

/** @throws IsplitError E_SHAPE */
export function broadcastShapes(kind: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const da = a[i - rank + a.length] ?? 1;
    const db = b[i - rank + b.length] ?? 1;
    if (da !== db && da !== 1 && db !== 1) shapeError(kind, `[${a}] and [${b}] do not broadcast`);
    return da === 1 ? db : da;
  });
}

export function inferBinary(kind: string, inputs: readonly TensorType[]): TensorType[] {
  if (inputs.length !== 2) shapeError(kind, 'takes 2 inputs', inputs);
  const [a, b] = inputs as [TensorType, TensorType];
  if (a.dtype !== b.dtype) shapeError(kind, 'both inputs must have one dtype', inputs);
  return [{ shape: broadcastShapes(kind, a.shape, b.shape), dtype: a.dtype }];
}

/** Offsets into a tensor of shape `from` for every element of `to`. */
function strideOf(from: Shape, to: Shape): number[] {
  const strides = new Array<number>(to.length).fill(0);
  let step = 1;
  for (let i = from.length - 1; i >= 0; i--) {
    const at = i + to.length - from.length;
    strides[at] = from[i] === 1 ? 0 : step;
    step *= from[i] as number;
  }
  return strides;
}

/** Index into a tensor of shape `from` for every element of the shape it is broadcast to; undefined = one to one. */
export function broadcastIndices(from: Shape, to: Shape): Int32Array | undefined {
  if (elementCount(from) === elementCount(to)) return undefined;
  const strides = strideOf(from, to);
  return Int32Array.from({ length: elementCount(to) }, (_, i) => {
    let rest = i;
    let at = 0;
    for (let d = to.length - 1; d >= 0; d--) {
      at += (rest % (to[d] as number)) * (strides[d] as number);
      rest = Math.floor(rest / (to[d] as number));
    }
    return at;
  });
}

export function referenceBinary(
  a: RefTensor,
  b: RefTensor,
  shape: Shape,
  f: (x: number, y: number) => number,
): Float64Array {
  const out = new Float64Array(elementCount(shape));
  const sa = strideOf(a.shape, shape);
  const sb = strideOf(b.shape, shape);
  const index = new Array<number>(shape.length).fill(0);
  let ia = 0;
  let ib = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = f(a.data[ia] as number, b.data[ib] as number);
    for (let d = shape.length - 1; d >= 0; d--) {
      ia += sa[d] as number;
      ib += sb[d] as number;
      index[d] = (index[d] as number) + 1;
      if ((index[d] as number) < (shape[d] as number)) break;
      ia -= (sa[d] as number) * (shape[d] as number);
      ib -= (sb[d] as number) * (shape[d] as number);
      index[d] = 0;
    }
  }
  return out;
}

/** Sums a gradient back to the shape of a broadcast operand. */
export function reduceToShape(sink: GradientSink, gradient: string, shape: Shape): string {
  const from = sink.type(gradient).shape;
  if (sameShape(from, shape)) return gradient;
  const lead = from.length - shape.length;
  const axes = from.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && from[i] !== 1));
  const summed = axes.length > 0 ? sink.op('sum', [gradient], { axes, keepDims: true }) : gradient;
  return sameShape(sink.type(summed).shape, shape) ? summed : sink.op('reshape', [summed], { shape });
}
