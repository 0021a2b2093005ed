/**
 * Cross-layer equalisation: a positive factor for each channel goes into the weights before an activation and comes out of the
 * weights behind it, so that all channels of the activation use its 256 codes alike. The network's function stays.
 * After: Nagel et al. 2019 (arXiv:1906.04721), section 4.1. Weights have a scale a channel here, so what is balanced is the
 * range of the activation's channels against the input channels of the weights behind.
 */
import { type Graph, type Node, type Tensor, tensorOf } from '../ir/graph.js';
import { consumers } from '../ir/walk.js';
import { LOWEST_FLOAT32 } from '../passes/legalise-tflite.js';
import { freshIds, withNodes } from '../passes/rewrite.js';

/** Two layers with nothing between them that a factor a channel could not pass. */
export interface EqualisablePair {
  readonly first: Node;
  readonly second: Node;
}

/** Layers whose weights have output channels that can be scaled, and the axis of those. */
const OUTPUT_AXIS: Readonly<Record<string, number>> = { conv2d: 0, dense: 0, depthwise_conv2d: 3 };
/** Scaling by a positive factor commutes with them, channel by channel. */
const HOMOGENEOUS = new Set([
  'avg_pool2d',
  'max_pool2d',
  'mean',
  'relu',
  'reshape',
  'resize_bilinear',
  'resize_nearest',
  'transpose',
]);
/** Channels that hardly ever fire say little about their range. */
const LARGEST_FACTOR = 64;
/** Room above the largest value seen in a channel, for values that the samples did not show. */
const HEADROOM = 1.25;
const RELU6_LIMIT = 6;

/** @param graph legalised */
export function findEqualisablePairs(graph: Graph): EqualisablePair[] {
  const readers = consumers(graph);
  const outputs = new Set(graph.outputs);
  const pairs: EqualisablePair[] = [];
  for (const first of graph.nodes) {
    if (OUTPUT_AXIS[first.kind] === undefined) continue;
    let id = first.outputs[0] as string;
    const channels = tensorOf(graph, id).shape.at(-1) as number;
    for (;;) {
      const [reader, ...others] = outputs.has(id) ? [] : (readers.get(id) ?? []);
      if (!reader || others.length > 0 || reader.inputs.filter((x) => x === id).length > 1) break;
      if (OUTPUT_AXIS[reader.kind] !== undefined && reader.inputs[0] === id) {
        pairs.push({ first, second: reader });
        break;
      }
      if (!passesFactors(graph, reader, channels)) break;
      id = reader.outputs[0] as string;
    }
  }
  return pairs;
}

/** Whether channel c of the input is channel c mod `channels` of the output, scaled alike. */
function passesFactors(graph: Graph, node: Node, channels: number): boolean {
  const x = tensorOf(graph, node.inputs[0] as string).shape;
  const y = tensorOf(graph, node.outputs[0] as string).shape;
  if (node.kind === 'pad') {
    const value = node.attrs.value as number;
    const pads = node.attrs.paddings as readonly number[];
    return (value === 0 || value === LOWEST_FLOAT32) && pads[pads.length - 1] === 0 && pads[pads.length - 2] === 0;
  }
  if (!HOMOGENEOUS.has(node.kind)) return false;
  if (node.kind === 'transpose') return (node.attrs.perm as readonly number[]).at(-1) === x.length - 1;
  // Row-major order keeps the channels innermost as long as the last axis holds whole groups of them.
  if (node.kind === 'reshape') return (y.at(-1) as number) % channels === 0;
  if (node.kind === 'mean')
    return y.at(-1) === x.at(-1) && !(node.attrs.axes as readonly number[]).some((a) => a === -1 || a === x.length - 1);
  return true;
}

/**
 * @param peaks largest magnitude of each channel of the outputs of the pairs' first layers
 * @returns a network of the same function on values like those seen; a relu6 limits a scaled channel at 6 only beyond what was seen
 */
export function equalise(
  graph: Graph,
  pairs: readonly EqualisablePair[],
  peaks: ReadonlyMap<string, Float32Array>,
): Graph {
  const fresh = freshIds(graph);
  const added: Tensor[] = [];
  /** Input ids of nodes as they are now: a layer is second in one pair and first in the next. */
  const inputsOf = new Map(graph.nodes.map((node) => [node, [...node.inputs]]));
  const current = new Map<string, Tensor>(graph.tensors);
  const replace = (node: Node, i: number, data: Float32Array): void => {
    const inputs = inputsOf.get(node) as string[];
    const old = current.get(inputs[i] as string) as Tensor;
    const id = fresh(node.inputs[i] as string);
    const tensor: Tensor = { ...old, id, data };
    added.push(tensor);
    current.set(id, tensor);
    inputs[i] = id;
  };
  const weightsOf = (node: Node, i: number): Tensor => current.get(inputsOf.get(node)?.[i] as string) as Tensor;
  for (const { first, second } of pairs) {
    const peak = peaks.get(first.outputs[0] as string);
    const weights = weightsOf(second, 1);
    if (!peak || !(weights.data instanceof Float32Array)) continue;
    const factors = chooseFactors(peak, second, weights, first.attrs.activation === 'relu6');
    if (factors.every((f) => f === 1)) continue;
    const [w, b] = [weightsOf(first, 1), weightsOf(first, 2)];
    replace(first, 1, scaleAlong(w, OUTPUT_AXIS[first.kind] as number, factors));
    replace(first, 2, scaleAlong(b, 0, factors));
    const inverse = factors.map((f) => 1 / f);
    replace(second, 1, scaleInputs(second, weights, inverse));
  }
  const nodes = graph.nodes.map((node): Node => ({ ...node, inputs: inputsOf.get(node) as string[] }));
  return withNodes(graph, nodes, added);
}

function chooseFactors(peak: Float32Array, second: Node, weights: Tensor, isRelu6: boolean): Float64Array {
  const highest = peak.reduce((a, b) => Math.max(a, b), 0);
  const raw = Float64Array.from(peak, () => 1);
  if (second.kind === 'depthwise_conv2d') {
    // Its weights have a scale for each of these channels: what is taken out costs them nothing.
    peak.forEach((p, c) => {
      if (p > 0) raw[c] = Math.max(1, highest / (HEADROOM * p));
    });
  } else {
    const reach = inputReach(weights, peak.length);
    let top = 0;
    peak.forEach((p, c) => {
      raw[c] = p > 0 && (reach[c] as number) > 0 ? Math.sqrt((reach[c] as number) / p) : 0;
      top = Math.max(top, (raw[c] as number) * p);
    });
    peak.forEach((_, c) => {
      raw[c] = raw[c] === 0 ? 1 : ((raw[c] as number) * highest) / top;
    });
  }
  return raw.map((f, c) => {
    const bounded = Math.min(LARGEST_FACTOR, Math.max(1 / LARGEST_FACTOR, f));
    if (!isRelu6) return bounded;
    // The limit at 6 does not move: a channel may grow up to it, and one that reaches it stays.
    return Math.max(1, Math.min(bounded, RELU6_LIMIT / (HEADROOM * (peak[c] as number))));
  });
}

/** For each input channel, its largest weight relative to the largest of the same output channel: what its scale must hold. */
function inputReach(weights: Tensor, channels: number): Float64Array {
  const data = weights.data as Float32Array;
  const perOutput = data.length / (weights.shape[0] as number);
  const reach = new Float64Array(channels);
  for (let at = 0; at < data.length; at += perOutput) {
    let largest = 0;
    for (let i = at; i < at + perOutput; i++) largest = Math.max(largest, Math.abs(data[i] as number));
    if (largest === 0) continue;
    for (let i = at; i < at + perOutput; i++) {
      const c = (i - at) % channels;
      reach[c] = Math.max(reach[c] as number, Math.abs(data[i] as number) / largest);
    }
  }
  return reach;
}

function scaleAlong(tensor: Tensor, axis: number, factors: Float64Array): Float32Array {
  const inner = tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  return (tensor.data as Float32Array).map((v, i) => v * (factors[Math.floor(i / inner) % factors.length] as number));
}

/** Weights of a second layer: the input channel is the last axis, except in depthwise filters, where outputs are grouped by it. */
function scaleInputs(node: Node, weights: Tensor, factors: Float64Array): Float32Array {
  const data = weights.data as Float32Array;
  if (node.kind !== 'depthwise_conv2d') return data.map((v, i) => v * (factors[i % factors.length] as number));
  const outputs = weights.shape[3] as number;
  const multiplier = outputs / factors.length;
  return data.map((v, i) => v * (factors[Math.floor((i % outputs) / multiplier)] as number));
}
