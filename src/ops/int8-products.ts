/**
 * The inner products of conv2d and dense. Two output channels share one float64: weight pairs are packed as
 * w₀ + w₁ · 2^26, so one multiply-add does both, exactly, as long as neither sum leaves ±2^25. V8 has no integer SIMD;
 * this is about three times as fast as int32 arithmetic.
 */
import { prepareRescale, type Rescaling } from './int8-rescaling.js';

const LANE = 2 ** 26;
/** Added and taken away again, it rounds a sum to a multiple of LANE: it is so large that nothing smaller fits its fraction. */
const ROUND_TO_LANE = 1.5 * 2 ** 52 * LANE;
const LARGEST_LANE_SUM = 2 ** 25 - 1;
/** Channels computed together: four float64 of two lanes. */
const BLOCK = 8;
/** Outputs whose inputs stay in the cache while all channels pass over them. */
const TILE = 64;

/** A run of values that are consecutive in the input, relative to a window's origin. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
}

export interface Products {
  /** [channels][taps]; magnitudes at most 255. */
  readonly weights: ArrayLike<number>;
  readonly channels: number;
  /** Where the taps of one window lie; together as many as there are taps, in the order of the weights. */
  readonly segments: readonly Segment[];
  /** Origin of every window in the input, in the order of the outputs. */
  readonly origins: Int32Array;
  /** int32, the input's zero point folded in. */
  readonly bias: Int32Array;
  readonly rescaling: Rescaling;
}

/**
 * @returns kernel: `input` holds int8 values as float64; the outputs are [window][channel].
 */
export function prepareProducts(products: Products): (input: Float64Array, output: Int8Array) => void {
  const { weights, channels, origins } = products;
  const taps = weights.length / channels;
  const packed = packLanes(weights, channels, taps);
  const groups = groupSegments(products.segments, largestMagnitude(weights));
  const rescale = prepareRescale(products.rescaling);
  const blocks = Math.ceil(channels / BLOCK);
  const bias = new Int32Array(blocks * BLOCK);
  bias.set(products.bias);
  /** Sums of two windows. */
  const sums = new Int32Array(2 * BLOCK);

  return (input, output) => {
    for (let tile = 0; tile < origins.length; tile += TILE) {
      const end = Math.min(tile + TILE, origins.length);
      for (let block = 0; block < blocks; block++) {
        const first = block * BLOCK;
        const count = Math.min(BLOCK, channels - first);
        const start = block * taps * 4;
        let window = tile;
        for (; window + 1 < end; window += 2) {
          for (let c = 0; c < BLOCK; c++) sums[c] = sums[BLOCK + c] = bias[first + c] as number;
          let w = start;
          for (let g = 0; g < groups.length; g++) {
            const group = groups[g] as Group;
            addPair(input, origins[window] as number, origins[window + 1] as number, packed, w, group, sums);
            w += group.taps * 4;
          }
          rescale(sums, 0, count, first, output, window * channels + first);
          rescale(sums, BLOCK, count, first, output, (window + 1) * channels + first);
        }
        if (window < end) {
          for (let c = 0; c < BLOCK; c++) sums[c] = bias[first + c] as number;
          let w = start;
          for (let g = 0; g < groups.length; g++) {
            const group = groups[g] as Group;
            addOne(input, origins[window] as number, packed, w, group, sums);
            w += group.taps * 4;
          }
          rescale(sums, 0, count, first, output, window * channels + first);
        }
      }
    }
  };
}

/** Segments that are summed before lanes could run into each other. */
interface Group {
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;
  readonly taps: number;
}

function groupSegments(segments: readonly Segment[], magnitude: number): Group[] {
  const most = Math.max(Math.floor(LARGEST_LANE_SUM / (128 * Math.max(magnitude, 1))), 1);
  const groups: Segment[][] = [[]];
  let taps = 0;
  for (const { offset, length } of segments) {
    for (let start = 0; start < length; ) {
      if (taps === most) {
        groups.push([]);
        taps = 0;
      }
      const part = Math.min(length - start, most - taps);
      (groups.at(-1) as Segment[]).push({ offset: offset + start, length: part });
      start += part;
      taps += part;
    }
  }
  return groups.map((group) => ({
    offsets: Int32Array.from(group, (s) => s.offset),
    lengths: Int32Array.from(group, (s) => s.length),
    taps: group.reduce((sum, s) => sum + s.length, 0),
  }));
}

function largestMagnitude(values: ArrayLike<number>): number {
  let max = 0;
  for (let i = 0; i < values.length; i++) max = Math.max(max, Math.abs(values[i] as number));
  return max;
}

/** [block][tap][4] of two lanes each; channels past the last are 0. */
function packLanes(weights: ArrayLike<number>, channels: number, taps: number): Float64Array {
  const packed = new Float64Array(Math.ceil(channels / BLOCK) * taps * 4);
  for (let c = 0; c < channels; c++) {
    const block = Math.floor(c / BLOCK);
    const pair = (c % BLOCK) >> 1;
    const unit = c % 2 === 0 ? 1 : LANE;
    for (let k = 0; k < taps; k++) {
      const at = (block * taps + k) * 4 + pair;
      packed[at] = (packed[at] as number) + (weights[c * taps + k] as number) * unit;
    }
  }
  return packed;
}

function addLanes(sums: Int32Array, at: number, sum: number): void {
  const upper = sum + ROUND_TO_LANE - ROUND_TO_LANE;
  sums[at] = (sums[at] as number) + ((sum - upper) | 0);
  sums[at + 1] = (sums[at + 1] as number) + ((upper / LANE) | 0);
}

/** Adds one group's products of two windows. */
function addPair(
  input: Float64Array,
  origin0: number,
  origin1: number,
  packed: Float64Array,
  start: number,
  { offsets, lengths }: Group,
  sums: Int32Array,
): void {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let e = 0;
  let f = 0;
  let g = 0;
  let h = 0;
  let at = start;
  for (let s = 0; s < offsets.length; s++) {
    const p = origin0 + (offsets[s] as number);
    const q = origin1 + (offsets[s] as number);
    const length = lengths[s] as number;
    for (let k = 0; k < length; k++, at += 4) {
      const x = input[p + k] as number;
      const y = input[q + k] as number;
      let w = packed[at] as number;
      a += x * w;
      e += y * w;
      w = packed[at + 1] as number;
      b += x * w;
      f += y * w;
      w = packed[at + 2] as number;
      c += x * w;
      g += y * w;
      w = packed[at + 3] as number;
      d += x * w;
      h += y * w;
    }
  }
  addLanes(sums, 0, a);
  addLanes(sums, 2, b);
  addLanes(sums, 4, c);
  addLanes(sums, 6, d);
  addLanes(sums, 8, e);
  addLanes(sums, 10, f);
  addLanes(sums, 12, g);
  addLanes(sums, 14, h);
}

/** Adds one group's products of one window. */
function addOne(
  input: Float64Array,
  origin: number,
  packed: Float64Array,
  start: number,
  { offsets, lengths }: Group,
  sums: Int32Array,
): void {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let at = start;
  for (let s = 0; s < offsets.length; s++) {
    const p = origin + (offsets[s] as number);
    const length = lengths[s] as number;
    for (let k = 0; k < length; k++, at += 4) {
      const x = input[p + k] as number;
      a += x * (packed[at] as number);
      b += x * (packed[at + 1] as number);
      c += x * (packed[at + 2] as number);
      d += x * (packed[at + 3] as number);
    }
  }
  addLanes(sums, 0, a);
  addLanes(sums, 2, b);
  addLanes(sums, 4, c);
  addLanes(sums, 6, d);
}
