import { appendGradients } from '../autodiff/gradients.js';
import { GraphBuilder } from '../ir/builder.js';
import { elementCount, type Graph } from '../ir/graph.js';
import { partitionGraph } from '../ir/partition.js';
import { SHAPES } from '../ops/index.js';
import type { Logits } from '../passes/logits.js';
import { setBatch } from '../passes/set-batch.js';

export type Score = 'cui' | 'margin' | 'taylor';

export interface ImportanceGraph {
  /** Inputs: the network's input and `seed` [N, width]. Outputs: logits [N, width] and one [N] per score and tap. */
  readonly graph: Graph;
  readonly input: string;
  readonly seed: string;
  readonly logits: string;
  /** Output id by score, then by tap; a tap the logits do not depend on is absent. */
  readonly outputs: Readonly<Record<Score, ReadonlyMap<string, string>>>;
}

/**
 * One graph that runs the network forward once, backward once per seed, and reduces to one number per image, tap and score:
 *
 * - cui: mean_hw relu(mean_c(w_c · A_c)), w_c = mean_hw ∂y/∂A_c, y the correct class's logit (I-SPLIT, Cunico et al. 2022)
 * - margin: the same with y = correct logit − logsumexp(other logits), which a shift common to all classes leaves unchanged
 * - taylor: mean_c |mean_hw(∂y/∂A · A)| (Molchanov et al., ICLR 2017), y the correct class's logit
 *
 * A seed row is the one-hot class (or ±1 for a single sigmoid score). All reductions are inside: only curves come out.
 */
export function buildImportanceGraph(
  network: Graph,
  logits: Logits,
  taps: readonly string[],
  batch: number,
  scores: readonly Score[],
): ImportanceGraph {
  const forward = setBatch(partitionGraph(network, [logits.id]).head, batch);
  const b = new GraphBuilder(`${network.name}-importance`, SHAPES, forward);
  const rawShape = b.type(logits.id).shape;
  const flatLogits =
    rawShape.length === 2
      ? logits.id
      : b.op('reshape', [logits.id], { shape: [-1, logits.width] }, { id: 'importance/logits' });
  const seed = b.input('importance/seed', [batch, logits.width]);
  const asRaw = (id: string): string => (rawShape.length === 2 ? id : b.op('reshape', [id], { shape: rawShape }));

  const cuiGradients = appendGradients(b, forward, { of: logits.id, seed: asRaw(seed), wrt: taps });
  const marginGradients = scores.includes('margin')
    ? appendGradients(b, forward, { of: logits.id, seed: asRaw(marginSeed(b, flatLogits, seed, logits)), wrt: taps })
    : new Map<string, string>();

  const outputs = {
    cui: new Map<string, string>(),
    margin: new Map<string, string>(),
    taylor: new Map<string, string>(),
  };
  for (const tap of taps) {
    const spatial = (id: string): string => asSpatial(b, id, batch);
    const activation = spatial(tap);
    const gradient = cuiGradients.get(tap);
    if (gradient === undefined) continue;
    const g = spatial(gradient);
    outputs.cui.set(tap, meanMap(b, activation, g));
    const margin = marginGradients.get(tap);
    if (margin !== undefined) outputs.margin.set(tap, meanMap(b, activation, spatial(margin)));
    if (scores.includes('taylor')) {
      const perChannel = b.op('mean', [b.op('mul', [g, activation])], { axes: [1, 2], keepDims: false });
      outputs.taylor.set(tap, b.op('mean', [b.op('abs', [perChannel])], { axes: [1], keepDims: false }));
    }
  }
  const all = [...outputs.cui.values(), ...outputs.margin.values(), ...outputs.taylor.values()];
  return {
    graph: b.build([flatLogits, ...all]),
    input: forward.inputs[0] as string,
    seed,
    logits: flatLogits,
    outputs,
  };
}

/** [N, …, C] as [N, H, W, C]. */
function asSpatial(b: GraphBuilder, id: string, batch: number): string {
  const { shape } = b.type(id);
  if (shape.length === 4) return id;
  const channels = shape.length > 1 ? (shape.at(-1) as number) : 1;
  return b.op('reshape', [id], { shape: [batch, 1, elementCount(shape) / batch / channels, channels] });
}

/** mean_hw relu(mean_c(mean_hw(g)_c · A_c)), one value per image. */
function meanMap(b: GraphBuilder, activation: string, gradient: string): string {
  const weights = b.op('mean', [gradient], { axes: [1, 2], keepDims: false });
  return b.op('mean', [b.op('grad_cam', [activation, weights])], { axes: [1], keepDims: false });
}

/** ∂(z_c − logsumexp_{k≠c} z_k)/∂z = onehot − softmax over the other classes. A single sigmoid score has no others. */
function marginSeed(b: GraphBuilder, logits: string, seed: string, { width }: Logits): string {
  if (width === 1) return seed;
  // Finite, and far below any logit: exp underflows to exactly zero.
  const others = b.op('sub', [logits, b.op('mul', [seed, b.constant('importance/far', [], Float32Array.of(1e30))])]);
  return b.op('sub', [seed, b.op('softmax', [others], { axis: -1 })]);
}
