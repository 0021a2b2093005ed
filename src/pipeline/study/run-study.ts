/** Trains at every single-tensor cut from several seeds at equal coded bytes, beside what each predictor said before. */
import { type CutPoint, findCutPoints } from '../../analyze/cut-points.js';
import type { StageStore } from '../../artifact/stage-store.js';
import { type ActivationSample, collectActivations } from '../../bottleneck/activations.js';
import { type BottleneckRecipe, chooseRecipe } from '../../bottleneck/train-recipe.js';
import type { RunContext } from '../../core/context.js';
import { fail } from '../../core/errors.js';
import { countMacs } from '../../cost/cut-cost.js';
import type { Engine } from '../../engines/engine.js';
import type { LeftOutCut, StudyCell, StudyRun } from '../../evaluate/study.js';
import type { Graph } from '../../ir/graph.js';
import { findLogits } from '../../passes/logits.js';
import type { TrainingSet } from '../../train/training-set.js';
import { measureWholeNetwork } from './classify-split.js';
import { type MeasuredPredictors, measurePredictors } from './measure-predictors.js';
import { planSplit, type SplitPlan } from './plan-split.js';
import { inBatches } from './select-samples.js';
import { type Attempt, type FinishedRun, firstAim, type KeptAttempt, trainRun } from './train-run.js';

export interface StudyRequest {
  /** Names, for the document. */
  readonly model: string;
  readonly data: string;
  /** Normalised, float32, batch 1. */
  readonly network: Graph;
  /** Ids of single-tensor cuts; default: all. */
  readonly cuts?: readonly string[] | undefined;
  /** Coded payload of one inference at every cut. */
  readonly targetBytes: number;
  /** Runs at each cut. */
  readonly seeds: number;
  readonly seed: number;
  /** Splits learn from these, predictors see no others. */
  readonly training: TrainingSet;
  /** For choices: shapes, epochs, bytes. */
  readonly validation: TrainingSet;
  /** Only the trained splits and the whole network are judged on them. */
  readonly test: TrainingSet;
  /** Default `quick`. */
  readonly recipe?: BottleneckRecipe | undefined;
  readonly engine: Engine;
  readonly threads?: number | undefined;
  readonly store?: StageStore | undefined;
  /** Everything that results depend on besides this request: model, samples, preprocessing, engine, version. */
  readonly storeInputs: unknown;
}

/** Fewer cuts have no order to predict. */
const FEWEST_CUTS = 3;

/**
 * Stages are kept one by one; interrupted and called again it goes on, to the same document.
 * @throws IsplitError E_CUT_UNKNOWN, E_STUDY_CUTS, E_BUDGET_INFEASIBLE, E_NO_CLASSES, what training and the engine throw
 */
export async function runStudy(request: StudyRequest, ctx: RunContext): Promise<StudyCell> {
  const { network, seeds, seed, training, validation, test, targetBytes, engine, threads } = request;
  const recipe = request.recipe ?? chooseRecipe('quick', training, countMacs(network));
  const points = choosePoints(request);
  const plans = new Map<string, SplitPlan>();
  const leftOut: LeftOutCut[] = [];
  for (const [i, point] of points.entries()) {
    ctx.onProgress?.({ stage: 'shapes', done: i, total: points.length, unit: 'cuts' });
    const plan = await keep(request, 'study-plan', { cut: point.id }, async () =>
      planSplit({ ...request, cut: point.id, sample: await sampleCut(request, point.id, ctx) }, ctx),
    );
    if (typeof plan === 'string') leftOut.push({ id: point.id, why: plan });
    else plans.set(point.id, plan);
  }
  const studied = points.filter(({ id }) => plans.has(id));
  if (studied.length < FEWEST_CUTS) failFewCuts(request, studied.length, leftOut);
  const ids = studied.map(({ id }) => id);
  const predicted = await keep(request, 'study-predictors', { cuts: ids }, () =>
    measurePredictors({ ...request, cuts: studied }, ctx),
  );
  const runs = await trainAll(request, { ids, plans, recipe }, ctx);
  return {
    model: request.model,
    data: request.data,
    targetBytes,
    networkMacs: countMacs(network),
    cuts: studied.map((point, i) => describeCut(point, plans, predicted, i)),
    leftOut,
    samples: {
      training: training.count,
      validation: validation.count,
      test: test.count,
      ...predicted.samples,
    },
    training: { seeds, firstSeed: seed, ...recipe },
    classSamples: predicted.classSamples,
    testLabels: [...test.labels],
    runs,
    fullAccuracy: await measureWholeNetwork(network, test, { engine, threads }),
  };
}

function describeCut(
  { id, elements }: CutPoint,
  plans: ReadonlyMap<string, SplitPlan>,
  predicted: MeasuredPredictors,
  at: number,
): StudyCell['cuts'][number] {
  const { headMacs } = plans.get(id) as SplitPlan;
  const { predictors, byClass } = predicted.cuts[at] as MeasuredPredictors['cuts'][number];
  return { id, elements, headMacs, predictors, byClass };
}

/** @throws IsplitError E_CUT_UNKNOWN, E_STUDY_CUTS */
function choosePoints({ network, cuts }: StudyRequest): CutPoint[] {
  const single = findCutPoints(network, findLogits(network).id).filter(({ tensors }) => tensors.length === 1);
  const known = single.map(({ id }) => id);
  const unknown = cuts?.filter((id) => !known.includes(id)) ?? [];
  if (unknown.length > 0) {
    fail(
      'E_CUT_UNKNOWN',
      `${unknown.map((id) => `"${id}"`).join(', ')}: no single tensor of that name separates head from tail`,
      { unknown, cuts: known },
      `Single-tensor cuts are ${known.join(', ')}.`,
    );
  }
  const chosen = cuts ? single.filter(({ id }) => cuts.includes(id)) : single;
  if (chosen.length < FEWEST_CUTS) {
    fail(
      'E_STUDY_CUTS',
      `${chosen.length} single-tensor cuts have no order that could be predicted; at least ${FEWEST_CUTS} are needed`,
      { cuts: chosen.map(({ id }) => id), least: FEWEST_CUTS, known },
      cuts ? `Name more with --cuts, of ${known.join(', ')}.` : 'Study a deeper network.',
    );
  }
  return chosen;
}

function failFewCuts({ targetBytes }: StudyRequest, studied: number, leftOut: readonly LeftOutCut[]): never {
  const hint = 'Raise --wire.';
  if (studied === 0) {
    fail('E_BUDGET_INFEASIBLE', `no cut can be brought to ${targetBytes} B`, { targetBytes, leftOut }, hint);
  }
  fail(
    'E_STUDY_CUTS',
    `only ${studied} of ${studied + leftOut.length} cuts can be brought to ${targetBytes} B; at least ${FEWEST_CUTS} are needed`,
    { targetBytes, studied, leftOut, least: FEWEST_CUTS },
    hint,
  );
}

function sampleCut(
  { network, training, engine, threads, seed }: StudyRequest,
  cut: string,
  ctx: RunContext,
): Promise<ActivationSample> {
  const options = { engine, seed, ...(threads === undefined ? {} : { threads }) };
  return collectActivations(network, cut, inBatches(training), options, {
    ...(ctx.signal ? { signal: ctx.signal } : {}),
  });
}

interface RunPlan {
  readonly ids: readonly string[];
  readonly plans: ReadonlyMap<string, SplitPlan>;
  readonly recipe: BottleneckRecipe;
}

/** By cut: the seeds of one share its activations, and the first finds the aim of the others. */
async function trainAll(request: StudyRequest, { ids, plans, recipe }: RunPlan, ctx: RunContext): Promise<StudyRun[]> {
  const { seeds, seed, targetBytes } = request;
  const runs: StudyRun[] = [];
  const total = ids.length * seeds;
  for (const cut of ids) {
    const plan = plans.get(cut) as SplitPlan;
    let sample: ActivationSample | undefined;
    let aim = firstAim(targetBytes);
    for (let s = 0; s < seeds; s++) {
      const inputs = { cut, plan, seed: seed + s, recipe };
      const found: FinishedRun = await keep(request, 'study-run', { ...inputs, aim }, async () => {
        const progress = watchRuns(ctx, runs.length, total);
        sample ??= await sampleCut(request, cut, ctx);
        const kept = (tried: number | null): KeptAttempt => keepAttempt(request, { ...inputs, aim: tried });
        return trainRun({ ...request, cut, plan, sample, recipe, seed: seed + s, aim, kept }, progress);
      });
      runs.push(found.run);
      aim = found.aim;
    }
  }
  ctx.onProgress?.({ stage: 'study', done: total, total, unit: 'runs' });
  return runs;
}

/** What goes on inside a run is told as that run; the first event comes with the first run that is not found again. */
function watchRuns(ctx: RunContext, done: number, total: number): RunContext {
  const tell = (metrics?: Readonly<Record<string, number>>): void =>
    ctx.onProgress?.({ stage: 'study', done, total, unit: 'runs', ...(metrics ? { metrics } : {}) });
  tell();
  return {
    ...(ctx.signal ? { signal: ctx.signal } : {}),
    ...(ctx.onWarning ? { onWarning: ctx.onWarning } : {}),
    onProgress: ({ metrics }) => tell(metrics),
  };
}

function keyOf({ storeInputs, targetBytes, seed, threads }: StudyRequest, inputs: object): object {
  return { request: storeInputs, targetBytes, seed, threads: threads ?? null, ...inputs };
}

/** A finished stage is found again; results are plain JSON. */
async function keep<T>(request: StudyRequest, stage: string, inputs: object, make: () => Promise<T>): Promise<T> {
  const key = keyOf(request, { of: inputs });
  const known = await request.store?.load(stage, key);
  if (known !== undefined) return JSON.parse(known) as T;
  const made = await make();
  await request.store?.save(stage, key, JSON.stringify(made));
  return made;
}

function keepAttempt(request: StudyRequest, inputs: object): KeptAttempt {
  const key = keyOf(request, { of: inputs });
  return {
    async load() {
      const known = await request.store?.load('study-attempt', key);
      return known === undefined ? undefined : (JSON.parse(known) as Attempt);
    },
    async save(attempt) {
      await request.store?.save('study-attempt', key, JSON.stringify(attempt));
    },
  };
}
