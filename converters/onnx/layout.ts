/**
 * Axis orders. A layout says how an ONNX tensor is stored in our graph: stored axis k is ONNX axis layout[k]. Transposes of
 * the file only change the layout; nodes are added where an operator needs another one.
 */
import type { Shape } from '../../src/ir/graph.js';
import { rowMajorSteps, walkStrided } from '../../src/ir/strided-walk.js';

export type Layout = readonly number[];

/** NCHW stored as NHWC; the same for any rank from 2 on: channels last. */
export function channelsLast(rank: number): number[] {
  return [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];
}

export function identity(rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => i);
}

export function sameLayout(a: Layout, b: Layout): boolean {
  return a.length === b.length && a.every((axis, i) => axis === b[i]);
}

/** ONNX dimensions of a stored shape. */
export function onnxDims(shape: Shape, layout: Layout): number[] {
  const dims = new Array<number>(shape.length);
  layout.forEach((axis, k) => {
    dims[axis] = shape[k] as number;
  });
  return dims;
}

/** Shape of ONNX dimensions when stored. */
export function storedShape(dims: Shape, layout: Layout): number[] {
  return layout.map((axis) => dims[axis] as number);
}

/**
 * Whether two layouts of the same dimensions order the elements alike: only axes of size 1 differ in place. The batch counts
 * as larger than 1, because it may become so.
 */
export function ordersAlike(dims: Shape, a: Layout, b: Layout): boolean {
  const moving = (layout: Layout): number[] => layout.filter((axis) => axis === 0 || dims[axis] !== 1);
  return sameLayout(moving(a), moving(b));
}

/** Data with its axes exchanged: output axis k is input axis perm[k]. */
export function permute<T extends Float32Array | Float64Array>(data: T, dims: Shape, perm: Layout): T {
  if (ordersElementsAlike(dims, perm)) return data;
  const strides = rowMajorSteps(dims);
  const shape = perm.map((axis) => dims[axis] as number);
  const steps = perm.map((axis) => strides[axis] as number);
  const out = new (data.constructor as new (length: number) => T)(data.length);
  walkStrided(shape, steps, 0, (position, place) => {
    out[position] = data[place] as number;
  });
  return out;
}

function ordersElementsAlike(dims: Shape, perm: Layout): boolean {
  const moving = perm.filter((axis) => dims[axis] !== 1);
  return moving.every((axis, i) => i === 0 || axis > (moving[i - 1] as number));
}
