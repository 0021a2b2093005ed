import { type Graph, type Tensor, tensorOf } from '../ir/graph.js';
import { SHAPES } from '../ops/index.js';

/**
 * The same network for another batch size: the first dimension of every graph input is replaced, all shapes are inferred again.
 * @throws IsplitError E_SHAPE when a node's attributes fix the batch size
 */
export function setBatch(graph: Graph, batch: number): Graph {
  const tensors = new Map<string, Tensor>();
  for (const [id, tensor] of graph.tensors) if (tensor.data) tensors.set(id, tensor);
  for (const id of graph.inputs) {
    const tensor = tensorOf(graph, id);
    tensors.set(id, { ...tensor, shape: [batch, ...tensor.shape.slice(1)] });
  }
  for (const node of graph.nodes) {
    const types = SHAPES.inferShape(
      node.kind,
      node.inputs.map((id) => tensorOf({ tensors }, id)),
      node.attrs,
    );
    node.outputs.forEach((id, i) => {
      tensors.set(id, { ...tensorOf(graph, id), shape: types[i]?.shape ?? [] });
    });
  }
  return { ...graph, tensors };
}
