import type { GraphBuilder } from '../../src/ir/builder.js';
import { type Attrs, elementCount, type Shape } from '../../src/ir/graph.js';
import type { GraphNode } from './graph-node.js';

/** A constant known while reading: a weight, or a shape computed from shapes. */
export interface ConstantValue {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** What the handlers of TensorFlow ops see of the graph under construction. */
export interface GraphBuild {
  readonly builder: GraphBuilder;
  /** Tensor id of input i: an activation, or a constant put into the graph. */
  tensor(node: GraphNode, i: number): string;
  /** Constant value of input i; undefined for activations. */
  constantOf(node: GraphNode, i: number): ConstantValue | undefined;
  /** Same, where the op needs a constant. @throws IsplitError E_OP_UNSUPPORTED */
  requireConstant(node: GraphNode, i: number, what: string): ConstantValue;
  /** Constant in another layout. */
  addConstant(node: GraphNode, suffix: string, shape: Shape, data: Float32Array): string;
  /** The node behind this one when it is the only one, its output is not asked for, and it has the given op. */
  soleReader(node: GraphNode, op: string): GraphNode | undefined;
}

/** Result of a handler: a tensor of the graph, or a constant. */
export type HandlerResult = { readonly tensor: string } | { readonly constant: ConstantValue };

export type Handler = (node: GraphNode, build: GraphBuild) => HandlerResult;

/** Adds a node whose output is called like the TensorFlow node (plus a suffix for inner values). */
export function addNode(
  build: GraphBuild,
  node: GraphNode,
  kind: string,
  inputs: readonly string[],
  attrs: Attrs = {},
  suffix = '',
): string {
  return build.builder.op(kind, inputs, attrs, { id: suffix === '' ? node.name : `${node.name}/${suffix}` });
}

/** Integers of a constant input. */
export function constantInts(build: GraphBuild, node: GraphNode, i: number, what: string): number[] {
  const { data } = build.requireConstant(node, i, what);
  return Array.from(data, (v) => (Number.isSafeInteger(v) ? v : node.corrupt(`${what} holds ${v}`)));
}

export function rankOf(build: GraphBuild, id: string): number {
  return build.builder.type(id).shape.length;
}

export function resolveAxis(node: GraphNode, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isSafeInteger(axis) || resolved < 0 || resolved >= rank) {
    node.corrupt(`axis ${axis} does not exist in a tensor of rank ${rank}`);
  }
  return resolved;
}

/** [height, width] of an NHWC picture. */
export function imageSize(build: GraphBuild, node: GraphNode, id: string): [number, number] {
  const { shape } = build.builder.type(id);
  if (shape.length !== 4) node.refuse(`its input has the shape [${shape}], a picture was expected`);
  return [shape[1] as number, shape[2] as number];
}

export function checkedConstant(
  node: GraphNode,
  value: ConstantValue,
  shape: readonly (number | undefined)[],
): ConstantValue {
  const fits = value.shape.length === shape.length && shape.every((d, i) => d === undefined || d === value.shape[i]);
  if (!fits || value.data.length !== elementCount(value.shape)) {
    node.corrupt(`a constant has the shape [${value.shape}] instead of [${shape.map((d) => d ?? '?')}]`);
  }
  return value;
}
