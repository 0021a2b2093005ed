import type { Graph } from '../ir/graph.js';
import { foldBatchNorm } from './fold-batch-norm.js';
import { foldConstants } from './fold-constants.js';
import { foldPad } from './fold-pad.js';
import { fuseActivation } from './fuse-activation.js';
import { removeDeadCode } from './remove-dead-code.js';
import { removeIdentity } from './remove-identity.js';

/**
 * The default order. Dead readers and identities go first, so that layers meet; batch norm before activations, which would part it from its
 * convolution; pads after activations, which show what cannot be negative.
 */
export const NORMALISING_PASSES: readonly ((graph: Graph) => Graph)[] = [
  removeDeadCode,
  removeIdentity,
  foldConstants,
  foldBatchNorm,
  fuseActivation,
  foldPad,
  removeDeadCode,
];

/** The same function with fewer nodes: outputs change by float32 rounding at most, ids as ir/graph.ts says. */
export function normaliseGraph(graph: Graph): Graph {
  return NORMALISING_PASSES.reduce((current, pass) => pass(current), graph);
}
