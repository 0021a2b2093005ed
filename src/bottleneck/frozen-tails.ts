/** Accuracy of a network whose activation is coded at a cut and decoded again, nothing trained: many cuts and codes in one graph. */
import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import type { Engine } from '../engines/engine.js';
import { GraphBuilder } from '../ir/builder.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { partitionGraph } from '../ir/partition.js';
import { SHAPES } from '../ops/index.js';
import { classOfScores, findLogits, type Logits } from '../passes/logits.js';
import { setBatch } from '../passes/set-batch.js';
import { type BottleneckedNetwork, wireScale } from './bottleneck.js';

/** Preprocessed inputs one after the other, and class numbers of the model. */
export interface LabelledInputs {
  readonly count: number;
  readonly inputs: Float32Array;
  readonly labels: Int32Array;
}

/** A code at a cut: a bottleneck of the same network, or the raw tensor as int8. */
export type FrozenVariant =
  | { readonly kind: 'bottleneck'; readonly cut: string; readonly network: BottleneckedNetwork }
  | { readonly kind: 'raw'; readonly cut: string; readonly scale: number; readonly zeroPoint: number };

export interface FrozenOptions {
  readonly engine: Engine;
  readonly threads?: number;
}

export interface FrozenAccuracy {
  readonly samples: number;
  /** Right answers of the network as it is. */
  readonly full: number;
  /** Right answers, in the order of the variants. */
  readonly correct: readonly number[];
  /** Samples of each class, up to the largest one seen. */
  readonly samplesByClass: readonly number[];
  /** Right answers of each variant among them. */
  readonly correctByClass: readonly (readonly number[])[];
}

/** Working memory of a batch, in float32 values. */
const BATCH_VALUES = 2 ** 25;
const LARGEST_BATCH = 32;

/**
 * @param network normalised, float32, batch 1
 * @throws IsplitError E_NO_CLASSES, E_DATA_EMPTY, E_ENGINE, E_INTERRUPTED
 */
export async function measureFrozenTails(
  network: Graph,
  variants: readonly FrozenVariant[],
  samples: AsyncIterable<LabelledInputs>,
  options: FrozenOptions,
  ctx: RunContext = {},
): Promise<FrozenAccuracy> {
  const logits = findLogits(network);
  const batch = chooseBatch(network);
  const { graph, outputs } = buildFrozenGraph(network, logits, variants, batch);
  const input = network.inputs[0] as string;
  const inputElements = elementCount(tensorOf(network, input).shape);
  const compiled = await options.engine.compile(
    graph,
    options.threads === undefined ? {} : { threads: options.threads },
  );
  const right = outputs.map(() => 0);
  const samplesByClass: number[] = [];
  const rightByClass = outputs.map((): number[] => []);
  let count = 0;
  let filled = 0;
  const inputs = new Float32Array(batch * inputElements);
  const labels = new Int32Array(batch);
  const flush = async (): Promise<void> => {
    throwIfAborted(ctx);
    const values = await compiled.run({ [input]: inputs });
    outputs.forEach((id, v) => {
      const scores = values[id] as Float32Array;
      for (let i = 0; i < filled; i++) {
        const label = labels[i] as number;
        if (classOfScores(scores, i, logits.width) !== label) continue;
        right[v] = (right[v] as number) + 1;
        countOne(rightByClass[v] as number[], label);
      }
    });
    for (let i = 0; i < filled; i++) countOne(samplesByClass, labels[i] as number);
    count += filled;
    filled = 0;
    ctx.onProgress?.({ stage: 'probes', done: count, unit: 'images' });
  };
  try {
    for await (const rows of samples) {
      for (let i = 0; i < rows.count; i++) {
        inputs.set(rows.inputs.subarray(i * inputElements, (i + 1) * inputElements), filled * inputElements);
        labels[filled++] = rows.labels[i] as number;
        if (filled === batch) await flush();
      }
    }
    if (filled > 0) await flush();
  } finally {
    await compiled.dispose();
  }
  if (count === 0) fail('E_DATA_EMPTY', 'there are no samples to measure probes on', {}, 'Check --data and --samples.');
  const [full, ...correct] = right as [number, ...number[]];
  const classes = Array.from(samplesByClass, (n) => n ?? 0);
  const correctByClass = rightByClass.slice(1).map((counts) => classes.map((_, c) => counts[c] ?? 0));
  return { samples: count, full, correct, samplesByClass: classes, correctByClass };
}

function countOne(counts: number[], at: number): void {
  counts[at] = (counts[at] ?? 0) + 1;
}

function chooseBatch(network: Graph): number {
  let values = 0;
  for (const node of network.nodes) for (const id of node.outputs) values += elementCount(tensorOf(network, id).shape);
  return Math.max(1, Math.min(LARGEST_BATCH, Math.floor(BATCH_VALUES / values)));
}

/** The network once up to its logits, and a decoder and tail of its own for every variant. */
function buildFrozenGraph(
  network: Graph,
  logits: Logits,
  variants: readonly FrozenVariant[],
  batch: number,
): { graph: Graph; outputs: readonly string[] } {
  const forward = setBatch(partitionGraph(network, [logits.id]).head, batch);
  const builder = new GraphBuilder(`${network.name}-probes`, SHAPES, forward);
  const outputs = variants.map((variant) => {
    const known = new Map<string, string>();
    for (const id of forward.tensors.keys()) known.set(id, id);
    if (variant.kind === 'raw') {
      const { scale, zeroPoint, cut } = variant;
      const { tail } = partitionGraph(partitionGraph(network, [logits.id]).head, [cut]);
      const wire = throughCodes(builder, cut, scale, zeroPoint);
      return appendNodes(builder, tail, new Map([...constantsOf(forward), [cut, wire]]), logits.id);
    }
    const { head, tail, wire, spec } = variant.network;
    appendNodes(builder, head, known, wire);
    const coded = throughCodes(builder, known.get(wire) as string, wireScale(spec.bits), -128);
    return appendNodes(builder, tail, new Map([...constantsOf(forward), [wire, coded]]), logits.id);
  });
  return { graph: builder.build([logits.id, ...outputs]), outputs: [logits.id, ...outputs] };
}

/** Frozen weights are in the graph once. */
function constantsOf(graph: Graph): [string, string][] {
  return [...graph.tensors.values()].filter(({ data }) => data !== undefined).map(({ id }) => [id, id]);
}

function throughCodes(builder: GraphBuilder, id: string, scale: number, zeroPoint: number): string {
  const codes = builder.op('quantize', [id], { scale, zeroPoint, dtype: 'int8' }, { id: `${id}/codes` });
  return builder.op('dequantize', [codes], { scale, zeroPoint }, { id: `${id}/decoded` });
}

/**
 * Copies the nodes that lead to `target` and are not there yet.
 * @param known id in the graph → id in the builder; grows
 */
function appendNodes(builder: GraphBuilder, graph: Graph, known: Map<string, string>, target: string): string {
  const needed = new Set([target]);
  const nodes = graph.nodes.toReversed().filter((node) => {
    const wanted = node.outputs.some((id) => needed.has(id) && !known.has(id));
    if (wanted) for (const id of node.inputs) needed.add(id);
    return wanted;
  });
  for (const node of nodes.reverse()) {
    const inputs = node.inputs.map((id) => {
      const { shape, dtype, data } = tensorOf(graph, id);
      const there = known.get(id);
      if (there !== undefined) return there;
      if (!data) throw new Error(`"${id}" is needed before it is computed`);
      const added = builder.constant(id, shape, data, dtype);
      known.set(id, added);
      return added;
    });
    const outputs = builder.addNode(node.kind, inputs, node.attrs, { id: node.outputs[0] as string });
    node.outputs.forEach((id, i) => {
      known.set(id, outputs[i] as string);
    });
  }
  return known.get(target) as string;
}
