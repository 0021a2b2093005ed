/** What max and average pooling share. */
import type { TensorType } from '../ir/graph.js';
import { dims4, requireInputs, requireInts, requireRank, shapeError } from './checks.js';
import type { OnnxAttr, TfliteDecode, TfliteEncode, TfliteOperator } from './op-def.js';
import { inputIdsOf, paddingName, versionSinceInt8 } from './tflite-encode.js';
import { checkWindow, onnxPads, resolvePads, type WindowAttrs, windowOutput } from './window.js';

/** Far beyond any picture that pooling reduces. */
const LARGEST_WINDOW = 65_535;

/** No padding may be as wide as the kernel, so every window holds at least one element of the input. */
export interface PoolAttrs extends WindowAttrs {
  readonly kernelSize: readonly [number, number];
}

/** @throws IsplitError E_SHAPE */
export function checkPool(kind: string, attrs: PoolAttrs): void {
  checkWindow(kind, attrs);
  requireInts(kind, 'kernelSize', attrs.kernelSize, 2, 1);
  // Padding hides how far a window reaches past its input, and engines walk all of it.
  if (attrs.kernelSize.some((side) => side > LARGEST_WINDOW)) {
    shapeError(kind, `kernel [${attrs.kernelSize}] is larger than ${LARGEST_WINDOW} on a side`);
  }
  if (attrs.pads.some((p, i) => p >= (attrs.kernelSize[i < 2 ? 0 : 1] as number))) {
    shapeError(kind, `pads [${attrs.pads}] must be smaller than the kernel [${attrs.kernelSize}]`);
  }
}

/** Height and width of a pool's output. @throws IsplitError E_SHAPE */
export function pooledSize(kind: string, [h, w]: readonly [number, number], attrs: PoolAttrs): [number, number] {
  const [top, bottom, left, right] = attrs.pads;
  return [
    windowOutput(kind, h, attrs.kernelSize[0], attrs.strides[0], 1, top + bottom),
    windowOutput(kind, w, attrs.kernelSize[1], attrs.strides[1], 1, left + right),
  ];
}

export function inferPool(kind: string, inputs: readonly TensorType[], attrs: PoolAttrs): TensorType[] {
  requireInputs(kind, inputs, 1);
  checkPool(kind, attrs);
  const [n, h, w, c] = requireRank(kind, inputs, 0, 4) as [number, number, number, number];
  return [{ shape: [n, ...pooledSize(kind, [h, w], attrs), c], dtype: (inputs[0] as TensorType).dtype }];
}

/** First and past-the-last input position of window i along one axis, padding cut off. */
export function windowRange(i: number, stride: number, kernel: number, before: number, size: number): [number, number] {
  const start = i * stride - before;
  return [Math.max(start, 0), Math.min(start + kernel, size)];
}

export function onnxPoolAttrs({ kernelSize, strides, pads }: PoolAttrs): Record<string, OnnxAttr> {
  return { kernel_shape: { ints: kernelSize }, strides: { ints: strides }, pads: onnxPads(pads) };
}

/**
 * Of MaxPool: padding of zero is said with auto_pad. onnxruntime 1.30 (its PadFusion) moves a Pad with zeros in front of a
 * MaxPool into `pads`, which stand for the lowest value; with auto_pad it leaves both alone.
 */
export function onnxMaxPoolAttrs(attrs: PoolAttrs): Record<string, OnnxAttr> {
  const { pads, ...window } = onnxPoolAttrs(attrs);
  return attrs.pads.every((p) => p === 0)
    ? { ...window, auto_pad: { string: 'VALID' } }
    : { ...window, pads: pads as OnnxAttr };
}

/** Decoder of MAX_POOL_2D and AVERAGE_POOL_2D. */
export function decodePool(kind: 'max_pool2d' | 'avg_pool2d'): TfliteDecode {
  return (op, sink) => {
    const [x] = op.inputs;
    if (!x) return sink.refuse(`${op.builtin} lacks its input`);
    sink.emitFused(kind, [x.id], readWindow(op));
  };
}

/** Encoder of MAX_POOL_2D and AVERAGE_POOL_2D. */
export function encodePool(builtin: 'MAX_POOL_2D' | 'AVERAGE_POOL_2D'): TfliteEncode<PoolAttrs> {
  return (e, attrs) => ({
    builtin,
    version: versionSinceInt8(e),
    options: {
      padding: paddingName(e, attrs, attrs.kernelSize),
      stride_h: attrs.strides[0],
      stride_w: attrs.strides[1],
      filter_height: attrs.kernelSize[0],
      filter_width: attrs.kernelSize[1],
    },
    inputs: inputIdsOf(e),
  });
}

function readWindow(op: TfliteOperator): {
  kernelSize: [number, number];
  strides: [number, number];
  pads: [number, number, number, number];
} {
  const o = op.options;
  const [, h, w] = dims4(op.inputs[0]);
  const kernelSize: [number, number] = [o.filter_height as number, o.filter_width as number];
  const strides: [number, number] = [o.stride_h as number, o.stride_w as number];
  return {
    kernelSize,
    strides,
    pads: resolvePads(o.padding === 'SAME' ? 'same' : 'valid', [h, w], kernelSize, strides),
  };
}
