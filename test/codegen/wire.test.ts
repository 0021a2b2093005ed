/** The device's C library against the TypeScript of the tail: frames, chunks, COBS, results, resending. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { splitFrame } from '../../src/wire/chunks.js';
import { CobsStream, encodeCobs } from '../../src/wire/cobs.js';
import { encodeFrame, type Frame } from '../../src/wire/frame.js';
import { encodeResult, RESULT_STATUSES } from '../../src/wire/result.js';
import { commandTool, describeNeeding } from '../support/shared-data.js';
import { anyFrame, anyWholeFrame } from '../unit/wire/any-frame.js';
import { COMPILERS } from './preprocess-campaign.js';
import {
  decodedForC,
  encodedTwice,
  frameForC,
  type OutboxScript,
  playScript,
  runWireInC,
  scriptForC,
  u32,
  type WireCommand,
} from './wire-campaign.js';

const PACKAGES = { gcc: 'apt-get install gcc', clang: 'apt-get install clang' } as const;
const FRAMES = 50_000;
const SEED = 11;
const draw = <T>(of: fc.Arbitrary<T>, count: number): T[] => fc.sample(of, { seed: SEED, numRuns: count });

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function compare(compiler: (typeof COMPILERS)[number], cases: readonly [WireCommand, Uint8Array][]): void {
  const answers = runWireInC(
    compiler,
    cases.map(([command]) => command),
  );
  const wrong = cases.flatMap(([{ letter, bytes }, expected], i) =>
    Buffer.compare(answers[i] as Buffer, expected) === 0
      ? []
      : [
          `${letter} ${hex(bytes).slice(0, 400)}: ${hex(answers[i] as Buffer).slice(0, 400)}, not ${hex(expected).slice(0, 400)}`,
        ],
  );
  expect(wrong.slice(0, 3)).toEqual([]);
}

/** Bytes changed, cut, extended or doubled. */
const damage = fc.record({
  kind: fc.constantFrom('flip', 'cut', 'extend', 'insert', 'none'),
  at: fc.nat(),
  bit: fc.nat(7),
  more: fc.uint8Array({ minLength: 1, maxLength: 8 }),
});

function damaged(
  bytes: Uint8Array,
  { kind, at, bit, more }: typeof damage extends fc.Arbitrary<infer T> ? T : never,
): Uint8Array {
  const place = at % bytes.length;
  if (kind === 'flip') return bytes.map((byte, i) => (i === place ? byte ^ (1 << bit) : byte));
  if (kind === 'cut') return bytes.slice(0, place);
  if (kind === 'extend') return Uint8Array.of(...bytes, ...more);
  if (kind === 'insert') return Uint8Array.of(...bytes.slice(0, place), ...more, ...bytes.slice(place));
  return bytes;
}

const anyScript: fc.Arbitrary<OutboxScript> = fc
  .record({
    limits: fc.record({
      frames: fc.integer({ min: 1, max: 6 }),
      bytes: fc.integer({ min: 50, max: 600 }),
      ageMs: fc.integer({ min: 1, max: 3000 }),
      resendMs: fc.integer({ min: 1, max: 500 }),
      mostResendMs: fc.integer({ min: 1, max: 2000 }),
    }),
    steps: fc.array(
      fc.record({
        what: fc.constantFrom('keep', 'send', 'send', 'result', 'reconnected'),
        after: fc.integer({ min: 0, max: 700 }),
        back: fc.integer({ min: 0, max: 6 }),
        payloadBytes: fc.integer({ min: 0, max: 300 }),
        status: fc.constantFrom(...RESULT_STATUSES),
        retryMs: fc.integer({ min: 0, max: 3000 }),
      }),
      { maxLength: 40 },
    ),
  })
  .map(({ limits, steps }) => {
    let now = 1000;
    let sequence = 0;
    const events = steps.map(({ what, after, back, payloadBytes, status, retryMs }) => {
      now += after;
      if (what === 'keep') return { what, now, sequence: sequence++, payloadBytes } as const;
      if (what === 'result') return { what, now, sequence: Math.max(0, sequence - back), status, retryMs } as const;
      return { what: what as 'send' | 'reconnected', now } as const;
    });
    return { limits, events };
  });

for (const compiler of COMPILERS) {
  describeNeeding([commandTool(compiler, PACKAGES[compiler])], `isplit_wire.c compiled by ${compiler}`, () => {
    it(`makes the same ${FRAMES} frames, byte for byte, and reads them`, () => {
      const frames = draw(anyFrame, FRAMES);
      compare(
        compiler,
        frames.flatMap((frame): [WireCommand, Uint8Array][] => {
          const bytes = encodeFrame(frame);
          return [
            [{ letter: 'e', bytes: frameForC(frame) }, encodedTwice(frame)],
            [{ letter: 'd', bytes }, decodedForC(bytes)],
          ];
        }),
      );
    }, 120_000);

    it('says the same of damaged frames', () => {
      const frames = draw(fc.tuple(anyFrame, damage), 20_000);
      const junk = draw(fc.uint8Array({ maxLength: 120 }), 5000);
      const all = [...frames.map(([frame, how]) => damaged(encodeFrame(frame), how)), ...junk];
      compare(
        compiler,
        all.map((bytes) => [{ letter: 'd', bytes }, decodedForC(bytes)]),
      );
    }, 60_000);

    it('cuts frames into the same chunks', () => {
      const cases = draw(fc.tuple(anyWholeFrame, fc.integer({ min: 41, max: 300 })), 3000);
      compare(
        compiler,
        cases.map(([frame, packetBytes]: [Frame, number]) => {
          const chunks = splitFrame(frame, packetBytes);
          return [
            { letter: 'c', bytes: Buffer.concat([u32(packetBytes), frameForC(frame)]) },
            Buffer.concat([u32(chunks.length), ...chunks.flatMap((chunk) => [u32(chunk.length), chunk])]),
          ];
        }),
      );
    }, 60_000);

    it('puts the same COBS on a line, and finds the same frames in any line', () => {
      const plain = draw(
        fc.oneof(
          fc.uint8Array({ maxLength: 700 }),
          fc.array(fc.constantFrom(0, 1, 255), { maxLength: 300 }).map((list) => Uint8Array.from(list)),
          fc.integer({ min: 250, max: 512 }).map((n) => new Uint8Array(n).fill(9)),
        ),
        5000,
      );
      const lines = draw(
        fc.tuple(fc.array(anyFrame, { maxLength: 4 }), damage, fc.integer({ min: 0, max: 700 })),
        3000,
      );
      const noise = draw(fc.array(fc.constantFrom(0, 1, 2, 3, 254, 255, 7), { maxLength: 400 }), 3000);
      const streamed = (line: Uint8Array, capacity: number): [WireCommand, Uint8Array] => {
        const stream = new CobsStream(capacity);
        const found = stream.push(line).flatMap((frame) => [u32(frame.length), frame]);
        return [
          { letter: 's', bytes: Buffer.concat([u32(capacity), line]) },
          Buffer.concat([...found, u32(0xffff_ffff, stream.dropped)]),
        ];
      };
      compare(compiler, [
        ...plain.map((bytes): [WireCommand, Uint8Array] => [{ letter: 'k', bytes }, encodeCobs(bytes)]),
        ...lines.map(([frames, how, capacity]) => {
          const line = Buffer.concat([...frames.map((frame) => encodeCobs(encodeFrame(frame))), Buffer.of(0)]);
          return streamed(damaged(line, how), capacity);
        }),
        ...noise.map((list) => streamed(Uint8Array.from(list), 40)),
      ]);
    }, 60_000);

    it('reads the same results', () => {
      const answer = encodeResult({
        status: 'busy',
        bootId: 1,
        sequence: 2,
        classId: 3,
        confidence: 0.5,
        tailUs: 4,
        retryMs: 9,
      });
      expect([...(runWireInC(compiler, [{ letter: 'r', bytes: answer }])[0] as Buffer)]).toEqual([
        ...u32(0, 3, 1, 2, 3, 32_768, 4, 9),
      ]);
      const wrong = draw(damage, 2000).map((how) => damaged(answer, how));
      const answers = runWireInC(
        compiler,
        wrong.map((bytes) => ({ letter: 'r', bytes })),
      );
      wrong.forEach((bytes, i) => {
        expect(answers[i]?.readUInt32LE(0) === 0).toBe(hex(bytes) === hex(answer));
      });
    }, 60_000);

    it('keeps, sends again and gives up the same frames at the same times', () => {
      const scripts = draw(anyScript, 2000);
      compare(
        compiler,
        scripts.map((script) => [{ letter: 'o', bytes: scriptForC(script) }, playScript(script)]),
      );
    }, 60_000);
  });
}
