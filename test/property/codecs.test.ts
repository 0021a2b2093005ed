/** Any tables, any codes: what is sent arrives, no payload is longer than stated, and what decodes is what an encoder makes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IsplitError } from '../../src/core/errors.js';
import { listCodecProblems } from '../../src/wire/codecs/check-codec.js';
import { type CodecSpec, WIRE_CODE_BITS, type WireBits, type WireCodec } from '../../src/wire/codecs/codec.js';
import { createCodec } from '../../src/wire/codecs/create-codec.js';
import { learnCodec, learnRansTables } from '../../src/wire/codecs/learn-rans-tables.js';
import { scaleFrequencies } from '../../src/wire/codecs/scale-frequencies.js';

interface Setting {
  readonly spec: CodecSpec;
  readonly shape: readonly number[];
}

const shapes = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
  fc.tuple(fc.integer({ min: 1, max: 40 })),
);
const bitsOf = fc.constantFrom(...WIRE_CODE_BITS);

/** From flat to all mass on one code. */
const histogram = (bits: WireBits): fc.Arbitrary<number[]> =>
  fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 1_000_000 })), {
    minLength: 2 ** bits,
    maxLength: 2 ** bits,
  });

const ransSettings: fc.Arbitrary<Setting> = fc
  .record({ bits: bitsOf, shape: shapes, tables: fc.integer({ min: 1, max: 5 }), rest: fc.integer({ min: 0, max: 6 }) })
  .chain(({ bits, shape, tables, rest }) => {
    const channels = shape.at(-1) as number;
    const used = Math.min(tables, channels);
    const precision = Math.min(14, bits + rest + (bits === 1 ? 0 : 1));
    return fc.array(histogram(bits), { minLength: used, maxLength: used }).map((histograms) => ({
      shape,
      spec: {
        id: 'rans' as const,
        bits,
        precision,
        tableOfChannel: Array.from({ length: channels }, (_, c) => c % used),
        tables: histograms.map((counts) => scaleFrequencies(counts, precision)),
      },
    }));
  });

const settings: fc.Arbitrary<Setting> = fc.oneof(
  { weight: 1, arbitrary: shapes.map((shape): Setting => ({ spec: { id: 'raw' }, shape })) },
  {
    weight: 1,
    arbitrary: fc.tuple(bitsOf, shapes).map(([bits, shape]): Setting => ({ spec: { id: 'packed', bits }, shape })),
  },
  { weight: 5, arbitrary: ransSettings },
);

const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** Codes for a setting: any, or mostly the likeliest ones, so that rANS is short. */
const addCodes = ({ spec, shape }: Setting): fc.Arbitrary<Setting & { readonly codes: Uint8Array }> => {
  const most = spec.id === 'raw' ? 255 : 2 ** spec.bits - 1;
  const size = sizeOf(shape);
  const likely =
    spec.id === 'rans' ? (spec.tables[0] as readonly number[]).indexOf(Math.max(...(spec.tables[0] as number[]))) : 0;
  const code = fc.oneof(
    { weight: 1, arbitrary: fc.integer({ min: 0, max: most }) },
    { weight: 6, arbitrary: fc.constant(likely) },
  );
  const codes = fc.oneof(
    fc.array(code, { minLength: size, maxLength: size }),
    fc.array(fc.integer({ min: 0, max: most }), { minLength: size, maxLength: size }),
  );
  return codes.map((list) => ({ spec, shape, codes: Uint8Array.from(list) }));
};

/** Codes of a payload, or undefined where the decoder refuses it; anything but the coded refusal is a failure. */
function tryDecode(codec: WireCodec, payload: Uint8Array): Uint8Array | undefined {
  try {
    return codec.decode(payload);
  } catch (error) {
    expect(error).toBeInstanceOf(IsplitError);
    expect((error as IsplitError).code).toBe('E_WIRE_PAYLOAD');
    return undefined;
  }
}

describe('every codec', () => {
  it('gives back what was sent, in no more bytes than stated', () => {
    fc.assert(
      fc.property(settings.chain(addCodes), ({ spec, shape, codes }) => {
        expect(listCodecProblems(spec, shape)).toEqual([]);
        const codec = createCodec(spec, shape);
        const payload = codec.encode(codes);
        expect(payload.length).toBeGreaterThan(0);
        expect(payload.length).toBeLessThanOrEqual(codec.maxBytes);
        expect(Buffer.compare(codec.decode(payload), codes)).toBe(0);
      }),
      { numRuns: 400, seed: 1 },
    );
  });

  it('takes a payload exactly when an encoder makes it', () => {
    let taken = 0;
    fc.assert(
      fc.property(settings, fc.uint8Array({ minLength: 0, maxLength: 90 }), ({ spec, shape }, bytes) => {
        const codec = createCodec(spec, shape);
        for (const payload of [bytes, bytes.subarray(0, Math.min(bytes.length, codec.maxBytes))]) {
          const codes = tryDecode(codec, payload);
          if (codes === undefined) continue;
          taken++;
          expect(codes.length).toBe(sizeOf(shape));
          expect(Buffer.compare(codec.encode(codes), payload)).toBe(0);
        }
      }),
      { numRuns: 600, seed: 2 },
    );
    expect(taken).toBeGreaterThan(20);
  });

  it('refuses payloads of rANS that were cut, extended or changed', () => {
    let changed = 0;
    let passed = 0;
    fc.assert(
      fc.property(ransSettings.chain(addCodes), fc.nat(), fc.integer({ min: 1, max: 255 }), (sent, at, flip) => {
        const { spec, shape, codes } = sent;
        const codec = createCodec(spec, shape);
        const payload = codec.encode(codes);
        if (payload.length === codec.maxBytes) return;
        const place = at % payload.length;
        const bad = [
          payload.map((byte, i) => (i === place ? byte ^ flip : byte)),
          payload.subarray(0, place),
          payload.subarray(place + 1),
          // At the packed length the bytes are packed codes, and any are fine.
          ...(payload.length + 1 < codec.maxBytes ? [Buffer.concat([payload, Uint8Array.of(flip)])] : []),
        ];
        for (const mutant of bad) {
          changed++;
          const got = tryDecode(codec, mutant);
          if (got !== undefined) passed++;
        }
      }),
      { numRuns: 1500, seed: 3 },
    );
    expect(changed).toBeGreaterThan(500);
    // One in 65 536 may pass by chance.
    expect(passed).toBe(0);
  });
});

describe('learnt tables', () => {
  it('hold whatever was seen, and take whatever comes', () => {
    const cases = fc.record({
      bits: bitsOf,
      shape: shapes,
      count: fc.integer({ min: 0, max: 4 }),
      seen: fc.infiniteStream(fc.oneof(fc.constant(0), fc.nat({ max: 255 }))),
      tableBytes: fc.constantFrom(1, 600, 8192),
    });
    fc.assert(
      fc.property(cases, ({ bits, shape, count, seen, tableBytes }) => {
        const size = sizeOf(shape);
        const take = (n: number): Uint8Array => Uint8Array.from({ length: n }, () => seen.next().value % 2 ** bits);
        const training = { bits, shape, count, codes: take(count * size) };
        const spec = learnRansTables(training, { tableBytes });
        expect(listCodecProblems(spec, shape)).toEqual([]);
        expect(spec.tables.length).toBeLessThanOrEqual(Math.max(1, Math.floor(tableBytes / (2 * (2 ** bits + 1)))));
        for (const chosen of [spec, learnCodec(training)]) {
          const codec = createCodec(chosen, shape);
          const codes = take(size);
          expect(Buffer.compare(codec.decode(codec.encode(codes)), codes)).toBe(0);
        }
      }),
      { numRuns: 150, seed: 4 },
    );
  });
});
