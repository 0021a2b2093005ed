/** What sum, mean and other reductions share. */
import { elementCount, type Shape, type TensorType } from '../ir/graph.js';
import { normalizeAxis, requireInputs, requireInts } from './checks.js';
import type { OnnxEmitter, RefTensor, TfjsGraphEmitter, TfliteDecode, TfliteEncode } from './op-def.js';
import { inputIdsOf, versionSinceInt8 } from './tflite-encode.js';

export interface ReductionAttrs {
  /** Axes to reduce; negative ones count from the end. */
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

export function inferReduction(kind: string, inputs: readonly TensorType[], attrs: ReductionAttrs): TensorType[] {
  requireInputs(kind, inputs, 1);
  const { shape, dtype } = inputs[0] as TensorType;
  requireInts(kind, 'axes', attrs.axes, attrs.axes?.length ?? 0, -shape.length);
  const axes = new Set(attrs.axes.map((a) => normalizeAxis(kind, a, shape.length)));
  const out: number[] = [];
  shape.forEach((d, i) => {
    if (!axes.has(i)) out.push(d);
    else if (attrs.keepDims) out.push(1);
  });
  return [{ shape: out, dtype }];
}

/** Shape of the result with the reduced axes kept as 1. */
export function keptShape(shape: Shape, axes: readonly number[]): number[] {
  const reduced = new Set(axes.map((a) => (a < 0 ? a + shape.length : a)));
  return shape.map((d, i) => (reduced.has(i) ? 1 : d));
}

/** Folds `f` over the reduced axes. */
export function referenceReduce(
  x: RefTensor,
  axes: readonly number[],
  start: number,
  f: (acc: number, value: number) => number,
): Float64Array {
  const kept = keptShape(x.shape, axes);
  const out = new Float64Array(elementCount(kept)).fill(start);
  const strides = new Array<number>(kept.length).fill(0);
  let step = 1;
  for (let i = kept.length - 1; i >= 0; i--) {
    strides[i] = kept[i] === 1 ? 0 : step;
    step *= kept[i] as number;
  }
  const index = new Array<number>(kept.length).fill(0);
  let at = 0;
  for (let i = 0; i < x.data.length; i++) {
    out[at] = f(out[at] as number, x.data[i] as number);
    for (let d = kept.length - 1; d >= 0; d--) {
      at += strides[d] as number;
      index[d] = (index[d] as number) + 1;
      if ((index[d] as number) < (x.shape[d] as number)) break;
      at -= (strides[d] as number) * (x.shape[d] as number);
      index[d] = 0;
    }
  }
  return out;
}

/** Emits ReduceX over physical axes, in the physical layout of the result. */
export function reductionToOnnx(e: OnnxEmitter, opType: string, attrs: ReductionAttrs): string[] {
  const rank = e.inputType(0).shape.length;
  const outRank = e.outputType(0).shape.length;
  const axes = e.int64s(attrs.axes.map((a) => e.axis(rank, a)));
  if (attrs.keepDims || outRank === rank) return [e.add(opType, [e.input(0), axes], { keepdims: { int: 1 } })];
  const y = e.add(opType, [e.input(0), axes], { keepdims: { int: 0 } });
  // What is left of a rank-4 tensor stands in physical order; results of lower rank are stored in graph order.
  const reduced = new Set(attrs.axes.map((a) => (a < 0 ? a + rank : a)));
  const left = Array.from({ length: rank }, (_, i) => i)
    .filter((i) => !reduced.has(i))
    .map((i) => e.axis(rank, i));
  const physical = left.toSorted((a, b) => a - b);
  if (left.some((a, i) => a !== physical[i])) {
    return [e.add('Transpose', [y], { perm: { ints: left.map((a) => physical.indexOf(a)) } })];
  }
  return [e.toPhysicalLayout(y, outRank)];
}

export function reductionToTfGraph(e: TfjsGraphEmitter, op: 'Mean' | 'Max' | 'Sum', attrs: ReductionAttrs): string {
  const axes = e.int32s('axes', [attrs.axes.length], attrs.axes);
  return e.add(op, [e.input(0), axes], { keep_dims: { bool: attrs.keepDims } });
}

/** Decoder of MEAN, REDUCE_MAX and SUM: the axes are a constant second input. */
export function decodeReduction(kind: string): TfliteDecode {
  return (op, sink) => {
    const [x, axes] = op.inputs;
    if (!x || !axes) return sink.refuse(`${op.builtin} lacks its input or axes`);
    if (!axes.data) return sink.refuse(`${op.builtin} computes its axes at run time`);
    sink.emit(kind, [x.id], { axes: [...axes.data], keepDims: op.options.keep_dims === true });
  };
}

/** Encoder of MEAN and REDUCE_MAX; kernels for microcontrollers look for axes that are not negative. */
export function encodeReduction(builtin: string): TfliteEncode<ReductionAttrs> {
  return (e, attrs) => {
    const rank = (e.inputs[0] as TensorType).shape.length;
    const axes = attrs.axes.map((a) => (a < 0 ? a + rank : a));
    return {
      builtin,
      version: versionSinceInt8(e),
      options: { keep_dims: attrs.keepDims },
      inputs: [...inputIdsOf(e), e.int32s('axes', [axes.length], axes)],
    };
  };
}

/** Edge TPU: whether axis 0 is left alone. */
export function sparesBatch(inputs: readonly TensorType[], attrs: ReductionAttrs): boolean {
  const rank = inputs[0]?.shape.length ?? 0;
  return attrs.axes.every((a) => (a < 0 ? a + rank : a) !== 0);
}
