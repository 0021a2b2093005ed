/**
 * Losses as graph nodes: each appends to a builder and returns a scalar tensor [] that is the mean over the batch. They sum
 * with `add` and are weighted with `mul` by a scalar.
 */
import type { GraphBuilder } from '../ir/builder.js';
import { elementCount } from '../ir/graph.js';

/**
 * Cross entropy −Σ y · log softmax(z).
 * @param logits [batch, classes], or with ones between
 * @param labels of as many values: one-hot rows, or any distribution over the classes (smoothed labels)
 */
export function appendCrossEntropy(builder: GraphBuilder, logits: string, labels: string): string {
  const z = asRows(builder, logits);
  return meanOfRows(builder, crossEntropyRows(builder, z, asRows(builder, labels)));
}

/**
 * Kullback-Leibler divergence KL(softmax(t / T) ‖ softmax(z / T)) · T², so that its gradient keeps its size whatever T is.
 * No gradient goes to the teacher. Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network",
 * arXiv:1503.02531, 2015, §2.
 * @param logits of the network that learns, [batch, classes]
 * @param teacherLogits the same shape
 */
export function appendDistillation(
  builder: GraphBuilder,
  logits: string,
  teacherLogits: string,
  temperature: number,
): string {
  const cooled = (id: string): string =>
    temperature === 1 ? id : builder.op('mul', [id, builder.scalar(1 / temperature)], {}, { id: 'loss/cooled' });
  const z = cooled(asRows(builder, logits));
  const frozen = builder.op('stop_gradient', [teacherLogits], {}, { id: 'loss/teacher' });
  const t = logSoftmax(builder, cooled(asRows(builder, frozen)));
  const p = builder.op('exp', [t], {}, { id: 'loss/teacher_probability' });
  const ratio = builder.op('sub', [t, logSoftmax(builder, z)], {}, { id: 'loss/log_ratio' });
  const divergence = meanOfRows(builder, sumOfRows(builder, builder.op('mul', [p, ratio], {}, { id: 'loss/kl' })));
  return builder.op('mul', [divergence, builder.scalar(temperature * temperature)], {}, { id: 'loss/distillation' });
}

/**
 * Σ (v − t)² / Σ t², both sums over the whole batch: 0 is perfect, 1 is what an answer of zeros gets. No gradient goes to the
 * target.
 * @param value any shape
 * @param target the same shape, not zero everywhere
 */
export function appendRelativeError(builder: GraphBuilder, value: string, target: string): string {
  const frozen = builder.op('stop_gradient', [target], {}, { id: 'loss/target' });
  const error = sumOfSquares(builder, builder.op('sub', [value, frozen], {}, { id: 'loss/error' }));
  return builder.op('div', [error, sumOfSquares(builder, frozen)], {}, { id: 'loss/relative' });
}

/** Weighted sum of scalar losses; a weight of 1 costs no node. */
export function appendWeightedSum(builder: GraphBuilder, terms: readonly { loss: string; weight: number }[]): string {
  const weighted = terms.map(({ loss, weight }) =>
    weight === 1 ? loss : builder.op('mul', [loss, builder.scalar(weight)], {}, { id: 'loss/weighted' }),
  );
  return weighted.reduce((a, b) => builder.op('add', [a, b], {}, { id: 'loss/sum' }));
}

/** One row per class number, 1 at the label; with smoothing ε the 1 is 1 − ε and ε is spread evenly over all classes. */
export function oneHot(labels: Int32Array, classes: number, smoothing = 0): Float32Array {
  const rows = new Float32Array(labels.length * classes).fill(smoothing / classes);
  labels.forEach((label, i) => {
    const at = i * classes + label;
    if (label >= 0 && label < classes) rows[at] = (rows[at] as number) + 1 - smoothing;
    else throw new RangeError(`label ${label} of sample ${i} is outside 0 … ${classes - 1}`);
  });
  return rows;
}

function asRows(builder: GraphBuilder, id: string): string {
  const { shape } = builder.type(id);
  if (shape.length === 2) return id;
  const batch = shape[0] ?? 1;
  return builder.op('reshape', [id], { shape: [-1, elementCount(shape) / batch] }, { id: 'loss/rows' });
}

/** [batch, classes] → [batch]. */
function crossEntropyRows(builder: GraphBuilder, logits: string, labels: string): string {
  const product = builder.op('mul', [labels, logSoftmax(builder, logits)], {}, { id: 'loss/labelled' });
  return builder.op('mul', [sumOfRows(builder, product), builder.scalar(-1)], {}, { id: 'loss/cross_entropy' });
}

/** z − max z − log Σ exp(z − max z): no exponential overflows. The maximum is a shift that cancels, hence no gradient there. */
function logSoftmax(builder: GraphBuilder, logits: string): string {
  const max = builder.op('reduce_max', [logits], { axes: [1], keepDims: true }, { id: 'loss/max' });
  const shift = builder.op('stop_gradient', [max], {}, { id: 'loss/shift' });
  const shifted = builder.op('sub', [logits, shift], {}, { id: 'loss/shifted' });
  const exponentials = builder.op('exp', [shifted], {}, { id: 'loss/exp' });
  const total = builder.op('sum', [exponentials], { axes: [1], keepDims: true }, { id: 'loss/total' });
  const log = builder.op('log', [total], {}, { id: 'loss/log' });
  return builder.op('sub', [shifted, log], {}, { id: 'loss/log_softmax' });
}

function sumOfRows(builder: GraphBuilder, id: string): string {
  return builder.op('sum', [id], { axes: [1], keepDims: false }, { id: 'loss/row_sum' });
}

function meanOfRows(builder: GraphBuilder, id: string): string {
  return builder.op('mean', [id], { axes: [0], keepDims: false }, { id: 'loss/mean' });
}

function sumOfSquares(builder: GraphBuilder, id: string): string {
  const axes = builder.type(id).shape.map((_, i) => i);
  const squares = builder.op('mul', [id, id], {}, { id: 'loss/squares' });
  return builder.op('sum', [squares], { axes, keepDims: false }, { id: 'loss/energy' });
}
