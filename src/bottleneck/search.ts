/** The shape of a bottleneck for a cut and a wire budget, chosen before anything is trained. */
import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import type { Engine } from '../engines/engine.js';
import type { Graph } from '../ir/graph.js';
import type { ActivationSample } from './activations.js';
import type { BottleneckSpec, WireBits } from './bottleneck.js';
import { type LabelledInputs, measureFrozenTails } from './frozen-tails.js';
import { insertBottleneck } from './insert.js';
import { projectionWeights } from './projection-weights.js';
import { measureShapes } from './rate-distortion.js';

export interface SearchRequest {
  /** Normalised, float32, batch 1. */
  readonly network: Graph;
  readonly cut: string;
  /** After coding. */
  readonly budgetWireBytes: number;
  /** Activations of training samples, from `collectActivations`. */
  readonly sample: ActivationSample;
  /** Samples on which the frozen tail is measured: none of those behind `sample`, no test samples. */
  readonly measured: () => AsyncIterable<LabelledInputs>;
  readonly engine: Engine;
  readonly threads?: number;
  /** Default 4, 2, 1. */
  readonly bits?: readonly WireBits[];
  /** Shapes whose frozen tail is measured. Default 6. */
  readonly most?: number;
  readonly seed?: number;
}

export interface RankedBottleneck {
  readonly spec: BottleneckSpec;
  /** Entropy of the codes, channel by channel, of one sample. */
  readonly codedBytes: number;
  readonly lostShare: number;
  /** With the frozen tail, nothing trained. */
  readonly accuracy: number;
  readonly measuredOn: number;
}

const MOST_MEASURED = 6;

/**
 * Shapes that meet the coded budget, best first. The rule: for every stride and number of bits, the narrowest of the widths that lose
 * least (weighted by what errors move) at exactly the budget's entropy; of these, the frozen tail's accuracy decides, then the loss.
 * Whether training keeps this order was not measured.
 * @throws IsplitError E_BUDGET_INFEASIBLE when no shape meets the budget; E_NO_CLASSES, E_ENGINE, E_INTERRUPTED
 */
export async function searchBottleneck(request: SearchRequest, ctx: RunContext = {}): Promise<RankedBottleneck[]> {
  const { network, cut, budgetWireBytes, sample, engine, threads, bits, seed = 0, most = MOST_MEASURED } = request;
  const shapes = measureShapes(sample, { budgetWireBytes, seed, ...(bits ? { bits } : {}) }).slice(0, most);
  if (shapes.length === 0) {
    const message = `no bottleneck at "${cut}" brings its activation to ${budgetWireBytes} B`;
    fail('E_BUDGET_INFEASIBLE', message, { cut, budgetWireBytes }, 'Raise --budget-wire, or cut later.');
  }
  const { samples, correct } = await measureFrozenTails(
    network,
    shapes.map(({ spec, code, moments, blocks, ranges }) => {
      const values = projectionWeights(spec, code, moments, blocks, () => ranges);
      return { kind: 'bottleneck', cut, network: insertBottleneck(network, cut, spec, { decoder: 'linear', values }) };
    }),
    request.measured(),
    { engine, ...(threads === undefined ? {} : { threads }) },
    ctx,
  );
  return shapes
    .map(({ spec, codedBytes, lostShare }, i) => ({
      spec,
      codedBytes,
      lostShare,
      accuracy: (correct[i] as number) / samples,
      measuredOn: samples,
    }))
    .sort((a, b) => b.accuracy - a.accuracy || a.lostShare - b.lostShare);
}
