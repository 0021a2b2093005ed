import { describe, expect, it } from 'vitest';
import { appendGradients } from '../../../src/autodiff/gradients.js';
import type { WireBits } from '../../../src/bottleneck/bottleneck.js';
import { appendCodedBytes, appendRateLoss, leastCodedBytes } from '../../../src/bottleneck/train-rate.js';
import { createRandom } from '../../../src/core/random.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';

const [BATCH, H, W, C] = [16, 3, 4, 3] as const;
const random = createRandom(8);
/** A channel that is spread, one that is mostly small, one that never changes. */
const values = Float32Array.from({ length: BATCH * H * W * C }, (_, i) => {
  const v = [3 + 1.2 * random.normal(), 0.5 * Math.abs(random.normal()), 2][i % C] as number;
  return Math.min(6, Math.max(0, v));
});

/** Zero-order entropy of each channel's rounded codes, counted. */
function countedBytes(wire: ArrayLike<number>, bits: WireBits): number {
  let total = 0;
  for (let c = 0; c < C; c++) {
    const counts = new Map<number, number>();
    for (let i = c; i < wire.length; i += C) {
      const code = Math.round(((wire[i] as number) * (2 ** bits - 1)) / 6);
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    const n = wire.length / C;
    for (const k of counts.values()) total -= k * Math.log2(k / n);
  }
  return total / 8 / BATCH;
}

function graphFor(bits: WireBits, wanted?: number) {
  const builder = new GraphBuilder('rate', SHAPES);
  const x = builder.input('x', [BATCH, H, W, C]);
  const bytes = appendCodedBytes(builder, x, bits);
  const of = wanted === undefined ? bytes : appendRateLoss(builder, bytes, wanted);
  const forward = builder.build([of]);
  const slope = appendGradients(builder, forward, { of, wrt: [x] }).get(x) as string;
  return { graph: builder.build([of, slope]), of, slope };
}

describe('coded bytes as a loss', () => {
  it.each([1, 2, 4] as const)('its value is the entropy of the rounded codes, %i bits', (bits) => {
    const { graph, of } = graphFor(bits);
    expect(runReference(graph, { x: values })[of]?.[0]).toBeCloseTo(countedBytes(values, bits), 4);
  });

  it('is near the entropy with 256 codes as well, where they are spread', () => {
    const spread = values.map((v, i) => (i % C === 0 ? v : Math.min(6, Math.max(0, 2 + random.normal()))));
    const { graph, of } = graphFor(8);
    // 192 values of a channel do not fill 256 codes: the count is below what many values would give.
    const bytes = runReference(graph, { x: spread })[of]?.[0] as number;
    expect(bytes).toBeGreaterThan(countedBytes(spread, 8));
    expect(bytes).toBeLessThan(H * W * C);
  });

  it.each([1, 2, 4, 8] as const)('a wire that never changes costs the least that is told apart, %i bits', (bits) => {
    const { graph, of } = graphFor(bits);
    const constant = values.map(() => 2);
    expect(runReference(graph, { x: constant })[of]?.[0]).toBeCloseTo(leastCodedBytes(H * W * C, bits), 4);
    expect(leastCodedBytes(H * W * C, bits)).toBe(bits === 8 ? (3 * H * W * C) / 8 : 0);
  });

  it.each([2, 4, 8] as const)('going down its slope makes the codes shorter, %i bits', (bits) => {
    const { graph, slope } = graphFor(bits);
    let wire = values.slice();
    for (let step = 0; step < 30; step++) {
      const g = runReference(graph, { x: wire })[slope] as Float64Array;
      wire = wire.map((v, i) => Math.min(6, Math.max(0, v - 4 * (g[i] as number))));
    }
    expect(countedBytes(wire, bits)).toBeLessThan(0.9 * countedBytes(values, bits));
  });

  it('the loss pulls from both sides to what is wanted', () => {
    const now = countedBytes(values, 4);
    const at = (wanted: number) => {
      const { graph, of, slope } = graphFor(4, wanted);
      const result = runReference(graph, { x: values });
      return { loss: result[of]?.[0] as number, slope: result[slope] as Float64Array };
    };
    expect(at(now).loss).toBeCloseTo(0, 6);
    expect(at(now / 1.1).loss).toBeCloseTo(0.01, 4);
    const [above, below] = [at(now / 1.1).slope, at(now * 1.1).slope];
    const product = above.reduce((sum, v, i) => sum + v * (below[i] as number), 0);
    expect(product).toBeLessThan(0);
  });
});
