/** One run of a study: a split trained at a cut from a seed, its wire brought to the target, and judged on the test samples. */
import type { ActivationSample } from '../../bottleneck/activations.js';
import { formatBottleneck, wireShapeOf } from '../../bottleneck/spec.js';
import { trainBottleneck } from '../../bottleneck/train-bottleneck.js';
import type { BottleneckRecipe } from '../../bottleneck/train-recipe.js';
import type { RunContext } from '../../core/context.js';
import type { Engine } from '../../engines/engine.js';
import type { StudyRun } from '../../evaluate/study.js';
import type { Graph } from '../../ir/graph.js';
import type { TrainingSet } from '../../train/training-set.js';
import { createCodec } from '../../wire/codecs/create-codec.js';
import { learnCodec } from '../../wire/codecs/learn-rans-tables.js';
import { classifySplit } from './classify-split.js';
import type { SplitPlan } from './plan-split.js';

export interface TrainRunRequest {
  readonly network: Graph;
  readonly cut: string;
  readonly plan: SplitPlan;
  readonly sample: ActivationSample;
  readonly training: TrainingSet;
  readonly validation: TrainingSet;
  readonly test: TrainingSet;
  readonly targetBytes: number;
  /** Zero-order entropy to begin with; what another seed ended with saves an attempt. */
  readonly aim: number;
  readonly recipe: BottleneckRecipe;
  readonly seed: number;
  readonly engine: Engine;
  readonly threads?: number | undefined;
  /** Finished attempts are found again. */
  readonly kept: (aim: number | null) => KeptAttempt;
}

export interface KeptAttempt {
  load(): Promise<Attempt | undefined>;
  save(attempt: Attempt): Promise<void>;
}

/** A training that ended, with what came of it. */
export interface Attempt {
  readonly validationBytes: number;
  readonly testBytes: number;
  readonly correct: string;
}

export interface FinishedRun {
  readonly run: StudyRun;
  readonly aim: number;
}

/** Validation bytes within this share of the target end the search: test bytes are then well within the tolerance. */
const NEAR = 0.03;
const MOST_ATTEMPTS = 3;
/** The codec is learnt on so many training samples. */
const CODEC_SAMPLES = 512;
/** Wide activations of early cuts are worth keeping: a cut is trained from many times. */
const CACHE_BYTES = 1536 * 1024 * 1024;
/** About what a payload has beyond the entropy that training sees: most of the state that a coder ends with. */
const CODER_BYTES = 3;

export function firstAim(targetBytes: number): number {
  return Math.max(1, targetBytes - CODER_BYTES);
}

/** @throws IsplitError E_TRAIN_DIVERGED, E_ENGINE, E_INTERRUPTED, E_WRITE */
export async function trainRun(request: TrainRunRequest, ctx: RunContext): Promise<FinishedRun> {
  const { cut, plan, seed, targetBytes } = request;
  let aim = request.aim;
  let best: (FinishedRun & { beside: number }) | undefined;
  for (let attempts = 1; attempts <= (plan.rate === 'held' ? MOST_ATTEMPTS : 1); attempts++) {
    const attempt = await attemptOnce(request, plan.rate === 'free' ? null : aim, ctx);
    const beside = Math.abs(attempt.validationBytes / targetBytes - 1);
    if (best === undefined || beside < best.beside) {
      const run = { cut, seed, bottleneck: formatBottleneck(plan.spec), codedBytes: attempt.testBytes };
      best = { run: { ...run, ...pickMeasured(attempt), attempts }, aim, beside };
    } else best = { ...best, run: { ...best.run, attempts } };
    if (beside <= NEAR) break;
    aim = Math.max(1, aim * correction(attempt.validationBytes, targetBytes));
  }
  const { run, aim: found } = best as FinishedRun;
  return { run, aim: found };
}

function pickMeasured({ validationBytes, correct }: Attempt): Pick<StudyRun, 'validationBytes' | 'correct'> {
  return { validationBytes, correct };
}

/** Not beyond a factor: far from the target the entropy does not follow in proportion. */
function correction(bytes: number, targetBytes: number): number {
  const share = Math.max(1, targetBytes - CODER_BYTES) / Math.max(1, bytes - CODER_BYTES);
  return Math.min(1.6, Math.max(0.6, share));
}

async function attemptOnce(request: TrainRunRequest, aim: number | null, ctx: RunContext): Promise<Attempt> {
  const kept = request.kept(aim);
  const known = await kept.load();
  if (known) return known;
  const { network, cut, plan, sample, training, validation, test, recipe, seed, engine, threads } = request;
  const trained = await trainBottleneck(
    {
      network,
      cut,
      spec: plan.spec,
      initial: sample,
      training,
      validation,
      recipe,
      engine,
      seed,
      cacheBytes: CACHE_BYTES,
      ...(aim === null ? {} : { codedBytes: aim }),
      ...(threads === undefined ? {} : { threads }),
    },
    ctx,
  );
  const options = { engine, threads };
  const classify = (set: TrainingSet, most?: number) =>
    classifySplit(network, trained.network, cut, set, options, ctx, most);
  const shape = wireShapeOf(trained.network.spec, sample.shape);
  const learnt = await classify(training, CODEC_SAMPLES);
  const spec = learnCodec({
    codes: learnt.codes,
    count: learnt.correct.length,
    shape,
    bits: trained.network.spec.bits,
  });
  const codec = createCodec(spec, shape);
  const meanBytes = ({ codes, correct }: { codes: Uint8Array; correct: string }): number => {
    const count = correct.length;
    const size = codes.length / count;
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes += codec.encode(codes.subarray(i * size, (i + 1) * size)).length;
    return bytes / count;
  };
  const judged = await classify(test);
  const attempt: Attempt = {
    validationBytes: meanBytes(await classify(validation)),
    testBytes: meanBytes(judged),
    correct: judged.correct,
  };
  await kept.save(attempt);
  return attempt;
}
