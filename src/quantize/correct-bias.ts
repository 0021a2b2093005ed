/**
 * Bias correction: rounding weights and clipping activations shifts the mean of every output channel; the bias can take
 * that shift back. Measured on the kept samples, all layers from one run: what a layer inherits from the shifted means of
 * its input is subtracted first, since the layers before will have taken it back themselves.
 * After: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019 (arXiv:1906.04721), section 4.2, here with measured means.
 */
import { type RunContext, throwIfAborted } from '../core/context.js';
import type { Engine } from '../engines/engine.js';
import { type Graph, type Node, type Tensor, tensorOf } from '../ir/graph.js';
import { freshIds, withNodes } from '../passes/rewrite.js';
import type { LowerOptions, QuantMap } from './lower.js';
import type { Reference } from './output-error.js';
import { int8Support, type SharedQuantization } from './shared-quantization.js';
import { compileMeans, type MeanProbe } from './simulate.js';

/** Rounds of measuring and correcting: the second sees what the first one's approximation left. */
const ROUNDS = 2;

export interface BiasCorrectionRequest {
  readonly shared: SharedQuantization;
  readonly quants: QuantMap;
  readonly options: LowerOptions;
  readonly reference: Reference;
  readonly engine: Engine;
  readonly threads: number | undefined;
}

/** @returns the graph with other biases */
export async function correctBiases(request: BiasCorrectionRequest, ctx: RunContext): Promise<Graph> {
  const { shared, quants, options, engine, threads, reference } = request;
  const original = shared.graph;
  const layers = original.nodes.filter((node) => hasBias(original, node));
  if (layers.length === 0) return original;
  const probes = layers.map((node): MeanProbe => ({ node, input: node.inputs[0] as string }));
  const batch = reference.batchSize;
  const wanted = await meansOf(await compileMeans({ graph: original, probes, engine, threads, batch }), reference, ctx);
  let graph = original;
  for (let round = 0; round < ROUNDS; round++) {
    const simulation = { shared: { ...shared, graph }, quants, options };
    const got = await meansOf(
      await compileMeans({ graph, probes: sameProbes(graph, probes), engine, threads, batch, simulation }),
      reference,
      ctx,
    );
    graph = replaceBiases(graph, layers, wanted, got);
  }
  return graph;
}

/** Layers whose bias is a constant of the graph. */
function hasBias(graph: Graph, node: Node): boolean {
  if (node.kind === 'identity') return false;
  const weights = int8Support(node).weights;
  return weights !== undefined && tensorOf(graph, node.inputs[weights.bias] as string).data !== undefined;
}

/** The same layers in a graph whose biases were replaced. */
function sameProbes(graph: Graph, probes: readonly MeanProbe[]): MeanProbe[] {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  return probes.map(({ node, input }) => ({ node: byId.get(node.id) as Node, input }));
}

/** Mean of each channel before the activation, and of each channel of the layer's input, by layer id. */
type Means = ReadonlyMap<string, { readonly output: Float64Array; readonly input: Float64Array }>;

async function meansOf(
  probe: Awaited<ReturnType<typeof compileMeans>>,
  reference: Reference,
  ctx: RunContext,
): Promise<Means> {
  const sums = new Map<string, { output: Float64Array; input: Float64Array }>();
  // A batch that is filled up would count its first sample twice.
  const full = reference.batches.filter((b) => b.count === reference.batchSize);
  const batches = full.length > 0 ? full : reference.batches;
  try {
    for (const { inputs } of batches) {
      throwIfAborted(ctx);
      for (const [id, { output, input }] of await probe.run(inputs)) {
        const sum = sums.get(id) ?? {
          output: new Float64Array(output.length),
          input: new Float64Array(input.length),
        };
        sums.set(id, sum);
        output.forEach((v, c) => {
          sum.output[c] = (sum.output[c] as number) + v / batches.length;
        });
        input.forEach((v, c) => {
          sum.input[c] = (sum.input[c] as number) + v / batches.length;
        });
      }
    }
  } finally {
    await probe.dispose();
  }
  return sums;
}

function replaceBiases(graph: Graph, layers: readonly Node[], wanted: Means, got: Means): Graph {
  const fresh = freshIds(graph);
  const added: Tensor[] = [];
  const ids = new Set(layers.map((node) => node.id));
  const nodes = graph.nodes.map((node): Node => {
    if (!ids.has(node.id)) return node;
    const [w, g] = [wanted.get(node.id), got.get(node.id)];
    const bias = int8Support(node).weights?.bias as number;
    const old = tensorOf(graph, node.inputs[bias] as string);
    if (!w || !g) return node;
    const inherited = inheritedShift(
      graph,
      node,
      g.input.map((v, c) => v - (w.input[c] as number)),
    );
    const data = (old.data as Float32Array).map(
      (b, c) => b - ((g.output[c] as number) - (w.output[c] as number) - (inherited[c] as number)),
    );
    const id = fresh(old.id);
    added.push({ id, shape: old.shape, dtype: 'float32', data });
    return { ...node, inputs: node.inputs.with(bias, id) };
  });
  return withNodes(graph, nodes, added);
}

/** What a shift of the input's channel means does to the output's, away from the borders. */
function inheritedShift(graph: Graph, node: Node, shift: Float64Array): Float64Array {
  const filter = tensorOf(graph, node.inputs[1] as string);
  const w = filter.data as Float32Array;
  const outputs = filter.shape[int8Support(node).weights?.channelAxis as number] as number;
  const result = new Float64Array(outputs);
  if (node.kind === 'depthwise_conv2d') {
    const multiplier = outputs / shift.length;
    for (let i = 0; i < w.length; i++) {
      const o = i % outputs;
      result[o] = (result[o] as number) + (w[i] as number) * (shift[Math.floor(o / multiplier)] as number);
    }
    return result;
  }
  const perOutput = w.length / outputs;
  // A transposed convolution reaches each output position with one of stride² taps.
  const strides = node.kind === 'conv2d_transpose' ? (node.attrs.strides as readonly number[]) : [1, 1];
  const share = 1 / ((strides[0] as number) * (strides[1] as number));
  for (let i = 0; i < w.length; i++) {
    const o = Math.floor(i / perOutput);
    result[o] = (result[o] as number) + (w[i] as number) * (shift[i % shift.length] as number) * share;
  }
  return result;
}
