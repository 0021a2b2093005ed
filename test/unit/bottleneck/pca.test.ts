/** Principal components against an analytic case, against ml-matrix on everything, and against what makes them optimal. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { drawBlocks } from '../../../src/bottleneck/activations.js';
import { chooseClipRange } from '../../../src/bottleneck/clip-range.js';
import { chooseCommonStep, sortChannels } from '../../../src/bottleneck/common-step.js';
import { fitCode } from '../../../src/bottleneck/linear-code.js';
import { BlockMoments, fitPca, metricOfSlopes, principalComponents } from '../../../src/bottleneck/pca.js';
import { createRandom } from '../../../src/core/random.js';

function momentsOf(rows: readonly (readonly number[])[], channels: number): BlockMoments {
  const moments = new BlockMoments({ elements: rows[0]?.length ?? 0, channels });
  for (const row of rows) moments.add(Float32Array.from(row), 1);
  return moments;
}

describe('fitPca', () => {
  it('finds the axes of an ellipse', () => {
    // x = (3, 1) + 5 cos t · (0.6, 0.8) + 2 sin t · (−0.8, 0.6): variances 25/2 and 4/2.
    const rows = Array.from({ length: 360 }, (_, i) => {
      const t = (i * Math.PI) / 180;
      const [a, b] = [5 * Math.cos(t), 2 * Math.sin(t)];
      return [3 + 0.6 * a - 0.8 * b, 1 + 0.8 * a + 0.6 * b];
    });
    const pca = fitPca(momentsOf(rows, 2), 2);
    expect(pca.centre[0]).toBeCloseTo(3, 5);
    expect(pca.centre[1]).toBeCloseTo(1, 5);
    expect(pca.variances[0]).toBeCloseTo(12.5, 4);
    expect(pca.variances[1]).toBeCloseTo(2, 4);
    expect(pca.totalVariance).toBeCloseTo(14.5, 4);
    // The largest entry is positive: (0.6, 0.8) and (0.8, −0.6).
    [0.6, 0.8, 0.8, -0.6].forEach((v, i) => {
      expect(pca.components[i]).toBeCloseTo(v, 4);
    });
  });

  it('takes the same centre at all places of a block', () => {
    const rows = [
      [1, 10, 3, 20],
      [3, 30, 5, 40],
    ];
    const moments = momentsOf(rows, 2);
    expect([...moments.channelMeans()]).toEqual([3, 25]);
    const about = moments.about(moments.channelMeans());
    // Mean of (1−3)² and (3−3)², of (1−3)(3−3) and (3−3)(5−3), and of (10−25)² and (30−25)².
    expect(about[0]).toBeCloseTo(2, 6);
    expect(about[2]).toBeCloseTo(0, 6);
    expect(about[5]).toBeCloseTo(125, 6);
  });
});

describe('the leading components', () => {
  it('are those of the whole decomposition', () => {
    const d = 160;
    const random = createRandom(5);
    const mix = new Matrix(d, d);
    for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) mix.set(i, j, random.normal() * 0.9 ** j);
    const covariance = mix.mmul(mix.transpose());
    const flat = Float64Array.from(covariance.to1DArray());
    const leading = principalComponents(flat, d, 10, new Float64Array(1), 'leading');
    const { realEigenvalues } = new EigenvalueDecomposition(covariance, { assumeSymmetric: true });
    const largest = realEigenvalues.toSorted((a, b) => b - a);
    for (let k = 0; k < 10; k++) {
      const expected = largest[k] as number;
      expect(Math.abs((leading.variances[k] as number) / expected - 1)).toBeLessThan(1e-4);
      const v = Matrix.columnVector([...leading.components.subarray(k * d, (k + 1) * d)]);
      const residual = Matrix.sub(covariance.mmul(v), Matrix.mul(v, expected)).norm();
      expect(residual / expected).toBeLessThan(0.02);
    }
    const full = principalComponents(flat, d, 10, new Float64Array(1), 'full');
    const sum = (values: Float64Array): number => values.reduce((s, v) => s + v, 0);
    expect(sum(leading.variances) / sum(full.variances)).toBeGreaterThan(1 - 1e-5);
  });
});

describe('fitCode', () => {
  it('keeps what matters, not what is large', () => {
    // Three values of variance 9, 4 and 1; only the last moves the result.
    const random = createRandom(1);
    const rows = Array.from({ length: 4000 }, () => [3 * random.normal(), 2 * random.normal(), random.normal()]);
    const slopes = Array.from({ length: 1000 }, () => [0, 0, random.normal()]);
    const plain = fitCode(momentsOf(rows, 3), 1).code;
    expect(Math.abs(plain.encode[0] as number)).toBeGreaterThan(0.99);
    const { code } = fitCode(momentsOf(rows, 3), 1, metricOfSlopes(momentsOf(slopes, 3)));
    // Encoder times decoder is the projection along one direction: nearly onto the last axis.
    expect((code.encode[2] as number) * (code.decode[2] as number)).toBeGreaterThan(0.99);
  });

  it('inverts itself with all channels, whatever the metric', () => {
    const random = createRandom(2);
    const draw = (): number[] => Array.from({ length: 6 }, (_, i) => (i + 1) * random.normal());
    const metric = metricOfSlopes(momentsOf(Array.from({ length: 50 }, draw), 3));
    const { code } = fitCode(momentsOf(Array.from({ length: 500 }, draw), 3), 6, metric);
    const product = Matrix.from1DArray(6, 6, code.decode).mmul(Matrix.from1DArray(6, 6, code.encode));
    expect(Matrix.sub(product, Matrix.eye(6)).norm()).toBeLessThan(1e-9);
  });
});

describe('ranges', () => {
  const random = createRandom(3);
  const normal = Float32Array.from({ length: 20_000 }, () => random.normal());

  it('of one channel are near the known optimum for a normal source', () => {
    // J. Max, "Quantizing for minimum distortion", 1960, table II (equal spacing): 2 levels at ±0.7979, mean square error 0.3634;
    // 4 levels spaced 0.9957, 0.1188; 16 levels spaced 0.3352, 0.01154.
    const one = chooseClipRange(normal, 1);
    expect(one.high).toBeCloseTo(0.7979, 1);
    expect(one.meanSquaredError).toBeLessThan(0.375);
    expect(chooseClipRange(normal, 2).meanSquaredError).toBeLessThan(0.125);
    expect(chooseClipRange(normal, 4).meanSquaredError).toBeLessThan(0.0125);
  });

  it('of a constant channel are empty', () => {
    expect(chooseClipRange(new Float32Array(5).fill(2), 4)).toEqual({ low: 2, high: 2, meanSquaredError: 0 });
  });

  it('with one step give few codes to channels that vary little, and meet the bytes', () => {
    const z = new Float32Array(2 * normal.length);
    z.set(normal);
    z.set(
      normal.map((v) => v / 20),
      normal.length,
    );
    const { ranges, codedBytes } = chooseCommonStep(sortChannels(z, 2), 2, 4, 64, 20);
    expect(codedBytes).toBeLessThanOrEqual(20);
    expect(codedBytes).toBeGreaterThan(19.5);
    expect(ranges[0]?.gain).toBe(ranges[1]?.gain);
    // The second channel is finer than half a step: it costs nothing and loses its own variance, 1/400.
    expect(ranges[1]?.meanSquaredError).toBeLessThan(0.003);
  });
});

describe('drawBlocks', () => {
  it('pads as SAME does: an odd size at the end', () => {
    const sample = { shape: [3, 3, 1], count: 1, values: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9) };
    const { values, grid } = drawBlocks(sample, 2, 100);
    expect([grid.rows, grid.columns]).toEqual([2, 2]);
    expect([...values]).toEqual([1, 2, 4, 5, 3, 0, 6, 0, 7, 8, 0, 0, 9, 0, 0, 0]);
  });
});
