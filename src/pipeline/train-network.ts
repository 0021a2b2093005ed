/** A whole network from random weights: problem, training, and the measured result. */

import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import { wilsonInterval } from '../core/statistics.js';
import { formatCount } from '../core/units.js';
import type { SampleBatch } from '../data/dataset.js';
import type { Engine } from '../engines/engine.js';
import { BatchRunner } from '../evaluate/batch-runner.js';
import { chooseClass, classRule } from '../evaluate/choose-class.js';
import { GraphBuilder } from '../ir/builder.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { SHAPES } from '../ops/index.js';
import { findLogits } from '../passes/logits.js';
import { normaliseGraph } from '../passes/normalise.js';
import { removeDeadCode } from '../passes/remove-dead-code.js';
import { setBatch } from '../passes/set-batch.js';
import type { Augmentation } from '../train/augment.js';
import { STATISTICS_MOMENTUM, useBatchStatistics } from '../train/batch-norm.js';
import { appendCrossEntropy, oneHot } from '../train/losses.js';
import { shuffledBatches } from '../train/shuffled-batches.js';
import { train } from '../train/train.js';
import { replaceConstants, trainableConstants } from '../train/trainable-constants.js';
import type { Checkpoints, TrainedValues, TrainingOutcome, TrainingProblem } from '../train/training.js';
import type { TrainingSet } from '../train/training-set.js';

/** Below this many samples nothing that holds for others is learnt. */
const FEWEST_SAMPLES = 20;
/** Steps in which the learning rate rises: batch statistics and Adam's moments settle first. */
const WARMUP_SHARE = 0.05;

export interface TrainingSettings {
  readonly epochs: number;
  readonly batchSize: number;
  /** Adam's, at its peak. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Share of a label that is spread over all classes. */
  readonly labelSmoothing: number;
  /** Decay a step of the average of all parameters, which is what is validated and kept; 0 = none. */
  readonly averageDecay: number;
  readonly augmentation: Augmentation;
  /** Epochs without a better validation after which training ends. */
  readonly patience: number;
  readonly seed: number;
}

export const DEFAULT_SETTINGS: TrainingSettings = {
  epochs: 30,
  batchSize: 64,
  learningRate: 1e-3,
  weightDecay: 1e-2,
  labelSmoothing: 0.05,
  averageDecay: 0.99,
  augmentation: { flip: true, shift: 2 },
  patience: 10,
  seed: 0,
};

export interface TrainNetworkRequest {
  /** float32, batch 1, one picture in, ending in class scores; batch norms unfolded. Its weights are where training begins. */
  readonly network: Graph;
  readonly train: TrainingSet;
  /** Chooses the epoch that is kept; in no batch. */
  readonly validation: TrainingSet;
  /** Measured once, at the end. */
  readonly test: { readonly count: number; samples(): AsyncIterable<SampleBatch> };
  readonly settings: TrainingSettings;
  readonly engine: Engine;
  readonly threads?: number;
  readonly checkpoints?: Checkpoints;
}

export interface TrainedNetwork {
  /** The request's network with learnt weights and moving statistics, normalised: what is evaluated, written and split. */
  readonly network: Graph;
  readonly history: TrainingOutcome['history'];
  readonly bestEpoch: number;
  readonly trainableParameters: number;
  readonly accuracy: {
    readonly validation: number;
    readonly test: number;
    readonly testInterval: readonly [number, number];
  };
}

/**
 * Cross entropy, Adam with decoupled decay, cosine schedule; batch norms learn with the statistics of the batch and are used with
 * their moving averages.
 * @throws IsplitError E_DATA_EMPTY, E_NO_CLASSES, E_TRAIN_DIVERGED, E_TRAIN_CHECKPOINT, E_INTERRUPTED, E_ENGINE
 */
export async function trainNetwork(request: TrainNetworkRequest, ctx: RunContext): Promise<TrainedNetwork> {
  const { network, settings, engine, threads } = request;
  const { classes } = findLogits(network);
  checkSamples(request, classes, ctx);
  const batchSize = Math.min(settings.batchSize, request.train.count);
  const { problem, input, labels } = classificationProblem(network, batchSize);
  const [height, width, channels] = request.train.shape;
  const source = shuffledBatches({
    batchSize,
    seed: settings.seed,
    count: request.train.count,
    inputs: {
      [input]: request.train.inputs,
      [labels]: oneHot(request.train.labels, classes, settings.labelSmoothing),
    },
    augment: { ...settings.augmentation, input, shape: { height, width, channels } },
  });
  const steps = settings.epochs * source.batchesPerEpoch;
  const runner = threads === undefined ? {} : { threads };
  const outcome = await train(
    problem,
    source,
    {
      engine,
      ...runner,
      epochs: settings.epochs,
      learningRate: settings.learningRate,
      warmupSteps: Math.round(WARMUP_SHARE * steps),
      adam: { weightDecay: settings.weightDecay },
      ...(settings.averageDecay > 0 ? { averageDecay: settings.averageDecay } : {}),
      patience: settings.patience,
      validate: async (values) =>
        (await countRight(inferenceGraph(network, values), oneBatch(request.validation), engine, runner, ctx)) /
        request.validation.count,
      ...(request.checkpoints ? { checkpoints: request.checkpoints } : {}),
      stage: 'train',
    },
    ctx,
  );
  const trained = inferenceGraph(network, outcome.values);
  const right = await countRight(trained, request.test.samples(), engine, runner, ctx);
  const [best] = outcome.history.filter(({ epoch }) => epoch === outcome.bestEpoch);
  return {
    network: trained,
    history: outcome.history,
    bestEpoch: outcome.bestEpoch,
    trainableParameters: problem.parameters.reduce((n, id) => n + elementCount(tensorOf(network, id).shape), 0),
    accuracy: {
      validation: best?.validation ?? 0,
      test: right / request.test.count,
      testInterval: wilsonInterval(right, request.test.count),
    },
  };
}

/** Cross entropy of a classifier over a batch, all of its weights learnt. */
export function classificationProblem(
  network: Graph,
  batchSize: number,
): { problem: TrainingProblem; input: string; labels: string } {
  const logits = findLogits(network);
  const scores = removeDeadCode({ ...network, outputs: [logits.id] });
  const { graph, follow } = useBatchStatistics(setBatch(scores, batchSize));
  const builder = new GraphBuilder(`${network.name}-loss`, SHAPES, graph);
  const labels = builder.input('labels', [batchSize, logits.classes]);
  const loss = appendCrossEntropy(builder, logits.id, labels);
  const statistics = follow.length === 0 ? {} : { statistics: { momentum: STATISTICS_MOMENTUM, follow } };
  const problem = { graph: builder.build([loss]), loss, parameters: trainableConstants(scores), ...statistics };
  return { problem, input: network.inputs[0] as string, labels };
}

function inferenceGraph(network: Graph, values: TrainedValues): Graph {
  return normaliseGraph(replaceConstants(network, values));
}

function checkSamples({ train: set, validation, test }: TrainNetworkRequest, classes: number, ctx: RunContext): void {
  if (set.count < FEWEST_SAMPLES || validation.count === 0 || test.count === 0) {
    fail(
      'E_DATA_EMPTY',
      `${formatCount(set.count)} samples to train on, ${formatCount(validation.count)} to validate and ${formatCount(test.count)} to test are too few: at least ${FEWEST_SAMPLES}, 1 and 1 are needed`,
      { train: set.count, validation: validation.count, test: test.count, fewest: FEWEST_SAMPLES },
      'Give more samples; a few hundred a class are the least for a network that is of use.',
    );
  }
  const seen = new Set(set.labels);
  const missing = Array.from({ length: classes }, (_, c) => c).filter((c) => !seen.has(c));
  if (missing.length > 0)
    ctx.onWarning?.(`no training sample is of class ${missing.join(', ')}: the network never gives it`);
}

async function* oneBatch({
  count,
  inputs,
  labels,
}: TrainingSet): AsyncGenerator<Pick<SampleBatch, 'count' | 'inputs' | 'labels'>> {
  yield { count, inputs, labels };
}

async function countRight(
  network: Graph,
  samples: AsyncIterable<Pick<SampleBatch, 'count' | 'inputs' | 'labels'>>,
  engine: Engine,
  options: { readonly threads?: number },
  ctx: RunContext,
): Promise<number> {
  const rule = classRule(network);
  const runner = await BatchRunner.create(engine, network, options);
  try {
    const [width] = runner.outputSizes as [number];
    let right = 0;
    for await (const { count, inputs, labels } of samples) {
      throwIfAborted(ctx);
      const [scores] = (await runner.run([inputs], count)) as [Float32Array];
      for (let i = 0; i < count; i++) if (chooseClass(scores, i, width, rule) === labels[i]) right += 1;
    }
    return right;
  } finally {
    await runner.dispose();
  }
}
