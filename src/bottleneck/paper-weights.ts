/** A start from data for the I-SPLIT paper's bottleneck, whose two stages have an activation between them. */
import { inverse, Matrix } from 'ml-matrix';
import { type ActivationSample, type BlockGrid, type Blocks, copyBlock } from './activations.js';
import type { BottleneckSpec } from './bottleneck.js';

import { codeOfComponents, type LinearCode, projectBlocks } from './linear-code.js';
import { paperHiddenChannels } from './parameters.js';
import { fitPca } from './pca.js';
import { drawMomentBlocks, embedBlocks, momentsOf, projectionWeights, thinBlocks } from './projection-weights.js';

const STRIDE = 2;
const KERNEL = 3;
/** Share of the hidden values that the relu may take off. */
const CLIPPED_SHARE = 0.005;
const ROUNDS = 8;

/**
 * Stage by stage: the first convolution projects 2 × 2 blocks to their principal components, shifted so that the relu leaves nearly all
 * of their values; the second does the same with the hidden values, ending on the wire. The hidden values' way back is linear least
 * squares with one bias a channel, all that a transposed convolution has.
 * @param spec with its channels settled
 */
export function startPaperBottleneck(
  spec: BottleneckSpec,
  sample: ActivationSample,
  seed: number,
): Map<string, Float32Array> {
  const hiddenChannels = paperHiddenChannels(sample.shape.at(-1) as number);
  const blocks = drawMomentBlocks(sample, STRIDE, seed);
  const code = codeOfComponents(fitPca(momentsOf(blocks), hiddenChannels), hiddenChannels);
  const fitted = thinBlocks(blocks);
  const z = projectBlocks(code, fitted);
  const shifts = Float64Array.from({ length: hiddenChannels }, (_, k) => {
    const sorted = z.slice(k * fitted.count, (k + 1) * fitted.count).sort();
    return sorted[Math.floor(CLIPPED_SHARE * sorted.length)] as number;
  });
  const hidden = hiddenActivations(sample, blocks.grid, code, shifts);
  const second: BottleneckSpec = { ...spec, encoder: 'conv3x3', stride: STRIDE };
  const inner = drawMomentBlocks(hidden, STRIDE, seed);
  const innerMoments = momentsOf(inner);
  const innerCode = codeOfComponents(fitPca(innerMoments, spec.channels), spec.channels);
  const wire = projectionWeights(second, innerCode, innerMoments, thinBlocks(inner));
  const outer = fitWayBack(fitted, z, shifts, code);
  return new Map([
    ['encoder/hidden/kernel', embedBlocks(Float32Array.from(code.encode), blocks.grid, hiddenChannels, KERNEL)],
    ['encoder/hidden/bias', shiftedBias(code, shifts)],
    ['encoder/kernel', wire.get('encoder/kernel') as Float32Array],
    ['encoder/bias', wire.get('encoder/bias') as Float32Array],
    ['decoder/offset', wire.get('decoder/offset') as Float32Array],
    [
      'decoder/hidden/kernel',
      embedBlocks(wire.get('decoder/kernel') as Float32Array, inner.grid, hiddenChannels, KERNEL, spec.channels),
    ],
    ['decoder/hidden/bias', wire.get('decoder/bias') as Float32Array],
    ['decoder/kernel', embedBlocks(outer.kernel, blocks.grid, blocks.grid.channels, KERNEL, hiddenChannels)],
    ['decoder/bias', outer.bias],
  ]);
}

/** −E · centre − shift. */
function shiftedBias(code: LinearCode, shifts: Float64Array): Float32Array {
  return Float32Array.from(shifts, (shift, k) => {
    let sum = shift;
    for (let i = 0; i < code.dimension; i++) {
      sum += (code.encode[k * code.dimension + i] as number) * (code.centre[i % code.centre.length] as number);
    }
    return -sum;
  });
}

/** relu(E (x − centre) − shift) at every place behind the first convolution. */
function hiddenActivations(
  sample: ActivationSample,
  grid: BlockGrid,
  code: LinearCode,
  shifts: Float64Array,
): ActivationSample {
  const places = grid.rows * grid.columns;
  const elements = grid.height * grid.width * grid.channels;
  const { channels } = code;
  const values = new Float32Array(sample.count * places * channels);
  const blocks = { grid, count: places, values: new Float32Array(places * grid.elements) };
  for (let s = 0; s < sample.count; s++) {
    for (let i = 0; i < places; i++) copyBlock(grid, sample.values, s * elements, i, blocks.values, i * grid.elements);
    const z = projectBlocks(code, blocks);
    for (let i = 0; i < places; i++) {
      for (let k = 0; k < channels; k++) {
        values[(s * places + i) * channels + k] = Math.max(0, (z[k * places + i] as number) - (shifts[k] as number));
      }
    }
  }
  return { shape: [grid.rows, grid.columns, channels], count: sample.count, values };
}

/** W and b (one a channel) of least squares for x ≈ tile(b) + W h: each in turn, starting from the channels' means. */
function fitWayBack(
  blocks: Blocks,
  z: Float32Array,
  shifts: Float64Array,
  code: LinearCode,
): { kernel: Float32Array; bias: Float32Array } {
  const { count, values, grid } = blocks;
  const { dimension, channels, centre } = code;
  const hiddenRow = (k: number, b: number): number => Math.max(0, (z[k * count + b] as number) - (shifts[k] as number));
  const gram = new Matrix(channels, channels);
  const cross = new Matrix(dimension, channels);
  const hiddenMean = new Float64Array(channels);
  const mean = new Float64Array(dimension);
  for (let b = 0; b < count; b++) {
    const h = Array.from({ length: channels }, (_, k) => hiddenRow(k, b));
    for (let k = 0; k < channels; k++) {
      hiddenMean[k] = (hiddenMean[k] as number) + (h[k] as number) / count;
      for (let l = 0; l < channels; l++) gram.set(k, l, gram.get(k, l) + ((h[k] as number) * (h[l] as number)) / count);
    }
    for (let i = 0; i < dimension; i++) {
      const x = values[b * dimension + i] as number;
      mean[i] = (mean[i] as number) + x / count;
      for (let k = 0; k < channels; k++) cross.set(i, k, cross.get(i, k) + (x * (h[k] as number)) / count);
    }
  }
  const ridge = 1e-9 * Math.max(gram.trace() / channels, Number.MIN_VALUE);
  for (let k = 0; k < channels; k++) gram.set(k, k, gram.get(k, k) + ridge);
  const gramInverse = inverse(gram);
  let bias = Float64Array.from(centre);
  let kernel = new Matrix(dimension, channels);
  for (let round = 0; round < ROUNDS; round++) {
    const centred = cross.clone();
    for (let i = 0; i < dimension; i++) {
      for (let k = 0; k < channels; k++) {
        centred.set(i, k, centred.get(i, k) - (bias[i % grid.channels] as number) * (hiddenMean[k] as number));
      }
    }
    kernel = centred.mmul(gramInverse);
    const next = new Float64Array(grid.channels);
    const places = dimension / grid.channels;
    for (let i = 0; i < dimension; i++) {
      let predicted = 0;
      for (let k = 0; k < channels; k++) predicted += kernel.get(i, k) * (hiddenMean[k] as number);
      next[i % grid.channels] = (next[i % grid.channels] as number) + ((mean[i] as number) - predicted) / places;
    }
    bias = next;
  }
  return { kernel: decoderLayout(kernel, grid), bias: Float32Array.from(bias) };
}

/** dimension × hidden as [channels, stride, stride, hidden]. */
function decoderLayout(matrix: Matrix, grid: BlockGrid): Float32Array {
  const places = grid.stride * grid.stride;
  const out = new Float32Array(matrix.rows * matrix.columns);
  for (let c = 0; c < grid.channels; c++) {
    for (let p = 0; p < places; p++) {
      for (let k = 0; k < matrix.columns; k++) {
        out[(c * places + p) * matrix.columns + k] = matrix.get(p * grid.channels + c, k);
      }
    }
  }
  return out;
}
