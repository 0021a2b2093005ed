import type { Graph } from '../ir/graph.js';
import { classOfScores, findLogits } from '../passes/logits.js';

/** How the scores of a network become a class. */
export interface ClassRule {
  readonly classes: number;
  /** Of a single score: above it the class is 1, else 0. */
  readonly threshold: number;
}

/** The middle of a sigmoid: a network with one score ends in one, or it is no classifier (findLogits). */
const SIGMOID_MIDDLE = 0.5;

/** The rule of a network, or of a tail: both end in the class scores. @throws IsplitError E_NO_CLASSES */
export function classRule(graph: Graph): ClassRule {
  return { classes: findLogits(graph).classes, threshold: SIGMOID_MIDDLE };
}

/** The rule of a tail that is known by its number of classes alone. */
export function classRuleOf(classes: number): ClassRule {
  return { classes, threshold: SIGMOID_MIDDLE };
}

/**
 * Class of one row of scores. Of equal largest scores the lowest class wins, here and in every predictions file; int8 scores tie often.
 * @param row which of the rows of `width` scores
 */
export function chooseClass(scores: ArrayLike<number>, row: number, width: number, { threshold }: ClassRule): number {
  return classOfScores(scores, row, width, threshold);
}
