import onnxProto, { type onnx } from 'onnx-proto';
import { Problems } from '../../src/core/errors.js';
import { type Graph, tensorOf } from '../../src/ir/graph.js';
import { opDef } from '../../src/ops/index.js';
import { isUnsupported } from '../../src/ops/op-def.js';
import { NodeEmitter, OnnxGraphSink } from './emitter.js';

/** Opset of everything we write: the first with ScatterElements(reduction) and axes as inputs of the reductions. */
export const ONNX_OPSET = 18;
const FLOAT = 1;

/**
 * Writes a float32 graph as an ONNX model. Inputs and outputs keep the graph's ids, shapes and layout (NHWC); inside, rank-4
 * values are NCHW, so the layout changes only at the borders. Batch size is the graph's.
 * @returns bytes of a ModelProto
 * @throws IsplitError E_HOOK_UNSUPPORTED naming every node that cannot be written
 */
export function writeOnnx(graph: Graph): Uint8Array {
  const sink = new OnnxGraphSink(graph);
  const problems = new Problems();

  for (const id of graph.inputs) {
    const { shape, dtype } = tensorOf(graph, id);
    if (dtype !== 'float32')
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

  const valueInfo = (id: string, name: string): onnx.IValueInfoProto => ({
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: tensorOf(graph, id).shape.map((d) => ({ dimValue: d })) } } },
  });
  return onnxProto.onnx.ModelProto.encode({
    irVersion: 8,
    producerName: 'isplit-edge',
    opsetImport: [{ domain: '', version: ONNX_OPSET }],
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
