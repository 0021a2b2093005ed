import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outbox, type OutboxLimits, spread } from '../../../src/wire/outbox.js';

const LIMITS: OutboxLimits = { frames: 3, bytes: 100, ageMs: 1000, resendMs: 100, mostResendMs: 300 };
const bytes = (n: number): Uint8Array => new Uint8Array(n);

function send(outbox: Outbox, nowMs: number): number[] {
  const sent: number[] = [];
  for (let frame = outbox.nextDue(nowMs); frame; frame = outbox.nextDue(nowMs)) {
    outbox.markSent(frame, nowMs);
    sent.push(frame.sequence);
  }
  return sent;
}

describe('Outbox', () => {
  it('sends at once, then again and again more slowly until answered', () => {
    const outbox = new Outbox({ ...LIMITS, ageMs: 10_000 });
    outbox.keep(1, bytes(10), 0);
    const times: number[] = [];
    for (let now = 0; now < 1200; now++) if (send(outbox, now).length > 0) times.push(now);
    const waits = times.slice(1).map((t, i) => t - (times[i] as number));
    expect(times[0]).toBe(0);
    waits.forEach((wait, i) => {
      const full = Math.min(100 * 2 ** i, 300);
      expect(wait).toBeGreaterThanOrEqual(0.75 * full);
      expect(wait).toBeLessThanOrEqual(full);
    });
    expect(outbox.answered(1)?.sequence).toBe(1);
    expect(outbox.answered(1)).toBeUndefined();
    expect(outbox.counts).toMatchObject({
      kept: 1,
      sent: times.length,
      resent: times.length - 1,
      answered: 1,
      unasked: 1,
    });
    expect(outbox.nextEventMs()).toBeUndefined();
  });

  it('lets the oldest go for newer ones, by count and by bytes', () => {
    const outbox = new Outbox(LIMITS);
    for (let sequence = 0; sequence < 5; sequence++) expect(outbox.keep(sequence, bytes(10), 0)).toBe(true);
    expect(send(outbox, 0)).toEqual([2, 3, 4]);
    expect(outbox.keep(5, bytes(90), 0)).toBe(true);
    expect(send(outbox, 0)).toEqual([5]);
    expect([outbox.size, outbox.bytes]).toEqual([2, 100]);
    expect(outbox.keep(6, bytes(101), 0)).toBe(false);
    expect(outbox.counts.givenUp).toEqual({ room: 5, age: 0, refused: 0 });
  });

  it('gives up what is too old or refused', () => {
    const outbox = new Outbox(LIMITS);
    outbox.keep(1, bytes(10), 0);
    outbox.keep(2, bytes(10), 600);
    outbox.refused(2);
    expect(outbox.nextDue(1000)?.sequence).toBe(1);
    expect(outbox.nextDue(1001)).toBeUndefined();
    expect(outbox.counts.givenUp).toEqual({ room: 0, age: 1, refused: 1 });
    expect(outbox.bytes).toBe(0);
  });

  it('waits as long as the tail asks, and sends all that waits after a reconnection', () => {
    const outbox = new Outbox({ ...LIMITS, ageMs: 10_000 });
    outbox.keep(1, bytes(10), 0);
    outbox.keep(2, bytes(10), 0);
    send(outbox, 0);
    outbox.postponed(1, 700, 10);
    expect(send(outbox, 709)).toEqual([2]);
    expect(send(outbox, 710)).toEqual([1]);
    outbox.reconnected(711);
    expect(send(outbox, 711)).toEqual([1, 2]);
  });

  it('wakes in time: nothing is due before, something has happened then', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 60 })), { maxLength: 20 }),
        (list) => {
          const outbox = new Outbox(LIMITS);
          let now = 0;
          list.forEach(([wait, size], sequence) => {
            now += wait;
            outbox.keep(sequence, bytes(size), now);
            send(outbox, now);
            expect(outbox.size).toBeLessThanOrEqual(LIMITS.frames);
            expect(outbox.bytes).toBeLessThanOrEqual(LIMITS.bytes);
            const next = outbox.nextEventMs() as number;
            expect(next).toBeGreaterThan(now);
            const before = outbox.size;
            expect(outbox.nextDue(next - 1)).toBeUndefined();
            expect(outbox.nextDue(next) !== undefined || outbox.size < before).toBe(true);
          });
          const { kept, answered, givenUp } = outbox.counts;
          expect(kept).toBe(answered + givenUp.room + givenUp.age + givenUp.refused + outbox.size);
        },
      ),
    );
  });

  it('spreads evenly', () => {
    const counts = new Array<number>(11).fill(0);
    for (let sequence = 0; sequence < 11_000; sequence++)
      counts[spread(sequence, 1, 10)] = (counts[spread(sequence, 1, 10)] as number) + 1;
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1150);
  });
});
