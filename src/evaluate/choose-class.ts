import { findLogits } from '../analyze/logits.js';
import type { Graph } from '../ir/graph.js';

/** How the values of a network's first output become a class. */
export interface ClassRule {
  /** Values a sample. */
  readonly width: number;
  readonly classes: number;
  /** Of a single value: above it the class is 1, else 0. */
  readonly threshold: number;
}

/** The rule of a whole network or of a tail: both end in the class scores. @throws IsplitError E_NO_CLASSES */
export function classRule(graph: Graph): ClassRule {
  const { width, classes, id } = findLogits(graph);
  return { width, classes, threshold: id === graph.outputs[0] ? 0 : 0.5 };
}

/**
 * Class of one row of outputs. Of equal largest scores the lowest class wins, here and in every predictions file; int8 scores tie often.
 * @param row which of the rows of `width` values
 */
export function chooseClass(values: ArrayLike<number>, row: number, { width, threshold }: ClassRule): number {
  const start = row * width;
  if (width === 1) return (values[start] as number) > threshold ? 1 : 0;
  let best = 0;
  for (let k = 1; k < width; k++) {
    if ((values[start + k] as number) > (values[start + best] as number)) best = k;
  }
  return best;
}
