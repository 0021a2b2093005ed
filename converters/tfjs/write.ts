import { Problems } from '../../src/core/errors.js';
import { type Graph, type Node, tensorOf } from '../../src/ir/graph.js';
import { opDef } from '../../src/ops/index.js';
import { isUnsupported } from '../../src/ops/op-def.js';
import { attachWire, freeBatch, type WireInput } from '../wire-tail.js';
import { shapeJson, signatureKey, TfGraphSink, TfNodeEmitter } from './write-nodes.js';

const SHARD = 'group1-shard1of1.bin';

export interface TailTfjsOptions {
  /** Put into `userDefinedMetadata.classes`. */
  readonly classNames?: readonly string[];
}

/** The files of tail-tfjs/. */
export interface TfjsModelFiles {
  readonly 'model.json': string;
  readonly 'group1-shard1of1.bin': Uint8Array;
}

/**
 * A tail as a TF.js graph-model, which @tensorflow/tfjs-converter loads and runs on any backend (cpu, wasm, WebGL, WebGPU,
 * tfjs-node). Inputs are the int8 wire tensors [N, …] as int32 tensors (TF.js has no int8), NHWC, in the order of `wire`; they
 * are cast and dequantized inside. The batch N is open. Fused activations are nodes of their own. Names are the tensors' ids,
 * with `_` for what TensorFlow does not take; the signature has the ids themselves (signatureKey). `userDefinedMetadata` holds classes and wire.
 * The same arguments give the same bytes.
 *
 * @param tail float32, batch 1; without nodes when the cut is the output, the whole network when it is the input
 * @throws IsplitError E_HOOK_UNSUPPORTED naming every node that cannot be written, E_SHAPE when the batch is fixed inside
 */
export function writeTfjsGraphModel(
  tail: Graph,
  wire: readonly WireInput[],
  options: TailTfjsOptions = {},
): TfjsModelFiles {
  const graph = freeBatch(attachWire(tail, wire));
  const sink = new TfGraphSink(graph);
  for (const id of graph.inputs) sink.placeholder(id, openShape(graph, id));
  writeNodes(graph, sink);
  const inputs = graph.inputs.map((id) => [signatureKey(id), signatureEntry(graph, sink, id, 'DT_INT32')]);
  const outputs = graph.outputs.map((id) => [signatureKey(id), signatureEntry(graph, sink, id, 'DT_FLOAT')]);
  const model = {
    format: 'graph-model',
    generatedBy: 'isplit-edge',
    convertedBy: 'isplit-edge',
    signature: { inputs: Object.fromEntries(inputs), outputs: Object.fromEntries(outputs) },
    userDefinedMetadata: {
      ...(options.classNames ? { classes: options.classNames } : {}),
      wire: wire.map(({ id, scale, zeroPoint }) => ({ id, scale, zeroPoint })),
    },
    modelTopology: { node: sink.nodes, library: {}, versions: {} },
    weightsManifest: [{ paths: [SHARD], weights: sink.weights }],
  };
  return { 'model.json': `${JSON.stringify(model)}\n`, [SHARD]: sink.weightBytes() };
}

/** @throws IsplitError E_HOOK_UNSUPPORTED with every node */
function writeNodes(graph: Graph, sink: TfGraphSink): void {
  const problems = new Problems();
  for (const node of graph.nodes) {
    const from = sink.nodes.length;
    try {
      const values = emitNode(new TfNodeEmitter(sink, graph, node), node);
      node.outputs.forEach((id, i) => {
        sink.rename(values[i] as string, id, from);
      });
    } catch (error) {
      problems.addCaught(error);
    }
  }
  problems.throwIfAny();
}

function emitNode(emitter: TfNodeEmitter, node: Node): string[] {
  const hook = opDef(node.kind).toTfjsGraph;
  return isUnsupported(hook) ? emitter.refuse(hook.unsupported) : hook(emitter, node.attrs);
}

/** Dimensions of an activation, the batch open. */
function openShape(graph: Graph, id: string): number[] {
  return [-1, ...tensorOf(graph, id).shape.slice(1)];
}

function signatureEntry(graph: Graph, sink: TfGraphSink, id: string, dtype: string): object {
  return { name: `${sink.name(id)}:0`, dtype, tensorShape: shapeJson(openShape(graph, id)) };
}
