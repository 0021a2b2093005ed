/** The shape of a bottleneck for a cut and a wire budget, chosen before anything is trained. */
import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import type { Engine } from '../engines/engine.js';
import type { Graph } from '../ir/graph.js';
import type { ActivationSample } from './activations.js';
import type { BottleneckedNetwork, BottleneckSpec, WireBits } from './bottleneck.js';
import { type BottleneckCost, bottleneckCost } from './candidates.js';
import { type LabelledInputs, measureFrozenTails } from './frozen-tails.js';
import { insertBottleneck } from './insert.js';
import { projectionWeights } from './projection-weights.js';
import { measureShapes } from './rate-distortion.js';
import { formatBottleneck } from './spec.js';

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
  /** Default 1, 2, 4. */
  readonly strides?: readonly number[];
  /** Default 4, 2, 1. */
  readonly bits?: readonly WireBits[];
  /** Most channels on the wire: what keeps the encoder within the device's MACs. */
  readonly mostChannels?: number;
  /** Shapes whose frozen tail is measured. Default 6. */
  readonly most?: number;
  /**
   * Whether the device takes it: MACs, arena, flash are judged by who knows the board.
   * @param network with the weights it would start from
   */
  readonly judge?: (network: BottleneckedNetwork, cost: BottleneckCost) => boolean;
  readonly seed?: number;
}

export interface RankedBottleneck extends BottleneckCost {
  readonly spec: BottleneckSpec;
  /** Entropy of the codes, channel by channel, of one sample. */
  readonly codedBytes: number;
  readonly lostShare: number;
  /** With the frozen tail, nothing trained. */
  readonly accuracy: number;
  readonly measuredOn: number;
  readonly network: BottleneckedNetwork;
}

const MOST_MEASURED = 6;

/**
 * Shapes that meet the coded budget and that the device takes, best first. The rule: for every stride and number of bits, the
 * narrowest of the widths that lose least (weighted by what errors move) at exactly the budget's entropy; of these, the frozen tail's
 * accuracy decides, then the loss. Where it was tried, this order was also that after training: large blocks with many channels, 4
 * bits and one step beat small blocks with few channels.
 * @throws IsplitError E_BUDGET_INFEASIBLE when no shape meets the budget or the judge takes none; E_NO_CLASSES, E_ENGINE, E_INTERRUPTED
 */
export async function searchBottleneck(request: SearchRequest, ctx: RunContext = {}): Promise<RankedBottleneck[]> {
  const { network, cut, budgetWireBytes, sample, engine, threads, seed = 0, most = MOST_MEASURED } = request;
  const shapes = measureShapes(sample, {
    budgetWireBytes,
    seed,
    ...(request.strides ? { strides: request.strides } : {}),
    ...(request.bits ? { bits: request.bits } : {}),
    ...(request.mostChannels === undefined ? {} : { mostChannels: request.mostChannels }),
  });
  if (shapes.length === 0) failBudget(request, []);
  const built = shapes.map((shape) => {
    const values = projectionWeights(shape.spec, shape.code, shape.moments, shape.blocks, () => shape.ranges);
    const inserted = insertBottleneck(network, cut, shape.spec, { decoder: 'linear', values });
    return { shape, inserted, cost: bottleneckCost(inserted.spec, sample.shape, 'linear') };
  });
  const taken = built.filter(({ inserted, cost }) => request.judge?.(inserted, cost) ?? true).slice(0, most);
  if (taken.length === 0) {
    failBudget(
      request,
      built.map(({ inserted }) => formatBottleneck(inserted.spec)),
    );
  }
  const { samples, correct } = await measureFrozenTails(
    network,
    taken.map(({ inserted }) => ({ kind: 'bottleneck', cut, network: inserted })),
    request.measured(),
    { engine, ...(threads === undefined ? {} : { threads }) },
    ctx,
  );
  return taken
    .map(({ shape, inserted, cost }, i) => ({
      spec: inserted.spec,
      codedBytes: shape.codedBytes,
      lostShare: shape.lostShare,
      accuracy: (correct[i] as number) / samples,
      measuredOn: samples,
      network: inserted,
      ...cost,
    }))
    .sort((a, b) => b.accuracy - a.accuracy || a.lostShare - b.lostShare);
}

function failBudget({ cut, budgetWireBytes }: SearchRequest, refused: readonly string[]): never {
  const message =
    refused.length === 0
      ? `no bottleneck at "${cut}" brings its activation to ${budgetWireBytes} B`
      : `the device takes none of the bottlenecks that bring "${cut}" to ${budgetWireBytes} B: ${refused.join(', ')}`;
  fail(
    'E_BUDGET_INFEASIBLE',
    message,
    { cut, budgetWireBytes, refused },
    refused.length === 0 ? 'Raise --budget-wire, or cut later.' : 'Raise the MACs or memory budget, or cut earlier.',
  );
}
