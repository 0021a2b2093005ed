/** Small float tails: every op and variant that a tail can hold, one each, and the two extremes. Weights are seeded. */
import type { WireInput } from '../../converters/wire-tail.js';
import { createRandom } from '../../src/core/random.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { type Attrs, elementCount, type Graph, type Shape, tensorOf } from '../../src/ir/graph.js';
import { OPS, SHAPES } from '../../src/ops/index.js';

export interface TailCase {
  readonly name: string;
  readonly tail: Graph;
  /** Why our own TF.js reader does not take it back: an op that only TF.js runs. */
  readonly notReadBack?: string;
}

const STRIDED = 'StridedSlice of activations';

/** One network: input x of `shape`, then what `add` makes of it. */
function tailOf(
  name: string,
  shape: Shape,
  add: (b: GraphBuilder, x: string, w: Weights) => string,
  more: Partial<TailCase> = {},
): TailCase {
  const random = createRandom(name.length);
  const b = new GraphBuilder(name, SHAPES);
  const w: Weights = (dims, offset = 0) =>
    b.constant(
      'w',
      dims,
      Float32Array.from({ length: elementCount(dims) }, () => offset + random.normal() * 0.4),
    );
  const y = add(b, b.input('x', shape), w);
  return { name, tail: b.build([y]), ...more };
}

type Weights = (dims: Shape, offset?: number) => string;

const PICTURE: Shape = [1, 6, 5, 4];

const onPicture = (kind: string, name: string, attrs: Attrs, more: Partial<TailCase> = {}): TailCase =>
  tailOf(`${kind} ${name}`, PICTURE, (b, x) => b.op(kind, [x], attrs), more);

const conv = (name: string, attrs: Attrs, more: Partial<TailCase> = {}): TailCase =>
  tailOf(
    `conv2d ${name}`,
    PICTURE,
    (b, x, w) =>
      b.op('conv2d', [x, w([3, 3, 2, 4]), w([3])], {
        strides: [1, 1],
        dilations: [1, 1],
        pads: [0, 0, 0, 0],
        ...attrs,
      }),
    more,
  );

const depthwise = (name: string, attrs: Attrs, more: Partial<TailCase> = {}): TailCase =>
  tailOf(
    `depthwise_conv2d ${name}`,
    PICTURE,
    (b, x, w) =>
      b.op('depthwise_conv2d', [x, w([1, 3, 3, 8]), w([8])], {
        strides: [1, 1],
        dilations: [1, 1],
        pads: [1, 1, 1, 1],
        ...attrs,
      }),
    more,
  );

const transposed = (name: string, attrs: Attrs, more: Partial<TailCase> = {}): TailCase =>
  tailOf(
    `conv2d_transpose ${name}`,
    [1, 3, 2, 4],
    (b, x, w) => b.op('conv2d_transpose', [x, w([3, 3, 3, 4]), w([3])], { dilations: [1, 1], ...attrs }),
    more,
  );

const UNARY = Object.values(OPS)
  .filter((def) =>
    ['abs', 'exp', 'hard_swish', 'identity', 'relu', 'relu6', 'round', 'sigmoid', 'tanh'].includes(def.kind),
  )
  .map((def) => onPicture(def.kind, 'of a picture', {}));

const BINARY = ['add', 'sub', 'mul', 'div'].map((kind) =>
  tailOf(`${kind} of a vector, fused`, PICTURE, (b, x, w) => b.op(kind, [x, w([4], 3)], { activation: 'relu6' })),
);

export const TAIL_CASES: readonly TailCase[] = [
  tailOf('nothing: the cut is the output', [1, 10], (_b, x) => x),
  ...UNARY,
  ...BINARY,
  tailOf('log and sqrt', PICTURE, (b, x) =>
    b.op('log', [b.op('add', [b.op('sqrt', [b.op('abs', [x])]), b.scalar(1)])]),
  ),
  onPicture('leaky_relu', '', { alpha: 0.125 }),
  conv('valid', {}),
  conv('same, relu', { pads: [1, 1, 0, 1], activation: 'relu' }),
  conv('same, strides', { strides: [2, 1], pads: [0, 1, 0, 1] }),
  conv('explicit', { strides: [2, 2], pads: [1, 0, 2, 1] }),
  conv('dilated', { dilations: [2, 2], pads: [2, 2, 1, 1] }),
  conv(
    'dilated with strides',
    { strides: [2, 2], dilations: [2, 2], pads: [2, 2, 1, 1], activation: 'relu6' },
    { notReadBack: STRIDED },
  ),
  depthwise('same, multiplier 2', {}),
  depthwise('valid, strides', { strides: [2, 2], pads: [0, 0, 0, 0] }),
  depthwise('unequal strides', { strides: [2, 1], activation: 'relu' }, { notReadBack: STRIDED }),
  depthwise('dilated', { dilations: [2, 2], pads: [2, 2, 2, 2] }),
  transposed('valid', { strides: [2, 2], pads: [0, 0, 0, 0], outputSize: [7, 5] }),
  transposed('same, relu', { strides: [2, 2], pads: [0, 1, 0, 1], outputSize: [6, 4], activation: 'relu' }),
  transposed('explicit', { strides: [2, 2], pads: [1, 1, 1, 0], outputSize: [5, 4] }),
  tailOf('dense, relu', [1, 7], (b, x, w) => b.op('dense', [x, w([5, 7]), w([5])], { activation: 'relu' })),
  tailOf('dense without bias of a picture', PICTURE, (b, x, w) => b.op('dense', [x, w([5, 4])]), {
    notReadBack: 'a reshape of rows',
  }),
  onPicture('max_pool2d', 'valid', { kernelSize: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] }),
  onPicture('max_pool2d', 'same', { kernelSize: [3, 3], strides: [2, 2], pads: [0, 1, 1, 1] }),
  onPicture('max_pool2d', 'explicit', { kernelSize: [3, 3], strides: [2, 2], pads: [1, 0, 0, 1] }),
  onPicture('avg_pool2d', 'valid', { kernelSize: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] }),
  onPicture('avg_pool2d', 'same', { kernelSize: [3, 3], strides: [2, 2], pads: [0, 1, 1, 1] }),
  onPicture('avg_pool2d', 'explicit', { kernelSize: [3, 3], strides: [2, 2], pads: [1, 0, 0, 1] }),
  onPicture('avg_pool2d', 'padding counted', {
    kernelSize: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    countIncludePad: true,
  }),
  onPicture('mean', 'of rows and columns', { axes: [1, 2], keepDims: false }),
  onPicture('sum', 'of rows, kept', { axes: [1], keepDims: true }),
  onPicture('reduce_max', 'of channels', { axes: [3], keepDims: false }),
  onPicture('softmax', 'of channels', { axis: -1 }),
  onPicture('softmax', 'of rows', { axis: 1 }),
  onPicture('pad', 'zeros', { paddings: [0, 0, 1, 0, 0, 2, 0, 0], value: 0 }),
  onPicture('pad', 'ones, channels too', { paddings: [0, 0, 1, 0, 0, 2, 1, 1], value: 1 }),
  tailOf('pad with zeros before max_pool2d of negative values', PICTURE, (b, x) => {
    const negative = b.op('sub', [x, b.scalar(9)]);
    const padded = b.op('pad', [negative], { paddings: [0, 0, 1, 1, 1, 1, 0, 0], value: 0 });
    return b.op('max_pool2d', [padded], { kernelSize: [3, 3], strides: [2, 2], pads: [0, 0, 0, 0] });
  }),
  onPicture('transpose', 'of rows and channels', { perm: [0, 3, 2, 1] }),
  onPicture('reshape', 'to a vector', { shape: [-1, 120] }),
  onPicture('reshape', 'to other rows, batch written as 1', { shape: [1, -1, 10, 4] }),
  tailOf('reshape to a picture', [1, 24], (b, x) => b.op('reshape', [x], { shape: [-1, 3, 2, 4] })),
  tailOf('reshape to one pixel', [1, 24], (b, x) => b.op('reshape', [x], { shape: [-1, 1, 1, 24] })),
  onPicture('slice', '', { begin: [0, 1, 0, 2], size: [-1, 3, -1, 2] }),
  onPicture('resize_bilinear', 'half-pixel centres', { size: [9, 7], alignCorners: false, halfPixelCenters: true }),
  onPicture('resize_bilinear', 'corners aligned', { size: [3, 10], alignCorners: true, halfPixelCenters: false }),
  onPicture('resize_nearest', 'twice', { size: [12, 10], alignCorners: false, halfPixelCenters: false }),
  onPicture(
    'resize_nearest',
    'by gathering',
    { size: [7, 4], alignCorners: false, halfPixelCenters: true },
    { notReadBack: 'GatherV2' },
  ),
  tailOf('concat', PICTURE, (b, x, w) => {
    const y = b.op('conv2d', [x, w([3, 1, 1, 4])], { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] });
    return b.op('concat', [x, y, b.op('concat', [x], { axis: 3 })], { axis: -1 });
  }),
  tailOf('batch_norm of a picture', PICTURE, (b, x, w) =>
    b.op('batch_norm', [x, w([4], 1), w([4]), w([4]), b.constant('v', [4], Float32Array.of(0.5, 1, 2, 0.1))], {
      epsilon: 1e-3,
    }),
  ),
  tailOf('squeeze and excite', PICTURE, (b, x, w) => {
    const squeezed = b.op('dense', [b.op('mean', [x], { axes: [1, 2], keepDims: false }), w([4, 4]), w([4])]);
    const gate = b.op('reshape', [b.op('sigmoid', [squeezed])], { shape: [-1, 1, 1, 4] });
    return b.op('mul', [x, gate]);
  }),
  twoWires(),
];

/** A residual edge crosses the link: two wire tensors, names that need cleaning. */
function twoWires(): TailCase {
  const b = new GraphBuilder('two wires', SHAPES);
  const [x, y] = [b.input('block/ä(1)', [1, 4, 4, 2]), b.input('block_1:skip', [1, 4, 4, 2])];
  const sum = b.op('add', [x, y], { activation: 'relu' }, { id: 'sum@1' });
  return { name: 'two wires', tail: b.build([b.op('mean', [sum], { axes: [1, 2], keepDims: false }, { id: 'top' })]) };
}

/** Wire quantization of every input, different for each. */
export function wireOf(tail: Graph): WireInput[] {
  return tail.inputs.map((id, i) => ({ id, scale: 0.021 + 0.005 * i, zeroPoint: 5 - 20 * i }));
}

/** Seeded int8 values of every wire tensor for `batch` samples. */
export function wireValues(tail: Graph, batch: number): Int8Array[] {
  const random = createRandom(31 + batch);
  return tail.inputs.map((id) =>
    Int8Array.from({ length: batch * elementCount(tensorOf(tail, id).shape) }, () => random.int(256) - 128),
  );
}
