import { fail } from '../core/errors.js';
import { formatShape, type Shape, type TensorType } from '../ir/graph.js';

/** @throws IsplitError E_SHAPE, the error of every inferShape */
export function shapeError(kind: string, message: string, inputs: readonly TensorType[] = []): never {
  const shapes = inputs.map((t) => `${t.dtype} ${formatShape(t.shape)}`);
  fail('E_SHAPE', `${kind}: ${message}${shapes.length > 0 ? ` (inputs: ${shapes.join(', ')})` : ''}`, {
    kind,
    inputs: shapes,
  });
}

/** Checks the number of inputs. */
export function requireInputs(kind: string, inputs: readonly TensorType[], min: number, max = min): void {
  if (inputs.length < min || inputs.length > max) {
    shapeError(kind, `takes ${min === max ? min : `${min} to ${max}`} inputs, got ${inputs.length}`, inputs);
  }
}

/** Input i, which must have this rank. */
export function requireRank(kind: string, inputs: readonly TensorType[], i: number, rank: number): Shape {
  const shape = inputs[i]?.shape;
  if (shape === undefined || shape.length !== rank) shapeError(kind, `input ${i} must have rank ${rank}`, inputs);
  return shape;
}

/** Attribute check: a list of `length` integers ≥ min. */
export function requireInts(kind: string, name: string, value: unknown, length: number, min: number): void {
  if (!Array.isArray(value) || value.length !== length || value.some((v) => !Number.isSafeInteger(v) || v < min)) {
    shapeError(kind, `attribute ${name} must be ${length} integers >= ${min}, got ${JSON.stringify(value)}`);
  }
}

/** Normalises a possibly negative axis. */
export function normalizeAxis(kind: string, axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(a) || a < 0 || a >= rank) shapeError(kind, `axis ${axis} is outside rank ${rank}`);
  return a;
}

/** Dimensions of a rank-4 tensor whose rank inferShape has already checked. */
export function dims4(tensor: { readonly shape: Shape } | undefined): readonly [number, number, number, number] {
  if (tensor?.shape.length !== 4) throw new Error(`expected rank 4, got [${tensor?.shape}]`);
  return tensor.shape as unknown as readonly [number, number, number, number];
}

/** Dimensions of a rank-2 tensor whose rank inferShape has already checked. */
export function dims2(tensor: { readonly shape: Shape } | undefined): readonly [number, number] {
  if (tensor?.shape.length !== 2) throw new Error(`expected rank 2, got [${tensor?.shape}]`);
  return tensor.shape as unknown as readonly [number, number];
}
