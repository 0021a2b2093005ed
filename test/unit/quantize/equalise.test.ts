import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import type { Graph } from '../../../src/ir/graph.js';
import { verifyGraph } from '../../../src/ir/verify.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';
import { legaliseTflite } from '../../../src/passes/legalise-tflite.js';
import { equalise, findEqualisablePairs } from '../../../src/quantize/equalise.js';
import { expectClose } from '../../ops/harness.js';
import { normal } from '../passes/random-network.js';

const CONV = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };
const random = createRandom(17);

/** conv (channels of very different size) → pool → depthwise → conv → flatten → dense. */
function network(activation: 'relu' | 'relu6'): Graph {
  const b = new GraphBuilder('net', SHAPES);
  const weights = (shape: number[], scale = 0.3): string => b.constant('w', shape, normal(random, shape, scale));
  const spread = normal(random, [4, 3, 3, 2], 0.3).map(
    (v, i) => v * ([1, 0.1, 0.02, 0.5][Math.floor(i / 18)] as number),
  );
  let x = b.op(
    'conv2d',
    [b.input('x', [1, 6, 6, 2]), b.constant('w', [4, 3, 3, 2], spread), weights([4], 0.02)],
    {
      ...CONV,
      activation,
    },
    { id: 'first' },
  );
  x = b.op('max_pool2d', [x], { kernelSize: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] });
  x = b.op('depthwise_conv2d', [x, weights([1, 3, 3, 8])], { ...CONV, activation }, { id: 'second' });
  x = b.op('conv2d', [x, weights([3, 1, 1, 8])], { ...CONV, pads: [0, 0, 0, 0], activation }, { id: 'third' });
  x = b.op('reshape', [x], { shape: [-1, 27] });
  return legaliseTflite(b.build([b.op('dense', [x, weights([5, 27])], {}, { id: 'y' })]));
}

const feeds = Array.from({ length: 8 }, (_, i) => ({ x: normal(createRandom(i), [1, 6, 6, 2]) }));

function peaksOf(graph: Graph): Map<string, Float32Array> {
  const peaks = new Map<string, Float32Array>();
  for (const id of ['first', 'second', 'third']) {
    const channels = graph.tensors.get(id)?.shape.at(-1) as number;
    const peak = new Float32Array(channels);
    for (const feed of feeds) {
      const value = runReference(graph, feed, [id])[id] as Float64Array;
      value.forEach((v, i) => {
        peak[i % channels] = Math.max(peak[i % channels] as number, Math.abs(v));
      });
    }
    peaks.set(id, peak);
  }
  return peaks;
}

const spreadOf = (peak: Float32Array): number => Math.max(...peak) / Math.min(...peak.filter((p) => p > 0));

describe('equalise', () => {
  it('finds layers with nothing between them that a factor could not pass', () => {
    const graph = network('relu');
    expect(findEqualisablePairs(graph).map(({ first, second }) => [first.id, second.id])).toEqual([
      ['first', 'second'],
      ['second', 'third'],
      ['third', 'y'],
    ]);
    const seen = { ...graph, outputs: ['first', 'y'] };
    expect(findEqualisablePairs(seen).map(({ first }) => first.id)).toEqual(['second', 'third']);
  });

  it.each(['relu', 'relu6'] as const)('%s: the function stays, the channels come closer', (activation) => {
    const graph = network(activation);
    const before = peaksOf(graph);
    const equal = equalise(graph, findEqualisablePairs(graph), before);
    verifyGraph(equal, SHAPES);
    for (const feed of feeds) {
      expectClose(
        runReference(equal, feed).y as Float64Array,
        runReference(graph, feed).y as Float64Array,
        1e-5,
        activation,
      );
    }
    const after = peaksOf(equal);
    // A depthwise layer takes any factor: within the headroom its inputs become equal.
    expect(spreadOf(before.get('first') as Float32Array)).toBeGreaterThan(5);
    expect(spreadOf(after.get('first') as Float32Array)).toBeLessThan(activation === 'relu' ? 1.3 : 5);
  });

  it('relu6 shrinks no channel: its limit would move', () => {
    const graph = network('relu6');
    const before = peaksOf(graph);
    const after = peaksOf(equalise(graph, findEqualisablePairs(graph), before));
    for (const id of ['first', 'second', 'third']) {
      after.get(id)?.forEach((p, c) => {
        expect(p).toBeGreaterThanOrEqual((before.get(id)?.[c] as number) * 0.9999);
        expect(p).toBeLessThanOrEqual(6);
      });
    }
  });
});
