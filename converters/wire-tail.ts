/** A tail as the gateway gets it: int8 wire tensors in, any number of samples at a time. What every writer of tails starts from. */
import { fail, IsplitError } from '../src/core/errors.js';
import { formatShape, type Graph, type Node, type Tensor, tensorOf } from '../src/ir/graph.js';
import { TensorIds } from '../src/ir/tensor-id.js';
import { reachableFrom } from '../src/ir/walk.js';
import { setBatch } from '../src/passes/set-batch.js';

/** An int8 tensor that crosses the link; real = scale · (q − zeroPoint). The manifest's wire tensors are such. */
export interface WireInput {
  /** A graph input of the tail. */
  readonly id: string;
  readonly scale: number;
  readonly zeroPoint: number;
}

/**
 * Puts a `dequantize` behind every input of a float tail: its inputs become the int8 wire tensors, in the order of `wire` and
 * with their ids; the real values inside are called `<id>/real`. An output that is an input (cut = output) becomes the real value.
 * @param tail float32, a part of a network or all of it
 */
export function attachWire(tail: Graph, wire: readonly WireInput[]): Graph {
  const ids = wire.map(({ id }) => id);
  if (ids.length !== tail.inputs.length || tail.inputs.some((id) => !ids.includes(id))) {
    throw new RangeError(`the tail reads ${tail.inputs.join(', ')}, the wire brings ${ids.join(', ')}`);
  }
  const names = new TensorIds();
  for (const id of tail.tensors.keys()) names.unique(id);
  const tensors = new Map(tail.tensors);
  const real = new Map<string, string>();
  const nodes: Node[] = [];
  for (const { id, scale, zeroPoint } of wire) {
    const { shape } = tensorOf(tail, id);
    const out = names.unique(`${id}/real`);
    const quant = { scale: Float32Array.of(scale), zeroPoint: Int32Array.of(zeroPoint), axis: 0 };
    tensors.set(id, { id, shape, dtype: 'int8', quant });
    tensors.set(out, { id: out, shape, dtype: 'float32' });
    nodes.push({ id: out, kind: 'dequantize', inputs: [id], outputs: [out], attrs: { scale, zeroPoint } });
    real.set(id, out);
  }
  const renamed = (list: readonly string[]): string[] => list.map((id) => real.get(id) ?? id);
  for (const node of tail.nodes) nodes.push({ ...node, inputs: renamed(node.inputs) });
  return { name: tail.name, inputs: ids, outputs: renamed(tail.outputs), nodes, tensors };
}

/**
 * The same graph, fit to be written without a batch size: a reshape that keeps the batch says so (−1), and every activation
 * grows in its first dimension, and only there, when the batch does.
 * @throws IsplitError E_SHAPE with the first tensor that does not
 */
export function freeBatch(graph: Graph): Graph {
  const nodes = graph.nodes.map((node): Node => {
    if (node.kind !== 'reshape') return node;
    const from = tensorOf(graph, node.inputs[0] as string).shape;
    const to = tensorOf(graph, node.outputs[0] as string).shape;
    return from[0] === to[0] ? { ...node, attrs: { shape: [-1, ...to.slice(1)] } } : node;
  });
  const freed = { ...graph, nodes };
  const twice = growBatch(freed);
  const dependent = reachableFrom(freed, freed.inputs);
  for (const [id, tensor] of twice.tensors) {
    if (!dependent.has(id)) continue;
    const { shape } = tensorOf(freed, id);
    if (!growsOnlyFirst(shape, tensor.shape)) {
      refuse(graph, `"${id}" is ${formatShape(shape)} for one sample and ${formatShape(tensor.shape)} for two`);
    }
  }
  return freed;
}

function growBatch(graph: Graph): Graph {
  const batch = tensorOf(graph, graph.inputs[0] as string).shape[0] as number;
  try {
    return setBatch(graph, 2 * batch);
  } catch (error) {
    if (!(error instanceof IsplitError)) throw error;
    return refuse(graph, error.message);
  }
}

function growsOnlyFirst(one: Tensor['shape'], two: Tensor['shape']): boolean {
  return one.length === two.length && one.length > 0 && one.every((d, i) => two[i] === (i === 0 ? 2 * d : d));
}

function refuse(graph: Graph, why: string): never {
  fail(
    'E_SHAPE',
    `"${graph.name}" cannot take several samples at a time: ${why}`,
    { graph: graph.name },
    'Convert the model again with an open batch dimension.',
  );
}
