import { type Graph, isConstant, type Node } from './graph.js';

/** Node that produces each tensor. Graph inputs and constants are absent. */
export function producers(graph: Graph): Map<string, Node> {
  const map = new Map<string, Node>();
  for (const node of graph.nodes) for (const id of node.outputs) map.set(id, node);
  return map;
}

/** Nodes that read each tensor, in topological order; a node reading it twice is listed once. */
export function consumers(graph: Graph): Map<string, Node[]> {
  const map = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const id of new Set(node.inputs)) {
      const list = map.get(id);
      if (list) list.push(node);
      else map.set(id, [node]);
    }
  }
  return map;
}

/** Non-constant inputs of a node. */
export function activationInputs(graph: Graph, node: Node): string[] {
  return node.inputs.filter((id) => !isConstant(graph, id));
}

/** Tensors that depend on one of `sources` (the sources included). */
export function reachableFrom(graph: Graph, sources: Iterable<string>): Set<string> {
  const seen = new Set(sources);
  for (const node of graph.nodes) {
    if (node.inputs.some((id) => seen.has(id))) for (const id of node.outputs) seen.add(id);
  }
  return seen;
}

/** Tensors that one of `targets` depends on (the targets included); stops at `boundary` tensors, which are included. */
export function neededFor(
  graph: Graph,
  targets: Iterable<string>,
  boundary: ReadonlySet<string> = new Set(),
): Set<string> {
  const seen = new Set(targets);
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i] as Node;
    if (node.outputs.some((id) => seen.has(id) && !boundary.has(id))) for (const id of node.inputs) seen.add(id);
  }
  return seen;
}
