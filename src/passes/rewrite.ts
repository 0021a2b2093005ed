/** What passes share: putting a graph together again after its nodes were changed. */
import { type Graph, type Node, type Tensor, tensorOf } from '../ir/graph.js';

/** The graph with other nodes. Tensors that nothing mentions any more are dropped; `added` are the new ones. */
export function withNodes(graph: Graph, nodes: readonly Node[], added: readonly Tensor[] = []): Graph {
  const fresh = new Map(added.map((t) => [t.id, t]));
  const mentioned = new Set([...graph.inputs, ...graph.outputs, ...nodes.flatMap((n) => [...n.inputs, ...n.outputs])]);
  const tensors = new Map<string, Tensor>();
  for (const [id, tensor] of graph.tensors) if (mentioned.has(id) && !fresh.has(id)) tensors.set(id, tensor);
  for (const [id, tensor] of fresh) if (mentioned.has(id)) tensors.set(id, tensor);
  return { ...graph, nodes, tensors };
}

/** Ids that neither the graph nor an earlier call has: `wish`, else `wish_1`, `wish_2`, … */
export function freshIds(graph: Graph): (wish: string) => string {
  const taken = new Set(graph.tensors.keys());
  return (wish) => {
    let id = wish;
    for (let n = 1; taken.has(id); n++) id = `${wish}_${n}`;
    taken.add(id);
    return id;
  };
}

/** How often each tensor is read: once per reading input, and once as an output of the graph. */
export function countUses(graph: Graph): Map<string, number> {
  const uses = new Map<string, number>();
  const count = (id: string): void => {
    uses.set(id, (uses.get(id) ?? 0) + 1);
  };
  for (const node of graph.nodes) node.inputs.forEach(count);
  graph.outputs.forEach(count);
  return uses;
}

/** Float32 data of a constant, else undefined. */
export function floatConstant(graph: Graph, id: string | undefined): Float32Array | undefined {
  const data = id === undefined ? undefined : tensorOf(graph, id).data;
  return data instanceof Float32Array ? data : undefined;
}
