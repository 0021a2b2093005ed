import {
  type DType,
  elementCount,
  type Graph,
  isConstant,
  type Node,
  type Tensor,
  type TypedArray,
  tensorOf,
} from '../ir/graph.js';
import { opDef } from '../ops/index.js';
import { isUnsupported } from '../ops/op-def.js';
import { runReferenceNode } from '../ops/reference.js';
import { withNodes } from './rewrite.js';

/** A result may always have this many elements … */
const SMALL_ELEMENTS = 4096;
/** … and otherwise this many times as many as its inputs: a broadcast constant stays a node. */
const MAX_GROWTH = 2;
/** More multiply-accumulates than this are left to the engine. */
const MAX_MACS = 50_000_000;
/** Kinds whose reference computes integers as what they stand for; others would take raw codes for values. */
const INTEGER_SAFE = new Set(['dequantize', 'identity', 'quantize', 'reshape', 'transpose']);

const ARRAY_OF: Readonly<Record<DType, new (values: Float64Array) => TypedArray>> = {
  float32: Float32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  int32: Int32Array,
  bool: Uint8Array,
};

/**
 * Computes nodes that read constants only, in float64 by the ops' references. Outputs of the graph stay computed, and so
 * does what would grow the model (bounds above).
 */
export function foldConstants(graph: Graph): Graph {
  const tensors = new Map(graph.tensors);
  const current: Graph = { ...graph, tensors };
  const added: Tensor[] = [];
  const nodes = graph.nodes.filter((node) => {
    if (!canFold(current, node)) return true;
    const inputs = node.inputs.map((id) => {
      const { shape, data } = tensorOf(current, id);
      return { shape, data: Float64Array.from(data as TypedArray) };
    });
    runReferenceNode(current, node, inputs).forEach((data, i) => {
      const tensor = tensorOf(current, node.outputs[i] as string);
      const folded: Tensor = { ...tensor, data: new ARRAY_OF[tensor.dtype](data) };
      tensors.set(folded.id, folded);
      added.push(folded);
    });
    return false;
  });
  return withNodes(graph, nodes, added);
}

function canFold(graph: Graph, node: Node): boolean {
  if (node.inputs.length === 0 || !node.inputs.every((id) => isConstant(graph, id))) return false;
  if (node.outputs.some((id) => graph.outputs.includes(id))) return false;
  const def = opDef(node.kind);
  if (isUnsupported(def.reference)) return false;
  const inputs = node.inputs.map((id) => tensorOf(graph, id));
  const outputs = node.outputs.map((id) => tensorOf(graph, id));
  if (!INTEGER_SAFE.has(node.kind) && [...inputs, ...outputs].some((t) => t.dtype !== 'float32')) return false;
  const count = (list: readonly Tensor[]): number => list.reduce((n, t) => n + elementCount(t.shape), 0);
  if (count(outputs) > Math.max(SMALL_ELEMENTS, MAX_GROWTH * count(inputs))) return false;
  return def.macs(inputs, outputs, node.attrs) <= MAX_MACS;
}
