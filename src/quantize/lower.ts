/** From the float graph and a quantization for every activation to the int8 graph. */
import { type Graph, isConstant, type Node, type Tensor, type TypedArray, tensorOf } from '../ir/graph.js';
import type { FusedActivation } from '../ops/op-def.js';
import {
  type ActivationQuant,
  INT8_MIN,
  type QuantizedWeights,
  quantizeValues,
  quantizeWeights,
  toQuantParams,
  usedCodes,
} from './quant-params.js';
import { int8Support } from './shared-quantization.js';

/** Quantization of every activation, by tensor id; constants that are data operands included. */
export type QuantMap = ReadonlyMap<string, ActivationQuant>;

export interface LowerOptions {
  readonly perChannelDense: boolean;
}

export interface Lowered {
  readonly graph: Graph;
  readonly warnings: readonly string[];
}

/**
 * The int8 graph: same nodes, ids and attributes; int8 activations and weights, int32 biases; `identity` becomes the
 * requantizing operator.
 * @param graph legalised float32 graph with batch 1
 */
export function lowerGraph(graph: Graph, quants: QuantMap, options: LowerOptions): Lowered {
  const tensors = new Map<string, Tensor>();
  const warnings: string[] = [];
  for (const [id, tensor] of graph.tensors) {
    if (!tensor.data) tensors.set(id, { ...tensor, dtype: 'int8', quant: toQuantParams(quantOf(quants, id)) });
  }
  const nodes = graph.nodes.map((node): Node => {
    if (node.kind === 'identity') return requantize(node, quants);
    const inputs = [...node.inputs];
    const weights = int8Support(node).weights;
    const put = (i: number, tensor: Omit<Tensor, 'id'>): void => {
      inputs[i] = placeConstant(tensors, node.inputs[i] as string, tensor);
    };
    const layer = quantizeLayer(graph, node, quants, options);
    if (weights && layer) {
      const [w, b] = [tensorOf(graph, node.inputs[weights.input] as string), weights.bias];
      const zeros = new Int32Array(layer.scale.length);
      const inputScale = quantOf(quants, node.inputs[0] as string).scale;
      put(weights.input, {
        shape: w.shape,
        dtype: 'int8',
        data: layer.data,
        quant: { scale: layer.scale, zeroPoint: zeros, axis: layer.scale.length > 1 ? weights.channelAxis : 0 },
      });
      put(b, {
        shape: [layer.bias.length],
        dtype: 'int32',
        data: layer.bias,
        quant: { scale: layer.scale.map((s) => inputScale * s), zeroPoint: zeros, axis: 0 },
      });
      if (layer.clippedBiases > 0)
        warnings.push(`"${node.outputs[0]}": ${layer.clippedBiases} biases did not fit 32 bits`);
    }
    node.inputs.forEach((id, i) => {
      const operand = tensorOf(graph, id);
      if (!operand.data || (weights && i >= weights.input)) return;
      const quant = quantOf(quants, id);
      const data = quantizeValues(operand.data as Float32Array, quant);
      put(i, { shape: operand.shape, dtype: 'int8', data, quant: toQuantParams(quant) });
    });
    return { ...node, inputs, attrs: lowerAttrs(node, quants) };
  });
  return { graph: { ...graph, nodes, tensors }, warnings };
}

/** Weights and bias of a node as the int8 graph has them; undefined for ops without weights. */
export function quantizeLayer(
  graph: Graph,
  node: Node,
  quants: QuantMap,
  { perChannelDense }: LowerOptions,
): QuantizedWeights | undefined {
  if (node.kind === 'identity') return undefined;
  const weights = int8Support(node).weights;
  const tensor = weights && tensorOf(graph, node.inputs[weights.input] as string);
  if (!weights || !tensor?.data) return undefined;
  const output = quantOf(quants, node.outputs[0] as string);
  return quantizeWeights({
    weights: tensor.data as Float32Array,
    shape: tensor.shape,
    channelAxis: weights.channelAxis,
    perChannel: perChannelDense || node.kind !== 'dense',
    bias: tensorOf(graph, node.inputs[weights.bias] as string).data as Float32Array,
    inputScale: quantOf(quants, node.inputs[0] as string).scale,
    outputScale: output.scale,
    outputCodes: usedCodes(output, node.attrs.activation as FusedActivation | undefined),
  });
}

function quantOf(quants: QuantMap, id: string): ActivationQuant {
  const quant = quants.get(id);
  if (!quant) throw new Error(`no quantization was chosen for "${id}"`);
  return quant;
}

function requantize(node: Node, quants: QuantMap): Node {
  const from = quantOf(quants, node.inputs[0] as string);
  const to = quantOf(quants, node.outputs[0] as string);
  const attrs = { ...to, dtype: 'int8', inputScale: from.scale, inputZeroPoint: from.zeroPoint };
  return { ...node, kind: 'quantize', attrs };
}

/** Padding that must lose against all values becomes the lowest one that the tensor can hold. */
function lowerAttrs(node: Node, quants: QuantMap): Node['attrs'] {
  if (node.kind !== 'pad') return node.attrs;
  const { scale, zeroPoint } = quantOf(quants, node.inputs[0] as string);
  return { ...node.attrs, value: Math.max(node.attrs.value as number, scale * (INT8_MIN - zeroPoint)) };
}

/** Puts a constant under its id; a constant that several nodes share and need differently gets further ids. */
function placeConstant(tensors: Map<string, Tensor>, id: string, tensor: Omit<Tensor, 'id'>): string {
  for (let n = 0; ; n++) {
    const name = n === 0 ? id : `${id}_int8_${n}`;
    const there = tensors.get(name);
    if (there && !sameConstant(there, tensor)) continue;
    tensors.set(name, { id: name, ...tensor });
    return name;
  }
}

function sameConstant(a: Tensor, b: Omit<Tensor, 'id'>): boolean {
  const same = (x: ArrayLike<number> | undefined, y: ArrayLike<number> | undefined): boolean =>
    x?.length === y?.length && Array.prototype.every.call(x ?? [], (v, i) => v === y?.[i]);
  return (
    a.dtype === b.dtype &&
    same(a.data as TypedArray | undefined, b.data as TypedArray | undefined) &&
    same(a.quant?.scale, b.quant?.scale) &&
    same(a.quant?.zeroPoint, b.quant?.zeroPoint)
  );
}

/** Ids of the activations that a quantization must be known for. */
export function quantizedIds(graph: Graph): string[] {
  return [...graph.tensors.values()].filter((t) => !t.data || isDataOperand(graph, t.id)).map((t) => t.id);
}

function isDataOperand(graph: Graph, id: string): boolean {
  return (
    isConstant(graph, id) &&
    graph.nodes.some((node) => {
      if (node.kind === 'identity') return false;
      const weights = int8Support(node).weights;
      return node.inputs.some((input, i) => input === id && (!weights || i < weights.input));
    })
  );
}
