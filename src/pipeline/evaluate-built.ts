/** How good a build is: accuracy of its variants on the test samples, costs, and simpler ideas beside it. */
import type { RunContext } from '../core/context.js';
import { checkMemory } from '../devices/memory.js';
import { measureBaselines } from '../evaluate/baselines/measure-baselines.js';
import {
  type EvaluatedSplit,
  type EvaluateOptions,
  evaluateSplit,
  type SplitUnderTest,
} from '../evaluate/evaluate-split.js';
import type { Evaluation } from '../evaluate/evaluation.js';
import { measureSplitCosts } from '../evaluate/split-costs.js';
import { addBaselines } from '../evaluate/verdict.js';
import { elementCount, type Graph } from '../ir/graph.js';
import { CUT_INPUT, CUT_OUTPUT, type SplitPlan } from '../plan/split-plan.js';
import type { BuiltHead } from './build-head.js';
import type { BuildRequest } from './build-request.js';
import { buildRivals } from './rivals.js';

export interface BuiltForEvaluation {
  readonly network: Graph;
  readonly split: SplitUnderTest;
  readonly chosen: NonNullable<SplitPlan['chosen']>;
  /** For rivals that have to be made int8 first. */
  readonly buildHead: (head: Graph) => Promise<BuiltHead>;
}

/**
 * Finished evaluations are kept in the store.
 * @throws IsplitError what evaluating and measuring baselines throw
 */
export async function evaluateBuilt(
  request: BuildRequest,
  built: BuiltForEvaluation,
  ctx: RunContext,
): Promise<Evaluation> {
  const { evaluation, predictions } = await evaluateOnce(request, built.split, ctx);
  const whole = { ...evaluation, ...measureCosts(request, built, evaluation) };
  if (!request.baselines) return whole;
  const { engine, threads, deployment } = request.analyze;
  const { chosen, network, split } = built;
  const rivals = await buildRivals(
    {
      network,
      preprocessing: request.preprocessing,
      bottleneckAt: chosen.bottleneck === null ? undefined : chosen.tensors,
      wholeNetwork: chosen.id !== CUT_OUTPUT,
      deployment,
      buildHead: built.buildHead,
    },
    ctx,
  );
  const curves = await measureBaselines(
    {
      network,
      preprocessing: request.preprocessing,
      engine,
      threads,
      test: request.test.dataset,
      search: request.baselines.search,
      rates: request.baselines.rates,
      split: { splitId: split.splitId, predictions },
      ...rivals,
      fineTune: request.baselines.fineTune,
      store: request.store,
      storeInputs: request.storeInputs,
    },
    ctx,
  );
  return addBaselines(whole, curves);
}

async function evaluateOnce(request: BuildRequest, split: SplitUnderTest, ctx: RunContext): Promise<EvaluatedSplit> {
  const { dataset } = request.test;
  const { engine, threads } = request.analyze;
  const inputs = {
    request: request.storeInputs,
    splitId: split.splitId,
    test: await dataset.contentSha256(ctx),
  };
  const known = await request.store?.load('evaluate', inputs);
  if (known !== undefined) return JSON.parse(known) as EvaluatedSplit;
  const options: EvaluateOptions = { engine, ...(threads === undefined ? {} : { threads }) };
  const evaluated = await evaluateSplit(split, dataset, options, ctx);
  await request.store?.save('evaluate', inputs, JSON.stringify(evaluated));
  return evaluated;
}

function measureCosts(
  request: BuildRequest,
  { chosen, split }: BuiltForEvaluation,
  { wireBytes }: Evaluation,
): ReturnType<typeof measureSplitCosts> {
  const { deployment } = request.analyze;
  const size = chosen.built;
  const memory =
    deployment && size
      ? checkMemory(
          deployment.device,
          { arenaBytes: size.ramBytes, weightBytes: size.weightBytes },
          { link: deployment.link },
        )
      : undefined;
  const { head, tail, full, wire } = split;
  return measureSplitCosts(
    {
      head,
      tail: chosen.id === CUT_INPUT ? full : tail,
      wireElements: wire.reduce((sum, { shape }) => sum + elementCount(shape), 0),
      wireBytes: wireBytes.mean,
    },
    deployment && { ...deployment, memory },
  );
}
