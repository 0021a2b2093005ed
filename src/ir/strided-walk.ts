import type { Shape } from './graph.js';

/** Steps between neighbours along each axis of a row-major array. */
export function rowMajorSteps(shape: Shape): number[] {
  const steps = new Array<number>(shape.length).fill(1);
  for (let d = shape.length - 2; d >= 0; d--) steps[d] = (steps[d + 1] as number) * (shape[d + 1] as number);
  return steps;
}

/**
 * Visits every position of `shape` in row-major order with its place in an array laid out otherwise: offset + Σ index · step.
 * Nothing of the shape's size is allocated.
 */
export function walkStrided(
  shape: Shape,
  steps: readonly number[],
  offset: number,
  visit: (position: number, place: number) => void,
): void {
  const count = shape.reduce((n, d) => n * d, 1);
  const index = new Array<number>(shape.length).fill(0);
  let place = offset;
  for (let position = 0; position < count; position++) {
    visit(position, place);
    for (let d = shape.length - 1; d >= 0; d--) {
      place += steps[d] as number;
      index[d] = (index[d] as number) + 1;
      if ((index[d] as number) < (shape[d] as number)) break;
      place -= (steps[d] as number) * (shape[d] as number);
      index[d] = 0;
    }
  }
}
