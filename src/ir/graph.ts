/**
 * The one representation of a network: an immutable directed acyclic graph in NHWC layout with TFLite semantics.
 *
 * Conventions every room relies on:
 * - `nodes` are in topological order; every tensor is the output of at most one node; constants carry `data`.
 * - Rank-4 activations are [batch, height, width, channels]. The first dimension of every activation is the batch.
 * - Weights have TFLite layout: conv2d [out, kh, kw, in], depthwise [1, kh, kw, out], dense [out, in].
 * - A tensor's id is the source layer's name for the layer's final output; inner values append a suffix
 *   (`conv1/linear`). A pass that merges nodes keeps the id of the downstream tensor, so a cut id survives passes.
 * - Readers emit activations as nodes of their own (`relu` after `conv2d`); only the fuse-activation pass fuses them.
 */
export type DType = 'float32' | 'int8' | 'uint8' | 'int16' | 'int32' | 'bool';

export type TypedArray = Float32Array | Int8Array | Uint8Array | Int16Array | Int32Array;

export type Shape = readonly number[];

/** Affine quantization, real = scale · (q − zeroPoint). Per-tensor when both have length 1, else per channel along `axis`. */
export interface QuantParams {
  readonly scale: Float32Array;
  readonly zeroPoint: Int32Array;
  readonly axis: number;
}

/** What shape inference needs to know of a tensor. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

export interface Tensor extends TensorType {
  readonly id: string;
  readonly quant?: QuantParams;
  /** Present exactly for constants; row-major, `elementCount(shape)` long. */
  readonly data?: TypedArray;
}

export type AttrValue = number | string | boolean | readonly number[] | readonly string[];
export type Attrs = Readonly<Record<string, AttrValue>>;

export interface Node {
  readonly id: string;
  /** An op kind of `src/ops`. */
  readonly kind: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: Attrs;
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly Node[];
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Product of the dimensions; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

const BYTES_PER_ELEMENT: Readonly<Record<DType, number>> = {
  float32: 4,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

export function bytesPerElement(dtype: DType): number {
  return BYTES_PER_ELEMENT[dtype];
}

/** The tensor with this id; a missing one is a defect of ours, not bad input. */
export function tensorOf(graph: Pick<Graph, 'tensors'>, id: string): Tensor {
  const tensor = graph.tensors.get(id);
  if (tensor === undefined) throw new Error(`graph has no tensor "${id}"`);
  return tensor;
}

export function isConstant(graph: Pick<Graph, 'tensors'>, id: string): boolean {
  return tensorOf(graph, id).data !== undefined;
}

/** `28x28x1`. */
export function formatShape(shape: Shape): string {
  return shape.length === 0 ? 'scalar' : shape.join('x');
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}
