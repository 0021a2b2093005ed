/**
 * Patterns in a head on which kernels of a board are known to be wrong. The conditions are those of the upstream reports
 * and of the dispatching code of esp-nn 1.2.3 (esp_nn_conv_s8_esp32s3, esp_nn_get_depthwise_conv_scratch_size_esp32s3).
 */
import type { DeviceProfile } from '../devices/device-schema.js';
import { type Graph, type Node, type Shape, tensorOf } from '../ir/graph.js';
import { kernelLibraryOf } from './board-kernels.js';
import type { KernelWarning } from './verify-report.js';

interface KnownBug {
  readonly kernelLibrary: string;
  readonly upstream: string;
  /** Toolchain targets that have the kernel; undefined = all with this library. */
  readonly targets?: readonly string[];
  /** First version without it; undefined = none is known. */
  readonly fixedIn?: string;
  readonly message: string;
  applies(node: Node, shapes: NodeShapes): boolean;
}

interface NodeShapes {
  readonly input: Shape;
  readonly weights: Shape;
  readonly output: Shape;
  /** More than one scale in the weights. */
  readonly perChannel: boolean;
}

/** Zeros before and after, as [top, bottom, left, right]. */
function padsOf(node: Node): readonly [number, number, number, number] {
  const pads = node.attrs.pads as readonly number[];
  return [pads[0] ?? 0, pads[1] ?? 0, pads[2] ?? 0, pads[3] ?? 0];
}

/** ESP32-S3's convolution takes its general path: neither 1×1 stride 1, nor the one for few input channels. */
function takesAlignedPath(node: Node, { input, weights }: NodeShapes): boolean {
  const [, height = 1, width = 1] = weights;
  const channels = input[3] ?? 1;
  const strides = node.attrs.strides as readonly number[];
  const pointwise = height === 1 && width === 1 && strides.every((stride) => stride === 1);
  const fewChannels = width * channels < 16 && width * height * channels >= 16;
  return !pointwise && !fewChannels;
}

const KNOWN_BUGS: readonly KnownBug[] = [
  {
    kernelLibrary: 'esp-nn',
    upstream: 'esp-nn#31',
    targets: ['esp32s3'],
    message:
      'the last row and column are wrong where SAME padding is longer at the end than at the start; fixed upstream after 1.2.3, ' +
      'or pad the input explicitly',
    applies: (node, shapes) => {
      if (node.kind !== 'conv2d' || !takesAlignedPath(node, shapes)) return false;
      const [top, bottom, left, right] = padsOf(node);
      return (top > 0 || left > 0) && (bottom > top || right > left);
    },
  },
  {
    kernelLibrary: 'esp-nn',
    upstream: 'esp-nn#30',
    targets: ['esp32s3'],
    message:
      'the scratch buffer is too small for unequal padding and memory behind it is overwritten; fixed upstream after 1.2.3, ' +
      'or pad the input explicitly',
    applies: (node, { input, output, weights }) => {
      if (node.kind !== 'depthwise_conv2d' || weights[1] !== 3 || weights[2] !== 3) return false;
      const channels = input[3] ?? 0;
      if (channels % 16 !== 0 || output[3] !== channels) return false;
      const [top, , left] = padsOf(node);
      return top !== left || top > 1;
    },
  },
  {
    kernelLibrary: 'esp-nn',
    upstream: 'esp-nn#34',
    targets: ['esp32s3'],
    fixedIn: '1.2.6',
    message: 'fully connected layers are wrong when their input is not 16-byte aligned: align the arena to 16 bytes',
    applies: (node) => node.kind === 'dense',
  },
  {
    kernelLibrary: 'esp-nn',
    upstream: 'esp-nn#23',
    targets: ['esp32s3'],
    message:
      'convolutions of some networks gave −128 nearly everywhere; open and unexplained upstream, so run the self-test',
    applies: (node, shapes) => node.kind === 'conv2d' && takesAlignedPath(node, shapes),
  },
  {
    kernelLibrary: 'cmsis-nn',
    upstream: 'CMSIS_5#1542',
    // coralmicro's TFLite-Micro is of July 2022, a month before the correction.
    targets: ['m7'],
    message: 'convolutions over inputs of height 1 take the 1×n kernel although their filter is higher',
    applies: (node, { input, weights, output }) => {
      if (node.kind !== 'conv2d') return false;
      const dilation = (node.attrs.dilations as readonly number[] | undefined)?.[1] ?? 1;
      return input[1] === 1 && (weights[1] ?? 1) > 1 && (output[2] ?? 0) % 4 === 0 && dilation === 1;
    },
  },
];

/** @param libraryName kernel library of the device; default its first */
export function findKernelWarnings(graph: Graph, device: DeviceProfile, libraryName?: string): KernelWarning[] {
  const library = kernelLibraryOf(device, libraryName);
  const shapes = new Map(graph.nodes.map((node) => [node, shapesOf(graph, node)]));
  const warnings: KernelWarning[] = [];
  for (const bug of KNOWN_BUGS) {
    if (bug.kernelLibrary !== library.name) continue;
    if (bug.targets && !bug.targets.includes(device.toolchain.target)) continue;
    if (bug.fixedIn && isAtLeast(library.version, bug.fixedIn)) continue;
    const nodes = graph.nodes.filter((node) => bug.applies(node, shapes.get(node) as NodeShapes));
    if (nodes.length > 0) warnings.push(warn(bug.kernelLibrary, bug.upstream, nodes, bug.message));
  }
  if (!device.toolchain.perChannelDense) {
    const nodes = graph.nodes.filter((node) => node.kind === 'dense' && shapes.get(node)?.perChannel);
    const message =
      'the runtime of this board is too old for fully connected weights with a scale per channel and gives the zero point without a word';
    if (nodes.length > 0)
      warnings.push(warn(library.name, 'tflite-micro, before per-channel FULLY_CONNECTED', nodes, message));
  }
  return warnings;
}

function warn(kernelLibrary: string, upstream: string, nodes: readonly Node[], message: string): KernelWarning {
  return { kernelLibrary, upstream, nodes: nodes.map((node) => node.outputs[0] ?? node.id), message };
}

function shapesOf(graph: Graph, node: Node): NodeShapes {
  const tensor = (id: string | undefined) => (id === undefined ? undefined : tensorOf(graph, id));
  const weights = tensor(node.inputs[1]);
  return {
    input: tensor(node.inputs[0])?.shape ?? [],
    weights: weights?.shape ?? [],
    output: tensor(node.outputs[0])?.shape ?? [],
    perChannel: (weights?.quant?.scale.length ?? 0) > 1,
  };
}

/** Versions as numbers with dots; anything else is older than everything. */
function isAtLeast(version: string, wanted: string): boolean {
  if (!/^\d+(\.\d+)*$/.test(version)) return false;
  const [a, b] = [version, wanted].map((text) => text.split('.').map(Number)) as [number[], number[]];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
