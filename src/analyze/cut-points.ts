import { elementCount, type Graph, type Node, tensorOf } from '../ir/graph.js';
import { cutId, enumerateCuts } from '../ir/partition.js';
import { consumers, producers, reachableFrom } from '../ir/walk.js';

const ACTIVATIONS: ReadonlySet<string> = new Set(['relu', 'relu6', 'leaky_relu', 'hard_swish', 'sigmoid', 'tanh']);

/** Kinds whose output is the same information as their input, at best the same size: no reason to cut there. */
const VIEWS: ReadonlySet<string> = new Set([
  'reshape',
  'transpose',
  'identity',
  'pad',
  'broadcast_to',
  'quantize',
  'dequantize',
]);

export interface CutPoint {
  readonly id: string;
  readonly tensors: readonly string[];
  /** Per tensor, without the batch dimension. */
  readonly shapes: readonly (readonly number[])[];
  /** Values that cross the link for one sample. */
  readonly elements: number;
}

/**
 * Tensors worth looking at, in order of depth: outputs of layers after their activation, and of pooling layers. Values before
 * an activation, views and everything from the logits on are left out.
 */
export function findLayerOutputs(graph: Graph, logits: string): string[] {
  const readers = consumers(graph);
  const after = reachableFrom(graph, [logits]);
  const ids: string[] = [];
  for (const node of graph.nodes) {
    for (const id of node.outputs) {
      if (!after.has(id) && !VIEWS.has(node.kind) && !isBeforeActivation(id, node, readers.get(id) ?? [])) ids.push(id);
    }
  }
  return ids;
}

/** x → relu(x), x → x · sigmoid(x), and the inner sigmoid of the latter. */
function isBeforeActivation(id: string, node: Node, readers: readonly Node[]): boolean {
  if (readers.length === 0) return false;
  if (readers.every((r) => ACTIVATIONS.has(r.kind))) return true;
  const gates = readers.filter((r) => r.kind === 'sigmoid').flatMap((r) => r.outputs);
  if (
    readers.length === 2 &&
    gates.length === 1 &&
    readers.some((r) => r.kind === 'mul' && r.inputs.includes(gates[0] as string))
  ) {
    return true;
  }
  const gated = node.inputs[0] as string;
  return (
    node.kind === 'sigmoid' &&
    readers.every((r) => r.kind === 'mul' && r.inputs.includes(gated) && r.inputs.includes(id))
  );
}

/**
 * Every place where the network can be cut: sets of one to `maxTensors` layer outputs that separate input from logits.
 * @returns single-tensor cuts in order of depth, then the others in order of depth
 */
export function findCutPoints(graph: Graph, logits: string, maxTensors = 3): CutPoint[] {
  const layerOutputs = new Set(findLayerOutputs(graph, logits));
  const inputs = new Set(graph.inputs);
  const made = producers(graph);
  // A view may be what is alive while its source is not: cut at the source, the tail recomputes the view.
  const source = (id: string): string => {
    let at = id;
    for (let node = made.get(at); node && VIEWS.has(node.kind); node = made.get(at)) at = node.inputs[0] as string;
    return at;
  };
  const seen = new Set<string>();
  const points: CutPoint[] = [];
  for (const alive of enumerateCuts({ ...graph, outputs: [logits] }, maxTensors)) {
    const tensors = [...new Set(alive.map(source))];
    const id = cutId(tensors);
    if (seen.has(id) || tensors.some((t) => !layerOutputs.has(t) && !inputs.has(t))) continue;
    // A set that holds an input sends the picture and more: never better than the picture alone.
    if (tensors.some((t) => inputs.has(t))) continue;
    seen.add(id);
    const shapes = tensors.map((t) => tensorOf(graph, t).shape.slice(1));
    points.push({ id, tensors, shapes, elements: shapes.reduce((n, s) => n + elementCount(s), 0) });
  }
  return [...points.filter((p) => p.tensors.length === 1), ...points.filter((p) => p.tensors.length > 1)];
}
