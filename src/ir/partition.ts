import { fail } from '../core/errors.js';
import { findNearestNames } from '../core/nearest-names.js';
import { type Graph, isConstant, type Node, type Tensor } from './graph.js';
import { neededFor, reachableFrom } from './walk.js';

export interface Partition {
  readonly head: Graph;
  readonly tail: Graph;
}

/** Cut ids are tensor ids; several are joined with `+`. */
export function cutId(tensors: readonly string[]): string {
  return tensors.join('+');
}

/**
 * Inverse of cutId. Tensor ids may contain `+` themselves, so the known ids decide.
 * @throws IsplitError E_CUT_UNKNOWN when a tensor does not exist, is the input itself or is named twice
 */
export function parseCutId(graph: Graph, id: string): string[] {
  const tensors: string[] = [];
  let rest = id;
  while (rest !== '') {
    let end = rest.length;
    while (end > 0 && !(graph.tensors.has(rest.slice(0, end)) && (end === rest.length || rest[end] === '+'))) end--;
    if (end === 0) failUnknown(graph, rest.split('+', 1)[0] || rest, id);
    tensors.push(rest.slice(0, end));
    rest = rest.slice(end + 1);
  }
  const input = tensors.find((tensor) => graph.inputs.includes(tensor));
  if (input !== undefined) {
    const message = `"${input}" is the input: a head that ends there computes nothing`;
    fail('E_CUT_UNKNOWN', message, { cut: id, tensor: input }, '--cut input sends the quantized input.');
  }
  const twice = tensors.find((tensor, i) => tensors.indexOf(tensor) < i);
  if (twice !== undefined) {
    fail('E_CUT_UNKNOWN', `"${id}" names "${twice}" twice`, { cut: id, tensor: twice }, 'Name each tensor once.');
  }
  return tensors;
}

/**
 * Splits a graph at a set of tensors: the head computes them from the graph's inputs, the tail computes the graph's outputs
 * from them. tail(head(x)) = graph(x).
 * @throws IsplitError E_CUT_UNKNOWN when a tensor does not exist or when the tail would still need something else
 */
export function partitionGraph(graph: Graph, tensors: readonly string[]): Partition {
  const boundary = new Set(tensors);
  if (boundary.size === 0) fail('E_CUT_UNKNOWN', 'a cut needs at least one tensor');
  for (const id of boundary) {
    if (!graph.tensors.has(id) || isConstant(graph, id)) failUnknown(graph, id, cutId(tensors));
  }
  const tailNeeds = neededFor(graph, graph.outputs, boundary);
  const tailNodes = graph.nodes.filter((node) => node.outputs.some((id) => tailNeeds.has(id) && !boundary.has(id)));
  const leaking = graph.inputs.filter((id) => tailNeeds.has(id) && !boundary.has(id));
  if (leaking.length > 0) {
    const dependsOnInput = reachableFrom(graph, leaking);
    const crossing = crossingTensors(graph, boundary, dependsOnInput);
    fail(
      'E_CUT_UNKNOWN',
      `"${cutId(tensors)}" does not separate head from tail: the tail would also need ${crossing.map((t) => `"${t}"`).join(', ')}`,
      { cut: cutId(tensors), missing: crossing },
      'Cut at all of these tensors together (join ids with +), or choose a cut from isplit-edge analyze.',
    );
  }
  const headNeeds = neededFor(graph, boundary);
  const headNodes = graph.nodes.filter((node) => node.outputs.some((id) => headNeeds.has(id)));
  return {
    head: subgraph(graph, `${graph.name}-head`, graph.inputs, [...tensors], headNodes),
    tail: subgraph(graph, `${graph.name}-tail`, [...tensors], graph.outputs, tailNodes),
  };
}

function failUnknown(graph: Graph, tensor: string, cut: string): never {
  const names = [...graph.tensors.keys()].filter((name) => !isConstant(graph, name));
  const nearest = findNearestNames(tensor, names);
  const mean = nearest.length > 0 ? `; did you mean ${nearest.map((name) => `"${name}"`).join(', ')}?` : '';
  fail(
    'E_CUT_UNKNOWN',
    `the model has no tensor "${tensor}" to cut at${mean}`,
    { cut, tensor, nearest },
    'isplit-edge analyze lists the cut ids.',
  );
}

/** Head-side tensors that a tail starting at `boundary` would still read. */
function crossingTensors(graph: Graph, boundary: ReadonlySet<string>, dependsOnInput: ReadonlySet<string>): string[] {
  const after = reachableFrom(graph, boundary);
  const missing = new Set<string>();
  for (const node of graph.nodes) {
    if (!node.outputs.some((id) => after.has(id) && !boundary.has(id))) continue;
    for (const id of node.inputs) {
      if (!after.has(id) && dependsOnInput.has(id) && !isConstant(graph, id)) missing.add(id);
    }
  }
  return missing.size > 0 ? [...missing] : [...graph.inputs].filter((id) => !boundary.has(id));
}

function subgraph(
  graph: Graph,
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  nodes: readonly Node[],
): Graph {
  const tensors = new Map<string, Tensor>();
  const keep = (id: string): void => {
    const tensor = graph.tensors.get(id);
    if (tensor) tensors.set(id, tensor);
  };
  for (const id of inputs) keep(id);
  for (const node of nodes) {
    for (const id of node.inputs) keep(id);
    for (const id of node.outputs) keep(id);
  }
  for (const id of outputs) keep(id);
  return { name, inputs: [...inputs], outputs: [...outputs], nodes: [...nodes], tensors };
}

/**
 * The set of activations alive after each node in topological order: what would have to cross a link there. Sets larger than
 * `maxTensors` are left out, as are repetitions; the graph's inputs and outputs themselves are not cuts.
 * @returns cuts in order of depth, single-tensor ones where the network narrows to one tensor
 */
export function enumerateCuts(graph: Graph, maxTensors = 3): string[][] {
  const lastUse = new Map<string, number>();
  graph.nodes.forEach((node, i) => {
    for (const id of node.inputs) lastUse.set(id, i);
  });
  for (const id of graph.outputs) lastUse.set(id, Number.POSITIVE_INFINITY);
  const alive = new Set(graph.inputs.filter((id) => lastUse.has(id)));
  const outputs = new Set(graph.outputs);
  const seen = new Set<string>();
  const cuts: string[][] = [];
  graph.nodes.forEach((node, i) => {
    for (const id of node.outputs) if (lastUse.has(id)) alive.add(id);
    for (const id of node.inputs) if (lastUse.get(id) === i) alive.delete(id);
    const set = [...alive];
    const id = cutId(set);
    const isInput = set.every((t) => graph.inputs.includes(t));
    if (set.length === 0 || set.length > maxTensors || isInput || set.some((t) => outputs.has(t)) || seen.has(id))
      return;
    seen.add(id);
    cuts.push(set);
  });
  return cuts;
}
