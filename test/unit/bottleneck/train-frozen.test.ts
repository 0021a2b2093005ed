import { describe, expect, it } from 'vitest';
import { type FrozenRequest, prepareFrozenPart } from '../../../src/bottleneck/train-frozen.js';
import { learningBatches } from '../../../src/bottleneck/train-source.js';
import type { Values } from '../../../src/engines/engine.js';
import { tensorOf } from '../../../src/ir/graph.js';
import { partitionGraph } from '../../../src/ir/partition.js';
import { findLogits } from '../../../src/passes/logits.js';
import { quantizeToInt8 } from '../../../src/preprocess/normalise.js';
import { prepareInt8 } from '../../../src/quantize/executor.js';
import { mixRows } from '../../../src/train/augment.js';
import { openFashion } from './fashion-split.js';

const { engine, network, cut, training: set, quantize } = await openFashion({ training: 60, validation: 4, test: 4 });
const base: FrozenRequest = { network, cut, set, augmentation: { flip: true }, batchSize: 8, engine, threads: 1 };
const places = Uint32Array.of(3, 59, 0, 7, 7, 20, 31, 12);
const flips = [true, false, false, true, false, true, true, false];
const placements = flips.map((flip) => ({ flip, down: 0, right: 0 }));

/** The network on one picture, mirrored here when asked. */
async function run(place: number, flip: boolean): Promise<Values> {
  const picture = set.inputs.slice(place * 784, (place + 1) * 784);
  if (flip) for (let y = 0; y < 28; y++) picture.subarray(y * 28, (y + 1) * 28).reverse();
  const compiled = await engine.compile({ ...network, outputs: [cut, findLogits(network).id] }, { threads: 1 });
  const values = await compiled.run({ [network.inputs[0] as string]: picture });
  await compiled.dispose();
  return values;
}

function expectClose(got: ArrayLike<number>, wanted: ArrayLike<number>, digits: number): void {
  expect(got.length).toBe(wanted.length);
  for (let i = 0; i < got.length; i++) expect(got[i]).toBeCloseTo(wanted[i] as number, digits);
}

describe('the frozen part', () => {
  it.each([true, false])(
    'gives the activation and the answers of each picture as it was placed (kept: %s)',
    async (kept) => {
      const frozen = await prepareFrozenPart({ ...base, ...(kept ? {} : { cacheBytes: 0 }) }, {});
      expect(frozen.cached).toBe(kept);
      const { feature, teacherLogits } = await frozen.of(places, placements);
      const elements = feature.length / 8;
      for (const i of [0, 1, 4]) {
        const expected = await run(places[i] as number, flips[i] as boolean);
        expectClose(feature.subarray(i * elements, (i + 1) * elements), expected[cut] as Float32Array, 3);
        expectClose(teacherLogits.subarray(10 * i, 10 * i + 10), expected[findLogits(network).id] as Float32Array, 3);
      }
      await frozen.dispose();
    },
  );

  it('asks the teacher about mixtures', async () => {
    const frozen = await prepareFrozenPart({ ...base, augmentation: { flip: true, mix: true } }, {});
    const mixed = frozen.pictures(places, placements);
    const [given, placed] = [await frozen.ofPictures(mixed), await frozen.of(places, placements)];
    expectClose(given.teacherLogits, placed.teacherLogits, 4);
    expectClose(given.feature, placed.feature, 4);
    mixRows(mixed, [0, 0.5, 0, 0.5, 0, 0.5, 0, 0.5]);
    const { teacherLogits } = await frozen.ofPictures(mixed);
    expectClose(teacherLogits.subarray(0, 10), placed.teacherLogits.subarray(0, 10), 4);
    const apart = teacherLogits.subarray(10, 20).map((v, k) => Math.abs(v - (placed.teacherLogits[10 + k] as number)));
    expect(Math.max(...apart)).toBeGreaterThan(0.1);
    await frozen.dispose();
  });

  it('hands on what a quantized head gives, nearly as the integer executor has it', async () => {
    const head = await quantize(partitionGraph(network, [cut]).head);
    const frozen = await prepareFrozenPart({ ...base, quantizedHead: head }, {});
    const { feature } = await frozen.of(places, placements);
    const quant = (id: string) => {
      const found = tensorOf(head, id).quant;
      return { scale: found?.scale[0] as number, zeroPoint: found?.zeroPoint[0] as number };
    };
    const program = prepareInt8(head);
    const picture = set.inputs.subarray(59 * 784, 60 * 784);
    const [codes] = program.run([Int8Array.from(picture, (v) => quantizeToInt8(v, quant(head.inputs[0] as string)))]);
    const { scale, zeroPoint } = quant(head.outputs[0] as string);
    const elements = feature.length / 8;
    let apart = 0;
    for (let k = 0; k < elements; k++) {
      const steps = (feature[elements + k] as number) / scale + zeroPoint;
      expect(steps).toBeCloseTo(Math.round(steps), 2);
      apart += Math.abs(Math.round(steps) - (codes?.[k] as number));
    }
    expect(apart / elements).toBeLessThan(0.1);
  });
});

describe('batches to learn from', () => {
  it('depend on seed and epoch alone, hold every sample once, can begin in the middle', async () => {
    const frozen = await prepareFrozenPart(base, {});
    const feeds = { feature: 'f', pictures: 'p', labels: 'y', teacherLogits: 't' };
    const options = { batchSize: 8, seed: 5, augmentation: { flip: true } };
    const collect = async (epoch: number, from: number): Promise<Values[]> => {
      const all: Values[] = [];
      for await (const batch of learningBatches(set, frozen, feeds, options).epoch(epoch, from)) all.push(batch);
      return all;
    };
    const whole = await collect(1, 0);
    expect(whole).toHaveLength(7);
    expect(await collect(1, 5)).toEqual(whole.slice(5));
    expect(await collect(2, 0)).not.toEqual(whole);
    // Each picture of the set once, as it is or mirrored: told apart by its sum and its class.
    const key = (picture: Float32Array, label: number) =>
      `${picture.reduce((a, b) => a + Math.round(b * 255), 0)}:${label}`;
    const seen = whole.flatMap((batch) =>
      Array.from({ length: 8 }, (_, i) =>
        key(
          (batch.p as Float32Array).subarray(i * 784, (i + 1) * 784),
          (batch.y as Float32Array).subarray(10 * i, 10 * i + 10).indexOf(1),
        ),
      ),
    );
    const known = new Set(
      Array.from(set.labels, (label, i) => key(set.inputs.subarray(i * 784, (i + 1) * 784), label)),
    );
    expect(new Set(seen).size).toBe(56);
    expect(seen.every((k) => known.has(k))).toBe(true);
  });

  it('too few samples for a batch are an error', async () => {
    const frozen = await prepareFrozenPart(base, {});
    expect(() => learningBatches(set, frozen, {}, { batchSize: 61, seed: 0, augmentation: {} })).toThrow(/60 samples/);
  });
});
