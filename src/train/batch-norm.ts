/** Batch norm while a network is trained: statistics of the batch in the graph, moving averages beside it. */
import { type Graph, isConstant, type Node, type Tensor, tensorOf } from '../ir/graph.js';
import type { TrainingProblem } from './training.js';

/** Share of the old value that a moving average keeps at each step: settled after a few dozen steps. */
export const STATISTICS_MOMENTUM = 0.9;

export interface BatchNormalised {
  /** Every (chosen) batch_norm is a batch_norm_training; the id of its output stays. */
  readonly graph: Graph;
  /** For `TrainingProblem.statistics`: moving mean and variance, which the graph keeps as constants that no node reads. */
  readonly follow: NonNullable<TrainingProblem['statistics']>['follow'];
}

/**
 * Puts batch norms into training form: they normalise by the mean and the biased variance of the batch. The constants learnt
 * and followed have the ids of the original graph, so that `replaceConstants` on that one gives a network for inference.
 * @param nodes ids of the batch norms to change; default all whose statistics are constants
 */
export function useBatchStatistics(graph: Graph, nodes?: Iterable<string>): BatchNormalised {
  const chosen = nodes === undefined ? undefined : new Set(nodes);
  const tensors = new Map<string, Tensor>(graph.tensors);
  const follow: { constant: string; batch: string }[] = [];
  const addStatistic = (constant: string, wish: string): string => {
    let id = wish;
    for (let n = 1; tensors.has(id); n++) id = `${wish}_${n}`;
    tensors.set(id, { id, shape: tensorOf(graph, constant).shape, dtype: 'float32' });
    follow.push({ constant, batch: id });
    return id;
  };
  const changed = graph.nodes.map((node): Node => {
    const [x, gamma, beta, mean, variance] = node.inputs as [string, string, string, string, string];
    if (node.kind !== 'batch_norm' || (chosen && !chosen.has(node.id))) return node;
    if (!isConstant(graph, mean) || !isConstant(graph, variance)) return node;
    const [y] = node.outputs as [string];
    const statistics = [addStatistic(mean, `${y}/batch_mean`), addStatistic(variance, `${y}/batch_variance`)];
    return { ...node, kind: 'batch_norm_training', inputs: [x, gamma, beta], outputs: [y, ...statistics] };
  });
  return { graph: { ...graph, nodes: changed, tensors }, follow };
}
