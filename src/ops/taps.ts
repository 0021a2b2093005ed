/**
 * Window positions ("taps") of a padded NHWC tensor in tfjs, from ops that every backend has: slices, concatenations, pads.
 * `slideTap` reads one position of every window at once, `foldTaps` is its adjoint: it adds values back where they were read.
 */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { Tfjs } from './op-def.js';
import type { ConvAttrs, Pads, WindowAttrs } from './window.js';

/** Pads height and width with a value; the input itself when there is nothing to pad. */
export function padSpatial(tf: Tfjs, x: tfjs.Tensor4D, [top, bottom, left, right]: Pads, value = 0): tfjs.Tensor4D {
  if (top + bottom + left + right === 0) return x;
  return tf.pad4d(
    x,
    [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
    value,
  );
}

/** A padded input whose taps can be read. */
export interface Windows {
  /** [N, (oh + …)·sh, (ow + …)·sw, C]: padded or cut so that whole strides fit. */
  readonly values: tfjs.Tensor4D;
  readonly outputSize: readonly [number, number];
  readonly strides: readonly [number, number];
}

/** @param extent height and width that a window spans, dilation included */
export function openWindows(
  tf: Tfjs,
  x: tfjs.Tensor4D,
  { pads: [top, , left], strides }: WindowAttrs,
  extent: readonly [number, number],
  outputSize: readonly [number, number],
  value = 0,
): Windows {
  const [n, h, w, c] = x.shape;
  const rows = (outputSize[0] + Math.floor((extent[0] - 1) / strides[0])) * strides[0];
  const columns = (outputSize[1] + Math.floor((extent[1] - 1) / strides[1])) * strides[1];
  let values = padSpatial(tf, x, [top, Math.max(rows - h - top, 0), left, Math.max(columns - w - left, 0)], value);
  if (values.shape[1] > rows || values.shape[2] > columns) {
    values = tf.slice4d(values, [0, 0, 0, 0], [n, rows, columns, c]);
  }
  return { values, outputSize, strides };
}

/**
 * Element (y, x) of every window: [N, oh, ow, C]. Rows and columns are cut out of merged axes, in runs as long as possible:
 * tfjs copies run by run, and its strided slice element by element.
 */
export function slideTap(tf: Tfjs, windows: Windows, y: number, x: number): tfjs.Tensor4D {
  const { values, outputSize, strides } = windows;
  const [n, h, w, c] = values.shape;
  const [oh, ow] = outputSize;
  const [sh, sw] = strides;
  const row = w * c;
  const lines = tf.slice3d(
    tf.reshape(values, [n, h / sh, sh * row]) as tfjs.Tensor3D,
    [0, Math.floor(y / sh), (y % sh) * row],
    [n, oh, row],
  );
  if (sw > 1) {
    const merged = tf.reshape(lines, [n * oh, w / sw, sw * c]) as tfjs.Tensor3D;
    const cut = tf.slice3d(merged, [0, Math.floor(x / sw), (x % sw) * c], [n * oh, ow, c]);
    return tf.reshape(cut, [n, oh, ow, c]) as tfjs.Tensor4D;
  }
  const cut = tf.slice2d(tf.reshape(lines, [n * oh, row]) as tfjs.Tensor2D, [0, x * c], [n * oh, ow * c]);
  return tf.reshape(cut, [n, oh, ow, c]) as tfjs.Tensor4D;
}

export interface Tap {
  /** Offset of the tap in its window, dilation included. */
  readonly y: number;
  readonly x: number;
  /** [N, oh, ow, C] */
  readonly values: tfjs.Tensor4D;
}

/**
 * Sums every tap's values back to the places `slideTap` read: [N, oh, ow, C] each → [N, H, W, C], H and W with padding.
 * Taps that are congruent modulo the stride share a phase; the phases are interleaved at the end.
 */
export function foldTaps(
  tf: Tfjs,
  taps: readonly Tap[],
  [sh, sw]: readonly [number, number],
  [height, width]: readonly [number, number],
): tfjs.Tensor4D {
  const [n, oh, ow, c] = (taps[0] as Tap).values.shape;
  const rows = oh + Math.floor(Math.max(...taps.map((t) => t.y)) / sh);
  const columns = ow + Math.floor(Math.max(...taps.map((t) => t.x)) / sw);
  const phases = new Map<number, tfjs.Tensor4D>();
  for (const { y, x, values } of taps) {
    const top = Math.floor(y / sh);
    const left = Math.floor(x / sw);
    const placed = padSpatial(tf, values, [top, rows - oh - top, left, columns - ow - left]);
    const phase = (y % sh) * sw + (x % sw);
    const sum = phases.get(phase);
    phases.set(phase, sum ? tf.add(sum, placed) : placed);
  }
  let folded: tfjs.Tensor4D;
  if (sh === 1 && sw === 1) {
    folded = phases.get(0) as tfjs.Tensor4D;
  } else {
    const empty = phases.size < sh * sw ? (tf.zeros([n, rows, columns, c]) as tfjs.Tensor4D) : undefined;
    const lines = Array.from({ length: sh }, (_, p) => {
      const parts = Array.from({ length: sw }, (_, q) => (phases.get(p * sw + q) ?? empty) as tfjs.Tensor);
      return tf.reshape(tf.stack(parts, 3), [n, rows, columns * sw * c]);
    });
    folded = tf.reshape(tf.stack(lines, 2), [n, rows * sh, columns * sw, c]) as tfjs.Tensor4D;
  }
  const [, h, w] = folded.shape;
  if (h > height || w > width) {
    folded = tf.slice4d(folded, [0, 0, 0, 0], [n, Math.min(h, height), Math.min(w, width), c]);
  }
  return padSpatial(tf, folded, [0, Math.max(0, height - h), 0, Math.max(0, width - w)]);
}

/** Removes padding. */
export function cropSpatial(
  tf: Tfjs,
  padded: tfjs.Tensor4D,
  pads: Pads,
  [height, width]: readonly [number, number],
): tfjs.Tensor4D {
  const [n, h, w, c] = padded.shape;
  return h === height && w === width ? padded : tf.slice4d(padded, [0, pads[0], pads[2], 0], [n, height, width, c]);
}

/**
 * Transposed convolution with any stride and dilation: one matrix product per kernel position, folded back.
 * @param weightsOf [kh·kw] matrices [I, O] by kernel position
 * @returns [N, H, W, O], H and W with padding
 */
export function scatterProducts(
  tf: Tfjs,
  x: tfjs.Tensor4D,
  weightsOf: (p: number, q: number) => tfjs.Tensor2D,
  [kh, kw]: readonly [number, number],
  { strides, dilations }: Pick<ConvAttrs, 'strides' | 'dilations'>,
  paddedSize: readonly [number, number],
): tfjs.Tensor4D {
  const [n, h, w, c] = x.shape;
  const flat = tf.reshape(x, [n * h * w, c]) as tfjs.Tensor2D;
  const taps: Tap[] = [];
  for (let p = 0; p < kh; p++) {
    for (let q = 0; q < kw; q++) {
      const values = tf.reshape(tf.matMul(flat, weightsOf(p, q)), [n, h, w, -1]) as tfjs.Tensor4D;
      taps.push({ y: p * dilations[0], x: q * dilations[1], values });
    }
  }
  return foldTaps(tf, taps, strides, paddedSize);
}
