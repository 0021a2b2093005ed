import { fail } from '../core/errors.js';
import type { PreprocessSpec } from './spec.js';

/** A rectangle of source pixels. */
export interface Window {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Fraction bits of a bilinear coordinate: two of them and a byte make 30 bits, so a pixel's sum fits int32 in C. */
export const FRACTION_BITS = 11;
const ONE = 1 << FRACTION_BITS;

/**
 * The window of the source that becomes the input.
 *
 *   none    the whole picture
 *   box     as written
 *   centre  with resize: h × w = the largest rectangle of the target's aspect ratio inside the source,
 *             source wider (sw·th > sh·tw):  h = sh, w = ⌊sh·tw / th⌋;  else  w = sw, h = ⌊sw·th / tw⌋
 *             then h = max(1, ⌊h·perMille / 1000⌋), w likewise
 *           without resize: h × w = the target's
 *           top = ⌊(sh − h) / 2⌋, left = ⌊(sw − w) / 2⌋
 *
 * All in non-negative integers; products stay below 2^27.
 * @throws IsplitError E_DATA_SHAPE when the window leaves the picture, or does not have the target's size though resize is none
 */
export function cropWindow(spec: PreprocessSpec, sourceHeight: number, sourceWidth: number): Window {
  const window = chooseWindow(spec, sourceHeight, sourceWidth);
  const { crop } = spec;
  if (window.top + window.height > sourceHeight || window.left + window.width > sourceWidth) {
    const what = crop.kind === 'box' ? 'the crop box' : 'the centre crop';
    fail(
      'E_DATA_SHAPE',
      `${what} needs ${window.top + window.height}×${window.left + window.width} pixels, the picture has ${sourceHeight}×${sourceWidth}`,
      { picture: [sourceHeight, sourceWidth], window },
      crop.kind === 'box' ? 'Make the box smaller, or leave --crop out.' : 'Add --resize bilinear.',
    );
  }
  if (spec.resize === 'none' && (window.height !== spec.height || window.width !== spec.width)) {
    fail(
      'E_DATA_SHAPE',
      `pictures are ${window.height}×${window.width}, the network takes ${spec.height}×${spec.width}`,
      { picture: [window.height, window.width], input: [spec.height, spec.width] },
      'Add --resize bilinear (or nearest), or --crop centre.',
    );
  }
  return window;
}

function chooseWindow(spec: PreprocessSpec, sourceHeight: number, sourceWidth: number): Window {
  const { crop } = spec;
  if (crop.kind === 'none') return { top: 0, left: 0, height: sourceHeight, width: sourceWidth };
  if (crop.kind === 'box') return { top: crop.top, left: crop.left, height: crop.height, width: crop.width };
  let height = spec.height;
  let width = spec.width;
  if (spec.resize !== 'none') {
    if (sourceWidth * spec.height > sourceHeight * spec.width) {
      height = sourceHeight;
      width = Math.floor((sourceHeight * spec.width) / spec.height);
    } else {
      width = sourceWidth;
      height = Math.floor((sourceWidth * spec.height) / spec.width);
    }
    height = Math.max(1, Math.floor((height * crop.perMille) / 1000));
    width = Math.max(1, Math.floor((width * crop.perMille) / 1000));
  }
  return {
    top: Math.max(0, Math.floor((sourceHeight - height) / 2)),
    left: Math.max(0, Math.floor((sourceWidth - width) / 2)),
    height,
    width,
  };
}

/**
 * Nearest: target i of d takes source ⌊(2i + 1)·s / (2d)⌋ of s (pixel centres, as TensorFlow with half_pixel_centers and Pillow).
 * @returns Int32Array of d source indices, each 0 … s−1
 */
export function nearestIndices(source: number, target: number): Int32Array {
  return Int32Array.from({ length: target }, (_, i) => Math.floor(((2 * i + 1) * source) / (2 * target)));
}

/** One axis of a bilinear resize: value = at[low] · (2048 − fraction) + at[high] · fraction, over 2048. */
export interface BilinearAxis {
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** 0 … 2047. */
  readonly fraction: Int32Array;
}

/**
 * Bilinear coordinates, pixel centres aligned (half-pixel, no antialiasing), in Q11:
 *
 *   n = max(0, (2i + 1)·s − d)             twice d times the coordinate (i + ½)·s/d − ½
 *   p = min(⌊(n·2048 + d) / (2d)⌋, (s − 1)·2048)      rounded to the nearest 1/2048, halves up
 *   low = p >> 11, fraction = p & 2047, high = min(low + 1, s − 1)
 *
 * n·2048 needs 64 bits in C (at most 2^38); tables are made once a picture size.
 */
export function bilinearAxis(source: number, target: number): BilinearAxis {
  const low = new Int32Array(target);
  const high = new Int32Array(target);
  const fraction = new Int32Array(target);
  for (let i = 0; i < target; i++) {
    const n = Math.max(0, (2 * i + 1) * source - target);
    const p = Math.min(Math.floor((n * ONE + target) / (2 * target)), (source - 1) * ONE);
    const at = p >> FRACTION_BITS;
    low[i] = at;
    high[i] = Math.min(at + 1, source - 1);
    fraction[i] = p & (ONE - 1);
  }
  return { low, high, fraction };
}
