/** Which bottleneck a cut is studied with. */
import type { ActivationSample } from '../../bottleneck/activations.js';
import type { BottleneckSpec, WireBits } from '../../bottleneck/bottleneck.js';
import { insertBottleneck } from '../../bottleneck/insert.js';
import { emptyWeights } from '../../bottleneck/parameters.js';
import { type RankedBottleneck, searchBottleneck } from '../../bottleneck/search.js';
import { fitToCut } from '../../bottleneck/spec.js';
import type { RunContext } from '../../core/context.js';
import { IsplitError } from '../../core/errors.js';
import { countMacs } from '../../cost/cut-cost.js';
import type { Engine } from '../../engines/engine.js';
import { elementCount, type Graph } from '../../ir/graph.js';
import type { TrainingSet } from '../../train/training-set.js';
import { inBatches, selectSamples } from './select-samples.js';

export interface SplitPlan {
  readonly spec: BottleneckSpec;
  /** Encoder included. */
  readonly headMacs: number;
  /**
   * `held`: the rate is brought to the target. `capped`: the codes hold less than the target even at their finest, so that the target is
   * only a bound. `free`: every value at 8 bits takes no more than the target, so that the rate is left as it comes.
   */
  readonly rate: 'held' | 'capped' | 'free';
}

export interface PlanRequest {
  readonly network: Graph;
  readonly cut: string;
  readonly targetBytes: number;
  /** Activations of training samples. */
  readonly sample: ActivationSample;
  readonly validation: TrainingSet;
  readonly engine: Engine;
  readonly threads?: number | undefined;
  readonly seed: number;
}

/** Few bits are tried first; where they cannot fill the target, 8. */
const BITS: readonly (readonly WireBits[])[] = [[4, 2, 1], [8]];
/** A shape whose codes have less entropy than this share of the target cannot be brought to it. */
const FILLED = 0.97;
const MEASURED_SAMPLES = 300;
const MEASURED_SHAPES = 4;

/**
 * By the rule of `searchBottleneck`, judged on validation samples. The board has no say: head MACs are a covariate of the study.
 * @returns why there is none, when no shape meets the target
 */
export async function planSplit(request: PlanRequest, ctx: RunContext): Promise<SplitPlan | string> {
  const { network, cut, targetBytes, sample, validation, engine, threads, seed } = request;
  const { shape } = sample;
  if (shape.length !== 1 && shape.length !== 3) return `its shape [${shape.join(', ')}] takes no bottleneck`;
  const withCost = (spec: BottleneckSpec, rate: SplitPlan['rate']): SplitPlan => ({
    spec,
    rate,
    headMacs: countMacs(insertBottleneck(network, cut, spec, emptyWeights(spec, shape)).head),
  });
  const encoder = shape.length === 1 ? 'dense' : 'conv1x1';
  const finest = fitToCut({ encoder, stride: 1, channels: shape.at(-1) as number, bits: 8 }, shape);
  if (elementCount(shape) <= targetBytes) return withCost(finest, 'free');
  const measured = selectSamples(validation, MEASURED_SAMPLES, seed);
  const found: RankedBottleneck[] = [];
  for (const bits of BITS) {
    try {
      const ranked = await searchBottleneck(
        {
          network,
          cut,
          budgetWireBytes: targetBytes,
          sample,
          measured: () => inBatches(measured),
          engine,
          bits,
          most: MEASURED_SHAPES,
          seed,
          ...(threads === undefined ? {} : { threads }),
        },
        ctx,
      );
      found.push(...ranked);
    } catch (error) {
      if (!(error instanceof IsplitError) || error.code !== 'E_BUDGET_INFEASIBLE') throw error;
    }
    const fills = found.find(({ codedBytes }) => codedBytes >= FILLED * targetBytes);
    if (fills) return withCost(fills.spec, 'held');
  }
  const [closest] = [...found].sort((a, b) => b.codedBytes - a.codedBytes);
  if (!closest) return `no bottleneck brings its ${elementCount(shape)} values to the target`;
  return withCost(shape.length === 1 ? finest : closest.spec, 'capped');
}
