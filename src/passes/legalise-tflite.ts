/**
 * A float graph in which every node is exactly one TFLite operator with an integer kernel: what quantization starts from.
 * Same function (float32 rounding aside), same ids of the tensors that stay; new ones append a suffix to the id they serve.
 */
import { IsplitError } from '../core/errors.js';
import { type Attrs, elementCount, type Graph, type Node, type Shape, type Tensor, tensorOf } from '../ir/graph.js';
import { producers } from '../ir/walk.js';
import { opDef, SHAPES } from '../ops/index.js';
import { isUnsupported, type TfliteEncoder } from '../ops/op-def.js';
import { windowRange } from '../ops/pooling.js';
import { classifyPads, type Pads } from '../ops/window.js';
import { fuseActivation } from './fuse-activation.js';
import { removeDeadCode } from './remove-dead-code.js';
import { removeIdentity } from './remove-identity.js';
import { countUses, floatConstant, freshIds, withNodes } from './rewrite.js';

/** Padding that loses against every real value; the quantizer replaces it by the lowest value of the tensor. */
export const LOWEST_FLOAT32 = -3.4028234663852886e38;

export interface LegaliseOptions {
  /** Global means stay MEAN: for float files, where its rounding is no matter and every layer is to be found again. */
  readonly keepMeans?: boolean;
}

/** @throws IsplitError E_HOOK_UNSUPPORTED naming every node that no TFLite operator expresses */
export function legaliseTflite(graph: Graph, options: LegaliseOptions = {}): Graph {
  const legal = fuseActivation(rewriteNodes(removeIdentity(removeDeadCode(graph)), options));
  checkExpressible(legal);
  return legal;
}

/** Nodes under construction: appends nodes and constants with fresh ids and inferred shapes. */
class Rewriter {
  readonly nodes: Node[] = [];
  readonly added: Tensor[] = [];
  readonly #known: Map<string, Tensor>;
  readonly #fresh: (wish: string) => string;

  constructor(graph: Graph) {
    this.#known = new Map(graph.tensors);
    this.#fresh = freshIds(graph);
  }

  type(id: string): Tensor {
    return tensorOf({ tensors: this.#known }, id);
  }

  constant(wish: string, shape: Shape, data: Float32Array): string {
    return this.#add({ id: this.#fresh(wish), shape, dtype: 'float32', data });
  }

  /** A node with a value of its own, or (with `output`) one that computes a tensor of the graph. */
  node(kind: string, inputs: readonly string[], attrs: Attrs, wish: string, output?: string): string {
    const id = output ?? this.#fresh(wish);
    const types = inputs.map((input) => this.type(input));
    if (output === undefined) {
      const shape = SHAPES.inferShape(kind, types, attrs)[0]?.shape ?? [];
      this.#add({ id, shape, dtype: 'float32' });
    }
    this.nodes.push({ id, kind, inputs: [...inputs], outputs: [id], attrs });
    return id;
  }

  #add(tensor: Tensor): string {
    this.#known.set(tensor.id, tensor);
    this.added.push(tensor);
    return tensor.id;
  }
}

function rewriteNodes(graph: Graph, options: LegaliseOptions): Graph {
  const rewriter = new Rewriter(graph);
  const affine = findAffinePairs(graph);
  for (const node of graph.nodes) {
    if (affine.absorbed.has(node)) continue;
    const pair = affine.scaleOf.get(node);
    if (pair) writeAffine(graph, rewriter, node, pair);
    else if (node.kind === 'mean' && options.keepMeans) rewriter.nodes.push(node);
    else rewriteNode(graph, rewriter, node);
  }
  return withNodes(graph, rewriter.nodes, rewriter.added);
}

function rewriteNode(graph: Graph, to: Rewriter, node: Node): void {
  const y = node.outputs[0] as string;
  switch (node.kind) {
    case 'conv2d':
    case 'depthwise_conv2d':
      rewriteConvolution(graph, to, node);
      return;
    case 'conv2d_transpose':
    case 'dense':
      to.node(node.kind, withBias(graph, to, node), node.attrs, y, y);
      return;
    case 'max_pool2d':
    case 'avg_pool2d':
      rewritePool(graph, to, node);
      return;
    case 'softmax':
      rewriteSoftmax(graph, to, node);
      return;
    case 'mean':
      rewriteMean(graph, to, node);
      return;
    case 'batch_norm':
      rewriteBatchNorm(graph, to, node);
      return;
    case 'div':
      rewriteDivision(graph, to, node);
      return;
    case 'identity':
      // Between an input and an output of the graph, where it may not vanish: the same elements in the same shape.
      to.node('reshape', node.inputs, { shape: [-1, ...tensorOf(graph, y).shape.slice(1)] }, y, y);
      return;
    default:
      to.nodes.push(node);
  }
}

/** Pads that are neither SAME nor VALID become a node of their own; every convolution gets a bias. */
function rewriteConvolution(graph: Graph, to: Rewriter, node: Node): void {
  const y = node.outputs[0] as string;
  const [x, ...operands] = withBias(graph, to, node) as [string, ...string[]];
  const { inputs, attrs } = withoutExplicitPads(to, node, x, operands[0] as string, 0);
  to.node(node.kind, [...inputs, ...operands], attrs, y, y);
}

function withoutExplicitPads(
  to: Rewriter,
  node: Node,
  x: string,
  filter: string,
  value: number,
): { inputs: readonly [string]; attrs: Attrs } {
  const [, h, w] = to.type(x).shape as readonly number[] as readonly [number, number, number];
  const kernel =
    filter === ''
      ? (node.attrs.kernelSize as unknown as readonly [number, number])
      : (to.type(filter).shape.slice(1, 3) as unknown as readonly [number, number]);
  const pads = node.attrs.pads as unknown as Pads;
  const strides = node.attrs.strides as unknown as readonly [number, number];
  const dilations = (node.attrs.dilations ?? [1, 1]) as unknown as readonly [number, number];
  if (classifyPads(pads, [h, w], kernel, strides, dilations) !== 'explicit') return { inputs: [x], attrs: node.attrs };
  return { inputs: [padSpatially(to, node, x, pads, value)], attrs: { ...node.attrs, pads: [0, 0, 0, 0] } };
}

function padSpatially(to: Rewriter, node: Node, x: string, [top, bottom, left, right]: Pads, value: number): string {
  const paddings = [0, 0, top, bottom, left, right, 0, 0];
  return to.node('pad', [x], { paddings, value }, `${node.outputs[0]}/pad`);
}

/** Inputs of a layer with weights, its bias made explicit: bias correction and TFLite's kernels want one. */
function withBias(graph: Graph, to: Rewriter, node: Node): readonly string[] {
  if (node.inputs.length > 2) return node.inputs;
  const { shape } = tensorOf(graph, node.outputs[0] as string);
  const channels = shape[shape.length - 1] as number;
  return [...node.inputs, to.constant(`${node.outputs[0]}/bias`, [channels], new Float32Array(channels))];
}

function rewritePool(graph: Graph, to: Rewriter, node: Node): void {
  const [x, y] = [node.inputs[0] as string, node.outputs[0] as string];
  const { countIncludePad, ...attrs } = node.attrs;
  const pads = node.attrs.pads as unknown as Pads;
  const isPadded = pads.some((p) => p > 0);
  if (node.kind === 'max_pool2d') {
    const legal = withoutExplicitPads(to, node, x, '', LOWEST_FLOAT32);
    to.node(node.kind, legal.inputs, legal.attrs, y, y);
    return;
  }
  if (countIncludePad && isPadded) {
    to.node(node.kind, [padSpatially(to, node, x, pads, 0)], { ...attrs, pads: [0, 0, 0, 0] }, y, y);
    return;
  }
  const legal = withoutExplicitPads(to, { ...node, attrs }, x, '', 0);
  if (legal.inputs[0] === x) {
    to.node(node.kind, legal.inputs, legal.attrs, y, y);
    return;
  }
  // Zeros took part in the mean: what they diluted is multiplied up again.
  const pooled = to.node(node.kind, legal.inputs, legal.attrs, `${y}/pooled`);
  to.node('mul', [pooled, to.constant(`${y}/coverage`, ...uncovered(graph, node))], {}, y, y);
}

/**
 * Global average pooling as AVERAGE_POOL_2D over the whole map: MEAN's rounding differs between versions and kernel libraries of TFLite,
 * that of average pooling is the same in all of them.
 */
function rewriteMean(graph: Graph, to: Rewriter, node: Node): void {
  const [x, y] = [node.inputs[0] as string, node.outputs[0] as string];
  const { shape } = tensorOf(graph, x);
  const axes = (node.attrs.axes as readonly number[]).map((axis) => (axis < 0 ? axis + shape.length : axis));
  const isSpatial = shape.length === 4 && axes.length === 2 && axes.includes(1) && axes.includes(2);
  if (!isSpatial) {
    to.nodes.push(node);
    return;
  }
  const kernelSize = shape.slice(1, 3);
  const pooling: Attrs = { kernelSize, strides: kernelSize, pads: [0, 0, 0, 0] };
  if (node.attrs.keepDims) {
    to.node('avg_pool2d', [x], pooling, y, y);
    return;
  }
  const pooled = to.node('avg_pool2d', [x], pooling, `${y}/pooled`);
  to.node('reshape', [pooled], { shape: [-1, shape[3] as number] }, y, y);
}

/** Window size over number of real elements, per output position: [1, oh, ow, 1]. */
function uncovered(graph: Graph, node: Node): [Shape, Float32Array] {
  const [, h, w] = tensorOf(graph, node.inputs[0] as string).shape as readonly number[] as [number, number, number];
  const [, oh, ow] = tensorOf(graph, node.outputs[0] as string).shape as readonly number[] as [number, number, number];
  const [kh, kw] = node.attrs.kernelSize as unknown as [number, number];
  const [sh, sw] = node.attrs.strides as unknown as [number, number];
  const [top, , left] = node.attrs.pads as unknown as Pads;
  const data = new Float32Array(oh * ow);
  for (let i = 0; i < oh; i++) {
    const [r0, r1] = windowRange(i, sh, kh, top, h);
    for (let j = 0; j < ow; j++) {
      const [c0, c1] = windowRange(j, sw, kw, left, w);
      data[i * ow + j] = (kh * kw) / ((r1 - r0) * (c1 - c0));
    }
  }
  return [[1, oh, ow, 1], data];
}

/** TFLite's softmax runs along the last axis. */
function rewriteSoftmax(graph: Graph, to: Rewriter, node: Node): void {
  const [x, y] = [node.inputs[0] as string, node.outputs[0] as string];
  const rank = tensorOf(graph, x).shape.length;
  const axis = (node.attrs.axis as number) < 0 ? (node.attrs.axis as number) + rank : (node.attrs.axis as number);
  if (axis === rank - 1) {
    to.nodes.push(node);
    return;
  }
  const perm = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis);
  perm.push(axis);
  const back = perm.map((_, i) => perm.indexOf(i));
  const turned = to.node('transpose', [x], { perm }, `${y}/axis-last`);
  const soft = to.node('softmax', [turned], { axis: -1 }, `${y}/softmax`);
  to.node('transpose', [soft], { perm: back }, y, y);
}

function rewriteBatchNorm(graph: Graph, to: Rewriter, node: Node): void {
  const [gamma, beta, mean, variance] = node.inputs.slice(1).map((id) => floatConstant(graph, id));
  if (!gamma || !beta || !mean || !variance) {
    to.nodes.push(node);
    return;
  }
  const scale = gamma.map((g, c) => g / Math.sqrt((variance[c] as number) + (node.attrs.epsilon as number)));
  const shift = beta.map((b, c) => b - (mean[c] as number) * (scale[c] as number));
  writeAffine(graph, to, node, { x: node.inputs[0] as string, scale, shift });
}

function rewriteDivision(graph: Graph, to: Rewriter, node: Node): void {
  const [a, b] = node.inputs as [string, string];
  const divisor = floatConstant(graph, b);
  if (!divisor) {
    to.nodes.push(node);
    return;
  }
  const y = node.outputs[0] as string;
  const inverse = to.constant(
    `${y}/reciprocal`,
    tensorOf(graph, b).shape,
    divisor.map((v) => 1 / v),
  );
  to.node('mul', [a, inverse], node.attrs, y, y);
}

/** scale[c] · x + shift[c] over the last axis. */
interface Affine {
  readonly x: string;
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

/**
 * Products and sums with one constant a channel on feature maps: as a depthwise 1×1 convolution they get a scale a
 * channel and a 32-bit shift, where an int8 constant operand would have one scale for all channels.
 */
function findAffinePairs(graph: Graph): { absorbed: Set<Node>; scaleOf: Map<Node, Affine> } {
  const uses = countUses(graph);
  const producerOf = producers(graph);
  const absorbed = new Set<Node>();
  const scaleOf = new Map<Node, Affine>();
  const products = new Map<Node, { x: string; values: Float32Array }>();
  for (const node of graph.nodes) {
    const operand = perChannelOperand(graph, node);
    if (!operand || (node.kind !== 'mul' && node.kind !== 'add')) continue;
    if (node.kind === 'mul') {
      products.set(node, operand);
      scaleOf.set(node, { x: operand.x, scale: operand.values, shift: new Float32Array(operand.values.length) });
      continue;
    }
    const before = producerOf.get(operand.x);
    const product = before && products.get(before);
    if (!before || !product || uses.get(operand.x) !== 1 || (before.attrs.activation ?? 'none') !== 'none') continue;
    absorbed.add(before);
    scaleOf.delete(before);
    scaleOf.set(node, { x: product.x, scale: product.values, shift: operand.values });
  }
  return { absorbed, scaleOf };
}

function perChannelOperand(graph: Graph, node: Node): { x: string; values: Float32Array } | undefined {
  if (node.inputs.length !== 2 || node.outputs.length !== 1) return undefined;
  const { shape } = tensorOf(graph, node.outputs[0] as string);
  const channels = shape[shape.length - 1] as number;
  if (shape.length !== 4) return undefined;
  for (const [x, c] of [node.inputs, [...node.inputs].reverse()] as [string, string][]) {
    const values = floatConstant(graph, c);
    const constant = tensorOf(graph, c).shape;
    const alongChannels = constant[constant.length - 1] === channels && elementCount(constant) === channels;
    if (values && alongChannels && tensorOf(graph, x).data === undefined) {
      return tensorOf(graph, x).shape.every((d, i) => d === shape[i]) ? { x, values } : undefined;
    }
  }
  return undefined;
}

function writeAffine(graph: Graph, to: Rewriter, node: Node, { x, scale, shift }: Affine): void {
  const y = node.outputs[0] as string;
  const activation = node.attrs.activation ? { activation: node.attrs.activation } : {};
  const channels = scale.length;
  if (tensorOf(graph, y).shape.length === 4) {
    const weights = to.constant(`${y}/scale`, [1, 1, 1, channels], scale);
    const bias = to.constant(`${y}/shift`, [channels], shift);
    const attrs = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], ...activation };
    to.node('depthwise_conv2d', [x, weights, bias], attrs, y, y);
    return;
  }
  const scaled = to.node('mul', [x, to.constant(`${y}/scale`, [channels], scale)], {}, `${y}/scaled`);
  to.node('add', [scaled, to.constant(`${y}/shift`, [channels], shift)], activation, y, y);
}

/** Asks the hooks of every node, as the writer and the executor will. */
function checkExpressible(graph: Graph): void {
  const refusals: { node: string; kind: string; why: string }[] = [];
  for (const node of graph.nodes) {
    const why = whyInexpressible(graph, node);
    if (why !== undefined) refusals.push({ node: node.outputs[0] ?? node.id, kind: node.kind, why });
  }
  if (refusals.length === 0) return;
  throw new IsplitError(
    refusals.map(({ node, kind, why }) => ({
      code: 'E_HOOK_UNSUPPORTED' as const,
      message: `"${node}" (${kind}) has no int8 TFLite operator: ${why}`,
      context: { node, kind, why },
      hint: 'Cut before this node, or leave it to the tail.',
    })),
  );
}

function whyInexpressible(graph: Graph, node: Node): string | undefined {
  const def = opDef(node.kind);
  const { encode } = def.tflite;
  if (isUnsupported(encode)) return encode.unsupported;
  if (isUnsupported(def.int8)) return def.int8.unsupported;
  const weights = def.int8.weights;
  if (weights && !node.inputs.slice(weights.input).every((id) => floatConstant(graph, id))) {
    return 'weights or bias are computed, not constant';
  }
  const encoder: TfliteEncoder = {
    inputs: node.inputs.map((id) => tensorOf(graph, id)),
    outputs: node.outputs.map((id) => tensorOf(graph, id)),
    int32s: (suffix) => suffix,
    constant: (suffix) => suffix,
    refuse(why) {
      throw new Refusal(why);
    },
  };
  try {
    encode(encoder, node.attrs);
  } catch (error) {
    if (error instanceof Refusal) return error.why;
    if (error instanceof IsplitError) return error.message;
    throw error;
  }
  return undefined;
}

class Refusal extends Error {
  constructor(readonly why: string) {
    super(why);
  }
}
