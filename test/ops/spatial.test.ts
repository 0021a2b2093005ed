/** Pools, resizes, pad and slice. */
import type * as tfjs from '@tensorflow/tfjs-core';
import { resolvePads } from '../../src/ops/window.js';
import { describeOp, type OpCase } from './harness.js';

type Pair = readonly [number, number];

const same = (size: Pair, kernel: Pair, strides: Pair) => resolvePads('same', size, kernel, strides);

const none = [0, 0, 0, 0];
/** TensorFlow's explicit padding of height and width. */
const padded = ([top, bottom, left, right]: readonly number[]): string =>
  `tf.pad(a, [[0,0],[${top},${bottom}],[${left},${right}],[0,0]])`;

const pool = (kernelSize: Pair, strides: Pair, pads: readonly number[]) => ({ kernelSize, strides, pads });

describeOp('max_pool2d', [
  {
    name: '2x2 stride 2',
    inputs: [[2, 6, 4, 3]],
    attrs: pool([2, 2], [2, 2], none),
    oracle: "tf.nn.max_pool2d(a, 2, 2, 'VALID')",
    tfjs: (tf, a) => tf.maxPool(a as tfjs.Tensor4D, 2, 2, 'valid'),
    shape: [2, 3, 2, 3],
  },
  {
    name: '2x2 stride 2 valid, odd size',
    inputs: [[1, 7, 5, 2]],
    attrs: pool([2, 2], [2, 2], none),
    oracle: "tf.nn.max_pool2d(a, 2, 2, 'VALID')",
    shape: [1, 3, 2, 2],
  },
  {
    name: '3x3 stride 2 same, overlapping windows, odd size',
    inputs: [[2, 7, 5, 3]],
    attrs: pool([3, 3], [2, 2], same([7, 5], [3, 3], [2, 2])),
    oracle: "tf.nn.max_pool2d(a, 3, 2, 'SAME')",
    tfjs: (tf, a) => tf.maxPool(a as tfjs.Tensor4D, 3, 2, 'same'),
    shape: [2, 4, 3, 3],
  },
  {
    name: '3x3 stride 1 same',
    inputs: [[1, 5, 6, 2]],
    attrs: pool([3, 3], [1, 1], same([5, 6], [3, 3], [1, 1])),
    oracle: "tf.nn.max_pool2d(a, 3, 1, 'SAME')",
  },
  {
    name: 'padded windows of negative numbers: padding never wins',
    inputs: [{ shape: [1, 4, 4, 1], values: Array.from({ length: 16 }, (_, i) => -1 - ((i * 7) % 16) / 8) }],
    attrs: pool([3, 3], [2, 2], same([4, 4], [3, 3], [2, 2])),
    oracle: "tf.nn.max_pool2d(a, 3, 2, 'SAME')",
  },
  {
    name: 'ties: the first maximum takes the gradient',
    inputs: [{ shape: [2, 6, 6, 3], values: 'ties' }],
    attrs: pool([3, 3], [2, 2], same([6, 6], [3, 3], [2, 2])),
    oracle: "tf.nn.max_pool2d(a, 3, 2, 'SAME')",
    finiteDifferences: false, // every window has ties
  },
  {
    name: 'all equal, 2x2',
    inputs: [{ shape: [1, 4, 4, 2], values: new Array<number>(32).fill(0) }],
    attrs: pool([2, 2], [2, 2], none),
    oracle: "tf.nn.max_pool2d(a, 2, 2, 'VALID')",
    finiteDifferences: false, // ties
  },
  {
    name: 'explicit asymmetric pads, 3x2 stride 2x3',
    inputs: [[2, 6, 8, 2]],
    attrs: pool([3, 2], [2, 3], [2, 0, 0, 1]),
    oracle: `tf.nn.max_pool2d(tf.pad(a, [[0,0],[2,0],[0,1],[0,0]], constant_values=-1e30), [3,2], [2,3], 'VALID')`,
  },
  {
    name: 'stride larger than the kernel',
    inputs: [[1, 7, 8, 2]],
    attrs: pool([1, 2], [3, 3], none),
    oracle: "tf.nn.max_pool2d(a, [1,2], 3, 'VALID')",
  },
  {
    name: 'one window over everything',
    inputs: [[2, 3, 4, 2]],
    attrs: pool([3, 4], [3, 4], none),
    oracle: "tf.nn.max_pool2d(a, [3,4], [3,4], 'VALID')",
    shape: [2, 1, 1, 2],
  },
]);

describeOp('avg_pool2d', [
  {
    name: '2x2 stride 2',
    inputs: [[2, 6, 4, 3]],
    attrs: pool([2, 2], [2, 2], none),
    oracle: "tf.nn.avg_pool2d(a, 2, 2, 'VALID')",
    tfjs: (tf, a) => tf.avgPool(a as tfjs.Tensor4D, 2, 2, 'valid'),
    shape: [2, 3, 2, 3],
  },
  {
    name: '2x2 stride 2 valid, odd size',
    inputs: [[1, 7, 5, 2]],
    attrs: pool([2, 2], [2, 2], none),
    oracle: "tf.nn.avg_pool2d(a, 2, 2, 'VALID')",
  },
  {
    name: '3x3 stride 2 same: padding is not counted',
    inputs: [[2, 7, 6, 3]],
    attrs: pool([3, 3], [2, 2], same([7, 6], [3, 3], [2, 2])),
    oracle: "tf.nn.avg_pool2d(a, 3, 2, 'SAME')",
    tfjs: (tf, a) => tf.avgPool(a as tfjs.Tensor4D, 3, 2, 'same'),
    tfjsGradient: false, // tfjs 4.22 divides by the whole kernel at the border too, unlike its own forward op
  },
  {
    name: '3x3 stride 1 same',
    inputs: [[1, 5, 6, 2]],
    attrs: pool([3, 3], [1, 1], same([5, 6], [3, 3], [1, 1])),
    oracle: "tf.nn.avg_pool2d(a, 3, 1, 'SAME')",
  },
  {
    name: 'global, one window',
    inputs: [[2, 3, 5, 4]],
    attrs: pool([3, 5], [3, 5], none),
    oracle: "tf.nn.avg_pool2d(a, [3,5], [3,5], 'VALID')",
    shape: [2, 1, 1, 4],
  },
  {
    name: 'one padded window over everything',
    inputs: [[1, 3, 3, 2]],
    attrs: pool([5, 5], [5, 5], [1, 1, 1, 1]),
    oracle: "tf.nn.avg_pool2d(a, 5, 5, 'SAME')",
    shape: [1, 1, 1, 2],
  },
  {
    name: 'explicit asymmetric pads',
    inputs: [[2, 6, 7, 2]],
    attrs: pool([3, 2], [2, 1], [2, 0, 1, 0]),
    // Sums of the padded input over sums of padded ones.
    oracle: `tf.nn.avg_pool2d(${padded([2, 0, 1, 0])}, [3,2], [2,1], 'VALID') / tf.nn.avg_pool2d(tf.pad(tf.ones([1,6,7,1]), [[0,0],[2,0],[1,0],[0,0]]), [3,2], [2,1], 'VALID')`,
  },
  {
    name: 'padding counted (ONNX)',
    inputs: [[1, 5, 5, 2]],
    attrs: { ...pool([3, 3], [2, 2], [1, 1, 1, 1]), countIncludePad: true },
    oracle: `tf.nn.avg_pool2d(${padded([1, 1, 1, 1])}, 3, 2, 'VALID')`,
  },
  {
    name: 'padding counted, one window',
    inputs: [[1, 3, 2, 2]],
    attrs: { ...pool([4, 4], [4, 4], [1, 0, 1, 1]), countIncludePad: true },
    oracle: `tf.nn.avg_pool2d(${padded([1, 0, 1, 1])}, 4, 4, 'VALID')`,
    shape: [1, 1, 1, 2],
  },
]);
describeOp('avg_pool2d_grad', [
  {
    name: 'its own gradient is the pool',
    inputs: [[2, 3, 3, 2]],
    attrs: { ...pool([3, 3], [2, 2], [1, 1, 1, 1]), inputSize: [6, 6] },
    shape: [2, 6, 6, 2],
  },
]);

describeOp('pad', [
  {
    name: 'height and width, asymmetric',
    inputs: [[2, 3, 4, 2]],
    attrs: { paddings: [0, 0, 1, 2, 0, 3, 0, 0], value: 0 },
    oracle: 'tf.pad(a, [[0,0],[1,2],[0,3],[0,0]])',
    tfjs: (tf, a) =>
      tf.pad(a, [
        [0, 0],
        [1, 2],
        [0, 3],
        [0, 0],
      ]),
    shape: [2, 6, 7, 2],
  },
  {
    name: 'channels and batch, with a value',
    inputs: [[1, 2, 3, 2]],
    attrs: { paddings: [1, 0, 0, 0, 0, 0, 2, 1], value: -1.5 },
    oracle: 'tf.pad(a, [[1,0],[0,0],[0,0],[2,1]], constant_values=-1.5)',
    shape: [2, 2, 3, 5],
  },
  {
    name: 'rank 2',
    inputs: [[3, 4]],
    attrs: { paddings: [0, 1, 2, 0], value: 0 },
    oracle: 'tf.pad(a, [[0,1],[2,0]])',
  },
  {
    name: 'rank 3',
    inputs: [[2, 3, 4]],
    attrs: { paddings: [0, 0, 1, 1, 0, 2], value: 2 },
    oracle: 'tf.pad(a, [[0,0],[1,1],[0,2]], constant_values=2.0)',
  },
]);

describeOp('slice', [
  {
    name: 'height, width and channels',
    inputs: [[2, 5, 6, 4]],
    attrs: { begin: [0, 1, 2, 1], size: [-1, 3, -1, 2] },
    oracle: 'tf.slice(a, [0,1,2,1], [-1,3,-1,2])',
    tfjs: (tf, a) => tf.slice(a, [0, 1, 2, 1], [-1, 3, -1, 2]),
    shape: [2, 3, 4, 2],
  },
  {
    name: 'batch',
    inputs: [[3, 2, 2, 2]],
    attrs: { begin: [1, 0, 0, 0], size: [1, -1, -1, -1] },
    oracle: 'tf.slice(a, [1,0,0,0], [1,-1,-1,-1])',
  },
  {
    name: 'negative bounds (STRIDED_SLICE)',
    inputs: [[1, 5, 6, 4]],
    attrs: { begin: [0, 2, 0, 1], size: [-1, -1, 5, -1] },
    oracle: 'a[:, -3:, :-1, 1:]',
    shape: [1, 3, 5, 3],
  },
  {
    name: 'a dropped axis (STRIDED_SLICE)',
    inputs: [[1, 5, 6, 4]],
    attrs: { begin: [0, 1, 3, 0], size: [-1, 3, 1, -1] },
    oracle: 'tf.reshape(a[:, 1:4, 3], [1,3,1,4])',
    shape: [1, 3, 1, 4],
  },
  {
    name: 'everything',
    inputs: [[1, 2, 3, 2]],
    attrs: { begin: [0, 0, 0, 0], size: [-1, 2, -1, 2] },
    shape: [1, 2, 3, 2],
  },
  {
    name: 'rank 2',
    inputs: [[2, 7]],
    attrs: { begin: [0, 3], size: [-1, 2] },
    oracle: 'tf.slice(a, [0,3], [-1,2])',
  },
]);

const asymmetric = { alignCorners: false, halfPixelCenters: false };
const corners = { alignCorners: true, halfPixelCenters: false };
const centers = { alignCorners: false, halfPixelCenters: true };

/** Every sampling of TFLite's resizes at sizes that round differently. */
function resizes(op: string): OpCase[] {
  const sizes: [string, number[], Pair][] = [
    ['twice as large', [2, 3, 4, 2], [6, 8]],
    ['three and five times as large', [1, 4, 3, 2], [12, 15]],
    ['5x7 to 8x9', [1, 5, 7, 2], [8, 9]],
    ['8x9 to 5x4', [2, 8, 9, 1], [5, 4]],
    ['to one pixel', [1, 5, 6, 2], [1, 1]],
    ['from one pixel', [1, 1, 1, 3], [3, 4]],
    ['same size', [1, 4, 5, 2], [4, 5]],
    // Positions that are whole (or half) numbers, but not in float32.
    ['14x8 to 46x47', [1, 14, 8, 1], [46, 47]],
    ['2x4 to 47x41', [1, 2, 4, 1], [47, 41]],
  ];
  const modes = Object.entries({ asymmetric, corners, centers });
  return modes.flatMap(([mode, sampling]) =>
    sizes.map(([name, shape, size]): OpCase => {
      const flags = `align_corners=${sampling.alignCorners ? 'True' : 'False'}, half_pixel_centers=${sampling.halfPixelCenters ? 'True' : 'False'}`;
      return {
        name: `${mode}, ${name}`,
        inputs: [shape],
        attrs: { size, ...sampling },
        oracle: `tf.raw_ops.${op}(images=a, size=[${size}], ${flags})`,
        shape: [shape[0] as number, ...size, shape[3] as number],
      };
    }),
  );
}

describeOp('resize_nearest', resizes('ResizeNearestNeighbor'));
describeOp('resize_bilinear', [
  ...resizes('ResizeBilinear'),
  {
    name: "tfjs's own op",
    inputs: [[1, 5, 4, 2]],
    attrs: { size: [7, 9], ...centers },
    tfjs: (tf, a) => tf.image.resizeBilinear(a as tfjs.Tensor4D, [7, 9], false, true),
    tfjsGradient: false, // tfjs 4.22 exchanges height and width
  },
]);
describeOp('resize_nearest_grad', [
  { name: 'its own gradient is the resize', inputs: [[1, 5, 4, 2]], attrs: { inputSize: [3, 7], ...asymmetric } },
]);
describeOp('resize_bilinear_grad', [
  { name: 'its own gradient is the resize', inputs: [[1, 5, 4, 2]], attrs: { inputSize: [3, 7], ...centers } },
]);
