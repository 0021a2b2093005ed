import { beforeAll, describe, expect, it } from 'vitest';
import { type BottleneckedNetwork, wireScale } from '../../../src/bottleneck/bottleneck.js';
import { initialWeights } from '../../../src/bottleneck/initial-weights.js';
import { insertBottleneck } from '../../../src/bottleneck/insert.js';
import { parseBottleneck } from '../../../src/bottleneck/spec.js';
import { setBatch } from '../../../src/passes/set-batch.js';
import { holdToBudget } from '../../../src/pipeline/hold-to-budget.js';
import { createCodec } from '../../../src/wire/codecs/create-codec.js';
import { learnCodec } from '../../../src/wire/codecs/learn-rans-tables.js';
import { CUT, openFashion } from '../bottleneck/fashion-split.js';

const SAMPLES = 100;
const SPEC = parseBottleneck('conv1x1-s2-c24-b4');

let trained: BottleneckedNetwork;
let code: (network: BottleneckedNetwork) => Promise<{ codedBytes: number }>;
let bytes: number;
let asked = 0;

beforeAll(async () => {
  const { network, initial, training, engine } = await openFashion({ training: SAMPLES, validation: 20, test: 20 });
  trained = insertBottleneck(network, CUT, SPEC, initialWeights(SPEC, initial));
  const inputs = training.inputs.subarray(0, SAMPLES * 28 * 28);
  code = async ({ head, wire }) => {
    asked++;
    const compiled = await engine.compile(setBatch(head, SAMPLES));
    const values = (await compiled.run({ [head.inputs[0] as string]: inputs }))[wire] as Float32Array;
    await compiled.dispose();
    const codes = Uint8Array.from(values, (v) => Math.round(v / wireScale(SPEC.bits)));
    const size = codes.length / SAMPLES;
    const shape = [4, 4, SPEC.channels];
    const coder = createCodec(learnCodec({ codes, count: SAMPLES, shape, bits: SPEC.bits }), shape);
    let coded = 0;
    for (let i = 0; i < SAMPLES; i++) coded += coder.encode(codes.subarray(i * size, (i + 1) * size)).length;
    return { codedBytes: coded / SAMPLES };
  };
  bytes = (await code(trained)).codedBytes;
});

describe('holdToBudget', () => {
  it.each([1.01, undefined])('leaves a wire alone that keeps to %s times its bytes', async (share) => {
    const held = await holdToBudget(trained, share && share * bytes, code);
    expect(held).toEqual({ network: trained, coded: { codedBytes: bytes }, scaledBy: 1 });
  });

  it.each([0.999, 0.97, 0.9])('brings a wire to %d times its bytes, and not far below', async (share) => {
    const { coded, scaledBy, network } = await holdToBudget(trained, share * bytes, code);
    expect(coded.codedBytes).toBeLessThanOrEqual(share * bytes);
    expect(coded.codedBytes).toBeGreaterThan(0.97 * share * bytes);
    expect(scaledBy).toBeGreaterThan(0.7);
    expect(await code(network)).toEqual(coded);
  });

  it('gives up on a wire that is far above, after few rounds', async () => {
    asked = 0;
    const { coded, scaledBy } = await holdToBudget(trained, bytes / 3, code);
    expect(coded.codedBytes).toBeGreaterThan(bytes / 3);
    expect(scaledBy).toBeGreaterThanOrEqual(0.7);
    expect(asked).toBeLessThanOrEqual(9);
  });
});
