import onnxProto, { type onnx } from 'onnx-proto';
import { Problems } from '../../src/core/errors.js';
import { type Graph, tensorOf } from '../../src/ir/graph.js';
import { opDef } from '../../src/ops/index.js';
import { isUnsupported } from '../../src/ops/op-def.js';
import { NodeEmitter, OnnxGraphSink } from './emitter.js';

/** Opset of everything we write: the first with ScatterElements(reduction) and axes as inputs of the reductions. */
export const ONNX_OPSET = 18;
/** TensorProto.DataType */
const ELEMENT_TYPE = { float32: 1, int8: 3 } as const;
/** Name of the open batch dimension. */
const BATCH = 'N';

/**
 * Writes a float32 graph as an ONNX model. Inputs and outputs keep the graph's ids, shapes and layout (NHWC); inside, rank-4
 * values are NCHW, so the layout changes only at the borders. Batch size is the graph's.
 * @returns bytes of a ModelProto
 * @throws IsplitError E_HOOK_UNSUPPORTED naming every node that cannot be written
 */
export function writeOnnx(graph: Graph): Uint8Array {
  return encodeOnnx(graph);
}

export interface OnnxModelOptions {
  /** Inputs may be int8, and the first dimension of inputs and outputs is open; the graph has gone through freeBatch. */
  readonly wire?: boolean;
  /** metadata_props, in this order. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** @throws IsplitError E_HOOK_UNSUPPORTED naming every node that cannot be written */
export function encodeOnnx(graph: Graph, options: OnnxModelOptions = {}): Uint8Array {
  const sink = new OnnxGraphSink(graph);
  const problems = new Problems();

  for (const id of graph.inputs) {
    const { shape, dtype } = tensorOf(graph, id);
    if (dtype !== 'float32' && !(options.wire && dtype === 'int8'))
      problems.add('E_HOOK_UNSUPPORTED', `input "${id}" is ${dtype}; only float32 graphs can be written as ONNX`, {
        id,
        dtype,
      });
    sink.values.set(id, shape.length === 4 ? sink.relayout(id, shape, 'toPhysical') : id);
  }
  for (const node of graph.nodes) {
    const hook = opDef(node.kind).toOnnx;
    if (isUnsupported(hook)) {
      problems.add(
        'E_HOOK_UNSUPPORTED',
        `"${node.id}" (${node.kind}) cannot run on the onnx engine: ${hook.unsupported}`,
        { node: node.id },
      );
      continue;
    }
    if (problems.size > 0) continue;
    const outputs = hook(new NodeEmitter(sink, graph, node), node.attrs);
    node.outputs.forEach((id, i) => {
      sink.values.set(id, outputs[i] as string);
    });
  }
  problems.throwIfAny();

  for (const id of graph.outputs) {
    const { shape } = tensorOf(graph, id);
    const value = sink.value(id);
    // A graph output that is also an input or a constant still needs a node that writes it.
    if (shape.length === 4) sink.relayout(value, shape, 'toGraph', outputName(graph, id));
    else sink.node('Identity', [value], [outputName(graph, id)]);
  }

  const valueInfo = (id: string, name: string): onnx.IValueInfoProto => {
    const { shape, dtype } = tensorOf(graph, id);
    const dim = shape.map((d): onnx.TensorShapeProto.IDimension => ({ dimValue: d }));
    if (options.wire) dim[0] = shape[0] === batch ? { dimParam: BATCH } : {};
    return { name, type: { tensorType: { elemType: ELEMENT_TYPE[dtype as 'float32' | 'int8'], shape: { dim } } } };
  };
  const batch = tensorOf(graph, graph.inputs[0] as string).shape[0];
  return onnxProto.onnx.ModelProto.encode({
    irVersion: 8,
    producerName: 'isplit-edge',
    opsetImport: [{ domain: '', version: ONNX_OPSET }],
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: {
      name: graph.name,
      node: sink.nodes,
      initializer: sink.initializers,
      input: graph.inputs.map((id) => valueInfo(id, id)),
      output: graph.outputs.map((id) => valueInfo(id, outputName(graph, id))),
    },
  }).finish();
}

/** ONNX name of an output: its id, or a marked one when an input has that name already. */
export function outputName(graph: Graph, id: string): string {
  return graph.inputs.includes(id) ? `${id}#out` : id;
}
