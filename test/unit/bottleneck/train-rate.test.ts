import { describe, expect, it } from 'vitest';
import { appendGradients } from '../../../src/autodiff/gradients.js';
import type { WireBits } from '../../../src/bottleneck/bottleneck.js';
import { appendCodedBytes, appendRateLoss } from '../../../src/bottleneck/train-rate.js';
import { createRandom } from '../../../src/core/random.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';
import { setBatch } from '../../../src/passes/set-batch.js';

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

interface Wish {
  readonly wanted?: number;
  readonly stride?: number;
  readonly batch?: number;
}

/** @param batch another one, set afterwards as a part of a batch has it */
function graphFor(bits: WireBits, { wanted, stride, batch = BATCH }: Wish = {}) {
  const first = new GraphBuilder('rate', SHAPES);
  const x = first.input('x', [BATCH, H, W, C]);
  const bytes = appendCodedBytes(first, x, bits, stride);
  const of = wanted === undefined ? bytes : appendRateLoss(first, bytes, wanted);
  const forward = setBatch(first.build([of]), batch);
  const builder = new GraphBuilder('slope', SHAPES, forward);
  const slope = appendGradients(builder, forward, { of, wrt: [x] }).get(x) as string;
  return { graph: builder.build([of, slope]), of, slope };
}

describe('coded bytes as a loss', () => {
  it.each([1, 2, 4] as const)('its value is the entropy of the rounded codes, %i bits', (bits) => {
    const { graph, of } = graphFor(bits);
    expect(runReference(graph, { x: values })[of]?.[0]).toBeCloseTo(countedBytes(values, bits), 4);
  });

  it('with 256 codes it is the entropy in channels that span few of them, and near it in others', () => {
    const { graph, of } = graphFor(8);
    const bytesOf = (wire: Float32Array): number => runReference(graph, { x: wire })[of]?.[0] as number;
    // At most 33 codes of 256 in each channel.
    const narrow = values.map((v) => 1.01 + v / 16);
    expect(bytesOf(narrow)).toBeCloseTo(countedBytes(narrow, 8), 4);
    const spread = values.map((v, i) => (i % C === 0 ? v : Math.min(6, Math.max(0, 2 + random.normal()))));
    // 192 values of a channel do not fill 256 codes: the count is below what many values would give.
    expect(bytesOf(spread)).toBeGreaterThan(countedBytes(spread, 8));
    expect(bytesOf(spread)).toBeLessThan(H * W * C);
  });

  it.each([1, 2, 4, 8] as const)('a wire that never changes costs nothing, %i bits', (bits) => {
    const { graph, of } = graphFor(bits);
    expect(runReference(graph, { x: values.map(() => 2) })[of]?.[0]).toBeCloseTo(0, 4);
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

  it.each([4, 8] as const)('counts every second sample alone, if asked to, %i bits', (bits) => {
    const isCounted = (i: number): boolean => Math.floor(i / (H * W * C)) % 2 === 0;
    const run = (x: Float32Array, wish: Wish): { value: number; slopes: number[] } => {
      const { graph, of, slope } = graphFor(bits, wish);
      const result = runReference(graph, { x });
      return { value: result[of]?.[0] as number, slopes: [...(result[slope] as Float64Array)] };
    };
    const every = run(values, { stride: 2 });
    const alone = run(
      values.filter((_, i) => isCounted(i)),
      { batch: BATCH / 2 },
    );
    expect(every.value).toBeCloseTo(alone.value, 6);
    expect(every.slopes.filter((_, i) => isCounted(i))).toEqual(alone.slopes);
    expect(every.slopes.every((v, i) => isCounted(i) || v === 0)).toBe(true);
  });

  it.each([4, 8] as const)('the slopes of equal parts add up to that of the whole, %i bits', (bits) => {
    const [part, twice] = [graphFor(bits), graphFor(bits, { batch: 2 * BATCH })];
    const slopes = [...(runReference(part.graph, { x: values })[part.slope] as Float64Array)];
    const whole = runReference(twice.graph, { x: Float32Array.of(...values, ...values) })[twice.slope] as Float64Array;
    for (const [i, v] of slopes.entries()) expect(2 * (whole[i] as number)).toBeCloseTo(v, 9);
  });

  it('the loss pulls from both sides to what is wanted', () => {
    const now = countedBytes(values, 4);
    const at = (wanted: number) => {
      const { graph, of, slope } = graphFor(4, { wanted });
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
