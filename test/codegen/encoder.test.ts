/** The generated C encoder against the TypeScript one, compiled with every warning and both sanitizers. */
import { describe, expect, it } from 'vitest';
import { ENTROPY_CASES, type EntropyCase, runHeads } from '../../evidence/entropy-codec.js';
import { createRandom, type Random } from '../../src/core/random.js';
import { type CodecSpec, WIRE_CODE_BITS, type WireBits } from '../../src/wire/codecs/codec.js';
import { createCodec } from '../../src/wire/codecs/create-codec.js';
import { type EncodedTensor, emitEncoderC } from '../../src/wire/codecs/emit-encoder-c.js';
import { learnRansTables } from '../../src/wire/codecs/learn-rans-tables.js';
import { commandTool, describeNeeding } from '../support/shared-data.js';
import { type EncoderCase, expectedPayload, runEncodersInC } from './encoder-campaign.js';
import { COMPILERS } from './preprocess-campaign.js';

const QUICK_HEADS = {
  calibrationSamples: 10,
  trainingSamples: 40,
  testSamples: 20,
  cuts: 1,
  quantize: { rangeMethod: 'minmax', equalise: false, correctBias: false },
} as const;

const PACKAGES = { gcc: 'apt-get install gcc', clang: 'apt-get install clang' } as const;

/** Values as a clamped, quantized activation has them: every channel with a mean and a spread of its own. */
function randomValues(random: Random, count: number, shape: readonly number[], bits: WireBits): Int8Array {
  const channels = shape.at(-1) as number;
  const levels = 2 ** bits - 1;
  const means = Array.from({ length: channels }, () => (random.next() - 0.3) * levels);
  const spreads = Array.from({ length: channels }, () => (0.05 + 0.4 * random.next()) * levels);
  return Int8Array.from({ length: count * shape.reduce((n, d) => n * d, 1) }, (_, i) => {
    const c = i % channels;
    const code = Math.round((means[c] as number) + (spreads[c] as number) * random.normal());
    return Math.max(0, Math.min(levels, code)) - 128;
  });
}

function randomCase(random: Random, bits: WireBits, id: 'packed' | 'rans', shape: readonly number[]): EncoderCase {
  const size = shape.reduce((n, d) => n * d, 1);
  const values = randomValues(random, 12, shape, bits);
  const codes = Uint8Array.from(values.subarray(0, 8 * size), (v) => v + 128);
  const codec: CodecSpec = id === 'packed' ? { id, bits } : learnRansTables({ codes, count: 8, shape, bits });
  const anything = Int8Array.from({ length: size }, () => random.int(256) - 128);
  return {
    wire: [{ id: 'wire', shape, codec }],
    samples: [
      ...Array.from({ length: 12 }, (_, i) => values.slice(i * size, (i + 1) * size)),
      anything,
      new Int8Array(size).fill(-128),
      new Int8Array(size).fill(127),
    ],
  };
}

function randomCases(): EncoderCase[] {
  const random = createRandom(3);
  const shapes = [
    [[8, 8, 16], [37]],
    [
      [5, 3, 3],
      [9, 7, 1],
    ],
    [
      [1, 1],
      [8, 8, 16],
    ],
    [[9, 7, 5], [16]],
  ];
  const cases = WIRE_CODE_BITS.flatMap((bits, i) =>
    (shapes[i] as number[][]).flatMap((shape) =>
      (['packed', 'rans'] as const).map((id) => randomCase(random, bits, id, shape)),
    ),
  );
  const raw: EncodedTensor = { id: 'skip', shape: [3, 5], codec: { id: 'raw' } };
  const [rans, packed] = [randomCase(random, 4, 'rans', [8, 8, 4]), randomCase(random, 2, 'packed', [7, 3])];
  const joined = rans.samples.map((values, i) => {
    const first = packed.samples[i] as Int8Array;
    return Int8Array.from([...first, ...first.slice(0, 15), ...values]);
  });
  cases.push({ wire: [...packed.wire, raw, ...rans.wire], samples: joined });
  cases.push({ wire: [raw], samples: joined.map((values) => values.slice(0, 15)) });
  return cases;
}

for (const compiler of COMPILERS) {
  describeNeeding([commandTool(compiler, PACKAGES[compiler])], `C99 encoders compiled by ${compiler}`, () => {
    it('give them on the activations of a real head as well', async () => {
      const demo = ENTROPY_CASES.find(({ name }) => name === 'fashion-cnn') as EntropyCase;
      for await (const { cut, shape, learnt, sent } of runHeads(demo, QUICK_HEADS)) {
        const codec = learnRansTables({ codes: learnt, count: QUICK_HEADS.trainingSamples, shape, bits: 8 });
        const wire = [{ id: cut, shape, codec }];
        const size = sent.length / QUICK_HEADS.testSamples;
        const samples = Array.from({ length: QUICK_HEADS.testSamples }, (_, i) =>
          Int8Array.from(sent.subarray(i * size, (i + 1) * size), (code) => code - 128),
        );
        const [payloads] = runEncodersInC(compiler, [{ wire, samples }]);
        const expected = samples.map((values) => expectedPayload(wire, values));
        expect(payloads?.map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual(
          expected.map((bytes) => Buffer.from(bytes).toString('hex')),
        );
        expect(Math.max(...expected.map(({ length }) => length))).toBeLessThan(size);
      }
    }, 120_000);

    it('give the bytes of the TypeScript encoders, whatever the values are', () => {
      const cases = randomCases();
      const payloads = runEncodersInC(compiler, cases);
      let escaped = 0;
      let coded = 0;
      cases.forEach(({ wire, samples }, i) => {
        samples.forEach((values, s) => {
          const expected = expectedPayload(wire, values);
          expect(Buffer.compare(payloads[i]?.[s] as Uint8Array, expected)).toBe(0);
          if (wire[0]?.codec.id !== 'rans') return;
          const { maxBytes } = createCodec(wire[0].codec, wire[0].shape);
          if (expected.length === maxBytes) escaped++;
          else coded++;
        });
      });
      expect(cases.length).toBe(18);
      expect(escaped).toBeGreaterThan(10);
      expect(coded).toBeGreaterThan(40);
    }, 120_000);
  });
}

describe('what is generated', () => {
  const wire: EncodedTensor = {
    id: 'conv*/2/wire',
    shape: [4, 2],
    codec: {
      id: 'rans',
      bits: 1,
      precision: 8,
      tableOfChannel: [0, 1],
      tables: [
        [255, 1],
        [9, 247],
      ],
    },
  };
  it('is small: 32-bit integers, tables as constants, no allocation', () => {
    const { source, header } = emitEncoderC([wire], { prefix: 'head' });
    expect(source).not.toMatch(/float|double|malloc|int64|long long/);
    expect(source).toContain('static const uint16_t head_starts[2][3]');
    expect(header).toContain('size_t head_encode(const int8_t *wire, uint8_t *out, size_t capacity);');
    expect(header).toContain('#define HEAD_ENCODE_MAX_BYTES 1 ');
    expect(header).toContain('14 bytes of constants');
    expect(source.split('*/').length).toBe(source.split('/*').length);
  });
  it('is the same twice', () => {
    expect(emitEncoderC([wire], { prefix: 'a' })).toEqual(emitEncoderC([wire], { prefix: 'a' }));
  });
  it('needs a name, and tensors that can be told apart', () => {
    expect(() => emitEncoderC([wire], { prefix: '2nd' })).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
    expect(() => emitEncoderC([wire, wire], { prefix: 'head' })).toThrow(RangeError);
  });
});
