/**
 * Operators whose result is known when the file is read: weights that are dequantized at load time, and the integer
 * arithmetic by which converters compute the shape of a Reshape from the shape of an activation.
 */
import { elementCount, type Shape, type Tensor, type TypedArray } from '../../src/ir/graph.js';
import type { OptionValue } from './parse.js';
import { dequantizeConstant } from './tensors.js';

/** Shape arithmetic works on a handful of numbers; longer integer tensors are something else. */
const MAX_SHAPE_LENGTH = 64;

interface Folded {
  readonly shape: Shape;
  readonly data: TypedArray;
}

type Fold = (
  inputs: readonly Tensor[],
  options: Readonly<Record<string, OptionValue>>,
  output: Tensor,
) => Folded | undefined;

const FOLDS: Readonly<Record<string, Fold>> = {
  DEQUANTIZE([x], _options, output) {
    if (!x?.data || output.dtype !== 'float32') return undefined;
    return { shape: x.shape, data: dequantizeConstant(x) };
  },
  SHAPE: ([x]) => x && { shape: [x.shape.length], data: Int32Array.from(x.shape) },
  STRIDED_SLICE([x, begin, end, strides], options) {
    const values = shortIntegers(x);
    const from = shortIntegers(begin)?.[0];
    const to = shortIntegers(end)?.[0];
    if (!values || from === undefined || to === undefined || shortIntegers(strides)?.[0] !== 1) return undefined;
    if (x?.shape.length !== 1 || options.ellipsis_mask !== 0 || options.new_axis_mask !== 0) return undefined;
    const at = (index: number): number =>
      Math.min(Math.max(index < 0 ? index + values.length : index, 0), values.length);
    const start = (options.begin_mask as number) & 1 ? 0 : at(from);
    if ((options.shrink_axis_mask as number) & 1) {
      const value = values[start];
      return value === undefined ? undefined : { shape: [], data: Int32Array.of(value) };
    }
    const stop = (options.end_mask as number) & 1 ? values.length : at(to);
    const slice = Int32Array.from(values.slice(start, Math.max(start, stop)));
    return { shape: [slice.length], data: slice };
  },
  PACK(inputs, options) {
    const values = inputs.map((x) => (x.shape.length === 0 ? shortIntegers(x)?.[0] : undefined));
    if (options.axis !== 0 || values.some((v) => v === undefined)) return undefined;
    return { shape: [values.length], data: Int32Array.from(values as number[]) };
  },
};

function shortIntegers(x: Tensor | undefined): number[] | undefined {
  return x?.data && x.dtype === 'int32' && x.data.length <= MAX_SHAPE_LENGTH ? [...x.data] : undefined;
}

/** Elements the result will have, for a caller that bounds them; 0 for shape arithmetic. */
export function foldedElements(builtin: string, inputs: readonly (Tensor | undefined)[]): number {
  return builtin === 'DEQUANTIZE' && inputs[0]?.data ? elementCount(inputs[0].shape) : 0;
}

/** The operator's result as a constant, or undefined when it depends on the network's input. */
export function foldOperator(
  builtin: string,
  inputs: readonly (Tensor | undefined)[],
  options: Readonly<Record<string, OptionValue>>,
  output: Tensor,
): Folded | undefined {
  const fold = Object.hasOwn(FOLDS, builtin) ? FOLDS[builtin] : undefined;
  if (!fold || inputs.length > MAX_SHAPE_LENGTH || inputs.some((x) => x === undefined)) return undefined;
  return fold(inputs as Tensor[], options, output);
}
