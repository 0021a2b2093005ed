/** The network as it learns: quantization stands in its graph, so that what is learnt allows for it. */
import { GraphBuilder } from '../ir/builder.js';
import { elementCount, type Graph, type Node, type Shape, tensorOf } from '../ir/graph.js';
import { partitionGraph } from '../ir/partition.js';
import { opDef, SHAPES } from '../ops/index.js';
import { isUnsupported } from '../ops/op-def.js';
import { findLogits, type Logits } from '../passes/logits.js';
import { removeDeadCode } from '../passes/remove-dead-code.js';
import { type BottleneckedNetwork, wireScale } from './bottleneck.js';

/** Where the graph that learns begins: at the picture, at the cut tensor, or at what came over the wire. */
export type LearningStart = 'input' | 'cut' | 'wire';

export interface LearningGraph {
  /** Without outputs, so that losses can be appended. */
  readonly builder: GraphBuilder;
  /** Its one input so far. */
  readonly start: string;
  /** Codes of the wire as real values, multiples of the wire's scale. */
  readonly wire: string;
  /** The wire before rounding, 0 … 6; behind a wire that is given, the same tensor. */
  readonly unrounded: string;
  /** What the decoder makes of them: in the place of the cut tensor. */
  readonly decoded: string;
  /** [batch, classes]; of a network with a single score z, the pair (0, z). */
  readonly logits: string;
  readonly classes: number;
}

/** Steps of an int8 weight on each side of zero. */
const WEIGHT_STEPS = 127;
/** Keeps the scale of a channel without weights from being zero. */
const SMALLEST_WEIGHT = 1e-8;

/**
 * Head (or encoder), rounded wire, decoder and tail up to the logits. Weights that run on the device are rounded to int8, a scale an
 * output channel, largest magnitude / 127; the scale counts as a constant, rounding as the identity.
 * Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, §3.
 * @throws IsplitError E_NO_CLASSES, E_SHAPE
 */
export function buildLearningGraph(
  { head, tail, wire, spec }: BottleneckedNetwork,
  cut: string,
  start: LearningStart,
  batch: number,
): LearningGraph {
  const builder = new GraphBuilder(`${tail.name}-learning`, SHAPES);
  const values = new Map<string, string>();
  const enter = (graph: Graph): string => {
    const [id] = graph.inputs as [string];
    const { shape } = tensorOf(graph, id);
    const input = builder.input(id, [batch, ...shape.slice(1)]);
    values.set(id, input);
    return input;
  };
  let begin: string;
  if (start === 'wire') {
    begin = enter(tail);
  } else {
    const device = start === 'input' ? head : partitionGraph(head, [cut]).tail;
    begin = enter(device);
    appendNodes(builder, device, values, true);
  }
  const unrounded = values.get(wire) as string;
  if (start !== 'wire') values.set(wire, appendRounding(builder, unrounded, wire, wireScale(spec.bits)));
  appendNodes(builder, tail, values, false);
  const logits = findLogits(tail);
  const decoded = decodedTensor(tail, cut);
  return {
    builder,
    start: begin,
    wire: values.get(wire) as string,
    unrounded,
    decoded: values.get(decoded) as string,
    logits: appendClassScores(builder, values.get(logits.id) as string, logits, batch),
    classes: logits.classes,
  };
}

/** Graph of some of its tensors and what they need. */
export function graphOf({ builder }: Pick<LearningGraph, 'builder'>, outputs: readonly string[]): Graph {
  return removeDeadCode(builder.build(outputs));
}

/** The last tensor that the decoder makes. */
export function decodedTensor(tail: Graph, cut: string): string {
  const id = `${cut}/decoder`;
  if (!tail.tensors.has(id)) throw new Error(`the tail of "${cut}" has no "${id}"`);
  return id;
}

function appendNodes(builder: GraphBuilder, graph: Graph, values: Map<string, string>, onDevice: boolean): void {
  for (const node of graph.nodes) {
    const weights = onDevice ? int8Weights(node) : undefined;
    const inputs = node.inputs.map((id, i) => {
      const known = values.get(id);
      if (known !== undefined && i !== weights?.input) return known;
      const { shape, data, dtype } = tensorOf(graph, id);
      if (!data) throw new Error(`"${node.id}" reads "${id}", which nothing before it makes`);
      const constant = known ?? builder.constant(id, shape, data, dtype);
      values.set(id, constant);
      return i === weights?.input ? appendInt8Weights(builder, constant, shape, weights.channelAxis) : constant;
    });
    const outputs = builder.addNode(node.kind, inputs, node.attrs, { id: node.outputs[0] as string });
    node.outputs.forEach((id, i) => {
      values.set(id, outputs[i] as string);
    });
  }
}

function int8Weights(node: Node): { readonly input: number; readonly channelAxis: number } | undefined {
  const { int8 } = opDef(node.kind);
  return isUnsupported(int8) ? undefined : int8.weights;
}

/** scale · round(w / scale), scale = max |w| / 127 of the output channel. */
function appendInt8Weights(builder: GraphBuilder, weights: string, shape: Shape, channelAxis: number): string {
  const op = (kind: string, inputs: readonly string[], attrs = {}): string =>
    builder.op(kind, inputs, attrs, { id: `${weights}/int8` });
  const axes = shape.map((_, i) => i).filter((i) => i !== channelAxis);
  const largest = op('reduce_max', [op('abs', [weights])], { axes, keepDims: true });
  const floored = op('add', [largest, builder.scalar(SMALLEST_WEIGHT)]);
  const scale = op('stop_gradient', [op('mul', [floored, builder.scalar(1 / WEIGHT_STEPS)])]);
  return op('mul', [op('round', [op('div', [weights, scale])]), scale]);
}

function appendRounding(builder: GraphBuilder, x: string, id: string, scale: number): string {
  const op = (kind: string, inputs: readonly string[]): string => builder.op(kind, inputs, {}, { id: `${id}/codes` });
  return op('mul', [op('round', [op('mul', [x, builder.scalar(1 / scale)])]), builder.scalar(scale)]);
}

function appendClassScores(builder: GraphBuilder, id: string, { width }: Logits, batch: number): string {
  const { shape } = builder.type(id);
  const rows =
    shape.length === 2 && elementCount(shape) === batch * width
      ? id
      : builder.op('reshape', [id], { shape: [-1, width] }, { id: 'learning/logits' });
  if (width > 1) return rows;
  return builder.op('pad', [rows], { paddings: [0, 0, 1, 0], value: 0 }, { id: 'learning/logits' });
}
