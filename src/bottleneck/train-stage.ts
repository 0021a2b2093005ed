/** One stage of a bottleneck's training: its losses and what learns in it. */
import type { RunContext } from '../core/context.js';
import type { Engine } from '../engines/engine.js';
import type { Graph } from '../ir/graph.js';
import { type Augmentation, MIXED_TOGETHER, mixSeeds } from '../train/augment.js';
import { appendCrossEntropy, appendDistillation, appendRelativeError, appendWeightedSum } from '../train/losses.js';
import { train } from '../train/train.js';
import { replaceConstants, trainableConstants } from '../train/trainable-constants.js';
import type { Checkpoints, TrainedValues, TrainingOutcome, TrainingProblem } from '../train/training.js';
import type { TrainingSet } from '../train/training-set.js';
import type { BottleneckedNetwork } from './bottleneck.js';
import type { FrozenPart } from './train-frozen.js';
import { buildLearningGraph, graphOf, type LearningGraph, type LearningStart } from './train-graph.js';
import { appendCodedBytes, appendRateLoss } from './train-rate.js';
import type { StageRecipe, TaskStageRecipe } from './train-recipe.js';
import { type LearningFeeds, learningBatches } from './train-source.js';

/** Stages as progress and checkpoints name them, in their order. */
export const BOTTLENECK_STAGES = ['reconstruct', 'fine-tune', 'settle'] as const;
export type BottleneckStage = (typeof BOTTLENECK_STAGES)[number];

/**
 * Samples of a part of a batch. Cross entropy and divergence are means over samples. The relative error is divided by the energy of its
 * part, and the coded bytes of 50 samples are 0.3 % below those of 100, of 25 samples 0.8 % (4 bits, 16 places a channel).
 */
const SMALLEST_PART = { exactly: 8, nearly: 25 } as const;

/** Among mixtures, the coded bytes of a part are those of its pictures that stay alone. */
function partsOf(
  exact: boolean,
  { augmentation }: StageContext,
): Pick<TrainingProblem, 'smallestPart' | 'partMultiple'> {
  const together = augmentation.mix ? MIXED_TOGETHER : 1;
  return { smallestPart: exact ? SMALLEST_PART.exactly : together * SMALLEST_PART.nearly, partMultiple: together };
}

/** What all stages share. */
export interface StageContext {
  readonly cut: string;
  readonly training: TrainingSet;
  readonly frozen: FrozenPart;
  readonly batchSize: number;
  readonly augmentation: Augmentation;
  readonly engine: Engine;
  readonly threads?: number;
  readonly seed: number;
  /** Coded bytes a sample that the wire is held to; absent: as it comes. */
  readonly codedBytes?: number;
  readonly checkpoints?: (stage: BottleneckStage) => Checkpoints;
}

export interface StageOutcome {
  readonly network: BottleneckedNetwork;
  readonly history: TrainingOutcome['history'];
}

/** Encoder and decoder learn to give the activation back; what is compared is behind the rounded wire. */
export async function learnReconstruction(
  network: BottleneckedNetwork,
  recipe: StageRecipe,
  shared: StageContext,
  ctx: RunContext,
): Promise<StageOutcome> {
  const learning = buildLearningGraph(network, shared.cut, 'cut', shared.batchSize);
  const error = appendRelativeError(learning.builder, learning.decoded, learning.start);
  const loss = appendWeightedSum(learning.builder, [
    { loss: error, weight: 1 },
    ...rateTerms(learning, network, shared),
  ]);
  const problem: TrainingProblem = {
    graph: graphOf(learning, [loss]),
    loss,
    parameters: [...network.encoderParameters, ...network.decoderParameters],
    ...partsOf(false, shared),
  };
  return runStage({ stage: 'reconstruct', recipe, network, problem, feeds: { feature: learning.start } }, shared, ctx);
}

/**
 * Everything from `start` on learns the task.
 * @param start with `wire`, the frozen layers are the whole head; with `input`, the head learns too
 * @param judge accuracy of a network on samples that are in no batch
 */
export async function learnTask(
  network: BottleneckedNetwork,
  stage: 'fine-tune' | 'settle',
  start: LearningStart,
  recipe: TaskStageRecipe,
  shared: StageContext,
  judge: (current: BottleneckedNetwork) => Promise<number>,
  ctx: RunContext,
): Promise<StageOutcome> {
  const { weights, temperature } = recipe;
  const learning = buildLearningGraph(network, shared.cut, start, shared.batchSize);
  const { builder, logits, classes } = learning;
  const terms: { loss: string; weight: number }[] = [];
  let feeds: LearningFeeds = start === 'input' ? { pictures: learning.start } : { feature: learning.start };
  if (weights.crossEntropy > 0) {
    const labels = builder.input('learning/labels', [shared.batchSize, classes]);
    feeds = { ...feeds, labels };
    terms.push({ loss: appendCrossEntropy(builder, logits, labels), weight: weights.crossEntropy });
  }
  if (weights.distillation > 0) {
    const teacherLogits = builder.input('learning/teacher', [shared.batchSize, classes]);
    feeds = { ...feeds, teacherLogits };
    const loss = appendDistillation(builder, logits, teacherLogits, temperature);
    terms.push({ loss, weight: weights.distillation });
  }
  const sampleMeans = terms.length;
  // Behind a frozen wire the activation that was wanted is not at hand.
  if (weights.feature > 0 && start !== 'wire') {
    const { shape } = builder.type(learning.decoded);
    const target = start === 'cut' ? learning.start : builder.input('learning/feature', shape);
    feeds = { ...feeds, feature: target };
    terms.push({ loss: appendRelativeError(builder, learning.decoded, target), weight: weights.feature });
  }
  if (start !== 'wire') terms.push(...rateTerms(learning, network, shared));
  if (terms.length === 0) throw new RangeError(`stage ${stage} has no loss`);
  const loss = appendWeightedSum(builder, terms);
  const graph = graphOf(learning, [loss]);
  const exact = terms.length === sampleMeans;
  const parameters = learntConstants(network, graph, start);
  const problem: TrainingProblem = {
    graph,
    loss,
    parameters,
    // Settling is slow as it is.
    ...(start === 'wire' ? {} : { paces: pacesOf(network, parameters) }),
    ...partsOf(exact, shared),
  };
  const validate = (values: TrainedValues): Promise<number> => judge(withValues(network, values));
  return runStage({ stage, recipe, network, problem, feeds, validate }, shared, ctx);
}

/**
 * Layers before and behind the cut are nearly what they should be; as fast as an encoder and a decoder that have just been put in, they forget
 * what they were. Of the tail, divergence of validation answers at 4 bits and 450 B after 8 epochs: 0.114 at a tenth of the rate, 0.109 at 0.3,
 * 0.123 at all of it, 0.117 where everything learns at half the rate (pictures like those that the teacher was trained on).
 */
const PACES = { head: 0.1, tail: 0.3 } as const;

function pacesOf(
  { head, encoderParameters, decoderParameters }: BottleneckedNetwork,
  parameters: readonly string[],
): ReadonlyMap<string, number> {
  const inserted = new Set([...encoderParameters, ...decoderParameters]);
  const ofHead = new Set(trainableConstants(head));
  const own = parameters.filter((id) => !inserted.has(id));
  return new Map(own.map((id): [string, number] => [id, ofHead.has(id) ? PACES.head : PACES.tail]));
}

/** Settles within a few hundredths of what is wanted. */
const RATE_WEIGHT = 40;

/**
 * Bytes are counted over pictures that stay alone. Mixtures have less contrast and take fewer: held to 100 B among them, pictures as the device
 * sees them took 112 B (16 channels, 4 bits).
 */
function rateTerms(
  { builder, unrounded }: LearningGraph,
  { spec }: BottleneckedNetwork,
  { codedBytes, augmentation, batchSize }: StageContext,
): { loss: string; weight: number }[] {
  if (codedBytes === undefined) return [];
  const stride = augmentation.mix && batchSize % MIXED_TOGETHER === 0 ? MIXED_TOGETHER : 1;
  const bytes = appendCodedBytes(builder, unrounded, spec.bits, stride);
  return [{ loss: appendRateLoss(builder, bytes, codedBytes), weight: RATE_WEIGHT }];
}

/** In the graph that learns, the device's weights are read through their rounding: they are asked for in the head. */
function learntConstants(network: BottleneckedNetwork, graph: Graph, start: LearningStart): string[] {
  const device = { input: trainableConstants(network.head), cut: network.encoderParameters, wire: [] }[start];
  return [...new Set([...device, ...network.decoderParameters, ...trainableConstants(graph)])].filter((id) =>
    graph.tensors.has(id),
  );
}

interface StageRun {
  readonly stage: BottleneckStage;
  readonly recipe: StageRecipe & Partial<TaskStageRecipe>;
  readonly network: BottleneckedNetwork;
  readonly problem: TrainingProblem;
  readonly feeds: LearningFeeds;
  readonly validate?: (values: TrainedValues) => Promise<number>;
}

async function runStage(run: StageRun, shared: StageContext, ctx: RunContext): Promise<StageOutcome> {
  const { stage, recipe, network, problem, feeds, validate } = run;
  if (recipe.epochs === 0) return { network, history: [] };
  const { training, frozen, engine, threads, checkpoints } = shared;
  const { epochs, learningRate, finalShare, warmupSteps, adam, averageDecay, patience } = recipe;
  const seed = mixSeeds(shared.seed, BOTTLENECK_STAGES.indexOf(stage));
  const kept = checkpoints?.(stage);
  const outcome = await train(
    problem,
    learningBatches(training, frozen, feeds, { ...shared, seed }),
    {
      engine,
      stage,
      epochs,
      learningRate,
      ...(threads === undefined ? {} : { threads }),
      ...(finalShare === undefined ? {} : { finalShare }),
      ...(warmupSteps === undefined ? {} : { warmupSteps }),
      ...(adam === undefined ? {} : { adam }),
      ...(averageDecay === undefined ? {} : { averageDecay }),
      ...(patience === undefined ? {} : { patience }),
      ...(validate === undefined ? {} : { validate }),
      keep: patience === undefined ? 'last' : 'best',
      ...(kept === undefined ? {} : { checkpoints: kept }),
    },
    ctx,
  );
  return { network: withValues(network, outcome.values), history: outcome.history };
}

/** Both parts with learnt constants. */
function withValues(network: BottleneckedNetwork, values: TrainedValues): BottleneckedNetwork {
  const part = (graph: Graph): Graph =>
    replaceConstants(graph, new Map([...values].filter(([id]) => graph.tensors.get(id)?.data !== undefined)));
  return { ...network, head: part(network.head), tail: part(network.tail) };
}
