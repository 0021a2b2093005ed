import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CobsStream, cobsMaxBytes, decodeCobs, encodeCobs } from '../../../src/wire/cobs.js';

/** Mostly zeros, mostly none, and lengths about the longest block. */
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 1200 }),
  fc.array(fc.constantFrom(0, 0, 1, 255), { maxLength: 600 }).map((list) => Uint8Array.from(list)),
  fc
    .integer({ min: 250, max: 260 })
    .chain((n) =>
      fc
        .array(fc.constantFrom(7, 7, 7, 7, 7, 7, 7, 0), { minLength: n, maxLength: n })
        .map((list) => Uint8Array.from(list)),
    ),
  fc.integer({ min: 253, max: 510 }).map((n) => new Uint8Array(n).fill(7)),
);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const run = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('COBS', () => {
  // The examples of the Wikipedia article, which are those of the paper's rules.
  it.each([
    [[0], [1, 1]],
    [
      [0, 0],
      [1, 1, 1],
    ],
    [
      [0, 0x11, 0],
      [1, 2, 0x11, 1],
    ],
    [
      [0x11, 0x22, 0, 0x33],
      [3, 0x11, 0x22, 2, 0x33],
    ],
    [
      [0x11, 0, 0, 0],
      [2, 0x11, 1, 1, 1],
    ],
    [run(1, 254), [255, ...run(1, 254)]],
    [
      [0, ...run(1, 254)],
      [1, 255, ...run(1, 254)],
    ],
    [run(1, 255), [255, ...run(1, 254), 2, 255]],
    [
      [...run(2, 255), 0],
      [255, ...run(2, 255), 1, 1],
    ],
    [
      [...run(3, 255), 0, 1],
      [254, ...run(3, 255), 2, 1],
    ],
    [[], [1]],
  ])('case %#', (plain, coded) => {
    expect([...encodeCobs(Uint8Array.from(plain))]).toEqual([...coded, 0]);
    expect([...decodeCobs(Uint8Array.from(coded))]).toEqual(plain);
  });

  it('round trip, no zero inside, never longer than said', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const coded = encodeCobs(bytes);
        expect(coded.indexOf(0)).toBe(coded.length - 1);
        expect(coded.length).toBeLessThanOrEqual(cobsMaxBytes(bytes.length));
        expect(hex(decodeCobs(coded.subarray(0, -1)))).toBe(hex(bytes));
      }),
    );
  });

  it.each([[[3, 1]], [[0]], [[2, 0, 1]], [[255, 1, 2]]])('%j is refused', (bytes) => {
    expect(() => decodeCobs(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'E_WIRE_COBS' }));
  });
});

describe('CobsStream', () => {
  it('finds frames however the bytes come, and goes on after noise', () => {
    fc.assert(
      fc.property(fc.array(anyBytes, { maxLength: 5 }), fc.integer({ min: 1, max: 40 }), (frames, step) => {
        const stream = new CobsStream(1200);
        // A line begins somewhere in a frame.
        const noise = Uint8Array.of(200, 3, 1, 0);
        const sent = Buffer.concat([noise, ...frames.map(encodeCobs)]);
        const found: string[] = [];
        for (let at = 0; at < sent.length; at += step)
          found.push(...stream.push(sent.subarray(at, at + step)).map(hex));
        expect(found).toEqual(frames.map(hex));
        expect(stream.dropped).toBe(1);
      }),
    );
  });

  it('holds no more than a frame and drops what is longer', () => {
    const stream = new CobsStream(10);
    expect(stream.push(new Uint8Array(1e6).fill(5))).toEqual([]);
    expect(stream.push(Uint8Array.of(0))).toEqual([]);
    expect(stream.dropped).toBe(1);
    expect(stream.push(encodeCobs(Uint8Array.of(1, 0, 2)))).toEqual([Uint8Array.of(1, 0, 2)]);
  });
});
