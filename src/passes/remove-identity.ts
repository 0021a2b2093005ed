import { type Graph, isConstant, type Node, sameShape, tensorOf } from '../ir/graph.js';
import { withNodes } from './rewrite.js';

/**
 * Removes nodes that hand their input on: dropout, and reshapes, transposes, concatenations and pads that change nothing.
 * The layer that computed the value keeps its id, so that a cut is called after the convolution and not after the dropout
 * behind it. Inputs, constants and outputs of the graph keep their ids; between two of them the node stays.
 */
export function removeIdentity(graph: Graph): Graph {
  const outputs = new Set(graph.outputs);
  const fixed = new Set([...graph.inputs, ...graph.outputs]);
  /** Id → the id that stands for it from now on. */
  const renamed = new Map<string, string>();
  const resolve = (id: string): string => {
    let at = id;
    for (let next = renamed.get(at); next !== undefined; next = renamed.get(at)) at = next;
    return at;
  };
  const kept: Node[] = [];
  for (const node of graph.nodes) {
    if (!handsOn(graph, node)) {
      kept.push(node);
      continue;
    }
    const from = resolve(node.inputs[0] as string);
    const to = node.outputs[0] as string;
    const differs = tensorOf(graph, from).dtype !== tensorOf(graph, to).dtype;
    const upstreamIsFixed = fixed.has(from) || isConstant(graph, from);
    if (differs || (upstreamIsFixed && outputs.has(to))) kept.push(node);
    else if (outputs.has(to)) renamed.set(from, to);
    else renamed.set(to, from);
  }
  const nodes = kept.map((node): Node => {
    const ids = node.outputs.map(resolve);
    return { ...node, id: ids[0] ?? node.id, inputs: node.inputs.map(resolve), outputs: ids };
  });
  return withNodes(graph, nodes);
}

/** Whether the output is the input, element by element and in shape. */
function handsOn(graph: Graph, node: Node): boolean {
  const x = tensorOf(graph, node.inputs[0] as string);
  const y = tensorOf(graph, node.outputs[0] as string);
  switch (node.kind) {
    case 'identity':
      return true;
    case 'reshape':
      return sameShape(x.shape, y.shape);
    case 'transpose':
      return (node.attrs.perm as readonly number[]).every((p, i) => p === i);
    case 'concat':
      return node.inputs.length === 1;
    case 'pad':
      return (node.attrs.paddings as readonly number[]).every((p) => p === 0);
    default:
      return false;
  }
}
