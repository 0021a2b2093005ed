/** Rank correlations with other variables held constant, and what noise between seeds leaves of them. */
import { pearson, ranks, spearman } from '../../analyze/curve.js';

/**
 * Spearman's partial correlation: Pearson's r between the residuals of both rank vectors after least squares on the ranks of the
 * controls. Source: Kendall and Stuart, "The Advanced Theory of Statistics" vol. 2, ch. 27, on ranks.
 * @returns NaN when nothing is left to correlate: too few points, or a variable that the controls determine
 */
export function partialSpearman(
  x: readonly number[],
  y: readonly number[],
  controls: readonly (readonly number[])[],
): number {
  const degrees = x.length - 2 - controls.length;
  if (degrees < 1) return Number.NaN;
  const basis = orthonormalBasis([new Float64Array(x.length).fill(1), ...controls.map((c) => ranks(c))]);
  const a = residual(ranks(x), basis);
  const b = residual(ranks(y), basis);
  return a && b ? pearson(a, b) : Number.NaN;
}

/** Share of a vector's squared length below which it counts as determined by the others. */
const NOTHING_LEFT = 1e-9;

function orthonormalBasis(vectors: readonly Float64Array[]): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = residual(vector, basis);
    if (!rest) continue;
    const length = Math.sqrt(dot(rest, rest));
    basis.push(rest.map((v) => v / length));
  }
  return basis;
}

/** The part of a vector that is orthogonal to the basis; undefined when there is none. */
function residual(vector: Float64Array, basis: readonly Float64Array[]): Float64Array | undefined {
  const rest = Float64Array.from(vector);
  // Twice: once is not orthogonal to the last bits.
  for (let pass = 0; pass < 2; pass++) {
    for (const direction of basis) {
      const share = dot(rest, direction);
      for (let i = 0; i < rest.length; i++) rest[i] = (rest[i] as number) - share * (direction[i] as number);
    }
  }
  return dot(rest, rest) > NOTHING_LEFT * dot(vector, vector) ? rest : undefined;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

export interface Reliability {
  readonly single: number;
  readonly mean: number;
  readonly ceiling: number;
}

/**
 * How well the order of the cuts repeats from seed to seed.
 * @param accuracies per seed, one accuracy a cut
 * @returns `single`: mean ρ of two seeds; `mean`: of the mean over all seeds, by the Spearman-Brown formula; `ceiling` = √mean, since a
 * predictor without error would correlate so with a measurement of that reliability. Source: Spearman, "Correlation calculated from
 * faulty data", 1910. undefined with one seed, or when the accuracies have no spread.
 */
export function measureReliability(accuracies: readonly (readonly number[])[]): Reliability | undefined {
  const seeds = accuracies.length;
  const pairs: number[] = [];
  for (let a = 0; a < seeds; a++) {
    for (let b = a + 1; b < seeds; b++) {
      pairs.push(spearman(accuracies[a] as readonly number[], accuracies[b] as readonly number[]));
    }
  }
  const defined = pairs.filter((rho) => Number.isFinite(rho));
  if (defined.length === 0) return undefined;
  const single = defined.reduce((sum, rho) => sum + rho, 0) / defined.length;
  const mean = single <= 0 ? 0 : (seeds * single) / (1 + (seeds - 1) * single);
  return { single, mean, ceiling: Math.sqrt(mean) };
}
