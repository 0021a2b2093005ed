import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { IsplitError } from '../../../src/core/errors.js';
import { listCodecProblems } from '../../../src/wire/codecs/check-codec.js';
import type { CodecSpec } from '../../../src/wire/codecs/codec.js';
import { createCodec, describeCodec, maxPayloadBytes } from '../../../src/wire/codecs/create-codec.js';

function refusal(decode: () => unknown): string {
  try {
    decode();
  } catch (error) {
    expect(error).toBeInstanceOf(IsplitError);
    expect((error as IsplitError).code).toBe('E_WIRE_PAYLOAD');
    return (error as IsplitError).message;
  }
  return 'nothing was thrown';
}

describe('raw', () => {
  const codec = createCodec({ id: 'raw' }, [2, 2]);
  it('is the int8 values', () => {
    expect([...codec.encode(Uint8Array.of(0, 127, 128, 255))]).toEqual([0x80, 0xff, 0x00, 0x7f]);
    expect([...codec.decode(Uint8Array.of(0x80, 0xff, 0x00, 0x7f))]).toEqual([0, 127, 128, 255]);
    expect(codec.maxBytes).toBe(4);
  });
  it('refuses other lengths', () => {
    expect(refusal(() => codec.decode(new Uint8Array(3)))).toMatch('has 4 B, this one has 3 B');
    expect(refusal(() => codec.decode(new Uint8Array(5)))).toMatch('5 B');
  });
});

describe('packed', () => {
  it.each([
    [1, [1, 0, 0, 0, 0, 0, 0, 1, 1, 1], [0b10000001, 0b11]],
    [2, [1, 2, 3, 0, 3], [0b00111001, 0b11]],
    [4, [1, 15, 7], [0xf1, 0x07]],
    [8, [1, 255, 0], [1, 255, 0]],
  ] as const)('puts the first of %i-bit codes lowest', (bits, codes, payload) => {
    const codec = createCodec({ id: 'packed', bits }, [codes.length]);
    expect([...codec.encode(Uint8Array.from(codes))]).toEqual(payload);
    expect([...codec.decode(Uint8Array.from(payload))]).toEqual(codes);
    expect(codec.maxBytes).toBe(payload.length);
  });
  it('writes the largest code for what does not fit', () => {
    expect([...createCodec({ id: 'packed', bits: 4 }, [3]).encode(Uint8Array.of(16, 0, 255))]).toEqual([0x0f, 0x0f]);
  });
  it('refuses other lengths and a filling that is not zero', () => {
    const codec = createCodec({ id: 'packed', bits: 2 }, [3]);
    expect(refusal(() => codec.decode(new Uint8Array(2)))).toMatch('has 1 B');
    expect(refusal(() => codec.decode(Uint8Array.of(0x40)))).toMatch('not filled with zeros');
  });
});

describe('rans', () => {
  const flat: CodecSpec = { id: 'rans', bits: 1, precision: 8, tableOfChannel: [0], tables: [[255, 1]] };
  it('gives the bytes of the documented example, which were worked out apart from this code', () => {
    const page = readFileSync(new URL('../../../docs/wire-codecs.md', import.meta.url), 'utf8');
    const example = JSON.parse(/```json\n([^`]*)```/.exec(page)?.[1] ?? '') as {
      codec: CodecSpec;
      shape: number[];
      codes: number[];
      payload: string;
    };
    const codec = createCodec(example.codec, example.shape);
    expect(Buffer.from(codec.encode(Uint8Array.from(example.codes))).toString('hex')).toBe(
      example.payload.replaceAll(' ', ''),
    );
    expect([...codec.decode(Buffer.from(example.payload.replaceAll(' ', ''), 'hex'))]).toEqual(example.codes);
  });
  it('spends 16 bits and the rounding to bytes beside the codes', () => {
    const codec = createCodec(flat, [4000, 1]);
    const ideal = (4000 * Math.log2(256 / 255)) / 8;
    const { length } = codec.encode(new Uint8Array(4000));
    expect(length).toBeGreaterThanOrEqual(2 + ideal);
    expect(length).toBeLessThanOrEqual(Math.ceil(2 + ideal) + 1);
  });
  it('falls back to packed codes, so that no payload is longer', () => {
    const codec = createCodec(flat, [8, 8, 1]);
    const ones = new Uint8Array(64).fill(1);
    expect(codec.maxBytes).toBe(8);
    expect([...codec.encode(ones)]).toEqual(new Array(8).fill(255));
    expect([...codec.decode(codec.encode(ones))]).toEqual([...ones]);
  });
  it('refuses packed codes that it would have made shorter', () => {
    expect(refusal(() => createCodec(flat, [8, 8, 1]).decode(new Uint8Array(8)))).toMatch(
      '8 B of packed codes that take 3 B',
    );
  });
  it.each([
    [new Uint8Array(0), '1 to 8 B'],
    [new Uint8Array(9), '1 to 8 B'],
    [Uint8Array.of(1, 2, 0), 'last byte is 0'],
    [Uint8Array.of(1, 2, 3), 'no encoder makes'],
    [Uint8Array.of(9, 9, 9, 9, 9, 9, 200), 'no encoder makes'],
  ])('refuses %j', (payload, why) => {
    expect(refusal(() => createCodec(flat, [8, 8, 1]).decode(payload))).toMatch(why);
  });
});

describe('a codec', () => {
  const rans = { id: 'rans', bits: 1, precision: 8, tableOfChannel: [0, 0], tables: [[128, 128]] } as const;
  it.each<[CodecSpec, number[]]>([
    [{ ...rans, tables: [[1, 254]] }, [4, 2]],
    [{ ...rans, tables: [[0, 256]] }, [4, 2]],
    [{ ...rans, precision: 15 }, [4, 2]],
    [rans, [4, 3]],
    [{ id: 'packed', bits: 3 as 4 }, [4, 2]],
  ])('is not made of %j for %j', (spec, shape) => {
    expect(listCodecProblems(spec, shape).length).toBeGreaterThan(0);
    expect(() => createCodec(spec, shape)).toThrow(RangeError);
  });
  it('says what it is and how long its payloads can be', () => {
    expect([describeCodec({ id: 'raw' }), maxPayloadBytes({ id: 'raw' }, [3, 3, 2])]).toEqual(['raw', 18]);
    expect([describeCodec(rans), maxPayloadBytes(rans, [3, 3, 2])]).toEqual(['rANS, 1 bit, 1 table', 3]);
    expect(describeCodec({ id: 'packed', bits: 2 })).toBe('packed, 2 bit');
  });
});
