/** What of a graph can be learnt, and how learnt values go into one vector and back into a graph. */
import { elementCount, type Graph, type Node, type Tensor, tensorOf } from '../ir/graph.js';
import { opDef } from '../ops/index.js';
import type { TrainedValues } from './training.js';

/**
 * Constants that nodes learn: weights, biases, gamma and beta of batch norm, in the order in which the graph reads them. Which
 * operands of an op these are is said by `OpDef.learns`.
 * @param nodes ids of the nodes that may learn; default all
 */
export function trainableConstants(graph: Graph, nodes?: Iterable<string>): string[] {
  const chosen = nodes === undefined ? undefined : new Set(nodes);
  const found = new Set<string>();
  for (const node of graph.nodes) {
    if (chosen && !chosen.has(node.id)) continue;
    for (const id of learntOperands(graph, node)) found.add(id);
  }
  return [...found];
}

function learntOperands(graph: Graph, node: Node): string[] {
  const operands = (opDef(node.kind).learns ?? []).flatMap((i) => node.inputs[i] ?? []);
  return operands.filter((id) => {
    const { data, dtype } = tensorOf(graph, id);
    return data !== undefined && dtype === 'float32';
  });
}

/**
 * The graph with other data in some of its constants; everything else, tensor ids included, stays.
 * @throws RangeError when an id is no constant of the graph or its value has another number of elements
 */
export function replaceConstants(graph: Graph, values: TrainedValues): Graph {
  if (values.size === 0) return graph;
  const tensors = new Map<string, Tensor>(graph.tensors);
  for (const [id, data] of values) {
    const tensor = tensors.get(id);
    if (tensor?.data === undefined) throw new RangeError(`"${id}" is no constant of "${graph.name}"`);
    if (data.length !== elementCount(tensor.shape)) {
      throw new RangeError(`constant "${id}" has ${data.length} values for shape [${tensor.shape}]`);
    }
    tensors.set(id, { ...tensor, data });
  }
  return { ...graph, tensors };
}

/** Where a constant lies in a packed vector. */
export interface PackedPlace {
  readonly id: string;
  readonly begin: number;
  readonly length: number;
}

/** Places of constants (or other tensors) packed one after another. */
export function packedPlaces(graph: Pick<Graph, 'tensors'>, ids: readonly string[]): PackedPlace[] {
  let begin = 0;
  return ids.map((id) => {
    const length = elementCount(tensorOf(graph, id).shape);
    const place = { id, begin, length };
    begin += length;
    return place;
  });
}

/** Data of constants, one after another, each in graph layout. */
export function packConstants(graph: Pick<Graph, 'tensors'>, ids: readonly string[]): Float32Array {
  const places = packedPlaces(graph, ids);
  const last = places.at(-1);
  const packed = new Float32Array(last ? last.begin + last.length : 0);
  for (const { id, begin } of places) {
    const { data } = tensorOf(graph, id);
    if (!data) throw new RangeError(`"${id}" is no constant`);
    packed.set(data, begin);
  }
  return packed;
}

/** Copies of the parts of a packed vector. */
export function unpackValues(places: readonly PackedPlace[], packed: Float32Array): Map<string, Float32Array> {
  return new Map(places.map(({ id, begin, length }) => [id, packed.slice(begin, begin + length)]));
}
