/**
 * 3×3 convolutions of stride 1 and their gradients as Winograd's minimal filtering, in ONNX nodes: tiles of the input and the filter
 * are brought into a space where a convolution is an element-wise product, summed over channels by matrix products. That is 2.25
 * (tiles of 2) or 4 times (tiles of 4) fewer multiplications; the way there and back are products with small constant matrices. Used
 * where filters are learnt: a constant filter has faster kernels in onnxruntime.
 * Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, §4 and appendix.
 */
import type { OnnxEmitter } from './op-def.js';
import type { ConvAttrs, Pads } from './window.js';

/** Rows of Bᵀ, G and Aᵀ for output tiles of `tile` × `tile`. */
interface Transforms {
  readonly input: readonly (readonly number[])[];
  readonly filter: readonly (readonly number[])[];
  readonly output: readonly (readonly number[])[];
}

const TRANSFORMS: Readonly<Record<2 | 4, Transforms>> = {
  2: {
    input: [
      [1, 0, -1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [0, 1, 0, -1],
    ],
    filter: [
      [1, 0, 0],
      [0.5, 0.5, 0.5],
      [0.5, -0.5, 0.5],
      [0, 0, 1],
    ],
    output: [
      [1, 1, 1, 0],
      [0, 1, -1, -1],
    ],
  },
  4: {
    input: [
      [4, 0, -5, 0, 1, 0],
      [0, -4, -4, 1, 1, 0],
      [0, 4, -4, -1, 1, 0],
      [0, -2, -1, 2, 1, 0],
      [0, 2, -1, -2, 1, 0],
      [0, 4, 0, -5, 0, 1],
    ],
    filter: [
      [1 / 4, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6],
      [1 / 24, 1 / 12, 1 / 6],
      [1 / 24, -1 / 12, 1 / 6],
      [0, 0, 1],
    ],
    output: [
      [1, 1, 1, 1, 1, 0],
      [0, 1, -1, 2, -2, 0],
      [0, 1, 1, 4, 4, 0],
      [0, 1, -1, 8, -8, 1],
    ],
  },
};

/** A convolution that is done in tiles. Sizes as of the graph, channels in and out as of the convolution. */
export interface WinogradPlan {
  readonly tile: 2 | 4;
  readonly batch: number;
  /** Tiles in height and width. */
  readonly tiles: readonly [number, number];
  readonly inputSize: readonly [number, number];
  readonly channels: readonly [number, number];
  readonly pads: Pads;
}

/** Least batch · tiles, so that the products' rows outweigh reading the transformed filter. */
const LEAST_TILES = 128;
/** Least 1 / (1 / in + 1 / out): transforms cost per channel what products save per pair of channels. Measured, as is the above. */
const LEAST_CHANNELS = 80;

/**
 * @param input [N, H, W, I] of the convolution
 * @param output [N, oh, ow, O]
 * @returns undefined where the tiles do not fit or do not pay
 */
export function planWinograd(
  attrs: ConvAttrs,
  kernel: readonly [number, number],
  [batch, height, width, from]: readonly [number, number, number, number],
  [, rows, columns, to]: readonly [number, number, number, number],
): WinogradPlan | undefined {
  const plain = [...attrs.strides, ...attrs.dilations].every((v) => v === 1) && kernel.every((k) => k === 3);
  if (!plain || 1 / (1 / from + 1 / to) < LEAST_CHANNELS) return undefined;
  const inputSize = [height, width] as const;
  for (const tile of [4, 2] as const) {
    const tiles = [rows / tile, columns / tile] as const;
    if (tiles.every(Number.isInteger) && batch * tiles[0] * tiles[1] >= LEAST_TILES)
      return { tile, batch, tiles, inputSize, channels: [from, to], pads: attrs.pads };
  }
  return undefined;
}

/**
 * @param x physical [N, I, H, W]
 * @param filter physical [O, I, 3, 3]; for an `adjoint` plan, whose input is the gradient, the filter of the convolution it belongs to,
 *   [I, O, 3, 3]: it is rotated and exchanged on the way
 * @param bias [O]
 * @returns physical [N, O, oh, ow]
 */
export function winogradToOnnx(
  e: OnnxEmitter,
  plan: WinogradPlan,
  x: string,
  filter: string,
  { bias, adjoint = false }: { readonly bias?: string; readonly adjoint?: boolean } = {},
): string {
  const { tile, batch, tiles, channels } = plan;
  const [from, to] = channels;
  const stored = adjoint ? ([from, to] as const) : ([to, from] as const);
  const kernels = filterToTiles(e, tile, filter, stored, adjoint);
  const right = adjoint ? kernels : e.add('Transpose', [kernels], { perm: { ints: [0, 2, 1] } });
  const products = e.add('MatMul', [inputToTiles(e, plan, x), right]);
  const pixels = batch * tiles[0] * tiles[1];
  const flat = e.add('Reshape', [products, e.int64s([(tile + 2) ** 2, pixels * to])]);
  const transform = squared(TRANSFORMS[tile].output);
  const computed = e.add('MatMul', [e.sharedFloats([tile ** 2, (tile + 2) ** 2], transform), flat]);
  const split = e.add('Reshape', [computed, e.int64s([tile, tile, ...tiles, batch * to])]);
  const placed = e.add('Transpose', [split], { perm: { ints: [2, 0, 3, 1, 4] } });
  const joined = e.add('Reshape', [placed, e.int64s([tiles[0] * tile, tiles[1] * tile, batch, to])]);
  return exchangePairs(e, bias === undefined ? joined : e.add('Add', [joined, bias]));
}

/**
 * Gradient of the planned convolution with respect to its filter: the adjoint of every step.
 * @param x physical [N, I, H, W]
 * @param dy physical [N, O, oh, ow]
 * @returns physical [O, I, 3, 3]
 */
export function winogradFilterGradToOnnx(e: OnnxEmitter, plan: WinogradPlan, x: string, dy: string): string {
  const { tile, batch, tiles, channels } = plan;
  const [from, to] = channels;
  const [rows, columns] = tiles;
  const area = (tile + 2) ** 2;
  const pixels = batch * rows * columns;
  const split = e.add('Reshape', [exchangePairs(e, dy), e.int64s([rows, tile, columns, tile, batch * to])]);
  const placed = e.add('Transpose', [split], { perm: { ints: [1, 3, 0, 2, 4] } });
  const back = e.sharedFloats([area, tile ** 2], transposed(squared(TRANSFORMS[tile].output), area));
  const products = e.add('MatMul', [back, e.add('Reshape', [placed, e.int64s([tile ** 2, pixels * to])])]);
  const gradient = e.add('Reshape', [products, e.int64s([area, pixels, to])]);
  const kernels = e.add('MatMul', [
    e.add('Transpose', [gradient], { perm: { ints: [0, 2, 1] } }),
    inputToTiles(e, plan, x),
  ]);
  const home = e.sharedFloats([9, area], transposed(squared(TRANSFORMS[tile].filter), 9));
  const taps = e.add('MatMul', [home, e.add('Reshape', [kernels, e.int64s([area, to * from])])]);
  return exchangePairs(e, e.add('Reshape', [taps, e.int64s([3, 3, to, from])]));
}

/**
 * [a, b, c, d] ↔ [c, d, a, b]: height and width first, so that whole planes move when tiles are formed. onnxruntime merges this with the
 * layout change of a filter that is fed, and lets it cancel between neighbouring convolutions.
 */
function exchangePairs(e: OnnxEmitter, value: string): string {
  return e.add('Transpose', [value], { perm: { ints: [2, 3, 0, 1] } });
}

/** Physical [N, I, H, W] → [(tile + 2)², tiles · N, I]. Padding and overlap of the tiles are in the constant matrices. */
function inputToTiles(
  e: OnnxEmitter,
  { tile, batch, tiles, inputSize, channels, pads }: WinogradPlan,
  x: string,
): string {
  const [rows, columns] = tiles;
  const [height, width] = inputSize;
  const [from] = channels;
  const side = tile + 2;
  const inner = batch * from;
  const flat = e.add('Reshape', [exchangePairs(e, x), e.int64s([height, width * inner])]);
  const vertical = e.sharedFloats([side * rows, height], slidingTransform(tile, rows, height, pads[0]));
  const half = e.add('Reshape', [e.add('MatMul', [vertical, flat]), e.int64s([side, 1, rows, width, inner])]);
  const horizontal = e.sharedFloats([1, side, 1, columns, width], slidingTransform(tile, columns, width, pads[2]));
  return e.add('Reshape', [e.add('MatMul', [horizontal, half]), e.int64s([side ** 2, rows * columns * batch, from])]);
}

/** Physical filter [A, B, 3, 3] → [(tile + 2)², A, B]. */
function filterToTiles(
  e: OnnxEmitter,
  tile: 2 | 4,
  filter: string,
  [a, b]: readonly [number, number],
  rotated: boolean,
): string {
  const area = (tile + 2) ** 2;
  const taps = e.add('Reshape', [exchangePairs(e, filter), e.int64s([9, a * b])]);
  const rows = TRANSFORMS[tile].filter;
  // Turning the filter by 180° is turning the rows of its transform.
  const transform = squared(rotated ? rows.map((row) => row.toReversed()) : rows);
  return e.add('Reshape', [e.add('MatMul', [e.sharedFloats([area, 9], transform), taps]), e.int64s([area, a, b])]);
}

/** [(tile + 2) · count, size]: row (f, t) is row f of Bᵀ over the inputs of tile t; what lies in the padding is left out. */
function slidingTransform(tile: 2 | 4, count: number, size: number, padding: number): Float32Array {
  const matrix = new Float32Array((tile + 2) * count * size);
  TRANSFORMS[tile].input.forEach((row, f) => {
    for (let t = 0; t < count; t++) {
      row.forEach((factor, k) => {
        const at = t * tile + k - padding;
        if (at >= 0 && at < size) matrix[(f * count + t) * size + at] = factor;
      });
    }
  });
  return matrix;
}

/** Kronecker product of a matrix with itself, row-major: the transform in both directions at once. */
function squared(rows: readonly (readonly number[])[]): Float32Array {
  return Float32Array.from(rows.flatMap((v) => rows.flatMap((h) => v.flatMap((a) => h.map((b) => a * b)))));
}

/** Row-major matrix turned over; `rows` are those of the result. */
function transposed(matrix: Float32Array, rows: number): Float32Array {
  const columns = matrix.length / rows;
  return matrix.map((_, i) => matrix[(i % columns) * rows + Math.floor(i / columns)] as number);
}
