import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findCutPoints } from '../../../src/analyze/cut-points.js';
import { measureCutCosts } from '../../../src/cost/cut-cost.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import type { Graph } from '../../../src/ir/graph.js';
import { planArena } from '../../../src/memory/plan-arena.js';
import { SHAPES } from '../../../src/ops/index.js';
import { findLogits } from '../../../src/passes/logits.js';
import { openModel } from '../../../src/sdk.js';

/** A random graph of element-wise ops and concatenations over small tensors. */
const randomGraph = fc
  .array(fc.record({ kind: fc.constantFrom('relu', 'add', 'concat', 'softmax'), a: fc.nat(), b: fc.nat() }), {
    minLength: 1,
    maxLength: 14,
  })
  .map((steps): Graph => {
    const b = new GraphBuilder('random', SHAPES);
    const ids = [b.input('x', [1, 2, 3, 4])];
    for (const { kind, a, b: other } of steps) {
      const left = ids[a % ids.length] as string;
      const same = ids.filter((id) => b.type(id).shape[3] === b.type(left).shape[3]);
      if (kind === 'add') ids.push(b.op('add', [left, same[other % same.length] as string]));
      else if (kind === 'concat') ids.push(b.op('concat', [left, ids[other % ids.length] as string], { axis: 3 }));
      else ids.push(b.op(kind, [left], kind === 'softmax' ? { axis: -1 } : {}));
    }
    return b.build([ids.at(-1) as string]);
  });

describe('planArena', () => {
  it('never lets two buffers that live at once overlap, and never undercuts the lower bound', () => {
    fc.assert(
      fc.property(randomGraph, (graph) => {
        const plan = planArena(graph, { elementBytes: 1 });
        const buffers = [...new Set(plan.placements.values())];
        const unique = buffers.filter(
          (p, i) =>
            buffers.findIndex(
              (q) => q.offset === p.offset && q.first === p.first && q.bytes === p.bytes && q.last === p.last,
            ) === i,
        );
        unique.forEach((p, i) => {
          for (const q of unique.slice(i + 1)) {
            const together = p.first <= q.last && q.first <= p.last;
            const apart = p.offset + p.bytes <= q.offset || q.offset + q.bytes <= p.offset;
            expect(!together || apart).toBe(true);
          }
          expect(p.offset % 16).toBe(0);
          expect(p.offset + p.bytes).toBeLessThanOrEqual(plan.arenaBytes);
        });
        expect(plan.arenaBytes).toBeGreaterThanOrEqual(plan.lowerBoundBytes);
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  it('reuses the input of an element-wise op only when nobody reads it later', () => {
    const b = new GraphBuilder('g', SHAPES);
    const x = b.input('x', [1, 4, 4, 4]);
    const r = b.op('relu', [x], {}, { id: 'r' });
    const chain = b.build([r]);
    expect(planArena(chain, { elementBytes: 1 }).arenaBytes).toBe(64);
    expect(planArena(chain, { elementBytes: 1, inPlace: false }).arenaBytes).toBe(128);
    const s = b.op('add', [x, r], {}, { id: 's' });
    expect(planArena(b.build([s]), { elementBytes: 1 }).arenaBytes).toBe(128);
  });
});

describe('arena of a head', () => {
  it.each(['resnet8', 'mobilenet_v1', 'mobilenet_v2', 'ds-cnn'])('never shrinks with depth: %s', async (name) => {
    const { network } = await openModel(name, { seed: 0 });
    const points = findCutPoints(network, findLogits(network).id).filter((p) => p.tensors.length === 1);
    const arenas = measureCutCosts(
      network,
      points.map((p) => p.tensors),
    ).map((c) => c.arenaBytes);
    expect(arenas).toEqual([...arenas].sort((a, b) => a - b));
  });
});
