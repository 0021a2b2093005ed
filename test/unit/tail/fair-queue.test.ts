import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue, type QueueLimits } from '../../../src/tail/fair-queue.js';

const LIMITS: QueueLimits = { items: 8, itemsOfOne: 6 };

describe('FairQueue', () => {
  it('takes from everyone in turn, each in the order brought', () => {
    const queue = new FairQueue<string>(LIMITS);
    for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.push(item[0] as string, item);
    expect(queue.take(4)).toEqual(['a1', 'b1', 'c1', 'a2']);
    queue.push('b', 'b2');
    expect(queue.take(10)).toEqual(['c2', 'a3', 'b2']);
    expect([queue.size, queue.owners]).toEqual([0, 0]);
  });

  it('lets nobody have more than their bound', () => {
    const queue = new FairQueue<number>(LIMITS);
    expect(Array.from({ length: 8 }, (_, i) => queue.push('a', i))).toEqual([...new Array(6).fill(undefined), 6, 7]);
  });

  it('makes room from whoever has most, the newest of theirs', () => {
    const queue = new FairQueue<string>(LIMITS);
    for (let i = 0; i < 6; i++) queue.push('a', `a${i}`);
    for (let i = 0; i < 2; i++) queue.push('b', `b${i}`);
    expect(queue.push('c', 'c0')).toBe('a5');
    expect(queue.push('a', 'a6')).toBe('a6');
    expect(queue.push('c', 'c1')).toBe('a4');
    expect(queue.push('b', 'b2')).toBe('a3');
    expect(queue.push('b', 'b3')).toBe('b3');
    expect(queue.take(20)).toEqual(['a0', 'b0', 'c0', 'a1', 'b1', 'c1', 'a2', 'b2']);
  });

  it('loses nothing, keeps its bounds, and sheds only from those who have most', () => {
    const anyStep = fc.oneof(
      fc.record({ owner: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ take: fc.integer({ min: 0, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 80 }), (steps) => {
        const queue = new FairQueue<{ owner: string; n: number }>(LIMITS);
        const inside = new Map<string, number[]>();
        steps.forEach((step, n) => {
          if ('take' in step) {
            const taken = queue.take(step.take);
            const before = Math.min(step.take, [...inside.values()].flat().length);
            expect(taken).toHaveLength(before);
            for (const item of taken) expect(inside.get(item.owner)?.shift()).toBe(item.n);
            return;
          }
          const { owner } = step;
          const shed = queue.push(owner, { owner, n });
          inside.set(owner, [...(inside.get(owner) ?? []), n]);
          if (shed) {
            expect(inside.get(shed.owner)?.pop()).toBe(shed.n);
            const counts = [...inside.values()].map((list) => list.length);
            expect((inside.get(shed.owner)?.length ?? 0) + 1).toBeGreaterThanOrEqual(Math.max(...counts));
          }
          expect(queue.size).toBe([...inside.values()].flat().length);
          expect(queue.size).toBeLessThanOrEqual(LIMITS.items);
        });
      }),
    );
  });
});
