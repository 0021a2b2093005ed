import { elementCount, type Graph, isConstant, type Node, tensorOf } from '../ir/graph.js';
import { partitionGraph } from '../ir/partition.js';
import { planArena } from '../memory/plan-arena.js';
import { opDef } from '../ops/index.js';

/** Everything about a cut that depends on the network alone (batch 1). */
export interface CutCost {
  readonly headMacs: number;
  readonly tailMacs: number;
  readonly headParameters: number;
  /** Weights as the int8 export stores them: int8 weights, int32 biases, scales per channel. */
  readonly headWeightBytes: number;
  readonly headWeightBytesFloat32: number;
  readonly tailParameters: number;
  /** Peak of the head's activations at int8, planned offline by us. */
  readonly plannedArenaBytes: number;
  /** What the head needs on the device: the arena of its runtime where that is known, else the planned one. */
  readonly arenaBytes: number;
  /** Values that cross the link. */
  readonly wireElements: number;
  /** Payload: a byte a value unless a codec makes it less. */
  readonly wireBytes: number;
  /** The head itself, for latency models. */
  readonly head: Graph;
  readonly tail: Graph;
}

/** Multiply-accumulates of one run of the graph. */
export function countMacs(graph: Graph): number {
  return graph.nodes.reduce((total, node) => total + nodeMacs(graph, node), 0);
}

export function nodeMacs(graph: Graph, node: Node): number {
  const type = (id: string) => tensorOf(graph, id);
  return opDef(node.kind).macs(node.inputs.map(type), node.outputs.map(type), node.attrs);
}

/** Values of all constants that nodes read, each counted once. */
export function countParameters(graph: Graph): number {
  return [...usedConstants(graph)].reduce((n, id) => n + elementCount(tensorOf(graph, id).shape), 0);
}

function usedConstants(graph: Graph): Set<string> {
  const used = new Set<string>();
  for (const node of graph.nodes) for (const id of node.inputs) if (isConstant(graph, id)) used.add(id);
  return used;
}

/**
 * Bytes of a graph's constants after int8 quantization (TFLite 8-bit spec): rank ≥ 2 weights 1 byte an element with a float32
 * scale and an int64 zero point per output channel, biases (rank 1) 4 bytes an element. Quantized graphs count as they are.
 */
export function int8WeightBytes(graph: Graph): number {
  let bytes = 0;
  for (const id of usedConstants(graph)) {
    const { shape, dtype } = tensorOf(graph, id);
    const n = elementCount(shape);
    if (dtype === 'int8' || dtype === 'uint8') bytes += n;
    else if (shape.length >= 2) bytes += n + 12 * channelsOf(graph, id);
    else bytes += 4 * n;
  }
  return bytes;
}

/** Number of scales of a weight tensor: depthwise filters are per channel along their last axis, the others along the first. */
function channelsOf(graph: Graph, id: string): number {
  const reader = graph.nodes.find((node) => node.inputs.includes(id));
  const { shape } = tensorOf(graph, id);
  return (reader?.kind === 'depthwise_conv2d' ? shape.at(-1) : shape[0]) ?? 1;
}

/**
 * Costs of cutting at each of these sets of tensors.
 * @param graph normalised float32 graph with batch size 1
 * @param cuts tensor sets, in any order
 * @param runtimeArena arena that the device's runtime needs for a head, bytes; undefined where it is not known
 */
export function measureCutCosts(
  graph: Graph,
  cuts: readonly (readonly string[])[],
  runtimeArena: (head: Graph) => number | undefined = () => undefined,
): CutCost[] {
  const costs = cuts.map((tensors) => {
    const { head, tail } = partitionGraph(graph, tensors);
    return measureSplitCost(head, tail);
  });
  return sizeArenas(costs, runtimeArena);
}

/**
 * Costs of a head and a tail that are given, such as those around a bottleneck. Its arena is the planned one unless another is given.
 * @param options.wireBytes mean payload, rounded up; default: the raw int8 values of the head's outputs
 */
export function measureSplitCost(
  head: Graph,
  tail: Graph,
  options: { readonly arenaBytes?: number | undefined; readonly wireBytes?: number } = {},
): CutCost {
  const headParameters = countParameters(head);
  const plannedArenaBytes = planArena(head, { elementBytes: 1 }).arenaBytes;
  const wireElements = head.outputs.reduce((n, id) => n + elementCount(tensorOf(head, id).shape), 0);
  return {
    headMacs: countMacs(head),
    tailMacs: countMacs(tail),
    headParameters,
    headWeightBytes: int8WeightBytes(head),
    headWeightBytesFloat32: 4 * headParameters,
    tailParameters: countParameters(tail),
    plannedArenaBytes,
    arenaBytes: options.arenaBytes ?? plannedArenaBytes,
    wireElements,
    wireBytes: options.wireBytes === undefined ? wireElements : Math.ceil(options.wireBytes),
    head,
    tail,
  };
}

/**
 * An arena never shrinks with depth. A plan for a deeper head places everything a head inside it needs, which the greedy planner
 * does not know: the smallest such plan is taken. A runtime plans each head by itself, so there the largest head inside counts.
 */
function sizeArenas(costs: readonly CutCost[], runtimeArena: (head: Graph) => number | undefined): CutCost[] {
  const nodes = costs.map((cost) => new Set(cost.head.nodes.map((n) => n.id)));
  const runtime = costs.map((cost) => runtimeArena(cost.head));
  return costs.map((cost, i) => {
    let { plannedArenaBytes } = cost;
    let runtimeBytes = runtime[i];
    costs.forEach((other, j) => {
      if (isWithin(nodes[i] as Set<string>, nodes[j] as Set<string>)) {
        plannedArenaBytes = Math.min(plannedArenaBytes, other.plannedArenaBytes);
      }
      if (runtimeBytes !== undefined && isWithin(nodes[j] as Set<string>, nodes[i] as Set<string>)) {
        runtimeBytes = Math.max(runtimeBytes, runtime[j] ?? 0);
      }
    });
    return { ...cost, plannedArenaBytes, arenaBytes: runtimeBytes ?? plannedArenaBytes };
  });
}

function isWithin(inner: ReadonlySet<string>, outer: ReadonlySet<string>): boolean {
  return inner.size < outer.size && [...inner].every((id) => outer.has(id));
}
