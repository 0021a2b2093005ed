import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AssemblerLimits, FrameAssembler, splitFrame } from '../../../src/wire/chunks.js';
import { decodeFrame, type Frame } from '../../../src/wire/frame.js';
import { anyWholeFrame, EXAMPLE_FRAME } from './any-frame.js';

const LIMITS: AssemblerLimits = { frames: 4, bytes: 4000, ageMs: 1000 };

function chunksOf(frame: Frame, packetBytes: number): Frame[] {
  return splitFrame(frame, packetBytes).map(decodeFrame);
}

describe('chunks', () => {
  it('come together in any order, some of them twice', () => {
    fc.assert(
      fc.property(
        anyWholeFrame,
        fc.integer({ min: 41, max: 300 }),
        fc.infiniteStream(fc.nat()),
        (frame, packet, draw) => {
          const chunks = chunksOf(frame, packet);
          const order = [...chunks, ...chunks.slice(0, 2)]
            .map((chunk) => ({ chunk, key: draw.next().value as number }))
            .sort((a, b) => a.key - b.key)
            .map(({ chunk }) => chunk);
          const assembler = new FrameAssembler(LIMITS);
          const whole = order.flatMap((chunk) => assembler.push(chunk, 0) ?? []);
          expect(whole[0]).toEqual(frame);
        },
      ),
    );
  });

  it('keep within the packet, and a frame that fits is not cut', () => {
    const frame = { ...EXAMPLE_FRAME, payload: new Uint8Array(1000) };
    const packets = splitFrame(frame, 240);
    expect(packets).toHaveLength(5);
    expect(Math.max(...packets.map(({ length }) => length))).toBe(240);
    expect(splitFrame(frame, 1040)).toHaveLength(1);
    expect(splitFrame({ ...frame, payload: new Uint8Array(0) }, 41)).toHaveLength(1);
    expect(() => splitFrame(frame, 40)).toThrow(RangeError);
    expect(() => splitFrame({ ...frame, payload: new Uint8Array(70_000) }, 41)).toThrow(RangeError);
  });
});

describe('FrameAssembler', () => {
  const begin = (sequence: number, bytes = 100): Frame =>
    chunksOf({ ...EXAMPLE_FRAME, sequence, payload: new Uint8Array(2 * bytes) }, bytes + 40)[0] as Frame;

  it('gives up the oldest beyond so many frames', () => {
    const assembler = new FrameAssembler(LIMITS);
    for (let sequence = 0; sequence < 50; sequence++) assembler.push(begin(sequence), 0);
    expect(assembler.size).toBe(4);
    expect(assembler.counts.givenUp).toBe(46);
  });

  it('gives up the oldest beyond so many bytes, and frames that stopped growing', () => {
    const assembler = new FrameAssembler(LIMITS);
    for (let sequence = 0; sequence < 4; sequence++) assembler.push(begin(sequence, 1500), 0);
    expect(assembler.size).toBe(2);
    expect(assembler.push(begin(9), 1001)).toBeUndefined();
    expect(assembler.size).toBe(1);
    expect(assembler.counts.givenUp).toBe(4);
  });

  it('is not led astray by chunks of other frames under the same number, nor by absurd counts', () => {
    const assembler = new FrameAssembler(LIMITS);
    const [first, second] = chunksOf({ ...EXAMPLE_FRAME, payload: new Uint8Array(6).fill(3) }, 43) as [Frame, Frame];
    assembler.push(first, 0);
    assembler.push({ ...second, captureMs: 99 }, 0);
    assembler.push({ ...second, chunk: { index: 1, count: 3 } }, 0);
    expect(assembler.counts.contradictions).toBe(2);
    expect(assembler.push(second, 0)?.payload).toEqual(new Uint8Array(6).fill(3));
    expect(assembler.push({ ...first, sequence: 8, chunk: { index: 0, count: 60_000 } }, 0)).toBeUndefined();
    expect(assembler.size).toBe(0);
  });

  it('keeps what it was given though the memory is used again', () => {
    const assembler = new FrameAssembler(LIMITS);
    const packets = splitFrame({ ...EXAMPLE_FRAME, payload: Uint8Array.of(1, 2, 3, 4) }, 42);
    const memory = new Uint8Array(42);
    let whole: Frame | undefined;
    for (const packet of packets) {
      memory.set(packet);
      whole = assembler.push(decodeFrame(memory), 0);
    }
    expect(whole?.payload).toEqual(Uint8Array.of(1, 2, 3, 4));
  });
});
