/** Weights of one-stage bottlenecks from a linear code of the blocks behind each place on the wire. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { elementCount, type Shape } from '../ir/graph.js';
import { samePadding } from '../ops/window.js';
import { type ActivationSample, type BlockGrid, type Blocks, blockGrid, drawBlocks } from './activations.js';
import type { BottleneckSpec } from './bottleneck.js';
import { chooseCommonStep, sortChannels } from './common-step.js';
import {
  type ChannelRange,
  type ComponentCode,
  chooseRanges,
  fitCode,
  type LinearCode,
  projectBlocks,
  withBestDecoder,
} from './linear-code.js';
import { BlockMoments, metricOfSlopes, principalComponents } from './pca.js';
import { wireShapeOf } from './spec.js';

/** How many blocks moments are taken over. */
export interface MomentEffort {
  /** Multiplications that the moments may take. */
  readonly work: number;
  /** Blocks for each of a block's values, whatever work that is. */
  readonly blocksPerDimension: number;
}

/** A fraction of a second. */
export const THOROUGH: MomentEffort = { work: 2 ** 28, blocksPerDimension: 8 };
/** Many cuts, one after the other. */
export const QUICK: MomentEffort = { work: 2 ** 24, blocksPerDimension: 3 };
/** More than this change nothing. */
const MOST_BLOCKS = 65_536;
/** Blocks on which ranges are chosen. */
const RANGE_BLOCKS = 8192;

/** Blocks enough for moments of this dimension, within bounds on the work. */
export function drawMomentBlocks(
  sample: ActivationSample,
  stride: number,
  seed: number,
  { work, blocksPerDimension }: MomentEffort = THOROUGH,
): Blocks {
  const { elements } = blockGrid(sample.shape, stride);
  const most = Math.max(blocksPerDimension * elements, Math.floor(work / elements ** 2));
  return drawBlocks(sample, stride, Math.min(most, MOST_BLOCKS), seed);
}

export function momentsOf(blocks: Blocks): BlockMoments {
  const moments = new BlockMoments(blocks.grid);
  moments.add(blocks.values, blocks.count);
  return moments;
}

/** A code for the blocks of a stride, weighted by the sample's gradients where it has them. */
export interface FittedBlocks extends ComponentCode {
  readonly blocks: Blocks;
  readonly moments: BlockMoments;
}

export function fitSample(
  sample: ActivationSample,
  stride: number,
  channels: number,
  seed: number,
  effort: MomentEffort = THOROUGH,
): FittedBlocks {
  const blocks = drawMomentBlocks(sample, stride, seed, effort);
  const moments = momentsOf(blocks);
  const { gradients } = sample;
  const metric =
    gradients && metricOfSlopes(momentsOf(drawMomentBlocks({ ...sample, values: gradients }, stride, seed, effort)));
  return { blocks, moments, ...fitCode(moments, channels, metric) };
}

/** The first blocks of those drawn are no worse than others: they were drawn in order of samples, so every nth is taken. */
export function thinBlocks(blocks: Blocks, most = RANGE_BLOCKS): Blocks {
  if (blocks.count <= most) return blocks;
  const d = blocks.grid.elements;
  const values = new Float32Array(most * d);
  for (let i = 0; i < most; i++) {
    const from = Math.floor((i * blocks.count) / most) * d;
    values.set(blocks.values.subarray(from, from + d), i * d);
  }
  return { grid: blocks.grid, count: most, values };
}

/** @param z channels × blocks */
export type RangeChoice = (z: Float32Array, channels: number) => readonly ChannelRange[];

/** One step for all channels such that the codes take `codedBytes` on average; without a target, each channel by its own least error. */
export function rangeChoice(spec: BottleneckSpec, shape: Shape, codedBytes: number | undefined): RangeChoice {
  if (codedBytes === undefined) return (z, channels) => chooseRanges(z, channels, spec.bits);
  const places = elementCount(wireShapeOf({ ...spec, channels: 1 }, shape));
  return (z, channels) => chooseCommonStep(sortChannels(z, channels), channels, spec.bits, places, codedBytes).ranges;
}

/**
 * Weights of a one-stage bottleneck from a linear code of its blocks.
 * @param spec any encoder but i-split
 * @param moments of blocks of the spec's stride
 * @param blocks on which the ranges are chosen
 */
export function projectionWeights(
  spec: BottleneckSpec,
  code: LinearCode,
  moments: BlockMoments,
  blocks: Blocks,
  rangesOf: RangeChoice = (z, channels) => chooseRanges(z, channels, spec.bits),
): Map<string, Float32Array> {
  const { grid } = blocks;
  if (spec.encoder === 'separable3x3') return separableWeights(spec, moments, blocks, rangesOf);
  const ranges = rangesOf(projectBlocks(code, blocks), code.channels);
  const kernelSize = spec.encoder === 'conv3x3' ? 3 : spec.stride;
  const { kernel, bias } = encoderWeights(code, ranges);
  return new Map([
    ['encoder/kernel', embedBlocks(kernel, grid, code.channels, kernelSize)],
    ['encoder/bias', bias],
    ...decoderWeights(code, ranges, grid),
  ]);
}

/** w = gain · (E (x − centre) − low), one row an output channel. */
function encoderWeights(
  code: LinearCode,
  ranges: readonly ChannelRange[],
): { kernel: Float32Array; bias: Float32Array } {
  const { dimension, encode, centre } = code;
  const kernel = new Float32Array(encode.length);
  const bias = new Float32Array(code.channels);
  ranges.forEach(({ gain, low }, k) => {
    let offset = low;
    for (let i = 0; i < dimension; i++) {
      const weight = encode[k * dimension + i] as number;
      kernel[k * dimension + i] = gain * weight;
      offset += weight * (centre[i % centre.length] as number);
    }
    bias[k] = -gain * offset;
  });
  return { kernel, bias };
}

/** x = centre + D (w / gain + low); a strided decoder adds gain · low before its kernel, others in their bias. */
function decoderWeights(code: LinearCode, ranges: readonly ChannelRange[], grid: BlockGrid): [string, Float32Array][] {
  const { channels, dimension, decode, centre } = code;
  // A channel that never changes carries nothing: what it would add is added by a gain of 1.
  const gains = ranges.map(({ gain }) => gain || 1);
  const cutChannels = grid.channels;
  const places = dimension / cutChannels;
  const kernel = new Float32Array(decode.length);
  for (let c = 0; c < cutChannels; c++) {
    for (let p = 0; p < places; p++) {
      for (let k = 0; k < channels; k++) {
        const value = decode[(p * cutChannels + c) * channels + k] as number;
        kernel[(c * places + p) * channels + k] = value / (gains[k] as number);
      }
    }
  }
  const bias = Float32Array.from(centre);
  if (grid.stride > 1) {
    const offset = Float32Array.from(ranges, ({ low }, k) => low * (gains[k] as number));
    return [
      ['decoder/kernel', kernel],
      ['decoder/bias', bias],
      ['decoder/offset', offset],
    ];
  }
  for (let c = 0; c < cutChannels; c++) {
    let sum = centre[c] as number;
    ranges.forEach(({ low }, k) => {
      sum += (decode[c * channels + k] as number) * low;
    });
    bias[c] = sum;
  }
  return [
    ['decoder/kernel', kernel],
    ['decoder/bias', bias],
  ];
}

/**
 * Kernels over a block, placed in kernels of `size` × `size` where SAME padding of that kernel has the block.
 * @param kernel [outputs, stride, stride, inputs]
 */
export function embedBlocks(
  kernel: Float32Array,
  grid: BlockGrid,
  outputs: number,
  size: number,
  inputs = grid.channels,
): Float32Array {
  const { stride } = grid;
  if (size === stride) return kernel;
  const [down, right] = blockOffset(grid, size);
  const embedded = new Float32Array(outputs * size * size * inputs);
  for (let k = 0; k < outputs; k++) {
    for (let p = 0; p < stride; p++) {
      for (let q = 0; q < stride; q++) {
        const from = ((k * stride + p) * stride + q) * inputs;
        embedded.set(kernel.subarray(from, from + inputs), ((k * size + p + down) * size + q + right) * inputs);
      }
    }
  }
  return embedded;
}

/** Row and column of a kernel of this size at which the block begins. */
function blockOffset(grid: BlockGrid, size: number): [number, number] {
  return [
    samePadding(grid.height, size, grid.stride)[0] - grid.top,
    samePadding(grid.width, size, grid.stride)[0] - grid.left,
  ];
}

/**
 * Each cut channel's places by their principal direction, which is what the depthwise kernel can see of them; then the principal
 * components of these values, and the best linear way back to all places.
 */
function separableWeights(
  spec: BottleneckSpec,
  moments: BlockMoments,
  blocks: Blocks,
  rangesOf: RangeChoice,
): Map<string, Float32Array> {
  const { grid } = blocks;
  const { dimension } = moments;
  const cutChannels = grid.channels;
  const channels = Math.min(spec.channels, cutChannels);
  const places = dimension / cutChannels;
  const centre = moments.channelMeans();
  const about = moments.about(centre);
  // cutChannels × dimension: row c looks at the places of channel c.
  const directions = new Matrix(cutChannels, dimension);
  for (let c = 0; c < cutChannels; c++) {
    const own = new Matrix(places, places);
    for (let p = 0; p < places; p++) {
      for (let q = 0; q < places; q++) {
        own.set(p, q, about[(p * cutChannels + c) * dimension + q * cutChannels + c] as number);
      }
    }
    leadingDirection(own).forEach((v, p) => {
      directions.set(c, p * cutChannels + c, v);
    });
  }
  const all = Matrix.from1DArray(dimension, dimension, about);
  const seen = Float64Array.from(directions.mmul(all).mmul(directions.transpose()).to1DArray());
  const { components } = principalComponents(seen, cutChannels, channels, new Float64Array(cutChannels));
  // More channels than the depthwise kernel tells apart: the rest starts at zero.
  const pointwise = Matrix.zeros(spec.channels, cutChannels);
  for (let k = 0; k < channels; k++) pointwise.setRow(k, components.subarray(k * cutChannels, (k + 1) * cutChannels));
  const encode = Float64Array.from(pointwise.mmul(directions).to1DArray());
  const best = withBestDecoder(encode, spec.channels, centre, about);
  const ranges = rangesOf(projectBlocks(best, blocks), spec.channels);
  const depthwise = new Float32Array(places * cutChannels);
  for (let p = 0; p < places; p++) {
    for (let c = 0; c < cutChannels; c++) depthwise[p * cutChannels + c] = directions.get(c, p * cutChannels + c);
  }
  const kernel = new Float32Array(spec.channels * cutChannels);
  ranges.forEach(({ gain }, k) => {
    for (let c = 0; c < cutChannels; c++) kernel[k * cutChannels + c] = gain * pointwise.get(k, c);
  });
  return new Map([
    ['encoder/depthwise/kernel', embedBlocks(depthwise, grid, 1, 3)],
    ['encoder/depthwise/bias', new Float32Array(cutChannels)],
    ['encoder/kernel', kernel],
    ['encoder/bias', encoderWeights(best, ranges).bias],
    ...decoderWeights(best, ranges, grid),
  ]);
}

/** Eigenvector of the largest eigenvalue, its largest entry positive. */
function leadingDirection(symmetric: Matrix): number[] {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(symmetric, { assumeSymmetric: true });
  const vector = eigenvectorMatrix.getColumn(realEigenvalues.indexOf(Math.max(...realEigenvalues)));
  const peak = vector.reduce((most, v) => (Math.abs(v) > Math.abs(most) ? v : most), 0);
  return peak < 0 ? vector.map((v) => -v) : vector;
}
