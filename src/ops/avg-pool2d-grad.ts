import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorType } from '../ir/graph.js';
import type { AvgPoolAttrs } from './avg-pool2d.js';
import { dims4, requireInputs, requireInts, requireRank, shapeError } from './checks.js';
import { GRADIENT_ONLY, type OnnxEmitter, type OpDef, type RefTensor } from './op-def.js';
import { checkPool, pooledSize, windowRange } from './pooling.js';
import { type AxisMap, referenceSeparable, separableToOnnx, separableToTfjs } from './separable.js';

export interface AvgPoolGradAttrs extends AvgPoolAttrs {
  /** Height and width of the pool's input. */
  readonly inputSize: readonly [number, number];
}

/** Gradient of avg_pool2d: dy [N, oh, ow, C] → [N, H, W, C]. */
export const avgPool2dGrad: OpDef<AvgPoolGradAttrs> = {
  kind: 'avg_pool2d_grad',
  summary: 'gradient of avg_pool2d',
  role: 'gradient',

  inferShape(inputs, attrs) {
    const kind = 'avg_pool2d_grad';
    requireInputs(kind, inputs, 1);
    checkPool(kind, attrs);
    requireInts(kind, 'inputSize', attrs.inputSize, 2, 1);
    const [n, oh, ow, c] = requireRank(kind, inputs, 0, 4) as [number, number, number, number];
    const [h, w] = attrs.inputSize;
    const pooled = pooledSize(kind, [h, w], attrs);
    if (pooled[0] !== oh || pooled[1] !== ow) {
      shapeError(kind, `the gradient does not belong to an input of ${h}x${w}`, inputs);
    }
    return [{ shape: [n, h, w, c], dtype: (inputs[0] as TensorType).dtype }];
  },
  macs: () => 0,

  reference: ([dy], attrs) => [referenceSeparable(dy as RefTensor, ...gradientMaps(dy as RefTensor, attrs))],

  vjp(sink, { attrs, gradients }) {
    const { inputSize: _, ...pool } = attrs;
    return [sink.op('avg_pool2d', [gradients[0] as string], pool)];
  },

  toOnnx(e, attrs) {
    const [rows, columns] = gradientMaps(e.inputType(0), attrs);
    return [spreadToOnnx(e, attrs) ?? separableToOnnx(e, e.input(0), rows, columns)];
  },

  toTfjs(tf, [dy], attrs) {
    const g = dy as tfjs.Tensor4D;
    const [rows, columns] = gradientMaps(g, attrs);
    // One window over everything: the same share everywhere.
    if (rows.from === 1 && columns.from === 1 && isUniform(rows) && isUniform(columns)) {
      const share = (rows.data[0] as number) * (columns.data[0] as number);
      return [tf.tile(tf.mul(g, share), [1, rows.to, columns.to, 1])];
    }
    return [separableToTfjs(tf, g, rows, columns)];
  },

  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};

/** Share of every window's gradient that each input position gets; a count of elements factors into rows times columns. */
function gradientMaps(dy: { readonly shape: readonly number[] }, attrs: AvgPoolGradAttrs): [AxisMap, AxisMap] {
  const [, oh, ow] = dims4(dy);
  const axis = (a: 0 | 1, from: number): AxisMap => {
    const size = attrs.inputSize[a];
    const kernel = attrs.kernelSize[a];
    const data = new Float64Array(size * from);
    for (let i = 0; i < from; i++) {
      const [start, end] = windowRange(i, attrs.strides[a], kernel, attrs.pads[2 * a] as number, size);
      for (let j = start; j < end; j++) data[j * from + i] = 1 / (attrs.countIncludePad ? kernel : end - start);
    }
    return { to: size, from, data };
  };
  return [axis(0, oh), axis(1, ow)];
}

function isUniform({ data }: AxisMap): boolean {
  return data.every((v) => v === data[0]);
}

/** Windows that tile the input, or one window over all of it, need no products: the scaled gradient is repeated. */
function spreadToOnnx(e: OnnxEmitter, attrs: AvgPoolGradAttrs): string | undefined {
  const [n, oh, ow, c] = dims4(e.inputType(0));
  const [h, w] = attrs.inputSize;
  const tiles = (a: 0 | 1, out: number): number | undefined => {
    const size = attrs.inputSize[a];
    const kernel = attrs.kernelSize[a];
    const before = attrs.pads[2 * a] as number;
    if (out === 1 && kernel - before >= size) return attrs.countIncludePad ? kernel : size;
    return before === 0 && attrs.strides[a] === kernel && out * kernel === size ? kernel : undefined;
  };
  const rows = tiles(0, oh);
  const columns = tiles(1, ow);
  if (rows === undefined || columns === undefined) return undefined;
  const share = e.add('Mul', [e.input(0), e.floats([], Float32Array.of(1 / (rows * columns)))]);
  if (oh === 1 && ow === 1) return e.add('Expand', [share, e.int64s([n, c, h, w])]);
  const split = e.add('Reshape', [share, e.int64s([n * c, oh, 1, ow, 1])]);
  const spread = e.add('Expand', [split, e.int64s([n * c, oh, h / oh, ow, w / ow])]);
  return e.add('Reshape', [spread, e.int64s([n, c, h, w])]);
}
