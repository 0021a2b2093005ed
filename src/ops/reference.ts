import { fail } from '../core/errors.js';
import { elementCount, type Graph, type Node, tensorOf } from '../ir/graph.js';
import { neededFor } from '../ir/walk.js';
import { opDef } from './index.js';
import { isUnsupported, type RefTensor } from './op-def.js';

/**
 * Runs a graph in float64 through the ops' reference implementations: the ground truth for engines, passes and gradients.
 * Slow by design; quantized graphs are computed on their raw integers only as far as the ops' references do so.
 * @param feeds values of the graph inputs that `wanted` depends on, by id
 * @param wanted tensors to compute (default: the graph's outputs)
 * @returns value of each wanted tensor by id
 * @throws IsplitError E_HOOK_UNSUPPORTED when an op on the way has no reference implementation
 */
export function runReference(
  graph: Graph,
  feeds: Readonly<Record<string, ArrayLike<number>>>,
  wanted: readonly string[] = graph.outputs,
): Record<string, Float64Array> {
  const needed = neededFor(graph, wanted);
  const values = new Map<string, Float64Array>();
  const lookUp = (id: string): Float64Array => {
    let value = values.get(id);
    if (value === undefined) {
      const { data, shape } = tensorOf(graph, id);
      const source = data ?? feeds[id];
      if (source?.length !== elementCount(shape)) {
        throw new RangeError(`feed "${id}" needs ${elementCount(shape)} values, got ${source?.length ?? 'none'}`);
      }
      value = Float64Array.from(source);
      values.set(id, value);
    }
    return value;
  };
  for (const node of graph.nodes) {
    if (!node.outputs.some((id) => needed.has(id))) continue;
    const inputs = node.inputs.map((id) => ({ shape: tensorOf(graph, id).shape, data: lookUp(id) }));
    runReferenceNode(graph, node, inputs).forEach((value, i) => {
      values.set(node.outputs[i] as string, value);
    });
  }
  return Object.fromEntries(wanted.map((id) => [id, lookUp(id)]));
}

/** Outputs of one node. @throws IsplitError E_HOOK_UNSUPPORTED */
export function runReferenceNode(graph: Graph, node: Node, inputs: readonly RefTensor[]): Float64Array[] {
  const { reference } = opDef(node.kind);
  if (isUnsupported(reference)) {
    fail('E_HOOK_UNSUPPORTED', `"${node.id}" (${node.kind}) has no reference: ${reference.unsupported}`, {
      node: node.id,
      kind: node.kind,
    });
  }
  return reference(
    inputs,
    node.attrs,
    node.outputs.map((id) => tensorOf(graph, id)),
  );
}
