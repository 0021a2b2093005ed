/** Convolutions, depthwise and transposed ones, and their gradient kinds. */
import type * as tfjs from '@tensorflow/tfjs-core';
import { resolvePads } from '../../src/ops/window.js';
import { describeOp, type OpCase } from './harness.js';

type Pair = readonly [number, number];

const same = (size: Pair, kernel: Pair, strides: Pair, dilations: Pair = [1, 1]) =>
  resolvePads('same', size, kernel, strides, dilations);

const none = [0, 0, 0, 0];
const weight = (shape: number[]) => ({ shape, weight: true });
/** TensorFlow's explicit padding of height and width. */
const padded = ([top, bottom, left, right]: readonly number[]): string =>
  `tf.pad(a, [[0,0],[${top},${bottom}],[${left},${right}],[0,0]])`;

/** Keras layout [1, kh, kw, C·m] → TensorFlow's [kh, kw, C, m]. */
const hwcm = (kh: number, kw: number, c: number, m: number): string => `tf.reshape(b, [${kh},${kw},${c},${m}])`;

/** OHWI → HWIO. */
const hwio = 'tf.transpose(b, [1,2,3,0])';
/** OHWI → the HWOI of transposed convolutions. */
const hwoi = 'tf.transpose(b, [1,2,0,3])';

describeOp('conv2d', [
  {
    name: '3x3 same, bias',
    inputs: [[2, 6, 5, 3], weight([4, 3, 3, 3]), weight([4])],
    attrs: { strides: [1, 1], dilations: [1, 1], pads: same([6, 5], [3, 3], [1, 1]) },
    oracle: `tf.nn.conv2d(a, ${hwio}, 1, 'SAME') + c`,
    tfjs: (tf, a, b, c) =>
      tf.add(
        tf.conv2d(
          a as tfjs.Tensor4D,
          tf.transpose(b as tfjs.Tensor, [1, 2, 3, 0]) as tfjs.Tensor4D,
          1,
          'same',
        ) as tfjs.Tensor,
        c as tfjs.Tensor,
      ),
    shape: [2, 6, 5, 4],
  },
  {
    name: '3x3 stride 2 same, even size',
    inputs: [[1, 8, 6, 3], weight([2, 3, 3, 3])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: same([8, 6], [3, 3], [2, 2]) },
    oracle: `tf.nn.conv2d(a, ${hwio}, 2, 'SAME')`,
  },
  {
    name: '1x1 stride 2',
    inputs: [[2, 5, 7, 3], weight([4, 1, 1, 3])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: none },
    oracle: `tf.nn.conv2d(a, ${hwio}, 2, 'VALID')`,
  },
  {
    name: 'asymmetric explicit pads, unequal strides',
    inputs: [[2, 6, 7, 2], weight([3, 3, 2, 2])],
    attrs: { strides: [2, 1], dilations: [1, 1], pads: [2, 0, 1, 3] },
    oracle: `tf.nn.conv2d(${padded([2, 0, 1, 3])}, ${hwio}, [2,1], 'VALID')`,
  },
  {
    name: 'dilation 2 same',
    inputs: [[1, 9, 8, 2], weight([3, 3, 3, 2])],
    attrs: { strides: [1, 1], dilations: [2, 2], pads: same([9, 8], [3, 3], [1, 1], [2, 2]) },
    oracle: `tf.nn.conv2d(a, ${hwio}, 1, 'SAME', dilations=2)`,
  },
  {
    name: 'dilation with strides',
    inputs: [[1, 9, 10, 2], weight([3, 3, 2, 2])],
    attrs: { strides: [2, 3], dilations: [2, 3], pads: [1, 2, 0, 1] },
    // Every second row and third column of the dilated convolution, which the TFLite file does by a strided slice.
    tfliteRefused: true,
    oracle: `tf.nn.conv2d(${padded([1, 2, 0, 1])}, ${hwio}, 1, 'VALID', dilations=[2,3])[:, ::2, ::3, :]`,
  },
  {
    name: 'fused relu6',
    inputs: [[1, 4, 4, 3], weight([5, 3, 3, 3])],
    attrs: { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], activation: 'relu6' },
    oracle: `tf.nn.relu6(tf.nn.conv2d(a, ${hwio}, 1, 'SAME'))`,
    wrt: [], // autodiff, not the op, differentiates a fused activation
  },
  {
    name: 'pads wider than the kernel',
    inputs: [[1, 4, 4, 2], weight([2, 2, 2, 2])],
    attrs: { strides: [1, 1], dilations: [1, 1], pads: [2, 1, 1, 2] },
    oracle: `tf.nn.conv2d(${padded([2, 1, 1, 2])}, ${hwio}, 1, 'VALID')`,
  },
]);

const transposed = (outputShape: readonly number[], strides: Pair, padding: string): string =>
  `tf.nn.conv2d_transpose(a, ${hwoi}, [${outputShape}], [${strides}], '${padding}')`;

describeOp('conv2d_transpose', [
  {
    name: '3x3 stride 2 same, bias',
    inputs: [[2, 4, 3, 3], weight([2, 3, 3, 3]), weight([2])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: same([8, 6], [3, 3], [2, 2]), outputSize: [8, 6] },
    oracle: `${transposed([2, 8, 6, 2], [2, 2], 'SAME')} + c`,
    tfjs: (tf, a, b, c) =>
      tf.add(
        tf.conv2dTranspose(
          a as tfjs.Tensor4D,
          tf.transpose(b as tfjs.Tensor, [1, 2, 0, 3]) as tfjs.Tensor4D,
          [2, 8, 6, 2],
          2,
          'same',
        ) as tfjs.Tensor,
        c as tfjs.Tensor,
      ),
    shape: [2, 8, 6, 2],
  },
  {
    name: '3x3 stride 2 same, odd output',
    inputs: [[1, 4, 3, 2], weight([3, 3, 3, 2])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: same([7, 5], [3, 3], [2, 2]), outputSize: [7, 5] },
    oracle: transposed([1, 7, 5, 3], [2, 2], 'SAME'),
  },
  {
    name: '2x2 stride 2 valid',
    inputs: [[1, 3, 4, 3], weight([2, 2, 2, 3])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: none, outputSize: [6, 8] },
    oracle: transposed([1, 6, 8, 2], [2, 2], 'VALID'),
  },
  {
    name: '3x3 stride 2 valid, output padding 1',
    inputs: [[1, 3, 3, 2], weight([2, 3, 3, 2])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: none, outputSize: [8, 7] },
    oracle: transposed([1, 8, 7, 2], [2, 2], 'VALID'),
  },
  {
    name: 'stride 1 same, bias',
    inputs: [[2, 5, 4, 2], weight([3, 3, 3, 2]), weight([3])],
    attrs: { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], outputSize: [5, 4] },
    oracle: `${transposed([2, 5, 4, 3], [1, 1], 'SAME')} + c`,
  },
  {
    name: 'stride larger than the kernel, unequal strides, bias',
    inputs: [[1, 3, 4, 2], weight([2, 1, 2, 2]), weight([2])],
    attrs: { strides: [2, 3], dilations: [1, 1], pads: none, outputSize: [6, 12] },
    oracle: `${transposed([1, 6, 12, 2], [2, 3], 'VALID')} + c`,
  },
  {
    name: 'fused relu',
    inputs: [[1, 3, 3, 2], weight([2, 3, 3, 2])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: [0, 1, 0, 1], outputSize: [6, 6], activation: 'relu' },
    oracle: `tf.nn.relu(${transposed([1, 6, 6, 2], [2, 2], 'SAME')})`,
    wrt: [], // autodiff, not the op, differentiates a fused activation
  },
  {
    name: 'dilation, strides and asymmetric cropping',
    inputs: [[1, 3, 3, 2], weight([3, 3, 2, 2])],
    attrs: { strides: [2, 2], dilations: [2, 3], pads: [1, 2, 0, 1], outputSize: [6, 8] },
  },
  {
    name: 'dilation, stride 1',
    inputs: [[1, 4, 5, 2], weight([3, 3, 3, 2])],
    attrs: { strides: [1, 1], dilations: [2, 2], pads: [2, 2, 2, 2], outputSize: [4, 5] },
  },
]);

const depthwise: OpCase[] = [
  {
    name: '3x3 same',
    inputs: [[2, 6, 5, 3], weight([1, 3, 3, 3])],
    attrs: { strides: [1, 1], dilations: [1, 1], pads: same([6, 5], [3, 3], [1, 1]) },
    oracle: `tf.nn.depthwise_conv2d(a, ${hwcm(3, 3, 3, 1)}, [1,1,1,1], 'SAME')`,
    tfjs: (tf, a, b) =>
      tf.depthwiseConv2d(a as tfjs.Tensor4D, tf.reshape(b as tfjs.Tensor, [3, 3, 3, 1]) as tfjs.Tensor4D, 1, 'same'),
    shape: [2, 6, 5, 3],
  },
  {
    name: '3x3 stride 2 same, even size (pads 0 and 1), bias',
    inputs: [[1, 8, 6, 2], weight([1, 3, 3, 2]), weight([2])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: same([8, 6], [3, 3], [2, 2]) },
    oracle: `tf.nn.depthwise_conv2d(a, ${hwcm(3, 3, 2, 1)}, [1,2,2,1], 'SAME') + c`,
    shape: [1, 4, 3, 2],
  },
  {
    name: '3x3 stride 2 same, odd size, multiplier 2',
    inputs: [[2, 7, 5, 3], weight([1, 3, 3, 6])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: same([7, 5], [3, 3], [2, 2]) },
    oracle: `tf.nn.depthwise_conv2d(a, ${hwcm(3, 3, 3, 2)}, [1,2,2,1], 'SAME')`,
    shape: [2, 4, 3, 6],
  },
  {
    name: '2x3 valid, multiplier 3, bias',
    inputs: [[1, 5, 6, 2], weight([1, 2, 3, 6]), weight([6])],
    attrs: { strides: [1, 1], dilations: [1, 1], pads: none },
    oracle: `tf.nn.depthwise_conv2d(a, ${hwcm(2, 3, 2, 3)}, [1,1,1,1], 'VALID') + c`,
    shape: [1, 4, 4, 6],
  },
  {
    name: 'one input channel, multiplier 4 (kws)',
    inputs: [[2, 9, 5, 1], weight([1, 4, 3, 4])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: same([9, 5], [4, 3], [2, 2]) },
    oracle: `tf.nn.depthwise_conv2d(a, ${hwcm(4, 3, 1, 4)}, [1,2,2,1], 'SAME')`,
  },
  {
    name: 'stride 2 valid that leaves rows unused',
    inputs: [[1, 8, 8, 2], weight([1, 3, 3, 2])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: none },
    oracle: `tf.nn.depthwise_conv2d(a, ${hwcm(3, 3, 2, 1)}, [1,2,2,1], 'VALID')`,
    shape: [1, 3, 3, 2],
  },
  {
    name: 'asymmetric explicit pads, unequal strides',
    inputs: [[2, 6, 7, 2], weight([1, 3, 2, 2])],
    attrs: { strides: [2, 1], dilations: [1, 1], pads: [2, 0, 1, 3] },
    shape: [2, 3, 10, 2],
  },
  {
    name: 'dilation 2 same',
    inputs: [[1, 9, 8, 3], weight([1, 3, 3, 3])],
    attrs: { strides: [1, 1], dilations: [2, 2], pads: same([9, 8], [3, 3], [1, 1], [2, 2]) },
    oracle: `tf.nn.depthwise_conv2d(a, ${hwcm(3, 3, 3, 1)}, [1,1,1,1], 'SAME', dilations=[2,2])`,
    tfjs: (tf, a, b) =>
      tf.depthwiseConv2d(
        a as tfjs.Tensor4D,
        tf.reshape(b as tfjs.Tensor, [3, 3, 3, 1]) as tfjs.Tensor4D,
        1,
        'same',
        'NHWC',
        [2, 2],
      ),
    tfjsGradient: false, // tfjs has none with dilation
  },
  {
    name: 'dilation with strides, multiplier 2',
    inputs: [[1, 9, 10, 2], weight([1, 3, 2, 4])],
    attrs: { strides: [2, 3], dilations: [2, 3], pads: [1, 2, 0, 1] },
  },
  {
    name: 'pads wider than the kernel, stride 1',
    inputs: [[1, 4, 4, 2], weight([1, 2, 2, 2])],
    attrs: { strides: [1, 1], dilations: [1, 1], pads: [2, 1, 1, 2] },
    oracle: `tf.nn.depthwise_conv2d(${padded([2, 1, 1, 2])}, ${hwcm(2, 2, 2, 1)}, [1,1,1,1], 'VALID')`,
  },
  {
    name: 'fused relu',
    inputs: [[1, 4, 4, 3], weight([1, 3, 3, 3]), weight([3])],
    attrs: { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], activation: 'relu' },
    oracle: `tf.nn.relu(tf.nn.depthwise_conv2d(a, ${hwcm(3, 3, 3, 1)}, [1,1,1,1], 'SAME') + c)`,
    wrt: [], // autodiff, not the op, differentiates a fused activation
  },
  {
    name: 'kernel larger than the stride-2 input',
    inputs: [[1, 3, 3, 2], weight([1, 5, 5, 2])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: same([3, 3], [5, 5], [2, 2]) },
    oracle: `tf.nn.depthwise_conv2d(a, ${hwcm(5, 5, 2, 1)}, [1,2,2,1], 'SAME')`,
  },
];
describeOp('depthwise_conv2d', depthwise);

// The gradient kinds are run by the cases above; here as ops of their own, so that their own gradients are checked.
describeOp('depthwise_conv2d_input_grad', [
  {
    name: 'stride 1',
    inputs: [[1, 5, 4, 4], weight([1, 3, 3, 4])],
    attrs: { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], inputSize: [5, 4], multiplier: 2 },
    shape: [1, 5, 4, 2],
  },
  {
    name: 'stride 2',
    inputs: [[2, 3, 3, 4], weight([1, 3, 3, 4])],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: [0, 1, 0, 1], inputSize: [6, 6], multiplier: 1 },
    shape: [2, 6, 6, 4],
  },
]);
describeOp('depthwise_conv2d_filter_grad', [
  {
    name: 'stride 2, multiplier 2',
    inputs: [
      [2, 5, 5, 2],
      [2, 3, 3, 4],
    ],
    attrs: { strides: [2, 2], dilations: [1, 1], pads: [1, 1, 1, 1], kernelSize: [3, 3] },
    shape: [1, 3, 3, 4],
  },
]);
