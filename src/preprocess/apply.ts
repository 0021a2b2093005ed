import { fail } from '../core/errors.js';
import { bilinearAxis, cropWindow, FRACTION_BITS, nearestIndices, type Window } from './geometry.js';
import type { Picture } from './picture.js';
import { inputElements, MAX_PICTURE_SIDE, type PreprocessSpec } from './spec.js';

/**
 * Crop, resize and colour: a picture of any size becomes the bytes of the input tensor, (height, width, channels).
 *
 * Definition (C99 must agree bit by bit): crop window as cropWindow; then for target pixel (i, j), each source channel k:
 *   none      s[k] = source[top + i, left + j, k]
 *   nearest   s[k] = source[top + nearestIndices(h, H)[i], left + nearestIndices(w, W)[j], k]
 *   bilinear  with y, x from bilinearAxis(h, H)[i], bilinearAxis(w, W)[j], weights out of 2048:
 *             a = at(y.low, x.low)·(2048 − x.f) + at(y.low, x.high)·x.f
 *             b = at(y.high, x.low)·(2048 − x.f) + at(y.high, x.high)·x.f
 *             s[k] = (a·(2048 − y.f) + b·y.f + 2^21) >> 22            all below 2^31
 * then colour, s → target:
 *   grey from 3 channels   (19595·R + 38470·G + 7471·B + 32768) >> 16    ITU-R BT.601 weights of 65 536
 *   rgb or bgr from 1      the byte three times
 *   rgb, bgr from 3        R G B, or B G R
 *   none                   unchanged, the channel count must be the network's
 *
 * @param out where to write, inputElements(spec) bytes; a new array when left out
 * @throws IsplitError E_DATA_SHAPE
 */
export function applyToU8(picture: Picture, spec: PreprocessSpec, out?: Uint8Array): Uint8Array {
  checkPicture(picture, spec);
  const target = out ?? new Uint8Array(inputElements(spec));
  const window = cropWindow(spec, picture.height, picture.width);
  const sized = resizeWindow(picture, window, spec);
  writeColour(sized, picture.channels, spec, target);
  return target;
}

/**
 * Whether pictures of this size can become the input at all; the same errors as applyToU8, without a picture.
 * @throws IsplitError E_DATA_SHAPE
 */
export function checkPictureShape(shape: Omit<Picture, 'data'>, spec: PreprocessSpec): void {
  const { height, width, channels } = shape;
  if (height < 1 || width < 1 || height > MAX_PICTURE_SIDE || width > MAX_PICTURE_SIDE) {
    fail(
      'E_DATA_SHAPE',
      `a picture of ${height}×${width} pixels is outside 1 … ${MAX_PICTURE_SIDE} a side`,
      { picture: [height, width, channels], limit: MAX_PICTURE_SIDE },
      'Scale the picture down first.',
    );
  }
  const wanted = spec.colour === 'none' ? [spec.channels] : [1, 3];
  if (!wanted.includes(channels)) {
    fail(
      'E_DATA_SHAPE',
      `pictures have ${channels} channels, colour "${spec.colour}" takes ${wanted.join(' or ')}`,
      { picture: [height, width, channels], colour: spec.colour },
      spec.colour === 'none'
        ? `The network takes ${spec.channels} channels; --colour rgb, bgr or grey converts pictures.`
        : 'Use --colour none for samples that are no pictures.',
    );
  }
  cropWindow(spec, height, width);
}

function checkPicture(picture: Picture, spec: PreprocessSpec): void {
  checkPictureShape(picture, spec);
  const { height, width, channels, data } = picture;
  if (data.length !== height * width * channels) {
    fail('E_DATA_SHAPE', `a picture of ${height}×${width}×${channels} has ${data.length} bytes`, {
      picture: [height, width, channels],
      bytes: data.length,
    });
  }
}

/** @returns (spec.height, spec.width, picture.channels) */
function resizeWindow(picture: Picture, window: Window, spec: PreprocessSpec): Uint8Array {
  const same = window.height === spec.height && window.width === spec.width;
  if (same && window.height === picture.height && window.width === picture.width) return picture.data;
  // At equal sizes bilinear has fraction 0 everywhere: it copies, as nearest does.
  return same || spec.resize !== 'bilinear'
    ? resizeNearest(picture, window, spec.height, spec.width)
    : resizeBilinear(picture, window, spec.height, spec.width);
}

function resizeNearest(picture: Picture, window: Window, height: number, width: number): Uint8Array {
  const { data, channels } = picture;
  const rows = nearestIndices(window.height, height);
  const columns = nearestIndices(window.width, width);
  const out = new Uint8Array(height * width * channels);
  let at = 0;
  for (let i = 0; i < height; i++) {
    const rowStart = (window.top + (rows[i] as number)) * picture.width + window.left;
    for (let j = 0; j < width; j++) {
      const from = (rowStart + (columns[j] as number)) * channels;
      for (let k = 0; k < channels; k++) out[at++] = data[from + k] as number;
    }
  }
  return out;
}

function resizeBilinear(picture: Picture, window: Window, height: number, width: number): Uint8Array {
  const { data, channels } = picture;
  const ys = bilinearAxis(window.height, height);
  const xs = bilinearAxis(window.width, width);
  const one = 1 << FRACTION_BITS;
  const half = 1 << (2 * FRACTION_BITS - 1);
  const out = new Uint8Array(height * width * channels);
  let at = 0;
  for (let i = 0; i < height; i++) {
    const lowRow = (window.top + (ys.low[i] as number)) * picture.width + window.left;
    const highRow = (window.top + (ys.high[i] as number)) * picture.width + window.left;
    const fy = ys.fraction[i] as number;
    for (let j = 0; j < width; j++) {
      const left = xs.low[j] as number;
      const right = xs.high[j] as number;
      const fx = xs.fraction[j] as number;
      const p00 = (lowRow + left) * channels;
      const p01 = (lowRow + right) * channels;
      const p10 = (highRow + left) * channels;
      const p11 = (highRow + right) * channels;
      for (let k = 0; k < channels; k++) {
        const a = (data[p00 + k] as number) * (one - fx) + (data[p01 + k] as number) * fx;
        const b = (data[p10 + k] as number) * (one - fx) + (data[p11 + k] as number) * fx;
        out[at++] = (a * (one - fy) + b * fy + half) >> (2 * FRACTION_BITS);
      }
    }
  }
  return out;
}

function writeColour(source: Uint8Array, channels: number, spec: PreprocessSpec, out: Uint8Array): void {
  const pixels = spec.height * spec.width;
  const { colour } = spec;
  if (colour === 'none' || (colour === 'grey' && channels === 1) || (colour === 'rgb' && channels === 3)) {
    out.set(source);
  } else if (colour === 'grey') {
    for (let p = 0; p < pixels; p++) {
      const r = source[3 * p] as number;
      const g = source[3 * p + 1] as number;
      const b = source[3 * p + 2] as number;
      out[p] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
    }
  } else if (channels === 1) {
    for (let p = 0; p < pixels; p++) out.fill(source[p] as number, 3 * p, 3 * p + 3);
  } else {
    for (let p = 0; p < pixels; p++) {
      out[3 * p] = source[3 * p + 2] as number;
      out[3 * p + 1] = source[3 * p + 1] as number;
      out[3 * p + 2] = source[3 * p] as number;
    }
  }
}
