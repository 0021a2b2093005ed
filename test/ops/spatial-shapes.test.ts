/** What the shape inference of spatial ops refuses, and the multiply-accumulates it leads to. */
import { describe, expect, it } from 'vitest';
import type { Attrs, TensorType } from '../../src/ir/graph.js';
import { opDef } from '../../src/ops/index.js';

const types = (shapes: readonly (readonly number[])[]): TensorType[] =>
  shapes.map((shape) => ({ shape, dtype: 'float32' }));

const conv = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };
const window = { kernelSize: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] };
const sampling = { alignCorners: false, halfPixelCenters: false };
const X = [1, 6, 6, 2];

const REFUSED: [kind: string, why: RegExp, inputs: number[][], attrs: Attrs][] = [
  ['depthwise_conv2d', /multiple of 2/, [X, [1, 3, 3, 3]], conv],
  ['depthwise_conv2d', /first dimension must be 1/, [X, [2, 3, 3, 2]], conv],
  ['depthwise_conv2d', /bias must have 2/, [X, [1, 3, 3, 2], [3]], conv],
  ['depthwise_conv2d', /does not fit 6/, [X, [1, 7, 3, 2]], conv],
  ['depthwise_conv2d', /strides must be 2 integers >= 1/, [X, [1, 3, 3, 2]], { ...conv, strides: [0, 1] }],
  ['depthwise_conv2d', /takes 2 to 3 inputs/, [X], conv],
  ['depthwise_conv2d_input_grad', /does not belong/, [X, [1, 3, 3, 2]], { ...conv, inputSize: [6, 6], multiplier: 1 }],
  ['depthwise_conv2d_input_grad', /multiplier 4/, [X, [1, 3, 3, 2]], { ...conv, inputSize: [8, 8], multiplier: 4 }],
  ['depthwise_conv2d_filter_grad', /does not belong/, [X, X], { ...conv, kernelSize: [3, 3] }],
  ['conv2d_transpose', /belongs to an input of 5x5/, [X, [3, 2, 2, 2]], { ...conv, outputSize: [6, 6] }],
  ['conv2d_transpose', /input has 2 channels, the filter wants 4/, [X, [3, 2, 2, 4]], { ...conv, outputSize: [7, 7] }],
  ['max_pool2d', /must be smaller than the kernel/, [X], { ...window, pads: [2, 0, 0, 0] }],
  ['max_pool2d', /rank 4/, [[1, 6, 6]], window],
  ['max_pool2d_grad', /y and dy must be/, [X, [1, 3, 3, 2], [1, 2, 3, 2]], window],
  ['avg_pool2d', /kernelSize must be 2 integers/, [X], { ...window, kernelSize: [2] }],
  ['avg_pool2d_grad', /does not belong/, [X], { ...window, inputSize: [6, 6] }],
  ['resize_nearest', /exclude each other/, [X], { size: [3, 3], alignCorners: true, halfPixelCenters: true }],
  ['resize_bilinear', /size must be 2 integers >= 1/, [X], { size: [0, 3], ...sampling }],
  ['resize_bilinear', /must be given/, [X], { size: [3, 3] }],
  ['resize_nearest_grad', /inputSize must be/, [X], { inputSize: [3], ...sampling }],
  ['pad', /paddings must be 8 integers/, [X], { paddings: [0, 0, 1, 1], value: 0 }],
  ['pad', /paddings must be 8 integers >= 0/, [X], { paddings: [0, 0, -1, 0, 0, 0, 0, 0], value: 0 }],
  ['slice', /elements 4 to 7 of axis 1/, [X], { begin: [0, 4, 0, 0], size: [-1, 3, -1, -1] }],
  ['slice', /elements 6 to 6 of axis 2/, [X], { begin: [0, 0, 6, 0], size: [-1, -1, -1, -1] }],
];

describe('refused with E_SHAPE', () => {
  it.each(REFUSED)('%s: %s', (kind, why, inputs, attrs) => {
    const infer = () => opDef(kind).inferShape(types(inputs), attrs);
    expect(infer).toThrow(expect.objectContaining({ code: 'E_SHAPE', message: expect.stringMatching(why) }));
  });
});

// Counted by hand: output positions × kernel × channels read, times outputs of each.
const MACS: [kind: string, inputs: number[][], attrs: Attrs, macs: number][] = [
  ['depthwise_conv2d', [X, [1, 3, 3, 4]], conv, 4 * 4 * 4 * 9],
  [
    'depthwise_conv2d_input_grad',
    [
      [2, 4, 4, 4],
      [1, 3, 3, 4],
    ],
    { ...conv, inputSize: [6, 6], multiplier: 2 },
    2 * 16 * 4 * 9,
  ],
  ['depthwise_conv2d_filter_grad', [X, [1, 4, 4, 2]], { ...conv, kernelSize: [3, 3] }, 16 * 2 * 9],
  [
    'conv2d_transpose',
    [
      [1, 3, 3, 2],
      [5, 2, 2, 2],
    ],
    { ...conv, strides: [2, 2], outputSize: [6, 6] },
    9 * 2 * 4 * 5,
  ],
  ['max_pool2d', [X], window, 0],
  ['pad', [X], { paddings: [0, 0, 1, 1, 1, 1, 0, 0], value: 0 }, 0],
];

describe('multiply-accumulates', () => {
  it.each(MACS)('%s', (kind, inputs, attrs, macs) => {
    const def = opDef(kind);
    expect(def.macs(types(inputs), def.inferShape(types(inputs), attrs), attrs)).toBe(macs);
  });
});
