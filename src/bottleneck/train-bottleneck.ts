/**
 * Trains a bottleneck in two stages: first to give the activation back, then for the task, with wire and encoder quantized in the
 * loop. Learning all at once from random weights does not get there.
 */
import type { RunContext } from '../core/context.js';
import type { Engine } from '../engines/engine.js';
import type { Graph } from '../ir/graph.js';
import type { Checkpoints, EpochRecord } from '../train/training.js';
import type { TrainingSet } from '../train/training-set.js';
import type { ActivationSample } from './activations.js';
import type { BottleneckedNetwork, BottleneckSpec } from './bottleneck.js';
import { initialWeights } from './initial-weights.js';
import { insertBottleneck } from './insert.js';
import type { BottleneckWeights } from './parameters.js';
import { measureAccuracy } from './train-accuracy.js';
import { type FrozenPart, prepareFrozenPart } from './train-frozen.js';
import type { LearningStart } from './train-graph.js';
import type { BottleneckRecipe, TaskStageRecipe } from './train-recipe.js';
import { type BottleneckStage, learnReconstruction, learnTask, type StageContext } from './train-stage.js';

/** What is learnt from, on what, and how. */
export interface LearningRequest {
  /** Normalised, float32, batch 1: the teacher. */
  readonly network: Graph;
  /** A tensor that separates head from tail. */
  readonly cut: string;
  readonly training: TrainingSet;
  /** Samples that are in no batch: stages that learn the task keep what is best on them. */
  readonly validation: TrainingSet;
  readonly engine: Engine;
  readonly threads?: number;
  readonly seed: number;
  /** A store for each stage; runs that were interrupted go on from there. */
  readonly checkpoints?: (stage: BottleneckStage) => Checkpoints;
  /** What activations and answers of all samples may take in memory; default 768 MiB. */
  readonly cacheBytes?: number;
}

export interface TrainBottleneckRequest extends LearningRequest {
  readonly spec: BottleneckSpec;
  /** Weights to start from, or activations at the cut from which they are made. */
  readonly initial: BottleneckWeights | ActivationSample;
  /**
   * int8 graph of the layers before the cut, its output the cut tensor: the bottleneck then learns from what the device will give,
   * not from the float network. Not with `trainHead`.
   */
  readonly quantizedHead?: Graph;
  /** Coded bytes a sample that the wire is held to (zero-order entropy of each channel); absent: as it comes. */
  readonly codedBytes?: number;
  readonly recipe: BottleneckRecipe;
}

export interface TrainedBottleneck {
  /** As it started where learning the task made it worse on the validation samples. */
  readonly network: BottleneckedNetwork;
  readonly history: {
    readonly reconstruct: readonly EpochRecord[];
    readonly fineTune: readonly EpochRecord[];
  };
  /** Share of right answers on the validation samples; wire and encoder are quantized. */
  readonly validation: {
    readonly samples: number;
    readonly initial: number;
    readonly afterReconstruct: number;
    readonly afterFineTune: number;
  };
}

/**
 * The same request gives the same weights on the same engine with the same number of threads, interrupted or not.
 * @throws IsplitError E_NO_CLASSES, E_CUT_UNKNOWN, E_BOTTLENECK_SPEC, E_TRAIN_DIVERGED, E_TRAIN_CHECKPOINT, E_DATA_EMPTY, E_ENGINE, E_INTERRUPTED
 */
export async function trainBottleneck(request: TrainBottleneckRequest, ctx: RunContext): Promise<TrainedBottleneck> {
  const { network, cut, spec, initial, quantizedHead, codedBytes, recipe, seed } = request;
  if (recipe.trainHead && quantizedHead) throw new RangeError('a head that learns is quantized afterwards');
  const { decoder = 'linear' } = recipe;
  const options = { seed, decoder, ...(codedBytes === undefined ? {} : { codedBytes }) };
  const weights = 'decoder' in initial ? initial : initialWeights(spec, initial, options);
  const started = insertBottleneck(network, cut, spec, weights);
  const start: LearningStart = recipe.trainHead ? 'input' : 'cut';
  return withFrozenParts({ ...request, handedOn: quantizedHead }, start, ctx, async (shared, judge) => {
    const reconstructed = await learnReconstruction(started, recipe.reconstruct, shared, ctx);
    const tuned = await learnTask(reconstructed.network, 'fine-tune', start, recipe.fineTune, shared, judge, ctx);
    const initial = await judge(started);
    const afterFineTune = await judge(tuned.network);
    return {
      // Few samples can do more harm than good to a start that is good already.
      network: afterFineTune < initial ? started : tuned.network,
      history: { reconstruct: reconstructed.history, fineTune: tuned.history },
      validation: {
        samples: request.validation.count,
        initial,
        afterReconstruct: await judge(reconstructed.network),
        afterFineTune,
      },
    };
  });
}

export interface SettleTailRequest extends LearningRequest {
  readonly trained: BottleneckedNetwork;
  /** int8 graph of the whole head, its output the wire. */
  readonly quantizedHead: Graph;
  readonly recipe: Pick<BottleneckRecipe, 'batchSize' | 'augmentation'> & { readonly settle: TaskStageRecipe };
}

export interface SettledTail {
  /** With the tail as it was where learning did not help. */
  readonly network: BottleneckedNetwork;
  readonly history: readonly EpochRecord[];
  /** Share of right answers on the validation samples, behind the quantized head. */
  readonly validation: { readonly samples: number; readonly before: number; readonly after: number };
}

/**
 * Decoder and tail learn a little more, from the codes that the quantized head gives.
 * @throws IsplitError as `trainBottleneck`
 */
export async function settleTail(request: SettleTailRequest, ctx: RunContext): Promise<SettledTail> {
  const { trained, quantizedHead, recipe } = request;
  return withFrozenParts({ ...request, handedOn: quantizedHead }, 'wire', ctx, async (shared, judge) => {
    const before = await judge(trained);
    const settled = await learnTask(trained, 'settle', 'wire', recipe.settle, shared, judge, ctx);
    const after = await judge(settled.network);
    const helped = after > before;
    return {
      network: helped ? settled.network : trained,
      history: settled.history,
      validation: { samples: request.validation.count, before, after: helped ? after : before },
    };
  });
}

type Judge = (network: BottleneckedNetwork) => Promise<number>;

interface FrozenPartsRequest extends LearningRequest {
  readonly handedOn: Graph | undefined;
  readonly codedBytes?: number;
  readonly recipe: Pick<BottleneckRecipe, 'batchSize' | 'augmentation'>;
}

async function withFrozenParts<T>(
  request: FrozenPartsRequest,
  start: LearningStart,
  ctx: RunContext,
  learn: (shared: StageContext, judge: Judge) => Promise<T>,
): Promise<T> {
  const { network, cut, handedOn, training, validation, engine, threads, recipe, cacheBytes } = request;
  const { batchSize, augmentation } = recipe;
  const prepare = (set: TrainingSet, changes: typeof augmentation): Promise<FrozenPart> =>
    prepareFrozenPart(
      {
        network,
        cut,
        set,
        augmentation: changes,
        batchSize,
        engine,
        ...(handedOn === undefined ? {} : { quantizedHead: handedOn }),
        ...(threads === undefined ? {} : { threads }),
        ...(cacheBytes === undefined ? {} : { cacheBytes }),
      },
      ctx,
    );
  const frozen = await prepare(training, augmentation);
  try {
    const judged = await prepare(validation, {});
    try {
      return await learn({ ...request, batchSize, augmentation, frozen }, (current) =>
        measureAccuracy(current, { ...request, batchSize, start, frozen: judged, set: validation }),
      );
    } finally {
      await judged.dispose();
    }
  } finally {
    await frozen.dispose();
  }
}
