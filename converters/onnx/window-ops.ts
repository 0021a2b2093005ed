/** Convolutions, pools and resizes: everything with two spatial dimensions. */
import { samePadding } from '../../src/ops/window.js';
import { channelsLast } from './layout.js';
import type { NodeContext, Translate } from './node-context.js';
import { type Activation, floatConstant } from './translator.js';

const NHWC = channelsLast(4);

type Pair = [number, number];
type Pads = [number, number, number, number];

function pair(n: NodeContext, name: string, fallback: number, min = 1): Pair {
  const values = n.ints(name) ?? [fallback, fallback];
  if (values.length !== 2 || values.some((v) => v < min)) n.refuse(`${name} [${values}]`);
  return [...values] as Pair;
}

/** Input 0 in our storage order. */
function image(n: NodeContext): Activation {
  const x = n.activation(0);
  n.rank4(x);
  return n.t.inLayout(x, NHWC);
}

/** [top, bottom, left, right] from `pads` or `auto_pad`. */
function padsOf(n: NodeContext, size: Pair, kernel: Pair, strides: Pair, dilations: Pair): Pads {
  const auto = n.string('auto_pad', 'NOTSET');
  if (auto === 'VALID') return [0, 0, 0, 0];
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const [h, w] = [0, 1].map((i) =>
      samePadding(size[i] as number, kernel[i] as number, strides[i] as number, dilations[i]),
    ) as [Pair, Pair];
    return auto === 'SAME_UPPER' ? [...h, ...w] : [h[1], h[0], w[1], w[0]];
  }
  if (auto !== 'NOTSET') n.refuse(`auto_pad ${auto}`);
  const pads = n.ints('pads') ?? [0, 0, 0, 0];
  if (pads.length !== 4 || pads.some((p) => p < 0)) n.refuse(`pads [${pads}]`);
  const [top, left, bottom, right] = pads as Pads;
  return [top, bottom, left, right];
}

/** Bias input as a constant, if there is one. */
function biasOf(n: NodeContext, channels: number): string[] {
  const bias = n.known(2, 'the bias');
  return bias ? [n.t.vector(bias, channels, 'the bias')] : [];
}

const conv: Translate = (n) => {
  const x = image(n);
  const [, channels, height, width] = n.rank4(x);
  const weight = n.weight(1, 'the filter');
  const { dims } = floatConstant(weight);
  if (dims.length !== 4) n.refuse(`the filter has the shape [${dims}]`);
  const [outputs, perGroup, kh, kw] = dims as [number, number, number, number];
  const group = n.int('group', 1);
  const strides = pair(n, 'strides', 1);
  const dilations = pair(n, 'dilations', 1);
  const pads = padsOf(n, [height, width], [kh, kw], strides, dilations);
  const attrs = { strides, dilations, pads };
  const bias = biasOf(n, outputs);
  if (group === 1) return n.t.emit('conv2d', [x.id, n.t.weights(weight, [0, 2, 3, 1]), ...bias], attrs, NHWC, n.id);
  if (group !== channels || perGroup !== 1 || outputs % group !== 0) {
    return n.refuse(`${group} groups of ${channels} channels; one group or one a channel is read`);
  }
  // Output channel c · multiplier + m reads input channel c in both conventions.
  const filter = n.t.weights(weight, [1, 2, 3, 0]);
  return n.t.emit('depthwise_conv2d', [x.id, filter, ...bias], attrs, NHWC, n.id);
};

const convTranspose: Translate = (n) => {
  const x = image(n);
  const [, , height, width] = n.rank4(x);
  const weight = n.weight(1, 'the filter');
  const { dims } = floatConstant(weight);
  if (dims.length !== 4) n.refuse(`the filter has the shape [${dims}]`);
  if (n.int('group', 1) !== 1) n.refuse(`${n.int('group', 1)} groups`);
  const [, outputs, kh, kw] = dims as [number, number, number, number];
  const strides = pair(n, 'strides', 1);
  const dilations = pair(n, 'dilations', 1);
  const extra = pair(n, 'output_padding', 0, 0);
  const full = [height, width].map((size, i) => {
    const kernel = (([kh, kw][i] as number) - 1) * (dilations[i] as number) + 1;
    return (size - 1) * (strides[i] as number) + kernel + (extra[i] as number);
  }) as Pair;
  const auto = n.string('auto_pad', 'NOTSET');
  const wanted = n.ints('output_shape')?.slice(-2);
  let pads: Pads;
  let outputSize: Pair;
  if (wanted || auto.startsWith('SAME')) {
    outputSize = (wanted ?? [height * strides[0], width * strides[1]]) as Pair;
    const [a, b] = [0, 1].map((i) => {
      const total = Math.max((full[i] as number) - (outputSize[i] as number), 0);
      const small = Math.floor(total / 2);
      return auto === 'SAME_UPPER' ? [small, total - small] : [total - small, small];
    }) as [Pair, Pair];
    pads = [...a, ...b];
  } else {
    pads = padsOf(n, [height, width], [kh, kw], strides, dilations);
    outputSize = [full[0] - pads[0] - pads[1], full[1] - pads[2] - pads[3]];
  }
  const inputs = [x.id, n.t.weights(weight, [1, 2, 3, 0]), ...biasOf(n, outputs)];
  return n.t.emit('conv2d_transpose', inputs, { strides, dilations, pads, outputSize }, NHWC, n.id);
};

/** Output length with rounding up: the last window must begin inside the input or its leading padding. */
function ceilOutput(size: number, kernel: number, stride: number, before: number, after: number): number {
  const out = Math.ceil((size + before + after - kernel) / stride) + 1;
  return (out - 1) * stride >= size + before ? out - 1 : out;
}

function pool(n: NodeContext, kind: 'max_pool2d' | 'avg_pool2d'): Activation {
  const x = image(n);
  const [, , height, width] = n.rank4(x);
  const kernelSize = pair(n, 'kernel_shape', 0);
  const strides = pair(n, 'strides', 1);
  if (pair(n, 'dilations', 1).some((d) => d !== 1)) n.refuse('dilated windows');
  const pads = padsOf(n, [height, width], kernelSize, strides, [1, 1]);
  const counted = n.int('count_include_pad', 0) === 1 && pads.some((p) => p > 0);
  if (n.int('ceil_mode', 0) === 1) {
    // Rounding up is more padding at the end, which neither maximum nor mean may see.
    for (const [i, size] of [height, width].entries()) {
      const [before, after] = [pads[2 * i] as number, pads[2 * i + 1] as number];
      const kernel = kernelSize[i] as number;
      const stride = strides[i] as number;
      const out = ceilOutput(size, kernel, stride, before, after);
      const needed = Math.max(after, (out - 1) * stride + kernel - size - before);
      if (needed !== after && kind === 'avg_pool2d' && n.int('count_include_pad', 0) === 1) {
        n.refuse('ceil_mode together with count_include_pad');
      }
      pads[2 * i + 1] = needed;
    }
  }
  const attrs = { kernelSize, strides, pads, ...(counted ? { countIncludePad: true } : {}) };
  return n.t.emit(kind, [x.id], attrs, NHWC, n.id);
}

const MAX_RESIZED = 1 << 16;

interface Flags {
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}
const CANDIDATES: readonly Flags[] = [
  { alignCorners: false, halfPixelCenters: false },
  { alignCorners: false, halfPixelCenters: true },
  { alignCorners: true, halfPixelCenters: false },
];

/** One resized axis. `scale` is what the file states; positions are computed from it, not from the sizes. */
interface Axis {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
}

const resize: Translate = (n) => {
  const x = image(n);
  const dims = n.rank4(x);
  const [rows, columns] = resizedAxes(n, dims);
  if (n.int('antialias', 0) !== 0) n.refuse('antialias');
  const size = [rows.to, columns.to];
  const legacy = n.node.opType === 'Upsample' || n.opset < 11;
  const mode = n.string('mode', 'nearest');
  const position = legacy ? 'asymmetric' : n.string('coordinate_transformation_mode', 'half_pixel');
  if (mode === 'nearest') {
    const rounding = legacy ? 'floor' : n.string('nearest_mode', 'round_prefer_floor');
    const flags = CANDIDATES.find((f) => [rows, columns].every((axis) => sameIndices(n, axis, position, rounding, f)));
    if (!flags) return n.refuse(`nearest resize by ${position} and ${rounding} from [${dims.slice(2)}] to [${size}]`);
    return n.t.emit('resize_nearest', [x.id], { size, ...flags }, NHWC, n.id);
  }
  if (mode !== 'linear') return n.refuse(`resize mode ${mode}`);
  const flags = CANDIDATES.find((f) => [rows, columns].every((axis) => samePositions(n, axis, position, f)));
  if (!flags) return n.refuse(`linear resize by ${position} from [${dims.slice(2)}] to [${size}]`);
  return n.t.emit('resize_bilinear', [x.id], { size, ...flags }, NHWC, n.id);
};

function resizedAxes(n: NodeContext, dims: readonly number[]): [Axis, Axis] {
  const legacy = n.node.opType === 'Upsample' || n.opset < 11;
  const scales = n.node.attributes.get('scales')?.floats ?? n.integers(legacy ? 1 : 2, 'the scales');
  const sizes = legacy ? undefined : n.integers(3, 'the sizes');
  if (n.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch') n.refuse('keep_aspect_ratio_policy');
  const axes = (n.ints('axes') ?? [0, 1, 2, 3]).map((a) => n.axis(a, 4));
  const list = sizes?.length ? sizes : scales?.length ? scales : n.refuse('neither scales nor sizes');
  if (list.length !== axes.length) n.refuse(`${list.length} scales for ${axes.length} axes`);
  const result = dims.map((from, axis): Axis => {
    const given = list[axes.indexOf(axis)];
    if (given === undefined) return { from, to: from, scale: 1 };
    return sizes?.length
      ? { from, to: given, scale: given / from }
      : { from, to: Math.floor(from * given), scale: given };
  });
  for (const { to, scale } of result) {
    if (!Number.isInteger(to) || to < 1 || to > MAX_RESIZED || !(scale > 0)) n.refuse(`a resize to ${to}`);
  }
  const [batch, channels, rows, columns] = result as [Axis, Axis, Axis, Axis];
  if (batch.from !== batch.to || channels.from !== channels.to) n.refuse('a resize of batch or channels');
  return [rows, columns];
}

/** Position in the input of output i, as ONNX defines it. */
function onnxPosition(n: NodeContext, { from, to, scale }: Axis, mode: string, i: number): number {
  switch (mode) {
    case 'asymmetric':
      return i / scale;
    case 'half_pixel':
      return (i + 0.5) / scale - 0.5;
    case 'pytorch_half_pixel':
      return to > 1 ? (i + 0.5) / scale - 0.5 : 0;
    case 'tf_half_pixel_for_nn':
      return (i + 0.5) / scale;
    case 'align_corners':
      return to === 1 ? 0 : (i * (from - 1)) / (to - 1);
    default:
      return n.refuse(`coordinate_transformation_mode ${mode}`);
  }
}

const clamp = (v: number, size: number): number => Math.min(Math.max(v, 0), size - 1);

function sameIndices(n: NodeContext, axis: Axis, mode: string, rounding: string, flags: Flags): boolean {
  for (let i = 0; i < axis.to; i++) {
    const p = onnxPosition(n, axis, mode, i);
    const index =
      rounding === 'floor'
        ? Math.floor(p)
        : rounding === 'ceil'
          ? Math.ceil(p)
          : rounding === 'round_prefer_ceil'
            ? Math.floor(p + 0.5)
            : rounding === 'round_prefer_floor'
              ? Math.ceil(p - 0.5)
              : n.refuse(`nearest_mode ${rounding}`);
    if (clamp(index, axis.from) !== nearestIndex(axis, flags, i)) return false;
  }
  return true;
}

/** TFLite's choice. */
function nearestIndex({ from, to }: Axis, { alignCorners, halfPixelCenters }: Flags, i: number): number {
  const scale = alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to;
  const p = (i + (halfPixelCenters ? 0.5 : 0)) * scale;
  return clamp(alignCorners ? Math.round(p) : Math.floor(p), from);
}

function samePositions(n: NodeContext, axis: Axis, mode: string, { alignCorners, halfPixelCenters }: Flags): boolean {
  if (axis.from === axis.to) return true;
  const { from, to } = axis;
  const scale = alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to;
  for (let i = 0; i < to; i++) {
    const ours = halfPixelCenters ? (i + 0.5) * scale - 0.5 : i * scale;
    const theirs = onnxPosition(n, axis, mode, i);
    if (Math.abs(clamp(ours, from) - clamp(theirs, from)) > 1e-4) return false;
  }
  return true;
}

/** Mean or maximum over everything but batch and channels. */
function globalPool(n: NodeContext, kind: 'mean' | 'reduce_max'): Activation {
  const x = n.activation(0);
  const axes = x.layout.flatMap((axis, k) => (axis >= 2 ? [k] : []));
  if (axes.length === 0) n.refuse(`its input has rank ${x.layout.length}`);
  return n.t.emit(kind, [x.id], { axes, keepDims: true }, x.layout, n.id);
}

export const WINDOW_OPS: Readonly<Record<string, Translate>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: (n) => pool(n, 'max_pool2d'),
  AveragePool: (n) => pool(n, 'avg_pool2d'),
  GlobalAveragePool: (n) => globalPool(n, 'mean'),
  GlobalMaxPool: (n) => globalPool(n, 'reduce_max'),
  Resize: resize,
  Upsample: resize,
};
