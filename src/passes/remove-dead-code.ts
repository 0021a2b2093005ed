import type { Graph } from '../ir/graph.js';
import { neededFor } from '../ir/walk.js';
import { withNodes } from './rewrite.js';

/** Drops nodes and constants that no output depends on. Graph inputs stay, read or not. */
export function removeDeadCode(graph: Graph): Graph {
  const needed = neededFor(graph, graph.outputs);
  return withNodes(
    graph,
    graph.nodes.filter((node) => node.outputs.some((id) => needed.has(id))),
  );
}
