/** What nearest and bilinear resizing share: TFLite's choice of source positions, as one matrix an axis. */
import type { TensorType } from '../ir/graph.js';
import { dims4, requireInputs, requireInts, requireRank, shapeError } from './checks.js';
import type { OnnxEmitter, TfliteEncode, TfliteOperator, TfliteSink } from './op-def.js';
import { unsupported } from './op-def.js';
import { type AxisMap, transposeMap } from './separable.js';
import { inputIdsOf, versionSinceInt8 } from './tflite-encode.js';

export interface SamplingAttrs {
  /** First and last positions of input and output coincide. Excludes halfPixelCenters. */
  readonly alignCorners: boolean;
  /** Positions are pixel centres: (i + 0.5) · scale. */
  readonly halfPixelCenters: boolean;
}

export interface ResizeAttrs extends SamplingAttrs {
  /** Height and width of the output. */
  readonly size: readonly [number, number];
}

export interface ResizeGradAttrs extends SamplingAttrs {
  /** Height and width of the resize's input. */
  readonly inputSize: readonly [number, number];
}

function checkSampling(kind: string, { alignCorners, halfPixelCenters }: SamplingAttrs): void {
  if (typeof alignCorners !== 'boolean' || typeof halfPixelCenters !== 'boolean') {
    shapeError(kind, 'attributes alignCorners and halfPixelCenters must be given');
  }
  if (alignCorners && halfPixelCenters) shapeError(kind, 'alignCorners and halfPixelCenters exclude each other');
}

export function inferResize(kind: string, inputs: readonly TensorType[], attrs: ResizeAttrs): TensorType[] {
  requireInputs(kind, inputs, 1);
  checkSampling(kind, attrs);
  requireInts(kind, 'size', attrs.size, 2, 1);
  const [n, , , c] = requireRank(kind, inputs, 0, 4) as [number, number, number, number];
  return [{ shape: [n, ...attrs.size, c], dtype: (inputs[0] as TensorType).dtype }];
}

export function inferResizeGrad(kind: string, inputs: readonly TensorType[], attrs: ResizeGradAttrs): TensorType[] {
  requireInputs(kind, inputs, 1);
  checkSampling(kind, attrs);
  requireInts(kind, 'inputSize', attrs.inputSize, 2, 1);
  const [n, , , c] = requireRank(kind, inputs, 0, 4) as [number, number, number, number];
  return [{ shape: [n, ...attrs.inputSize, c], dtype: (inputs[0] as TensorType).dtype }];
}

/** Float32, as the runtime computes it: the rounding decides which pixel is nearest. */
function scaleOf(from: number, to: number, { alignCorners }: SamplingAttrs): number {
  return Math.fround(alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to);
}

/**
 * Input position of every output position of one axis.
 * Source: GetNearestNeighbor in tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h.
 */
export function nearestIndices(from: number, to: number, attrs: SamplingAttrs): Int32Array {
  const scale = scaleOf(from, to, attrs);
  const offset = attrs.halfPixelCenters ? 0.5 : 0;
  return Int32Array.from({ length: to }, (_, i) => {
    const position = Math.fround((i + offset) * scale);
    // Positions are not negative, so rounding half up is rounding half away from zero.
    return Math.min(attrs.alignCorners ? Math.floor(position + 0.5) : Math.floor(position), from - 1);
  });
}

/** Times that every input position is repeated, or undefined when some are repeated more often than others. */
export function wholeRepetition(indices: Int32Array, from: number): number | undefined {
  const times = indices.length / from;
  return Number.isInteger(times) && indices.every((j, i) => j === Math.floor(i / times)) ? times : undefined;
}

export function nearestMap(from: number, to: number, attrs: SamplingAttrs): AxisMap {
  const data = new Float64Array(to * from);
  nearestIndices(from, to, attrs).forEach((j, i) => {
    data[i * from + j] = 1;
  });
  return { to, from, data };
}

/** Source: ComputeInterpolationValues in tensorflow/lite/kernels/internal/reference/resize_bilinear.h. */
export function bilinearMap(from: number, to: number, attrs: SamplingAttrs): AxisMap {
  const scale = scaleOf(from, to, attrs);
  const data = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const position = attrs.halfPixelCenters
      ? Math.fround(Math.fround((i + 0.5) * scale) - 0.5)
      : Math.fround(i * scale);
    const lower = Math.max(Math.floor(position), 0);
    const upper = Math.min(Math.ceil(position), from - 1);
    // Outside the picture both are the border pixel, and the weights add up to 1.
    const fraction = Math.fround(position - lower);
    data[i * from + lower] = (data[i * from + lower] as number) + 1 - fraction;
    data[i * from + upper] = (data[i * from + upper] as number) + fraction;
  }
  return { to, from, data };
}

type MakeMap = (from: number, to: number, attrs: SamplingAttrs) => AxisMap;

/** Rows and columns of a resize of x [N, H, W, C]. */
export function resizeMaps(
  map: MakeMap,
  x: { readonly shape: readonly number[] },
  attrs: ResizeAttrs,
): [AxisMap, AxisMap] {
  const [, h, w] = dims4(x);
  return [map(h, attrs.size[0], attrs), map(w, attrs.size[1], attrs)];
}

/** Rows and columns of the adjoint, for dy [N, oh, ow, C]. */
export function resizeGradMaps(
  map: MakeMap,
  dy: { readonly shape: readonly number[] },
  attrs: ResizeGradAttrs,
): [AxisMap, AxisMap] {
  const [, oh, ow] = dims4(dy);
  return [transposeMap(map(attrs.inputSize[0], oh, attrs)), transposeMap(map(attrs.inputSize[1], ow, attrs))];
}

/** Encoder of RESIZE_NEAREST_NEIGHBOR (where aligned corners came late) and RESIZE_BILINEAR. */
export function encodeResize(builtin: 'RESIZE_NEAREST_NEIGHBOR' | 'RESIZE_BILINEAR'): TfliteEncode<ResizeAttrs> {
  return (e, attrs) => {
    const late = attrs.halfPixelCenters || (attrs.alignCorners && builtin === 'RESIZE_NEAREST_NEIGHBOR');
    return {
      builtin,
      version: late ? 3 : versionSinceInt8(e),
      options: { align_corners: attrs.alignCorners, half_pixel_centers: attrs.halfPixelCenters },
      inputs: [...inputIdsOf(e), e.int32s('size', [2], attrs.size)],
    };
  };
}

/** Sizes input of ONNX's Resize: batch and channels as they come, so that the batch may be open. */
export function onnxSizes(e: OnnxEmitter, attrs: ResizeAttrs): string {
  const outer = e.add('Shape', [e.input(0)], { start: { int: 0 }, end: { int: 2 } });
  return e.add('Concat', [outer, e.int64s(attrs.size)], { axis: { int: 0 } });
}

/** RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR. */
export function decodeResize(kind: string, op: TfliteOperator, sink: TfliteSink): void {
  const x = op.inputs[0];
  if (!x) sink.refuse(`${op.builtin} lacks its input`);
  const [, height, width] = dims4(op.outputs[0]);
  sink.emit(kind, [x.id], {
    size: [height, width],
    alignCorners: op.options.align_corners === true,
    halfPixelCenters: op.options.half_pixel_centers === true,
  });
}

/** The documentation: "depending on input/output size", without saying how. Counting on it would promise too much. */
export const RESIZE_ON_EDGE_TPU = unsupported(
  'the Edge TPU compiler maps resizes depending on their sizes, by a rule that is not published',
);
