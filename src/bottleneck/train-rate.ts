/** How many bytes the wire will take once its codes are entropy-coded, as a loss: tables per channel, neighbours not considered. */
import type { GraphBuilder } from '../ir/builder.js';
import { elementCount } from '../ir/graph.js';
import { WIRE_CLAMP, type WireBits } from './bottleneck.js';

/** Up to so many codes each has a bin. Above, the bins span what a channel's codes span in the batch. */
const COUNTED_CODES = 16;
const BINS = 33;
/** Keeps the logarithm of a code that does not occur finite. */
const SMALLEST_SHARE = 1e-7;

/**
 * Zero-order entropy of the batch's codes, channel by channel, in bytes a sample. The value is that of the rounded codes; its slope is that of
 * a histogram to which each value gives its two neighbouring bins their shares: between two codes, the difference of their lengths. That is exact but
 * for the batch being small where each code has a bin: with up to 16 codes, and in channels of 8 bits that span no more than 33; a wider
 * channel's codes are taken to be equally frequent within a bin.
 * @param wire [batch, …, channels], in 0 … 6, before rounding
 * @param stride only every such sample counts, from the first on; the batch is a multiple of it
 * @returns id of a scalar
 */
export function appendCodedBytes(builder: GraphBuilder, wire: string, bits: WireBits, stride = 1): string {
  const op = (kind: string, inputs: readonly string[], attrs = {}): string =>
    builder.op(kind, inputs, attrs, { id: `rate/${kind}` });
  const { shape } = builder.type(wire);
  const [batch, channels] = [shape[0] as number, shape.at(-1) as number];
  const sampleElements = elementCount(shape) / batch;
  const counted =
    stride === 1
      ? wire
      : op('slice', [op('reshape', [wire], { shape: [-1, stride, sampleElements] })], {
          begin: [0, 0, 0],
          size: [-1, 1, -1],
        });
  const codes = 2 ** bits;
  const bins = codes <= COUNTED_CODES ? codes : BINS;
  const rows = op('reshape', [counted], { shape: [1, -1, channels] });
  const steps = op('mul', [rows, builder.scalar((codes - 1) / WIRE_CLAMP)]);
  const rounded = op('stop_gradient', [op('round', [steps])]);
  const span = bins === codes ? undefined : appendSpan(builder, rounded, bins);
  const binOf = (values: string): string => (span ? op('div', [op('sub', [values, span.lowest]), span.width]) : values);
  /** 1 where a value lies above a border, [borders, rows, channels]; planes of one border are what engines are quickest with. */
  const above = (values: string, first: number, count: number): string => {
    const borders = Float32Array.from({ length: count }, (_, k) => first + k);
    return op('greater', [values, builder.constant('rate/borders', [count, 1, 1], borders)]);
  };
  // Share of the codes that lie above each bin but the last, and from that the share of each bin, [bins, 1, channels].
  const beyond = op('mean', [above(binOf(rounded), 0.5, bins - 1)], { axes: [1], keepDims: true });
  const pad = (before: number, after: number, value: number): string =>
    op('pad', [beyond], { paddings: [before, after, 0, 0, 0, 0], value });
  const share = op('sub', [pad(1, 0, 1), pad(0, 1, 0)]);
  const length = op('mul', [
    op('log', [op('add', [share, builder.scalar(SMALLEST_SHARE)])]),
    builder.scalar(-1 / Math.LN2),
  ]);
  const entropy = op('sum', [op('mul', [share, length])], { axes: [0, 1, 2], keepDims: false });
  const part = (of: string, from: number, count: number): string =>
    op('slice', [of], { begin: [from, 0, 0], size: [count, -1, -1] });
  const change = (of: string, count: number): string => op('sub', [part(of, 1, count), part(of, 0, count)]);
  // What a value would add to its code's length on its way to the next one: that of the first pair of codes, and what changes at each code passed.
  const longer = change(length, bins - 1);
  const at = binOf(steps);
  let slope = part(longer, 0, 1);
  if (bins > 2) {
    const passed = op('mul', [above(at, 1, bins - 2), change(longer, bins - 2)]);
    slope = op('add', [slope, op('sum', [passed], { axes: [0], keepDims: true })]);
  }
  const moved = op('mul', [at, op('stop_gradient', [slope])]);
  const soft = op('sum', [op('mean', [moved], { axes: [1], keepDims: true })], { axes: [0, 1, 2], keepDims: false });
  // The value of the rounded codes with the slope of the others.
  const hard = op('stop_gradient', [entropy]);
  const sloped = op('add', [hard, op('sub', [soft, op('stop_gradient', [soft])])]);
  const bitsAPlace = span ? op('add', [sloped, span.bitsWithin]) : sloped;
  return op('mul', [bitsAPlace, builder.scalar(sampleElements / channels / 8)]);
}

/** Where the bins of each channel begin, and how many codes each takes, at least one: [1, 1, channels]; and the bits that tell those apart, a scalar. */
function appendSpan(
  builder: GraphBuilder,
  codes: string,
  bins: number,
): { readonly lowest: string; readonly width: string; readonly bitsWithin: string } {
  const op = (kind: string, inputs: readonly string[], attrs = {}): string =>
    builder.op(kind, inputs, attrs, { id: `rate/${kind}` });
  const negated = (id: string): string => op('mul', [id, builder.scalar(-1)]);
  const highestOf = (id: string): string => op('reduce_max', [id], { axes: [1], keepDims: true });
  const lowest = op('stop_gradient', [negated(highestOf(negated(codes)))]);
  const spread = op('mul', [op('sub', [highestOf(codes), lowest]), builder.scalar(1 / (bins - 1))]);
  const beyond = op('relu', [op('sub', [spread, builder.scalar(1)])]);
  const width = op('stop_gradient', [op('add', [beyond, builder.scalar(1)])]);
  const bits = op('mul', [op('log', [width]), builder.scalar(1 / Math.LN2)]);
  return { lowest, width, bitsWithin: op('sum', [bits], { axes: [0, 1, 2], keepDims: false }) };
}

/** Bytes that are not used are worth some, not as much as bytes too many. */
const BELOW = 0.15;

/** (bytes / wanted − 1)² above what is wanted, a part of it below: on target nothing, a tenth above it a hundredth. */
export function appendRateLoss(builder: GraphBuilder, bytes: string, wantedBytes: number): string {
  const op = (kind: string, inputs: readonly string[]): string => builder.op(kind, inputs, {}, { id: `rate/${kind}` });
  const beside = op('sub', [op('mul', [bytes, builder.scalar(1 / wantedBytes)]), builder.scalar(1)]);
  const above = op('relu', [beside]);
  const below = op('relu', [op('mul', [beside, builder.scalar(-1)])]);
  const square = (id: string): string => op('mul', [id, id]);
  return op('add', [square(above), op('mul', [square(below), builder.scalar(BELOW)])]);
}
