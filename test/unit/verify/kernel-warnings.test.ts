import { describe, expect, it } from 'vitest';
import type { DeviceProfile } from '../../../src/devices/device-schema.js';
import { loadDevice } from '../../../src/devices/index.js';
import type { Graph } from '../../../src/ir/graph.js';
import { findKernelWarnings } from '../../../src/verify/kernel-warnings.js';
import { activation, convThenDense, graphOf, weights } from './int8-graph.js';

const s3 = loadDevice('esp32-s3');

interface Window {
  readonly size: number;
  readonly channels: number;
  readonly kernel: number;
  readonly pads: readonly [number, number, number, number];
  readonly strides?: readonly [number, number];
}

function convolution({ size, channels, kernel, pads, strides = [1, 1] }: Window, kind = 'conv2d'): Graph {
  const out = (before: number, after: number, stride: number) =>
    Math.floor((size + before + after - kernel) / stride) + 1;
  const shape = [1, out(pads[0], pads[1], strides[0]), out(pads[2], pads[3], strides[1]), channels];
  const filter = kind === 'conv2d' ? [channels, kernel, kernel, channels] : [1, kernel, kernel, channels];
  return graphOf(
    {
      x: activation([1, size, size, channels]),
      w: weights(filter, kind === 'conv2d' ? 0 : 3),
      b: { shape: [channels], dtype: 'int32', data: new Int32Array(channels) },
      y: activation(shape),
    },
    [[kind, ['x', 'w', 'b'], 'y', { strides, dilations: [1, 1], pads, activation: 'none' }]],
  );
}

const upstream = (graph: Graph, device: DeviceProfile = s3): string[] =>
  findKernelWarnings(graph, device).map((warning) => warning.upstream);

describe('known kernel bugs', () => {
  it('esp-nn#31: convolution with SAME padding that is longer at the end', () => {
    const fiveByFive = { size: 16, channels: 16, kernel: 5, strides: [2, 2] as const };
    expect(upstream(convolution({ ...fiveByFive, pads: [1, 2, 1, 2] }))).toContain('esp-nn#31');
    expect(upstream(convolution({ ...fiveByFive, pads: [2, 2, 2, 2] }))).not.toContain('esp-nn#31');
    // Nothing at the start: that branch of the kernel is right.
    expect(upstream(convolution({ ...fiveByFive, kernel: 3, pads: [0, 1, 0, 1] }))).not.toContain('esp-nn#31');
  });

  it('esp-nn#31 does not touch the path for few input channels, nor other chips', () => {
    const thin = convolution({ size: 16, channels: 3, kernel: 5, strides: [2, 2], pads: [1, 2, 1, 2] });
    expect(upstream(thin)).not.toContain('esp-nn#31');
    const wide = convolution({ size: 16, channels: 16, kernel: 5, strides: [2, 2], pads: [1, 2, 1, 2] });
    expect(upstream(wide, loadDevice('esp32-p4'))).toEqual([]);
    expect(upstream(wide, loadDevice('esp32-c3'))).toEqual([]);
  });

  it('esp-nn#30: depthwise 3×3 over multiples of 16 channels with unequal leading padding', () => {
    const depthwise = (pads: Window['pads'], channels = 32) =>
      upstream(convolution({ size: 9, channels, kernel: 3, pads, strides: [2, 2] }, 'depthwise_conv2d'));
    expect(depthwise([1, 1, 0, 1])).toContain('esp-nn#30');
    expect(depthwise([1, 1, 1, 1])).toEqual([]);
    expect(depthwise([0, 1, 0, 1])).toEqual([]);
    expect(depthwise([1, 1, 0, 1], 24)).toEqual([]);
  });

  it('esp-nn#34 names the fully connected nodes until the version that corrects it', () => {
    const graph = convThenDense(true);
    const warning = findKernelWarnings(graph, s3).find((row) => row.upstream === 'esp-nn#34');
    expect(warning).toMatchObject({ kernelLibrary: 'esp-nn', nodes: ['scores'] });
    const withVersion = (version: string): DeviceProfile => ({
      ...s3,
      kernelLibraries: s3.kernelLibraries.map((library) => ({ ...library, version })),
    });
    expect(upstream(graph, withVersion('1.2.5'))).toContain('esp-nn#34');
    expect(upstream(graph, withVersion('1.2.6'))).not.toContain('esp-nn#34');
    expect(upstream(graph, withVersion('1.10'))).not.toContain('esp-nn#34');
    expect(upstream(graph, withVersion('main'))).toContain('esp-nn#34');
  });

  it('a board with an old runtime is warned of per-channel fully connected weights', () => {
    const coral = loadDevice('coral-micro');
    const warnings = findKernelWarnings(convThenDense(true), coral);
    expect(warnings.map((row) => row.nodes)).toEqual([['scores']]);
    expect(warnings[0]?.message).toMatch(/zero point/);
    expect(findKernelWarnings(convThenDense(false), coral)).toEqual([]);
  });
});
