import { IsplitError, Problems } from '../core/errors.js';
import type { ShapeTable } from './builder.js';
import { elementCount, formatShape, type Graph, sameShape, type Tensor } from './graph.js';

const ARRAY_OF = {
  float32: Float32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const;

/**
 * Checks everything the other rooms take for granted: known kinds, single assignment, definition before use, constants of
 * the stated size and dtype, positive dimensions, recorded shapes and dtypes equal to the inferred ones.
 * @throws IsplitError E_GRAPH_INVALID with every violation
 */
export function verifyGraph(graph: Graph, table: ShapeTable): void {
  const problems = new Problems();
  const bad = (message: string, context: Record<string, unknown> = {}): void =>
    problems.add('E_GRAPH_INVALID', message, { graph: graph.name, ...context });

  for (const [key, tensor] of graph.tensors) {
    if (key !== tensor.id) bad(`tensor "${tensor.id}" is stored as "${key}"`);
    checkTensor(tensor, bad);
  }

  const defined = new Set<string>();
  for (const id of graph.inputs) {
    const tensor = graph.tensors.get(id);
    if (!tensor) bad(`input "${id}" is not a tensor of the graph`);
    else if (tensor.data) bad(`input "${id}" is a constant`);
    if (defined.has(id)) bad(`input "${id}" is listed twice`);
    defined.add(id);
  }

  const nodeIds = new Set<string>();
  for (const node of graph.nodes) {
    if (nodeIds.has(node.id)) bad(`two nodes are called "${node.id}"`);
    nodeIds.add(node.id);
    const inputs: Tensor[] = [];
    for (const id of node.inputs) {
      const tensor = graph.tensors.get(id);
      if (!tensor) bad(`node "${node.id}" reads "${id}", which does not exist`);
      else if (!tensor.data && !defined.has(id)) bad(`node "${node.id}" reads "${id}" before it is computed`);
      if (tensor) inputs.push(tensor);
    }
    for (const id of node.outputs) {
      const tensor = graph.tensors.get(id);
      if (!tensor) bad(`node "${node.id}" writes "${id}", which does not exist`);
      else if (tensor.data) bad(`node "${node.id}" writes the constant "${id}"`);
      if (defined.has(id)) bad(`tensor "${id}" is computed twice`);
      defined.add(id);
    }
    if (!table.has(node.kind)) {
      bad(`node "${node.id}" has the unknown kind "${node.kind}"`);
      continue;
    }
    if (inputs.length !== node.inputs.length) continue;
    try {
      const inferred = table.inferShape(node.kind, inputs, node.attrs);
      if (inferred.length !== node.outputs.length) {
        bad(`node "${node.id}" (${node.kind}) has ${node.outputs.length} outputs instead of ${inferred.length}`);
      }
      inferred.forEach((type, i) => {
        const tensor = graph.tensors.get(node.outputs[i] ?? '');
        if (tensor && (!sameShape(tensor.shape, type.shape) || tensor.dtype !== type.dtype)) {
          bad(
            `"${tensor.id}" is recorded as ${tensor.dtype} ${formatShape(tensor.shape)} but ${node.kind} gives ${type.dtype} ${formatShape(type.shape)}`,
          );
        }
      });
    } catch (error) {
      if (!(error instanceof IsplitError)) throw error;
      problems.addCaught(error);
    }
  }

  if (graph.outputs.length === 0) bad('the graph has no output');
  for (const id of graph.outputs) {
    if (!defined.has(id) && !graph.tensors.get(id)?.data) bad(`output "${id}" is never computed`);
  }
  problems.throwIfAny();
}

function checkTensor(tensor: Tensor, bad: (message: string) => void): void {
  if (tensor.shape.some((d) => !Number.isSafeInteger(d) || d <= 0)) {
    bad(`tensor "${tensor.id}" has the shape [${tensor.shape}]; every dimension must be a positive integer`);
  }
  if (tensor.data) {
    if (!(tensor.data instanceof ARRAY_OF[tensor.dtype])) bad(`constant "${tensor.id}" does not hold ${tensor.dtype}`);
    if (tensor.data.length !== elementCount(tensor.shape)) {
      bad(`constant "${tensor.id}" has ${tensor.data.length} values for shape ${formatShape(tensor.shape)}`);
    }
  }
  const q = tensor.quant;
  if (q) {
    if (q.scale.length !== q.zeroPoint.length)
      bad(`tensor "${tensor.id}" has ${q.scale.length} scales and ${q.zeroPoint.length} zero points`);
    if (q.scale.some((s) => !(s > 0) || !Number.isFinite(s)))
      bad(`tensor "${tensor.id}" has a scale that is not positive and finite`);
    if (q.scale.length > 1 && q.scale.length !== tensor.shape[q.axis]) {
      bad(`tensor "${tensor.id}" has ${q.scale.length} scales along axis ${q.axis} of ${formatShape(tensor.shape)}`);
    }
  }
}
