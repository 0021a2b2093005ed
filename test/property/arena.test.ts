/** The arena of a head never shrinks with depth, whatever the network, and no two buffers that live at once overlap. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ARENA_MODELS, openHeads, quantizeRoughly } from '../../evidence/arena.js';
import { findCutPoints } from '../../src/analyze/cut-points.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { Graph } from '../../src/ir/graph.js';
import { partitionGraph } from '../../src/ir/partition.js';
import { describeGraphForTflm } from '../../src/memory/describe-graph.js';
import { planArena } from '../../src/memory/plan-arena.js';
import { predictTflmArena, TFLM_TARGETS } from '../../src/memory/tflm-arena.js';
import { SHAPES } from '../../src/ops/index.js';
import { describeNeeding, sharedTestData } from '../support/shared-data.js';

const STEPS = ['conv', 'relu', 'residual', 'inception', 'dense-block', 'pool'] as const;

/** Networks of the shapes that planners find hard: chains of unequal sizes, residual and parallel branches, long skips. */
const randomNetwork = fc
  .array(
    fc.record({
      step: fc.constantFrom(...STEPS),
      channels: fc.integer({ min: 1, max: 24 }),
      other: fc.integer({ min: 1, max: 24 }),
      from: fc.nat(),
    }),
    { minLength: 2, maxLength: 9 },
  )
  .map((steps): Graph => {
    const b = new GraphBuilder('random', SHAPES);
    const conv = (x: string, channels: number): string => {
      const inputs = b.type(x).shape[3] as number;
      const weights = b.constant('w', [channels, 1, 1, inputs], new Float32Array(channels * inputs));
      const bias = b.constant('b', [channels], new Float32Array(channels));
      return b.op('conv2d', [x, weights, bias], { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] });
    };
    let x = b.input('x', [1, 8, 8, 3]);
    let early = x;
    for (const { step, channels, other, from } of steps) {
      const size = b.type(x).shape[1] as number;
      if (step === 'conv') x = conv(x, channels);
      else if (step === 'relu') x = b.op('relu', [x]);
      else if (step === 'residual') x = b.op('add', [conv(conv(x, other), channels), conv(x, channels)]);
      else if (step === 'inception') {
        x = b.op('concat', [conv(x, channels), conv(conv(x, other), channels), conv(x, other)], { axis: 3 });
      } else if (step === 'dense-block') {
        if (b.type(early).shape[1] === size) x = b.op('concat', [x, conv(early, other)], { axis: 3 });
      } else if (size > 1) {
        x = b.op('max_pool2d', [x], { kernelSize: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] });
      }
      if (from % 3 === 0) early = x;
    }
    return b.build([conv(x, 2)]);
  });

const headsOf = (network: Graph): Graph[] =>
  findCutPoints(network, network.outputs[0] as string, 1).map(({ tensors }) => partitionGraph(network, tensors).head);

describe('arena of random networks', () => {
  it('never shrinks with depth, and is the lower bound of any plan', () => {
    fc.assert(
      fc.property(randomNetwork, (network) => {
        const plans = headsOf(network).map((head) => planArena(head, { elementBytes: 1 }));
        const arenas = plans.map((plan) => plan.arenaBytes);
        expect(arenas).toEqual([...arenas].sort((a, b) => a - b));
        expect(arenas).toEqual(plans.map((plan) => plan.lowerBoundBytes));
      }),
      { seed: 17, numRuns: 400 },
    );
  });

  it('is smaller than what TFLite-Micro needs', () => {
    fc.assert(
      fc.property(randomNetwork, (network) => {
        const { parts, lowBytes, minimumBytes } = predictTflmArena(
          describeGraphForTflm(network),
          TFLM_TARGETS.reference,
        );
        const { arenaBytes } = planArena(network, { elementBytes: 1 });
        expect(arenaBytes).toBeLessThanOrEqual(parts.planBytes);
        expect(parts.planBytes).toBeLessThan(lowBytes);
        expect(minimumBytes).toBeGreaterThanOrEqual(lowBytes);
      }),
      { seed: 18, numRuns: 200 },
    );
  });
});

describeNeeding([sharedTestData], 'arena of every single-tensor head', () => {
  it.each(Object.keys(ARENA_MODELS))(
    'never shrinks with depth: %s',
    async (model) => {
      const heads = (await openHeads(model, 1)).map(({ head }) => quantizeRoughly(head));
      const arenas = heads.map((head) => planArena(head).arenaBytes);
      expect(arenas).toEqual([...arenas].sort((a, b) => a - b));
      const predicted = heads.map((head) => predictTflmArena(describeGraphForTflm(head), TFLM_TARGETS['x86-64']));
      const used = predicted.map((p) => p.highBytes);
      expect(used).toEqual([...used].sort((a, b) => a - b));
    },
    60_000,
  );
});
