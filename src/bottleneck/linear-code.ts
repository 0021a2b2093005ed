/** A linear code of blocks: projection to few values, ranges of the codes, and the way back. */
import { CholeskyDecomposition, inverse, Matrix } from 'ml-matrix';
import type { Blocks } from './activations.js';
import type { WireBits } from './bottleneck.js';
import { WIRE_CLAMP } from './bottleneck.js';
import { type ClipRange, chooseClipRange } from './clip-range.js';
import { type BlockMetric, type BlockMoments, type Pca, principalComponents } from './pca.js';

/** z = encode · (x − centre); x ≈ centre + decode · z. The centre has one value a channel, the same at all places of a block. */
export interface LinearCode {
  readonly dimension: number;
  readonly channels: number;
  readonly centre: Float64Array;
  /** channels × dimension, row-major. */
  readonly encode: Float64Array;
  /** dimension × channels, row-major. */
  readonly decode: Float64Array;
}

/** How the values of one channel lie on the wire: w = (z − low) · gain in [0, 6]. */
export interface ChannelRange extends ClipRange {
  /** 0 for a channel that never changes. */
  readonly gain: number;
}

export function codeOfComponents(pca: Pca, channels: number): LinearCode {
  const { dimension, centre } = pca;
  const encode = pca.components.slice(0, channels * dimension);
  const decode = new Float64Array(dimension * channels);
  for (let k = 0; k < channels; k++) {
    for (let i = 0; i < dimension; i++) decode[i * channels + k] = encode[k * dimension + i] as number;
  }
  return { dimension, channels, centre, encode, decode };
}

/** A code by principal components, and what each of them carries of the (weighted) variance. */
export interface ComponentCode {
  readonly code: LinearCode;
  readonly variances: Float64Array;
  readonly totalVariance: number;
}

/**
 * The projection to `channels` values that loses least, errors measured by a metric: principal components V of Lᵀx, where
 * L · Lᵀ is the metric; encode = Vᵀ Lᵀ, decode = L⁻ᵀ V. Without a metric plain principal components.
 */
export function fitCode(moments: BlockMoments, channels: number, metric?: BlockMetric): ComponentCode {
  const { dimension } = moments;
  const centre = moments.channelMeans();
  const covariance = moments.about(centre);
  if (!metric) {
    const pca = principalComponents(covariance, dimension, channels, centre);
    return { code: codeOfComponents(pca, channels), variances: pca.variances, totalVariance: pca.totalVariance };
  }
  // Any root of the metric gives the same projection: L of L · Lᵀ is the cheapest.
  const root = new CholeskyDecomposition(Matrix.from1DArray(dimension, dimension, metric)).lowerTriangularMatrix;
  const pca = principalComponents(weighByRoot(covariance, root), dimension, channels, centre);
  const components = Matrix.from1DArray(channels, dimension, pca.components);
  const encode = Float64Array.from(components.mmul(root.transpose()).to1DArray());
  const decode = Float64Array.from(solveTransposed(root, components.transpose()).to1DArray());
  const code = { dimension, channels, centre, encode, decode };
  return { code, variances: pca.variances, totalVariance: pca.totalVariance };
}

/** Lᵀ S L, S symmetric, L lower triangular: in a third of the multiplications of two products of full matrices. */
function weighByRoot(symmetric: Float64Array, lower: Matrix): Float64Array {
  const d = lower.rows;
  const root = Float64Array.from(lower.to1DArray());
  const product = new Float64Array(d * d);
  for (let i = 0; i < d; i++) {
    const out = product.subarray(i * d, (i + 1) * d);
    for (let k = 0; k < d; k++) {
      const s = symmetric[i * d + k] as number;
      const row = k * d;
      for (let j = 0; j <= k; j++) out[j] = (out[j] as number) + s * (root[row + j] as number);
    }
  }
  const weighted = new Float64Array(d * d);
  for (let k = 0; k < d; k++) {
    const from = product.subarray(k * d, (k + 1) * d);
    for (let i = 0; i <= k; i++) {
      const r = root[k * d + i] as number;
      const row = i * d;
      for (let j = i; j < d; j++) weighted[row + j] = (weighted[row + j] as number) + r * (from[j] as number);
    }
  }
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < i; j++) weighted[i * d + j] = weighted[j * d + i] as number;
  }
  return weighted;
}

/** x of Lᵀ x = b, column by column, L lower triangular: from the last row up. */
function solveTransposed(lower: Matrix, b: Matrix): Matrix {
  const x = b.clone();
  for (let i = lower.rows - 1; i >= 0; i--) {
    for (let j = i + 1; j < lower.rows; j++) {
      const factor = lower.get(j, i);
      if (factor !== 0) for (let c = 0; c < x.columns; c++) x.set(i, c, x.get(i, c) - factor * x.get(j, c));
    }
    x.mulRow(i, 1 / lower.get(i, i));
  }
  return x;
}

/** The first channels of a code. */
export function narrowCode(code: LinearCode, channels: number): LinearCode {
  const { dimension } = code;
  const decode = new Float64Array(dimension * channels);
  for (let i = 0; i < dimension; i++) {
    for (let k = 0; k < channels; k++) decode[i * channels + k] = code.decode[i * code.channels + k] as number;
  }
  return { ...code, channels, encode: code.encode.slice(0, channels * dimension), decode };
}

/**
 * The best way back from any projection: decode = S Eᵀ (E S Eᵀ)⁻¹, S the second moments of the blocks about the centre (linear least
 * squares). A hair of ridge keeps channels that repeat one another apart.
 */
export function withBestDecoder(
  encode: Float64Array,
  channels: number,
  centre: Float64Array,
  moments: Float64Array,
): LinearCode {
  const dimension = encode.length / channels;
  const e = Matrix.from1DArray(channels, dimension, encode);
  const se = Matrix.from1DArray(dimension, dimension, moments).mmul(e.transpose());
  const gram = e.mmul(se);
  const ridge = 1e-9 * Math.max(gram.trace() / channels, Number.MIN_VALUE);
  for (let k = 0; k < channels; k++) gram.set(k, k, gram.get(k, k) + ridge);
  const decode = Float64Array.from(se.mmul(inverse(gram)).to1DArray());
  return { dimension, channels, centre, encode, decode };
}

/** z of every block, channel after channel: channels × blocks. */
export function projectBlocks(
  code: Pick<LinearCode, 'encode' | 'centre' | 'channels' | 'dimension'>,
  blocks: Blocks,
): Float32Array {
  const { encode, centre, channels, dimension } = code;
  const z = new Float32Array(channels * blocks.count);
  for (let k = 0; k < channels; k++) {
    const row = k * dimension;
    let offset = 0;
    for (let i = 0; i < dimension; i++) offset += (encode[row + i] as number) * (centre[i % centre.length] as number);
    for (let b = 0; b < blocks.count; b++) {
      const at = b * dimension;
      let sum = -offset;
      for (let i = 0; i < dimension; i++) sum += (encode[row + i] as number) * (blocks.values[at + i] as number);
      z[k * blocks.count + b] = sum;
    }
  }
  return z;
}

/** The range of each channel that loses least with this many bits. @param z channels × blocks */
export function chooseRanges(z: Float32Array, channels: number, bits: WireBits): ChannelRange[] {
  const count = z.length / channels;
  return Array.from({ length: channels }, (_, k) => {
    const range = chooseClipRange(z.subarray(k * count, (k + 1) * count), bits);
    const gain = range.high > range.low ? WIRE_CLAMP / (range.high - range.low) : 0;
    return { ...range, gain };
  });
}
