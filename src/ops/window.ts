/** Sliding-window arithmetic shared by convolutions and pools. */

import { requireInts, shapeError } from './checks.js';
import type { OnnxAttr, OnnxEmitter } from './op-def.js';

/** Explicit zero padding [top, bottom, left, right]; SAME and VALID are resolved to it when a model is read. */
export type Pads = readonly [number, number, number, number];

export interface WindowAttrs {
  readonly strides: readonly [number, number];
  readonly pads: Pads;
}

export interface ConvAttrs extends WindowAttrs {
  readonly dilations: readonly [number, number];
}

/** TensorFlow's SAME padding of one axis: [before, after]. */
export function samePadding(size: number, kernel: number, stride: number, dilation = 1): [number, number] {
  const effective = (kernel - 1) * dilation + 1;
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + effective - size, 0);
  const before = Math.floor(total / 2);
  return [before, total - before];
}

/** Pads of TensorFlow's SAME or VALID for an input of height × width. */
export function resolvePads(
  padding: 'same' | 'valid',
  [height, width]: readonly [number, number],
  [kh, kw]: readonly [number, number],
  [sh, sw]: readonly [number, number],
  [dh, dw]: readonly [number, number] = [1, 1],
): [number, number, number, number] {
  if (padding === 'valid') return [0, 0, 0, 0];
  return [...samePadding(height, kh, sh, dh), ...samePadding(width, kw, sw, dw)];
}

/** Which of TensorFlow's paddings these pads are, or `explicit`. Zero pads that are both count as valid. */
export function classifyPads(
  pads: Pads,
  size: readonly [number, number],
  kernel: readonly [number, number],
  strides: readonly [number, number],
  dilations: readonly [number, number] = [1, 1],
): 'same' | 'valid' | 'explicit' {
  if (pads.every((p) => p === 0)) return 'valid';
  const same = resolvePads('same', size, kernel, strides, dilations);
  return pads.every((p, i) => p === same[i]) ? 'same' : 'explicit';
}

/** Output length of one axis. @throws IsplitError E_SHAPE when the window does not fit */
export function windowOutput(
  kind: string,
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  padTotal: number,
): number {
  const out = Math.floor((size + padTotal - ((kernel - 1) * dilation + 1)) / stride) + 1;
  if (out < 1)
    shapeError(kind, `a window of ${kernel} (dilation ${dilation}) does not fit ${size} + ${padTotal} padding`);
  return out;
}

export function checkWindow(kind: string, attrs: WindowAttrs): void {
  requireInts(kind, 'strides', attrs.strides, 2, 1);
  requireInts(kind, 'pads', attrs.pads, 4, 0);
}

export function checkConv(kind: string, attrs: ConvAttrs): void {
  checkWindow(kind, attrs);
  requireInts(kind, 'dilations', attrs.dilations, 2, 1);
}

/** ONNX order of pads is [top, left, bottom, right]. */
export function onnxPads([top, bottom, left, right]: Pads): OnnxAttr {
  return { ints: [top, left, bottom, right] };
}

/** Padding of the stride-1 convolution with the rotated kernel that is the adjoint; negative where a pad outreaches the kernel. */
export function mirrorPads(
  { dilations: [dh, dw], pads: [top, bottom, left, right] }: ConvAttrs,
  [kh, kw]: readonly [number, number],
): Pads {
  return [(kh - 1) * dh - top, (kh - 1) * dh - bottom, (kw - 1) * dw - left, (kw - 1) * dw - right];
}

/** An ONNX filter [?, ?, kh, kw] turned by 180°; onnxruntime folds it when the filter is constant. */
export function rotateToOnnx(e: OnnxEmitter, filter: string, [kh, kw]: readonly [number, number]): string {
  if (kh === 1 && kw === 1) return filter;
  return e.add('Slice', [
    filter,
    e.int64s([-1, -1]),
    e.int64s([-kh - 1, -kw - 1]),
    e.int64s([2, 3]),
    e.int64s([-1, -1]),
  ]);
}

/** What ConvTranspose must add at the bottom and right to reach height × width from an input of h × w. */
export function outputPadding(
  attrs: ConvAttrs,
  [height, width]: readonly [number, number],
  [h, w]: readonly [number, number],
  [kh, kw]: readonly [number, number],
): [number, number] {
  const [top, bottom, left, right] = attrs.pads;
  return [
    height + top + bottom - (h - 1) * attrs.strides[0] - (kh - 1) * attrs.dilations[0] - 1,
    width + left + right - (w - 1) * attrs.strides[1] - (kw - 1) * attrs.dilations[1] - 1,
  ];
}
