import { createHash } from 'node:crypto';
import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail, IsplitError } from '../core/errors.js';
import { type BestValues, decodeCheckpoint, encodeCheckpoint, type TrainingProgress } from './checkpoint.js';
import { learningRateAt } from './schedule.js';
import { compileStep, type TrainingStep } from './step.js';
import { type PackedPlace, packedPlaces, unpackValues } from './trainable-constants.js';
import type { BatchSource, EpochRecord, TrainingOutcome, TrainingProblem, TrainOptions } from './training.js';

/** How much work may be lost inside an epoch. */
const CHECKPOINT_MS = 30_000;
/** Saving may take at most one part in this many of the time. */
const CHECKPOINT_SHARE = 20;
/** What the loss shown is averaged over, in steps. */
const SHOWN_STEPS = 20;

/**
 * Trains the parameters of a problem. A run that was interrupted at any moment and is started again with the same arguments ends with the
 * same bytes as one that was not, as long as engine and threads are the same too.
 * @throws IsplitError E_TRAIN_DIVERGED, E_TRAIN_CHECKPOINT, E_INTERRUPTED (after a last checkpoint), E_ENGINE, E_HOOK_UNSUPPORTED, and
 * what `validate` and the source throw
 */
export async function train(
  problem: TrainingProblem,
  source: BatchSource,
  options: TrainOptions,
  ctx: RunContext,
): Promise<TrainingOutcome> {
  const { engine, threads, adam = {} } = options;
  const step = await compileStep(problem, adam, threads === undefined ? { engine } : { engine, threads });
  try {
    return await new Training(problem, source, options, step, ctx).run();
  } finally {
    await step.dispose();
  }
}

class Training {
  readonly #source: BatchSource;
  readonly #options: TrainOptions;
  readonly #step: TrainingStep;
  readonly #ctx: RunContext;
  readonly #places: readonly PackedPlace[];
  readonly #fingerprint: string;
  #progress: TrainingProgress;
  #savedStep = -1;
  #savedAt = performance.now();
  #saveMs = 0;
  #recentLosses: number[] = [];

  constructor(
    problem: TrainingProblem,
    source: BatchSource,
    options: TrainOptions,
    step: TrainingStep,
    ctx: RunContext,
  ) {
    this.#source = source;
    this.#options = options;
    this.#step = step;
    this.#ctx = ctx;
    const follow = (problem.statistics?.follow ?? []).map(({ constant }) => constant);
    this.#places = packedPlaces(problem.graph, [...problem.parameters, ...follow]);
    this.#fingerprint = fingerprintOf(problem, source, options, step);
    const { initial } = step;
    this.#progress = {
      state: initial,
      epoch: 0,
      batch: 0,
      lossSum: 0,
      history: [],
      average: options.averageDecay === undefined ? undefined : joinVectors(initial.parameters, initial.statistics),
      best: undefined,
    };
  }

  async run(): Promise<TrainingOutcome> {
    await this.#resume();
    try {
      this.#report();
      while (this.#progress.epoch < this.#options.epochs && !this.#ranOutOfPatience()) {
        await this.#runEpoch();
        await this.#endEpoch();
        await this.#save();
      }
    } catch (error) {
      if (error instanceof IsplitError && error.code === 'E_INTERRUPTED') await this.#save();
      throw error;
    }
    const { best, history } = this.#progress;
    return {
      values: unpackValues(this.#places, best?.values ?? this.#currentValues()),
      history,
      bestEpoch: best?.epoch ?? history.length - 1,
    };
  }

  async #runEpoch(): Promise<void> {
    const { epoch, batch } = this.#progress;
    const { batchesPerEpoch } = this.#source;
    if (batch >= batchesPerEpoch) return;
    const batches = this.#source.epoch(epoch, batch)[Symbol.asyncIterator]();
    try {
      let next = batches.next();
      for (let i = batch; i < batchesPerEpoch; i++) {
        const { value: feeds, done } = await next;
        if (done) throw new RangeError(`the source ended after ${i} of ${batchesPerEpoch} batches`);
        throwIfAborted(this.#ctx);
        const { state } = this.#progress;
        const rate = this.#rateAt(state.step);
        const running = this.#step.run(state, feeds, rate);
        if (i + 1 < batchesPerEpoch) {
          // Made ready while the engine computes; a failure is seen when it is its turn.
          next = batches.next();
          next.catch(() => undefined);
        }
        this.#take(await running, rate);
        this.#report();
        const idle = performance.now() - this.#savedAt;
        if (idle > Math.max(CHECKPOINT_MS, CHECKPOINT_SHARE * this.#saveMs)) await this.#save();
      }
    } finally {
      await batches.return?.();
    }
  }

  #take({ state, loss }: Awaited<ReturnType<TrainingStep['run']>>, rate: number): void {
    if (!Number.isFinite(loss)) this.#failDiverged(`the loss is ${loss}`, state.step, rate);
    const { average, batch, lossSum } = this.#progress;
    if (average) updateAverage(average, [state.parameters, state.statistics], this.#averageDecayAt(state.step));
    this.#recentLosses.push(loss);
    if (this.#recentLosses.length > SHOWN_STEPS) this.#recentLosses.shift();
    this.#progress = { ...this.#progress, state, batch: batch + 1, lossSum: lossSum + loss };
  }

  /** Validates and opens the next epoch. */
  async #endEpoch(): Promise<void> {
    const { epoch, state, lossSum, history, best } = this.#progress;
    this.#checkFinite();
    const { keep, validate } = this.#options;
    const values = this.#currentValues();
    const validation = validate ? await validate(unpackValues(this.#places, values)) : null;
    if (Number.isNaN(validation)) this.#failDiverged('the validation is NaN', state.step, this.#rateAt(state.step - 1));
    const record: EpochRecord = {
      epoch,
      loss: lossSum / this.#source.batchesPerEpoch,
      learningRate: this.#rateAt(state.step - 1),
      validation,
    };
    const better = keep !== 'last' && validation !== null && (best === undefined || validation > best.validation);
    const newBest: BestValues | undefined = better ? { epoch, validation, values } : best;
    this.#progress = {
      ...this.#progress,
      epoch: epoch + 1,
      batch: 0,
      lossSum: 0,
      history: [...history, record],
      best: newBest,
    };
    this.#report();
  }

  #ranOutOfPatience(): boolean {
    const { patience } = this.#options;
    const { best, epoch } = this.#progress;
    return patience !== undefined && best !== undefined && epoch - 1 - best.epoch >= patience;
  }

  #rateAt(step: number): number {
    return learningRateAt(this.#options, step, this.#options.epochs * this.#source.batchesPerEpoch);
  }

  /** Rises with the steps done: an average that starts at the initial values would keep them for long. */
  #averageDecayAt(step: number): number {
    return Math.min(this.#options.averageDecay ?? 0, (1 + step) / (10 + step));
  }

  /** A copy of what is validated and returned: parameters, then statistics. */
  #currentValues(): Float32Array {
    const { average, state } = this.#progress;
    return average?.slice() ?? joinVectors(state.parameters, state.statistics);
  }

  #checkFinite(): void {
    const { state } = this.#progress;
    for (const vector of [state.parameters, state.firstMoment, state.secondMoment, state.statistics]) {
      if (!allFinite(vector)) {
        this.#failDiverged('parameters are no longer finite', state.step, this.#rateAt(Math.max(0, state.step - 1)));
      }
    }
  }

  #failDiverged(what: string, step: number, learningRate: number): never {
    const last = this.#recentLosses.at(-1) ?? null;
    fail(
      'E_TRAIN_DIVERGED',
      `${this.#options.stage}: ${what} at step ${step} (learning rate ${learningRate.toPrecision(3)}, last finite loss ${last === null ? 'none' : last.toPrecision(4)})`,
      { stage: this.#options.stage, step, lastFiniteLoss: last, learningRate },
      'Lower the learning rate, and check that the samples are in the input range of the model.',
    );
  }

  async #resume(): Promise<void> {
    const bytes = await this.#options.checkpoints?.load();
    if (bytes === undefined) return;
    const { initial } = this.#step;
    const found = decodeCheckpoint(bytes, this.#fingerprint, {
      parameters: initial.parameters.length,
      statistics: initial.statistics.length,
      averaged: this.#options.averageDecay !== undefined,
    });
    if (typeof found === 'string') {
      this.#ctx.onWarning?.(`${this.#options.stage}: the checkpoint is not taken up, since ${found}`);
      return;
    }
    this.#progress = found;
    this.#savedStep = found.state.step;
  }

  /** @throws IsplitError E_TRAIN_CHECKPOINT */
  async #save(): Promise<void> {
    const { checkpoints, stage } = this.#options;
    if (!checkpoints) return;
    this.#checkFinite();
    const { step } = this.#progress.state;
    const started = performance.now();
    try {
      await checkpoints.save(encodeCheckpoint(this.#fingerprint, this.#progress));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const earlier = this.#savedStep >= 0 ? `the one of step ${this.#savedStep} is intact` : 'there is no earlier one';
      throw new IsplitError(
        {
          code: 'E_TRAIN_CHECKPOINT',
          message: `${stage}: the checkpoint of step ${step} cannot be saved: ${reason}; ${earlier}`,
          context: { stage, step, savedStep: this.#savedStep >= 0 ? this.#savedStep : null, reason },
          hint: 'Free disk space or fix the permissions, then run the same command again: it goes on from the last checkpoint.',
        },
        { cause },
      );
    }
    this.#savedStep = step;
    this.#savedAt = performance.now();
    this.#saveMs = this.#savedAt - started;
  }

  #report(): void {
    const { epoch, batch, history } = this.#progress;
    const { batchSize, batchesPerEpoch } = this.#source;
    const { epochs, stage } = this.#options;
    const ended = this.#ranOutOfPatience() ? epoch : epochs;
    const validation = history.at(-1)?.validation ?? null;
    const shown = this.#recentLosses;
    const loss = shown.length > 0 ? shown.reduce((sum, v) => sum + v, 0) / shown.length : history.at(-1)?.loss;
    this.#ctx.onProgress?.({
      stage,
      done: (epoch * batchesPerEpoch + batch) * batchSize,
      total: ended * batchesPerEpoch * batchSize,
      unit: 'images',
      metrics: {
        epoch: Math.min(epoch + 1, ended),
        ...(loss === undefined ? {} : { loss }),
        ...(validation === null ? {} : { [this.#options.metric ?? 'accuracy']: validation }),
      },
    });
  }
}

/** What a checkpoint must share with a training to be taken up; that the samples are the same is known to who keeps it. */
function fingerprintOf(
  problem: TrainingProblem,
  source: BatchSource,
  options: TrainOptions,
  step: TrainingStep,
): string {
  const { epochs, learningRate, finalShare, warmupSteps, adam, averageDecay, keep, patience, validate } = options;
  const settings = [
    problem.parameters,
    problem.statistics ?? null,
    [source.batchSize, source.batchesPerEpoch, epochs, learningRate, finalShare ?? null, warmupSteps ?? null],
    [adam ?? null, averageDecay ?? null, patience ?? null, keep ?? null, validate !== undefined],
  ];
  const hash = createHash('sha256').update(JSON.stringify(settings));
  for (const vector of [step.initial.parameters, step.initial.statistics]) {
    hash.update(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
  }
  return hash.digest('hex');
}

/** A plain loop: a callback per value of millions takes longer than a step of a small network. */
function allFinite(vector: Float32Array): boolean {
  for (let i = 0; i < vector.length; i++) {
    const v = vector[i] as number;
    // NaN for both NaN and infinities.
    if (v - v !== 0) return false;
  }
  return true;
}

function joinVectors(a: Float32Array, b: Float32Array): Float32Array {
  const joined = new Float32Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

/** average ← decay · average + (1 − decay) · values, in place. */
function updateAverage(average: Float32Array, parts: readonly Float32Array[], decay: number): void {
  let at = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i++, at++) {
      const held = average[at] as number;
      average[at] = held + (1 - decay) * ((part[i] as number) - held);
    }
  }
}
