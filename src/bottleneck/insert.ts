/** Puts a bottleneck into a network: the encoder ends the head, the decoder starts the tail. */
import { fail } from '../core/errors.js';
import { GraphBuilder } from '../ir/builder.js';
import { elementCount, type Graph, type Shape, type Tensor, tensorOf } from '../ir/graph.js';
import { partitionGraph } from '../ir/partition.js';
import { producers } from '../ir/walk.js';
import { SHAPES } from '../ops/index.js';
import type { FusedActivation } from '../ops/op-def.js';
import { resolvePads } from '../ops/window.js';
import { removeDeadCode } from '../passes/remove-dead-code.js';
import type { BottleneckedNetwork, BottleneckSpec } from './bottleneck.js';
import { type BottleneckWeights, bottleneckParameters, hasOffset } from './parameters.js';
import { fitToCut } from './spec.js';

type Size = readonly [height: number, width: number];

/**
 * tail(head(x)) approximates network(x), with `<cut>/wire` between them. The cut tensor keeps its id in the head; in the tail, what
 * is decoded is `<cut>/decoder`. When the cut tensor cannot be negative (it comes from a relu), neither can what is decoded.
 * @param network normalised, float32, batch 1
 * @param cut a tensor that separates head from tail, [1, H, W, C] or [1, C]
 * @throws IsplitError E_CUT_UNKNOWN, E_BOTTLENECK_SPEC
 */
export function insertBottleneck(
  network: Graph,
  cut: string,
  spec: BottleneckSpec,
  weights: BottleneckWeights,
): BottleneckedNetwork {
  const { head, tail } = partitionGraph(network, [cut]);
  const shape = cutShape(network, cut);
  const fitted = fitToCut(spec, shape);
  const parts = {
    cut,
    spec: fitted,
    shape,
    weights: checkedWeights(fitted, shape, weights),
    refine: weights.decoder === 'residual',
    clamp: clampOf(network, cut),
  };
  const encoded = appendEncoder(head, parts);
  const decoded = prependDecoder(tail, parts, tensorOf(encoded.graph, encoded.output));
  return {
    spec: fitted,
    wire: encoded.output,
    head: encoded.graph,
    tail: decoded.graph,
    encoderParameters: encoded.parameters,
    decoderParameters: decoded.parameters,
  };
}

/** Shape of the cut tensor without its batch of 1. @throws IsplitError E_CUT_UNKNOWN, E_BOTTLENECK_SPEC */
export function cutShape(network: Graph, cut: string): Shape {
  const tensor = network.tensors.get(cut);
  if (!tensor) fail('E_CUT_UNKNOWN', `the model has no tensor "${cut}" to cut at`, { cut });
  if (tensor.dtype !== 'float32' || tensor.shape[0] !== 1) {
    fail(
      'E_BOTTLENECK_SPEC',
      `"${cut}" is ${tensor.dtype} [${tensor.shape}]: a bottleneck takes float32 with batch 1`,
      {
        cut,
        dtype: tensor.dtype,
        shape: tensor.shape,
      },
    );
  }
  return tensor.shape.slice(1);
}

/** Kinds that keep their inputs' bounds. */
const BOUND_KEEPING: ReadonlySet<string> = new Set([
  'max_pool2d',
  'avg_pool2d',
  'mean',
  'reduce_max',
  'reshape',
  'identity',
  'transpose',
  'slice',
  'concat',
  'resize_nearest',
  'resize_bilinear',
]);
const NOT_NEGATIVE: ReadonlySet<string> = new Set(['relu', 'sigmoid', 'softmax', 'exp', 'abs']);

/** The activation that changes nothing of this tensor's values: relu6 or relu behind such activations, else none. */
export function clampOf(graph: Graph, id: string): FusedActivation {
  const made = producers(graph);
  const known = new Map<string, FusedActivation>();
  const weakest = (of: readonly FusedActivation[]): FusedActivation =>
    of.includes('none') ? 'none' : of.includes('relu') ? 'relu' : 'relu6';
  const find = (at: string): FusedActivation => {
    const node = made.get(at);
    if (!node) return 'none';
    const fused = node.attrs.activation as FusedActivation | undefined;
    if (fused !== undefined && fused !== 'none') return fused;
    if (node.kind === 'relu6') return 'relu6';
    if (NOT_NEGATIVE.has(node.kind)) return 'relu';
    if (BOUND_KEEPING.has(node.kind)) return weakest(node.inputs.map(lookUp));
    if (node.kind === 'add') return weakest([...node.inputs.map(lookUp), 'relu']);
    return 'none';
  };
  const lookUp = (at: string): FusedActivation => {
    const found = known.get(at) ?? find(at);
    known.set(at, found);
    return found;
  };
  return lookUp(id);
}

interface Parts {
  readonly cut: string;
  readonly spec: BottleneckSpec;
  readonly shape: Shape;
  readonly weights: ReadonlyMap<string, { readonly shape: Shape; readonly data: Float32Array }>;
  readonly refine: boolean;
  readonly clamp: FusedActivation;
}

/** A wrong size here is a defect of ours. */
function checkedWeights(spec: BottleneckSpec, shape: Shape, weights: BottleneckWeights): Parts['weights'] {
  return new Map(
    bottleneckParameters(spec, shape, weights.decoder).map((parameter) => {
      const data = weights.values.get(parameter.name);
      if (data?.length !== elementCount(parameter.shape)) {
        throw new RangeError(
          `${parameter.name} takes ${elementCount(parameter.shape)} values, got ${data?.length ?? 'none'}`,
        );
      }
      return [parameter.name, { shape: parameter.shape, data }];
    }),
  );
}

/** Appends layers to a graph under construction and remembers their constants. */
class LayerWriter {
  readonly parameters: string[] = [];
  readonly builder: GraphBuilder;
  readonly #parts: Parts;

  constructor(builder: GraphBuilder, parts: Parts) {
    this.builder = builder;
    this.#parts = parts;
  }

  constant(name: string): string {
    const { cut, weights } = this.#parts;
    const parameter = weights.get(name);
    if (!parameter) throw new Error(`the bottleneck has no ${name}`);
    const id = this.builder.constant(`${cut}/${name}`, parameter.shape, parameter.data);
    this.parameters.push(id);
    return id;
  }

  constants(layer: string): string[] {
    return ['kernel', 'bias'].map((what) => this.constant(`${layer}/${what}`));
  }

  dense(layer: string, x: string, id: string, activation: FusedActivation): string {
    return this.builder.op('dense', [x, ...this.constants(layer)], withActivation({}, activation), { id });
  }

  conv(layer: string, x: string, id: string, stride: number, activation: FusedActivation, depthwise = false): string {
    const [kernel, bias] = this.constants(layer) as [string, string];
    const [, height, width] = this.builder.type(x).shape as readonly [number, number, number];
    const [, kh, kw] = this.builder.type(kernel).shape as readonly [number, number, number];
    const strides: Size = [stride, stride];
    const pads = resolvePads('same', [height, width], [kh, kw], strides);
    const attrs = withActivation({ strides, dilations: [1, 1], pads }, activation);
    return this.builder.op(depthwise ? 'depthwise_conv2d' : 'conv2d', [x, kernel, bias], attrs, { id });
  }

  /** Back to `size`: the adjoint of `conv` on that size, whose padding is what is cropped here. */
  convTranspose(layer: string, x: string, id: string, stride: number, size: Size, activation: FusedActivation): string {
    const [kernel, bias] = this.constants(layer) as [string, string];
    const [, kh, kw] = this.builder.type(kernel).shape as readonly [number, number, number];
    const strides: Size = [stride, stride];
    const pads = transposedPads(size, [kh, kw], stride);
    const attrs = withActivation({ strides, dilations: [1, 1], pads, outputSize: size }, activation);
    return this.builder.op('conv2d_transpose', [x, kernel, bias], attrs, { id });
  }
}

function withActivation<T extends object>(attrs: T, activation: FusedActivation): T & { activation?: FusedActivation } {
  return activation === 'none' ? attrs : { ...attrs, activation };
}

/** SAME cropping as TFLite's TRANSPOSE_CONV has it: never negative where the kernel falls short of the stride. */
function transposedPads(size: Size, kernel: Size, stride: number): [number, number, number, number] {
  const [top, , left] = resolvePads('same', size, kernel, [stride, stride]);
  const after = (axis: 0 | 1, before: number): number => {
    const inputs = Math.ceil(size[axis] / stride);
    return Math.max((inputs - 1) * stride + kernel[axis] - before - size[axis], 0);
  };
  return [top, after(0, top), left, after(1, left)];
}

function appendEncoder(head: Graph, parts: Parts): { graph: Graph; output: string; parameters: readonly string[] } {
  const { cut, spec } = parts;
  const writer = new LayerWriter(new GraphBuilder(head.name, SHAPES, head), parts);
  const wire = `${cut}/wire`;
  const encode = (): string => {
    switch (spec.encoder) {
      case 'conv1x1':
      case 'conv3x3':
        return writer.conv('encoder', cut, wire, spec.stride, 'relu6');
      case 'separable3x3': {
        const id = `${cut}/encoder/depthwise`;
        const x = writer.conv('encoder/depthwise', cut, id, spec.stride, 'none', true);
        return writer.conv('encoder', x, wire, 1, 'relu6');
      }
      case 'i-split': {
        const x = writer.conv('encoder/hidden', cut, `${cut}/encoder/hidden`, 2, 'relu');
        return writer.conv('encoder', x, wire, 2, 'relu6');
      }
      case 'dense':
        return writer.dense('encoder', cut, wire, 'relu6');
    }
  };
  const output = encode();
  return { graph: writer.builder.build([output]), output, parameters: writer.parameters };
}

function prependDecoder(tail: Graph, parts: Parts, wire: Tensor): { graph: Graph; parameters: readonly string[] } {
  const { cut, spec, shape, refine, clamp } = parts;
  const decoder = new GraphBuilder(tail.name, SHAPES);
  decoder.input(wire.id, wire.shape);
  const writer = new LayerWriter(decoder, parts);
  const id = `${cut}/decoder`;
  const linear = refine ? `${id}/linear` : id;
  const last = refine ? 'none' : clamp;
  const size = shape.slice(0, 2) as unknown as Size;
  const half = size.map((d) => Math.ceil(d / 2)) as unknown as Size;
  const centred = hasOffset(spec)
    ? decoder.op('add', [wire.id, writer.constant('decoder/offset')], {}, { id: `${id}/centred` })
    : wire.id;
  const decode = (): string => {
    switch (spec.encoder) {
      case 'dense':
        return writer.dense('decoder', wire.id, linear, last);
      case 'i-split': {
        const x = writer.convTranspose('decoder/hidden', centred, `${id}/hidden`, 2, half, 'relu');
        return writer.convTranspose('decoder', x, linear, 2, size, last);
      }
      default:
        if (spec.stride === 1) return writer.conv('decoder', wire.id, linear, 1, last);
        return writer.convTranspose('decoder', centred, linear, spec.stride, size, last);
    }
  };
  let decoded = decode();
  if (refine) {
    const layer = (name: string, x: string, activation: FusedActivation): string =>
      shape.length === 1
        ? writer.dense(`decoder/${name}`, x, `${id}/${name}`, activation)
        : writer.conv(`decoder/${name}`, x, `${id}/${name}`, 1, activation);
    const refined = layer('refine2', layer('refine1', decoded, 'relu'), 'none');
    decoded = decoder.op('add', [decoded, refined], withActivation({}, clamp), { id });
  }
  return { graph: joinTail(decoder.build([decoded]), tail, cut, decoded), parameters: writer.parameters };
}

/** The decoder's nodes, then the tail's, which read the decoded tensor instead of the cut's. */
function joinTail(decoder: Graph, tail: Graph, cut: string, decoded: string): Graph {
  const redirect = (id: string): string => (id === cut ? decoded : id);
  const tensors = new Map(decoder.tensors);
  for (const [id, tensor] of tail.tensors) {
    if (id === cut) continue;
    if (tensors.has(id)) throw new Error(`tensor "${id}" is in the decoder and in the tail`);
    tensors.set(id, tensor);
  }
  const nodes = tail.nodes.map((node) => ({ ...node, inputs: node.inputs.map(redirect) }));
  return removeDeadCode({
    name: tail.name,
    inputs: decoder.inputs,
    outputs: tail.outputs.map(redirect),
    nodes: [...decoder.nodes, ...nodes],
    tensors,
  });
}
