import { type Graph, type Node, type Tensor, tensorOf } from '../ir/graph.js';
import { producers } from '../ir/walk.js';
import { countUses, floatConstant, freshIds, withNodes } from './rewrite.js';

/** Axis of the output channels in the weights (input 1) of each kind that can take a batch norm in. */
const CHANNEL_AXIS: Readonly<Record<string, 'first' | 'last'>> = {
  conv2d: 'first',
  conv2d_transpose: 'first',
  dense: 'first',
  depthwise_conv2d: 'last',
};

/**
 * Folds batch norms with constant statistics into the convolution or dense layer before them, when nothing else reads
 * that layer's output; other batch norms become a product and a sum. The id of the batch norm's output stays.
 * With s = γ / √(σ² + ε): weights · s, bias (b − μ) · s + β. Computed in float64, stored as float32.
 */
export function foldBatchNorm(graph: Graph): Graph {
  const producerOf = producers(graph);
  const uses = countUses(graph);
  const fresh = freshIds(graph);
  const added: Tensor[] = [];
  const constant = (wish: string, shape: readonly number[], data: Float32Array): string => {
    const id = fresh(wish);
    added.push({ id, shape, dtype: 'float32', data });
    return id;
  };
  /** Nodes that went into a batch norm after them. */
  const absorbed = new Set<Node>();
  const replacements = new Map<Node, Node[]>();

  for (const node of graph.nodes) {
    const affine = node.kind === 'batch_norm' ? affineOf(graph, node) : undefined;
    if (!affine) continue;
    const [x, y] = [node.inputs[0] as string, node.outputs[0] as string];
    const layer = producerOf.get(x);
    if (layer && uses.get(x) === 1 && isFoldable(graph, layer)) {
      const [, w, b] = layer.inputs as [string, string, string?];
      const weights = tensorOf(graph, w);
      const folded = scaleWeights(weights.data as Float32Array, affine.scale, CHANNEL_AXIS[layer.kind] as 'first');
      const old = floatConstant(graph, b);
      const bias = affine.shift.map((t, c) => t + (old?.[c] ?? 0) * (affine.scale[c] as number));
      absorbed.add(layer);
      replacements.set(node, [
        {
          ...layer,
          id: y,
          inputs: [
            layer.inputs[0] as string,
            constant(`${y}/weights`, weights.shape, folded),
            constant(`${y}/bias`, [bias.length], Float32Array.from(bias)),
          ],
          outputs: [y],
        },
      ]);
      continue;
    }
    const scaled = fresh(`${y}/scaled`);
    const { shape, dtype } = tensorOf(graph, y);
    added.push({ id: scaled, shape, dtype });
    const channels = [affine.scale.length];
    const scale = constant(`${y}/scale`, channels, Float32Array.from(affine.scale));
    const shift = constant(`${y}/shift`, channels, Float32Array.from(affine.shift));
    replacements.set(node, [
      { id: scaled, kind: 'mul', inputs: [x, scale], outputs: [scaled], attrs: {} },
      { id: y, kind: 'add', inputs: [scaled, shift], outputs: [y], attrs: {} },
    ]);
  }
  const nodes = graph.nodes.flatMap((node) => (absorbed.has(node) ? [] : (replacements.get(node) ?? [node])));
  return withNodes(graph, nodes, added);
}

/** scale · x + shift per channel, or undefined when the statistics are computed by the graph. */
function affineOf(graph: Graph, node: Node): { scale: Float64Array; shift: Float64Array } | undefined {
  const [gamma, beta, mean, variance] = node.inputs.slice(1).map((id) => floatConstant(graph, id));
  if (!gamma || !beta || !mean || !variance) return undefined;
  const epsilon = node.attrs.epsilon as number;
  const scale = Float64Array.from(gamma, (g, c) => g / Math.sqrt((variance[c] as number) + epsilon));
  const shift = Float64Array.from(beta, (b, c) => b - (mean[c] as number) * (scale[c] as number));
  return { scale, shift };
}

function isFoldable(graph: Graph, layer: Node): boolean {
  if (CHANNEL_AXIS[layer.kind] === undefined || (layer.attrs.activation ?? 'none') !== 'none') return false;
  return layer.inputs.slice(1).every((id) => floatConstant(graph, id) !== undefined);
}

function scaleWeights(weights: Float32Array, scale: Float64Array, channels: 'first' | 'last'): Float32Array {
  const perChannel = weights.length / scale.length;
  return weights.map((w, i) => {
    const c = channels === 'first' ? Math.floor(i / perChannel) : i % scale.length;
    return w * (scale[c] as number);
  });
}
