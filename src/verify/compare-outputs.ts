/** Byte comparison of two runs of the same model. */
import type { TypedArray } from '../ir/graph.js';
import { type TensorLayout, viewAs } from './tensor-bytes.js';
import type { ByteComparison } from './verify-report.js';

/**
 * @param records of both: the output tensors one after the other, `count` times
 * @throws RangeError when the runtime gave another number of bytes
 */
export function compareOutputs(
  expected: Uint8Array,
  actual: Uint8Array,
  layout: readonly TensorLayout[],
): ByteComparison {
  if (expected.length !== actual.length) {
    throw new RangeError(`gave ${actual.length} B where the model has ${expected.length} B`);
  }
  let equalBytes = 0;
  for (let i = 0; i < expected.length; i++) if (expected[i] === actual[i]) equalBytes++;
  let maxLsb = 0;
  if (equalBytes < expected.length) {
    for (const [a, b] of pairTensors(expected, actual, layout)) {
      for (let i = 0; i < a.length; i++) maxLsb = Math.max(maxLsb, Math.abs((a[i] as number) - (b[i] as number)));
    }
  }
  return { bytes: expected.length, equalBytes, maxLsb };
}

/** Records whose largest value of the first output is at the same place; the first of equals counts. */
export function countSameTop1(expected: Uint8Array, actual: Uint8Array, layout: readonly TensorLayout[]): number {
  let same = 0;
  let tensor = 0;
  for (const [a, b] of pairTensors(expected, actual, layout)) {
    if (tensor++ % layout.length === 0 && findTop(a) === findTop(b)) same++;
  }
  return same;
}

function* pairTensors(
  expected: Uint8Array,
  actual: Uint8Array,
  layout: readonly TensorLayout[],
): Generator<readonly [TypedArray, TypedArray]> {
  for (let at = 0; at < expected.length; ) {
    for (const { dtype, bytes } of layout) {
      yield [viewAs(dtype, expected.slice(at, at + bytes)), viewAs(dtype, actual.slice(at, at + bytes))];
      at += bytes;
    }
  }
}

function findTop(values: TypedArray): number {
  let top = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[top] as number)) top = i;
  return top;
}
