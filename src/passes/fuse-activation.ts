import { type Graph, type Node, type Tensor, tensorOf } from '../ir/graph.js';
import { producers } from '../ir/walk.js';
import { opDef } from '../ops/index.js';
import type { FusedActivation } from '../ops/op-def.js';
import { countUses, withNodes } from './rewrite.js';

/**
 * Moves relu and relu6 into the op before them, when that op can carry them and nothing else reads its output. The id of
 * the activation's output stays; the value before it is gone.
 */
export function fuseActivation(graph: Graph): Graph {
  const uses = countUses(graph);
  const producerOf = producers(graph);
  /** Node as it stands now, by its last output. */
  const current = new Map<Node, Node>();
  const absorbed = new Set<Node>();
  for (const node of graph.nodes) {
    if (node.kind !== 'relu' && node.kind !== 'relu6') continue;
    const x = node.inputs[0] as string;
    const producer = producerOf.get(x);
    if (!producer || uses.get(x) !== 1 || !opDef(producer.kind).fusesActivation) continue;
    // In an int8 graph an activation may rescale; fused ones only clamp.
    if (!sameQuant(tensorOf(graph, x), tensorOf(graph, node.outputs[0] as string))) continue;
    const before = current.get(producer) ?? producer;
    const activation = compose((before.attrs.activation ?? 'none') as FusedActivation, node.kind);
    const y = node.outputs[0] as string;
    current.set(producer, { ...before, id: y, outputs: [y], attrs: { ...before.attrs, activation } });
    producerOf.set(y, producer);
    absorbed.add(node);
  }
  return withNodes(
    graph,
    graph.nodes.filter((node) => !absorbed.has(node)).map((node) => current.get(node) ?? node),
  );
}

function sameQuant({ quant: a }: Tensor, { quant: b }: Tensor): boolean {
  return a?.scale[0] === b?.scale[0] && a?.zeroPoint[0] === b?.zeroPoint[0];
}

/** The activation that equals `first` followed by `second`. */
function compose(first: FusedActivation, second: 'relu' | 'relu6'): FusedActivation {
  return first === 'relu6' ? 'relu6' : second;
}
