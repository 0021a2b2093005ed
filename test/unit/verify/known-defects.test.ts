import { describe, expect, it } from 'vitest';
import { depthwiseActivation, meanRoundedUp, perChannelDense } from '../../../src/verify/runtimes/known-defects.js';
import { activation, convThenDense, graphOf, weights } from './int8-graph.js';

function explains(defect: typeof perChannelDense, graph: ReturnType<typeof convThenDense>, rest: object = {}): boolean {
  const node = graph.nodes.at(-1);
  if (!node) throw new Error('the graph has no nodes');
  return defect.explains({ node, graph, outputs: new Uint8Array(4), maxLsb: 1, ...rest });
}

function depthwise(fused: string, scale: number, zeroPoint: number) {
  const attrs = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0], activation: fused };
  const bias = { shape: [2], dtype: 'int32' as const, data: new Int32Array(2) };
  const y = activation([1, 2, 2, 2], scale, zeroPoint);
  return graphOf({ x: activation([1, 4, 4, 2]), w: weights([1, 3, 3, 2], 3), b: bias, y }, [
    ['depthwise_conv2d', ['x', 'w', 'b'], 'y', attrs],
  ]);
}

describe('known defects of runtimes', () => {
  it('per-channel fully connected: only outputs that are the zero point, and only with several scales', () => {
    const zeros = Uint8Array.of(4, 4, 4);
    expect(explains(perChannelDense, convThenDense(true), { outputs: zeros })).toBe(true);
    expect(explains(perChannelDense, convThenDense(true), { outputs: Uint8Array.of(4, 5, 4) })).toBe(false);
    expect(explains(perChannelDense, convThenDense(false), { outputs: zeros })).toBe(false);
  });

  it('depthwise activation: only where int8 does not clamp by itself', () => {
    expect(explains(depthwiseActivation, depthwise('relu', 0.1, -128))).toBe(false);
    expect(explains(depthwiseActivation, depthwise('relu', 0.1, 0))).toBe(true);
    expect(explains(depthwiseActivation, depthwise('relu6', 6 / 255, -128))).toBe(false);
    expect(explains(depthwiseActivation, depthwise('relu6', 0.1, -128))).toBe(true);
    expect(explains(depthwiseActivation, depthwise('none', 0.1, 0))).toBe(false);
    expect(explains(depthwiseActivation, convThenDense(true))).toBe(false);
  });

  it('mean: by one only', () => {
    const graph = graphOf({ x: activation([1, 4, 4, 2]), y: activation([1, 2]) }, [
      ['mean', ['x'], 'y', { axes: [1, 2], keepDims: false }],
    ]);
    expect(explains(meanRoundedUp, graph)).toBe(true);
    expect(explains(meanRoundedUp, graph, { maxLsb: 2 })).toBe(false);
    expect(explains(meanRoundedUp, convThenDense(true))).toBe(false);
  });
});
