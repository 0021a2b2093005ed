/**
 * Integer convolutions. Source: tensorflow/lite/kernels/internal/reference/integer_ops/{conv.h, depthwise_conv.h,
 * transpose_conv.h}; multipliers as in PopulateConvolutionQuantizationParams. Padding is the input's zero point, whose
 * real value is 0, so that border and interior are one loop; the zero point itself is folded into the bias.
 */
import { elementCount, type Tensor } from '../ir/graph.js';
import { dims4 } from './checks.js';
import type { Fusable } from './fused-activation.js';
import { activationQuant, constantBias, constantWeights, refuseInt8, weightQuant } from './int8-operands.js';
import { prepareProducts, type Segment } from './int8-products.js';
import { convolutionRescaling, prepareRescale, type Rescaling } from './int8-rescaling.js';
import type { Int8Kernel, Int8Operands } from './op-def.js';
import type { ConvAttrs } from './window.js';

/** Values of an input with its padding; a file can state any dilation. */
const LARGEST_PADDED = 2 ** 27;

interface ConvAttributes extends ConvAttrs, Fusable {}

interface Prepared {
  readonly weights: Int8Array;
  readonly bias: Int32Array;
  readonly zeroPoint: number;
  readonly rescaling: Rescaling;
}

function prepareOperands({ inputs, outputs, attrs }: Int8Operands<Fusable>, channelAxis: number): Prepared {
  const input = activationQuant(inputs[0]);
  const output = activationQuant(outputs[0]);
  const weights = constantWeights(inputs[1]);
  const filter = inputs[1] as Tensor;
  const channels = filter.shape[channelAxis] as number;
  return {
    weights,
    bias: constantBias(inputs[2], channels),
    zeroPoint: input.zeroPoint,
    rescaling: convolutionRescaling(input, weightQuant(filter, channelAxis), output, channels, attrs.activation),
  };
}

/** [n, h, w, c] with its padding around it. */
interface PaddedShape {
  readonly rows: number;
  readonly columns: number;
  readonly length: number;
}

function paddedShape(input: Tensor | undefined, { pads }: ConvAttrs): PaddedShape {
  const [n, h, w, c] = dims4(input);
  const rows = h + pads[0] + pads[1];
  const columns = w + pads[2] + pads[3];
  const length = n * rows * columns * c;
  if (length > LARGEST_PADDED) refuseInt8(`padding to ${n}x${rows}x${columns}x${c} takes too much memory`, input);
  return { rows, columns, length };
}

/** Copies the input into the middle of its padded form. */
function copyInside(
  input: Tensor,
  { pads }: ConvAttrs,
  { rows, columns }: PaddedShape,
): (from: Int8Array, to: Float64Array | Int8Array) => void {
  const [n, h, w, c] = dims4(input);
  const [top, , left] = pads;
  const width = w * c;
  return (from, to) => {
    let source = 0;
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < h; i++) {
        const target = ((b * rows + top + i) * columns + left) * c;
        for (let k = 0; k < width; k++) to[target + k] = from[source + k] as number;
        source += width;
      }
    }
  };
}

/** Input index of the first tap of every window, outputs in row-major order. */
function windowOrigins(input: Tensor, output: Tensor, { strides }: ConvAttrs, padded: PaddedShape): Int32Array {
  const c = dims4(input)[3];
  const [n, oh, ow] = dims4(output);
  const origins = new Int32Array(n * oh * ow);
  let at = 0;
  for (let b = 0; b < n; b++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        origins[at++] = ((b * padded.rows + i * strides[0]) * padded.columns + j * strides[1]) * c;
      }
    }
  }
  return origins;
}

/** Bias less the zero point times the sum of a channel's weights, in int32 as the accumulator wraps. */
function foldZeroPoint(bias: Int32Array, weights: ArrayLike<number>, zeroPoint: number): Int32Array {
  const taps = weights.length / bias.length;
  return bias.map((value, c) => {
    let sum = 0;
    for (let k = 0; k < taps; k++) sum = (sum + (weights[c * taps + k] as number)) | 0;
    return (value - Math.imul(zeroPoint, sum)) | 0;
  });
}

/** conv2d: filter [O, kh, kw, I]. @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8Conv2d(operands: Int8Operands<ConvAttributes>): Int8Kernel {
  const { weights, bias, zeroPoint, rescaling } = prepareOperands(operands, 0);
  const { attrs } = operands;
  const [input, filter] = operands.inputs as [Tensor, Tensor];
  const output = operands.outputs[0] as Tensor;
  const [, kh, kw, c] = dims4(filter);
  const padded = paddedShape(input, attrs);
  const segments: Segment[] = [];
  for (let p = 0; p < kh; p++) {
    const row = p * attrs.dilations[0] * padded.columns;
    if (attrs.dilations[1] === 1) segments.push({ offset: row * c, length: kw * c });
    else for (let q = 0; q < kw; q++) segments.push({ offset: (row + q * attrs.dilations[1]) * c, length: c });
  }
  const multiply = prepareProducts({
    weights,
    channels: bias.length,
    segments,
    origins: windowOrigins(input, output, attrs, padded),
    bias: foldZeroPoint(bias, weights, zeroPoint),
    rescaling,
  });
  const values = new Float64Array(padded.length).fill(zeroPoint);
  const copy = copyInside(input, attrs, padded);
  return (inputs, outputs) => {
    copy(inputs[0] as Int8Array, values);
    multiply(values, outputs[0] as Int8Array);
  };
}

/**
 * dense: weights [O, I]; per tensor a zero point of the weights counts.
 * Sources: micro/kernels/fully_connected_common.cc, reference/integer_ops/fully_connected.h. Per tensor, TFLite and older
 * TFLite-Micro multiply the two scales in float32 (GetQuantizedConvolutionMultipler); the wheel of 2026-10 does it in float64,
 * as for channels. That moves a result only where it is a tie but for the last bits of the multiplier.
 * @throws IsplitError E_INT8_UNSUPPORTED
 */
export function prepareInt8Dense(operands: Int8Operands<Fusable>): Int8Kernel {
  const prepared = prepareOperands(operands, 0);
  const { bias, zeroPoint } = prepared;
  const filter = operands.inputs[1] as Tensor;
  const quant = weightQuant(filter, 0);
  const perTensor = quant.scale.length === 1;
  const weights = Int16Array.from(prepared.weights, (w) => w - (perTensor ? (quant.zeroPoint[0] ?? 0) : 0));
  const taps = filter.shape[1] as number;
  const input = operands.inputs[0] as Tensor;
  const values = new Float64Array(elementCount(input.shape));
  const multiply = prepareProducts({
    weights,
    channels: bias.length,
    segments: [{ offset: 0, length: taps }],
    origins: Int32Array.from({ length: values.length / taps }, (_, i) => i * taps),
    bias: foldZeroPoint(bias, weights, zeroPoint),
    rescaling: prepared.rescaling,
  });
  return (inputs, outputs) => {
    const x = inputs[0] as Int8Array;
    for (let i = 0; i < values.length; i++) values[i] = x[i] as number;
    multiply(values, outputs[0] as Int8Array);
  };
}

/** depthwise_conv2d: filter [1, kh, kw, C·m]. @throws IsplitError E_INT8_UNSUPPORTED */
export function prepareInt8DepthwiseConv2d(operands: Int8Operands<ConvAttributes>): Int8Kernel {
  const { weights, bias, zeroPoint, rescaling: toOutput } = prepareOperands(operands, 3);
  const { attrs } = operands;
  const [input, filter] = operands.inputs as [Tensor, Tensor];
  const output = operands.outputs[0] as Tensor;
  const c = dims4(input)[3];
  const [, kh, kw, channels] = dims4(filter);
  const multiplier = channels / c;
  const padded = paddedShape(input, attrs);
  const origins = windowOrigins(input, output, attrs, padded);
  const taps = kh * kw;
  const offsets = new Int32Array(taps);
  for (let p = 0; p < kh; p++) {
    for (let q = 0; q < kw; q++) {
      offsets[p * kw + q] = (p * attrs.dilations[0] * padded.columns + q * attrs.dilations[1]) * c;
    }
  }
  const byChannel = (k: number): number => weights[(k % taps) * channels + Math.floor(k / taps)] as number;
  const folded = foldZeroPoint(
    bias,
    Int8Array.from(weights, (_, k) => byChannel(k)),
    zeroPoint,
  );
  const copy = copyInside(input, attrs, padded);
  const values = new Int8Array(padded.length).fill(zeroPoint);
  const sums = new Int32Array(channels);
  const addTaps = taps === 9 && multiplier === 1 ? addNineTaps : addAnyTaps;
  const rescale = prepareRescale(toOutput);
  return (inputs, outputs) => {
    copy(inputs[0] as Int8Array, values);
    const y = outputs[0] as Int8Array;
    for (let window = 0; window < origins.length; window++) {
      addTaps(values, origins[window] as number, offsets, weights, folded, sums, multiplier);
      rescale(sums, 0, channels, 0, y, window * channels);
    }
  };
}

/** Sums of one window, all channels: the usual 3×3 without a channel multiplier. */
function addNineTaps(
  values: Int8Array,
  origin: number,
  offsets: Int32Array,
  weights: Int8Array,
  bias: Int32Array,
  sums: Int32Array,
): void {
  const n = sums.length;
  const p0 = origin + (offsets[0] as number);
  const p1 = origin + (offsets[1] as number);
  const p2 = origin + (offsets[2] as number);
  const p3 = origin + (offsets[3] as number);
  const p4 = origin + (offsets[4] as number);
  const p5 = origin + (offsets[5] as number);
  const p6 = origin + (offsets[6] as number);
  const p7 = origin + (offsets[7] as number);
  const p8 = origin + (offsets[8] as number);
  for (let k = 0; k < n; k++) {
    let acc = bias[k] as number;
    acc = (acc + Math.imul(values[p0 + k] as number, weights[k] as number)) | 0;
    acc = (acc + Math.imul(values[p1 + k] as number, weights[n + k] as number)) | 0;
    acc = (acc + Math.imul(values[p2 + k] as number, weights[2 * n + k] as number)) | 0;
    acc = (acc + Math.imul(values[p3 + k] as number, weights[3 * n + k] as number)) | 0;
    acc = (acc + Math.imul(values[p4 + k] as number, weights[4 * n + k] as number)) | 0;
    acc = (acc + Math.imul(values[p5 + k] as number, weights[5 * n + k] as number)) | 0;
    acc = (acc + Math.imul(values[p6 + k] as number, weights[6 * n + k] as number)) | 0;
    acc = (acc + Math.imul(values[p7 + k] as number, weights[7 * n + k] as number)) | 0;
    acc = (acc + Math.imul(values[p8 + k] as number, weights[8 * n + k] as number)) | 0;
    sums[k] = acc;
  }
}

/** Sums of one window, all channels, any kernel; output c · m + q reads input channel c. */
function addAnyTaps(
  values: Int8Array,
  origin: number,
  offsets: Int32Array,
  weights: Int8Array,
  bias: Int32Array,
  sums: Int32Array,
  multiplier: number,
): void {
  const n = sums.length;
  sums.set(bias);
  for (let t = 0; t < offsets.length; t++) {
    const from = origin + (offsets[t] as number);
    const w = t * n;
    if (multiplier === 1) {
      for (let k = 0; k < n; k++) {
        sums[k] = (sums[k] as number) + Math.imul(values[from + k] as number, weights[w + k] as number);
      }
      continue;
    }
    for (let c = 0, k = 0; k < n; c++) {
      const x = values[from + c] as number;
      for (let q = 0; q < multiplier; q++, k++) {
        sums[k] = (sums[k] as number) + Math.imul(x, weights[w + k] as number);
      }
    }
  }
}

/**
 * conv2d_transpose: filter [O, kh, kw, I]; every input adds its products to the outputs that it reaches.
 * @throws IsplitError E_INT8_UNSUPPORTED
 */
export function prepareInt8Conv2dTranspose(operands: Int8Operands<ConvAttributes>): Int8Kernel {
  const { weights, bias, zeroPoint, rescaling: toOutput } = prepareOperands(operands, 0);
  const { strides, dilations, pads } = operands.attrs;
  const [n, h, w, c] = dims4(operands.inputs[0]);
  const [o, kh, kw] = dims4(operands.inputs[1]);
  const [, height, width] = dims4(operands.outputs[0]);
  const sums = new Int32Array(n * height * width * o);
  const rescale = prepareRescale(toOutput);
  return (inputs, outputs) => {
    const x = inputs[0] as Int8Array;
    const y = outputs[0] as Int8Array;
    for (let at = 0; at < sums.length; at++) sums[at] = bias[at % o] as number;
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < h; i++) {
        for (let j = 0; j < w; j++) {
          const from = ((b * h + i) * w + j) * c;
          for (let p = 0; p < kh; p++) {
            const row = i * strides[0] - pads[0] + p * dilations[0];
            if (row < 0 || row >= height) continue;
            for (let q = 0; q < kw; q++) {
              const column = j * strides[1] - pads[2] + q * dilations[1];
              if (column < 0 || column >= width) continue;
              const to = ((b * height + row) * width + column) * o;
              for (let k = 0; k < o; k++) {
                const f = ((k * kh + p) * kw + q) * c;
                let acc = sums[to + k] as number;
                for (let m = 0; m < c; m++) {
                  acc = (acc + Math.imul((x[from + m] as number) - zeroPoint, weights[f + m] as number)) | 0;
                }
                sums[to + k] = acc;
              }
            }
          }
        }
      }
    }
    for (let at = 0; at < sums.length; at += o) rescale(sums, at, o, 0, y, at);
  };
}
