/** Principal components of blocks of activations. */
import { EigenvalueDecomposition, Matrix, QrDecomposition } from 'ml-matrix';
import { createRandom } from '../core/random.js';
import type { BlockGrid } from './activations.js';

/** Orthonormal directions of largest variance. */
export interface Pca {
  readonly dimension: number;
  /** What is taken off before projecting: the mean of each channel, the same at all places of a block. */
  readonly centre: Float64Array;
  /** components × dimension, row-major, largest variance first; the entry of largest magnitude of a row is positive. */
  readonly components: Float64Array;
  /** Mean square along each component. */
  readonly variances: Float64Array;
  /** Mean square of the blocks about the centre, all directions together. */
  readonly totalVariance: number;
}

/** Sums of the products of all pairs of a block's values, taken in as the blocks come. */
export class BlockMoments {
  readonly dimension: number;
  readonly channels: number;
  readonly #sums: Float64Array;
  /** Upper triangle. */
  readonly #products: Float64Array;
  #count = 0;

  constructor(grid: Pick<BlockGrid, 'elements' | 'channels'>) {
    this.dimension = grid.elements;
    this.channels = grid.channels;
    this.#sums = new Float64Array(this.dimension);
    this.#products = new Float64Array(this.dimension * this.dimension);
  }

  get count(): number {
    return this.#count;
  }

  /** @param blocks `count` blocks one after the other */
  add(blocks: Float32Array, count: number): void {
    const d = this.dimension;
    const [sums, products] = [this.#sums, this.#products];
    const values = Float64Array.from(blocks.subarray(0, count * d));
    const zeros = new Float64Array(d);
    // Four blocks in one walk over the products: reading and writing these is what takes time.
    for (let b = 0; b < count; b += 4) {
      const block = (n: number): Float64Array =>
        b + n < count ? values.subarray((b + n) * d, (b + n + 1) * d) : zeros;
      const [b0, b1, b2, b3] = [block(0), block(1), block(2), block(3)];
      for (let i = 0; i < d; i++) {
        const v0 = b0[i] as number;
        const v1 = b1[i] as number;
        const v2 = b2[i] as number;
        const v3 = b3[i] as number;
        // Half of what a relu gives is zero.
        if (v0 === 0 && v1 === 0 && v2 === 0 && v3 === 0) continue;
        sums[i] = (sums[i] as number) + v0 + v1 + v2 + v3;
        const row = i * d;
        for (let j = i; j < d; j++) {
          products[row + j] =
            (products[row + j] as number) +
            (v0 * (b0[j] as number) + v1 * (b1[j] as number) + (v2 * (b2[j] as number) + v3 * (b3[j] as number)));
        }
      }
    }
    this.#count += count;
  }

  /** Mean of each channel over all places of the blocks. */
  channelMeans(): Float64Array {
    const means = new Float64Array(this.channels);
    for (let i = 0; i < this.dimension; i++)
      means[i % this.channels] = (means[i % this.channels] as number) + (this.#sums[i] as number);
    const places = (this.dimension / this.channels) * this.#count;
    return means.map((sum) => sum / places);
  }

  /**
   * Mean of (x − centre)(x − centre)ᵀ, dimension × dimension.
   * @param centre one value a channel
   */
  about(centre: Float64Array): Float64Array {
    const d = this.dimension;
    const n = this.#count;
    const out = new Float64Array(d * d);
    const c = (i: number): number => centre[i % this.channels] as number;
    const mean = (i: number): number => (this.#sums[i] as number) / n;
    for (let i = 0; i < d; i++) {
      for (let j = i; j < d; j++) {
        const value = (this.#products[i * d + j] as number) / n - c(i) * mean(j) - mean(i) * c(j) + c(i) * c(j);
        out[i * d + j] = value;
        out[j * d + i] = value;
      }
    }
    return out;
  }
}

/** Below this, or when many components are wanted, all of them are computed: exact, and then also faster. */
const FULL_DIMENSION = 128;
const FULL_SHARE = 0.2;

/**
 * The first `components` principal components of blocks with these moments.
 * @param centre one value a channel; default the channels' means
 */
export function fitPca(moments: BlockMoments, components: number, centre = moments.channelMeans()): Pca {
  return principalComponents(moments.about(centre), moments.dimension, components, centre);
}

/**
 * The same from a symmetric matrix of second moments about the centre.
 * @param method `full`: tridiagonal QL on everything; `leading`: subspace iteration for the largest only; default by size
 */
export function principalComponents(
  covariance: Float64Array,
  dimension: number,
  components: number,
  centre: Float64Array,
  method: 'full' | 'leading' | 'auto' = 'auto',
): Pca {
  const wanted = Math.min(components, dimension);
  const isSmall = dimension <= FULL_DIMENSION || wanted + EXTRA_DIRECTIONS > FULL_SHARE * dimension;
  const found =
    method === 'full' || (method === 'auto' && isSmall)
      ? allEigenvectors(covariance, dimension)
      : leadingEigenvectors(covariance, dimension, wanted);
  const rows = new Float64Array(wanted * dimension);
  const variances = new Float64Array(wanted);
  for (let k = 0; k < wanted; k++) {
    const vector = found.vectors.getColumn(k);
    let peak = 0;
    for (let i = 1; i < dimension; i++) {
      if (Math.abs(vector[i] as number) > Math.abs(vector[peak] as number)) peak = i;
    }
    const sign = (vector[peak] as number) < 0 ? -1 : 1;
    for (let i = 0; i < dimension; i++) rows[k * dimension + i] = sign * (vector[i] as number);
    variances[k] = Math.max(0, found.values[k] as number);
  }
  let totalVariance = 0;
  for (let i = 0; i < dimension; i++) totalVariance += covariance[i * dimension + i] as number;
  return { dimension, centre, components: rows, variances, totalVariance };
}

/** Eigenvectors as columns, largest eigenvalue first. */
interface Eigenvectors {
  readonly values: readonly number[];
  readonly vectors: Matrix;
}

function allEigenvectors(covariance: Float64Array, dimension: number): Eigenvectors {
  return sortedEigenvectors(Matrix.from1DArray(dimension, dimension, covariance));
}

function sortedEigenvectors(matrix: Matrix): Eigenvectors {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  const order = realEigenvalues
    .map((_, i) => i)
    .sort((a, b) => (realEigenvalues[b] as number) - (realEigenvalues[a] as number));
  return { values: order.map((i) => realEigenvalues[i] as number), vectors: eigenvectorMatrix.subMatrixColumn(order) };
}

/** More directions than wanted are iterated: the last wanted one then converges as fast as the gap behind the extra ones allows. */
const EXTRA_DIRECTIONS = 12;
const MOST_ITERATIONS = 60;
/** Relative growth of the captured variance at which nothing more is gained. */
const CONVERGED = 1e-6;

/** Subspace iteration with Rayleigh-Ritz. Source: Y. Saad, "Numerical Methods for Large Eigenvalue Problems", 2011, algorithm 5.3. */
function leadingEigenvectors(covariance: Float64Array, dimension: number, wanted: number): Eigenvectors {
  const matrix = Matrix.from1DArray(dimension, dimension, covariance);
  const width = Math.min(dimension, wanted + EXTRA_DIRECTIONS);
  const random = createRandom(0);
  const start = Float64Array.from({ length: dimension * width }, () => random.normal());
  let basis = orthonormal(Matrix.from1DArray(dimension, width, start));
  let captured = 0;
  for (let i = 0; ; i++) {
    const product = matrix.mmul(basis);
    const ritz = sortedEigenvectors(symmetric(basis.transpose().mmul(product)));
    const now = ritz.values.slice(0, wanted).reduce((sum, v) => sum + v, 0);
    if (i === MOST_ITERATIONS || now - captured <= CONVERGED * now) {
      return { values: ritz.values, vectors: basis.mmul(ritz.vectors) };
    }
    captured = now;
    basis = orthonormal(product);
  }
}

function orthonormal(columns: Matrix): Matrix {
  return new QrDecomposition(columns).orthogonalMatrix;
}

/** Rounding makes QᵀSQ unsymmetric in the last bits. */
function symmetric(matrix: Matrix): Matrix {
  return Matrix.add(matrix, matrix.transpose()).mul(0.5);
}

/** What an error of a block is measured by: errorᵀ · metric · error. dimension × dimension, symmetric, positive definite. */
export type BlockMetric = Float64Array;

/** Directions that nothing depends on still count a little: slopes are those of a few samples, and training moves them. */
const METRIC_FLOOR = 0.1;

/** Second moments of slopes as a metric, their mean 1, and a floor under all directions. */
export function metricOfSlopes(slopes: BlockMoments): BlockMetric {
  const d = slopes.dimension;
  const metric = slopes.about(new Float64Array(slopes.channels));
  let mean = 0;
  for (let i = 0; i < d; i++) mean += (metric[i * d + i] as number) / d;
  for (let i = 0; i < metric.length; i++) metric[i] = mean > 0 ? (metric[i] as number) / mean : 0;
  for (let i = 0; i < d; i++) metric[i * d + i] = (metric[i * d + i] as number) + METRIC_FLOOR;
  return metric;
}
