import type { KernelKind } from '../devices/kernels.js';
import { elementCount, type Graph, isConstant, type Node, type TensorType, tensorOf } from '../ir/graph.js';
import { opDef } from '../ops/index.js';
import { isUnsupported } from '../ops/op-def.js';
import { nodeMacs } from './cut-cost.js';
import { convolutionKernel, type KernelWork } from './latency.js';

/** Ops that cost nothing on a device: they rename memory or disappear when the head is compiled. */
const FREE: ReadonlySet<string> = new Set(['reshape', 'identity']);

/** The kernel of ops that always run on the same one; convolutions are told apart by shape. */
const KERNEL_OF: Readonly<Record<string, KernelKind>> = {
  depthwise_conv2d: 'depthwise',
  conv2d_transpose: 'transposed_conv',
  dense: 'fully_connected',
  max_pool2d: 'max_pool',
  avg_pool2d: 'avg_pool',
  mean: 'mean',
  add: 'add',
  sub: 'add',
  mul: 'mul',
  batch_norm: 'mul',
  relu: 'relu',
  relu6: 'relu',
  leaky_relu: 'leaky_relu',
  hard_swish: 'hard_swish',
  sigmoid: 'logistic',
  tanh: 'tanh',
  softmax: 'softmax',
  concat: 'concat',
  pad: 'pad',
  resize_nearest: 'resize',
  resize_bilinear: 'resize',
  transpose: 'transpose',
  quantize: 'quantize',
  dequantize: 'quantize',
};

/** Work of every operator of an int8 head or tail, in execution order; batch 1. */
export function listKernelWork(graph: Graph): KernelWork[] {
  return graph.nodes.filter((node) => !FREE.has(node.kind)).map((node) => describeWork(graph, node));
}

function describeWork(graph: Graph, node: Node): KernelWork {
  const inputs = node.inputs.map((id) => tensorOf(graph, id));
  const outputs = node.outputs.map((id) => tensorOf(graph, id));
  const kernel = kernelOf(node, inputs);
  const activations = node.inputs.filter((id) => !isConstant(graph, id));
  const elementsOf = (ids: readonly string[]): number =>
    ids.reduce((n, id) => n + elementCount(tensorOf(graph, id).shape), 0);
  const outputElements = elementsOf(node.outputs);
  const inputElements = elementsOf(activations);
  return {
    kernel,
    macs: windowReads(node, outputElements) ?? nodeMacs(graph, node),
    elements: kernel === 'mean' ? inputElements : outputElements,
    outputElements,
    inputBytes: inputElements,
    outputBytes: outputElements,
    weightBytes: elementsOf(node.inputs) - inputElements,
    edgeTpuMappable: mapsToEdgeTpu(node, inputs, outputs),
    name: node.outputs[0] as string,
  };
}

function kernelOf(node: Node, inputs: readonly TensorType[]): KernelKind {
  if (node.kind !== 'conv2d') return KERNEL_OF[node.kind] ?? 'other';
  const [, kernelHeight, kernelWidth, inputChannels] = (inputs[1] as TensorType).shape as [
    number,
    number,
    number,
    number,
  ];
  return convolutionKernel({ kernelHeight, kernelWidth, inputChannels });
}

/** Pools are counted in window reads: outputs × kernel area. */
function windowReads(node: Node, outputElements: number): number | undefined {
  if (node.kind !== 'max_pool2d' && node.kind !== 'avg_pool2d') return undefined;
  const [kh, kw] = node.attrs.kernelSize as readonly [number, number];
  return outputElements * kh * kw;
}

function mapsToEdgeTpu(node: Node, inputs: readonly TensorType[], outputs: readonly TensorType[]): boolean {
  const { edgeTpu } = opDef(node.kind);
  return !isUnsupported(edgeTpu) && edgeTpu.every((rule) => rule.check(inputs, outputs, node.attrs));
}
