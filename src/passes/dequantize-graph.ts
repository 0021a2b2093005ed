import {
  type Graph,
  type Node,
  type QuantParams,
  type Shape,
  type Tensor,
  type TypedArray,
  tensorOf,
} from '../ir/graph.js';

/** Whether any tensor is quantized or holds integers: such a graph must be dequantized before an engine can run it. */
export function isQuantized(graph: Graph): boolean {
  return [...graph.tensors.values()].some((t) => t.quant !== undefined || t.dtype !== 'float32');
}

/**
 * The float32 network a quantized graph approximates: constants become scale · (q − zeroPoint), activations lose their
 * rounding, quantize and dequantize nodes become identities. Importance and retraining work on it; exact int8 behaviour does not.
 */
export function dequantizeGraph(graph: Graph): Graph {
  const tensors = new Map<string, Tensor>();
  for (const [id, tensor] of graph.tensors) {
    tensors.set(
      id,
      tensor.data
        ? { id, shape: tensor.shape, dtype: 'float32', data: dequantizeData(tensor.data, tensor.shape, tensor.quant) }
        : { id, shape: tensor.shape, dtype: 'float32' },
    );
  }
  const nodes = graph.nodes.map(
    (node): Node =>
      node.kind === 'quantize' || node.kind === 'dequantize' ? { ...node, kind: 'identity', attrs: {} } : node,
  );
  return { ...graph, nodes, tensors };
}

/** real = scale · (q − zeroPoint), per tensor or along `quant.axis`. */
export function dequantizeData(data: TypedArray, shape: Shape, quant?: QuantParams): Float32Array {
  if (!quant) return Float32Array.from(data);
  const out = new Float32Array(data.length);
  const channels = quant.scale.length;
  const inner = channels === 1 ? data.length : shape.slice(quant.axis + 1).reduce((a, b) => a * b, 1);
  for (let i = 0; i < data.length; i++) {
    const c = channels === 1 ? 0 : Math.floor(i / inner) % channels;
    out[i] = (quant.scale[c] as number) * ((data[i] as number) - (quant.zeroPoint[c] as number));
  }
  return out;
}

/** Preprocessing a quantized input implies: real = scale · (q − zeroPoint). undefined for float inputs. */
export function inputQuantization(graph: Graph): { scale: number; zeroPoint: number } | undefined {
  const { quant } = tensorOf(graph, graph.inputs[0] as string);
  return quant ? { scale: quant.scale[0] as number, zeroPoint: quant.zeroPoint[0] as number } : undefined;
}
