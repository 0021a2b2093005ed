import { fail } from '../core/errors.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { producers } from '../ir/walk.js';

export interface Logits {
  /** Tensor before the final softmax or sigmoid (or the output itself when there is none). */
  readonly id: string;
  /** Number of values per sample. */
  readonly width: number;
  /** Number of classes: the width, or 2 when a single value decides (sigmoid). */
  readonly classes: number;
  readonly squashing: 'softmax' | 'sigmoid' | 'none';
}

/** Kinds that only rename or regroup values. */
const PASS_THROUGH = new Set(['reshape', 'identity', 'dequantize', 'quantize']);

/**
 * Finds the class scores before the final softmax: importance is the gradient of the logit, which a saturated softmax would hide.
 * @throws IsplitError E_NO_CLASSES when the first output cannot be class scores
 */
export function findLogits(graph: Graph): Logits {
  const made = producers(graph);
  const output = graph.outputs[0] as string;
  let id = output;
  let squashing: Logits['squashing'] = 'none';
  for (;;) {
    const node = made.get(id);
    if (!node) break;
    if (squashing === 'none' && (node.kind === 'softmax' || node.kind === 'sigmoid')) {
      squashing = node.kind;
      id = node.inputs[0] as string;
      continue;
    }
    if (!PASS_THROUGH.has(node.kind)) break;
    // A regrouping is skipped only on the way to a softmax; otherwise the output itself is the score.
    const below = made.get(node.inputs[0] as string);
    if (
      squashing === 'none' &&
      !(below && (below.kind === 'softmax' || below.kind === 'sigmoid' || PASS_THROUGH.has(below.kind)))
    )
      break;
    if (squashing !== 'none') break;
    id = node.inputs[0] as string;
  }
  const shape = tensorOf(graph, id).shape;
  const width = elementCount(shape) / (shape[0] ?? 1);
  const oneVector = shape.slice(1).filter((d) => d !== 1).length <= 1;
  if (!oneVector || (width === 1 && squashing !== 'sigmoid')) {
    fail(
      'E_NO_CLASSES',
      `output "${output}" has shape [${shape}]: not one score per class`,
      { output, shape },
      'Importance and training need a classifier; use a model whose first output holds class scores.',
    );
  }
  return { id, width, classes: width === 1 ? 2 : width, squashing };
}

/**
 * Class of one row of scores: the largest, the first of equals; a single score decides by whether it is above the threshold.
 * @param row which of the rows of `width` scores
 * @param threshold of a single score; 0 for one before its sigmoid
 */
export function classOfScores(scores: ArrayLike<number>, row: number, width: number, threshold = 0): number {
  const start = row * width;
  if (width === 1) return (scores[start] as number) > threshold ? 1 : 0;
  let best = 0;
  for (let k = 1; k < width; k++) {
    if ((scores[start + k] as number) > (scores[start + best] as number)) best = k;
  }
  return best;
}
