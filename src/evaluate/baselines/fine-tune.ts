import { DEFAULT_WORK } from '../../bottleneck/train-recipe.js';
import { type RunContext, throwIfAborted } from '../../core/context.js';
import { countMacs } from '../../cost/cut-cost.js';
import type { Dataset } from '../../data/dataset.js';
import { drawStratified } from '../../data/roles.js';
import { GraphBuilder } from '../../ir/builder.js';
import type { Graph } from '../../ir/graph.js';
import { SHAPES } from '../../ops/index.js';
import { findLogits } from '../../passes/logits.js';
import { removeDeadCode } from '../../passes/remove-dead-code.js';
import { setBatch } from '../../passes/set-batch.js';
import { applyFloatTable, makeFloatTable } from '../../preprocess/normalise.js';
import { inputElements, type PreprocessSpec } from '../../preprocess/spec.js';
import { drawPlacement, placePicture } from '../../train/augment.js';
import { appendCrossEntropy, appendDistillation, appendWeightedSum, oneHot } from '../../train/losses.js';
import { shuffledBatches } from '../../train/shuffled-batches.js';
import { train } from '../../train/train.js';
import {
  packConstants,
  packedPlaces,
  replaceConstants,
  trainableConstants,
  unpackValues,
} from '../../train/trainable-constants.js';
import type { Checkpoints, TrainedValues, TrainingProblem } from '../../train/training.js';
import { checkTrainingLabels } from '../../train/training-set.js';
import { BatchRunner } from '../batch-runner.js';
import type { BaselineRequest, FineTuneOptions } from './baseline-request.js';
import { PictureClassifier } from './classifier.js';
import { describeSetting, type PictureCodec } from './picture-codec.js';
import { joinPictures, type PictureBatch, readPictures } from './pictures.js';
import type { TriedSetting } from './search-settings.js';
import { sendPictures } from './send-pictures.js';

const DEFAULTS = { learningRate: 1e-3, batchSize: 64, samples: 10_000, seed: 0 } as const;
/** Passes over the samples; fewer for a network so large that they would take more work than a bottleneck's training. */
const MOST_EPOCHS = 8;
/** float32 inputs held in memory. */
const MOST_BYTES = 2 ** 30;
const READ_BATCH = 256;
/** Softened targets of the network on clean pictures, and the labels beside them. */
const TEMPERATURE = 2;
const LABEL_WEIGHT = 0.3;
/** Losses are means over the samples; ever smaller convolutions are ever less worth a thread. */
const SMALLEST_PART = 8;

export interface FineTunedClassifier {
  readonly setting: TriedSetting;
  readonly classifier: PictureClassifier;
}

export interface FineTuneRequest
  extends Pick<BaselineRequest, 'network' | 'preprocessing' | 'engine' | 'threads' | 'store' | 'storeInputs'> {
  readonly fineTune: FineTuneOptions;
  readonly codec: PictureCodec;
  readonly setting: TriedSetting;
  /** Sent and classified after each epoch: the best epoch is kept. */
  readonly validation: PictureBatch;
}

/**
 * The network with all its weights trained further on pictures as they arrive through one codec at one setting: labels, and what
 * the network said of the same pictures before coding.
 * @throws IsplitError E_DATA_EMPTY, E_TRAIN_*, E_ENGINE, E_INTERRUPTED
 */
export async function fineTuneClassifier(request: FineTuneRequest, ctx: RunContext): Promise<FineTunedClassifier> {
  const { network, preprocessing, setting, store } = request;
  const places = packedPlaces(network, trainableConstants(network));
  const inputs = store && (await describeInputs(request, ctx));
  const known = await store?.loadBytes('fine-tuned', inputs);
  let values: TrainedValues;
  if (known) {
    values = unpackValues(places, new Float32Array(Uint8Array.from(known).buffer));
  } else {
    values = await fineTune(request, inputs, ctx);
    const packed = packConstants(
      replaceConstants(network, values),
      places.map(({ id }) => id),
    );
    await store?.saveBytes('fine-tuned', inputs, new Uint8Array(packed.buffer));
  }
  return {
    setting,
    classifier: await PictureClassifier.create(replaceConstants(network, values), preprocessing, request),
  };
}

async function describeInputs(
  { codec, fineTune, setting, storeInputs }: FineTuneRequest,
  ctx: RunContext,
): Promise<unknown> {
  return {
    request: storeInputs,
    codec: codec.id,
    setting: setting.setting,
    train: await fineTune.train.contentSha256(ctx),
    options: { ...DEFAULTS, ...fineTune.options },
  };
}

async function fineTune(request: FineTuneRequest, storeInputs: unknown, ctx: RunContext): Promise<TrainedValues> {
  const { codec, engine, fineTune, network, preprocessing: spec, setting, store, threads, validation } = request;
  const { learningRate, batchSize, seed, flip } = {
    ...DEFAULTS,
    flip: spec.channels === 3,
    ...fineTune.options,
  };
  const logits = logitsOnly(network);
  const problem = makeProblem(logits, batchSize);
  const samples = await loadDegraded(request, flip, ctx);
  const epochs = fineTune.options?.epochs ?? chooseEpochs(samples.count * countMacs(network));
  const [input, labels, teacher] = problem.graph.inputs as [string, string, string];
  const { height, width, channels } = spec;
  const augment = { flip, input, shape: { height, width, channels } };
  const source = shuffledBatches({
    batchSize,
    seed,
    count: samples.count,
    inputs: { [input]: samples.inputs, [labels]: oneHot(samples.labels, samples.classes) },
    augment,
    transform: (batch, order, epoch) => ({
      ...batch,
      [teacher]: gatherRows(
        order,
        (place) =>
          flip && drawPlacement(augment, seed, epoch, place).flip ? samples.mirroredTeacher : samples.teacher,
        samples.teacher.length / samples.count,
      ),
    }),
  });
  const arrived = await sendPictures(validation.pictures, codec, setting.setting, setting.shared, ctx);
  const pixels = joinPictures(arrived.pictures, spec);
  const validate = async (values: TrainedValues): Promise<number> => {
    const classifier = await PictureClassifier.create(replaceConstants(network, values), spec, request);
    try {
      const classes = await classifier.classify(pixels, arrived.pictures.length);
      return classes.filter((c, i) => c === validation.labels[i]).length / classes.length;
    } finally {
      await classifier.dispose();
    }
  };
  const checkpoints: Checkpoints | undefined = store && {
    load: () => store.loadBytes('fine-tuning', storeInputs),
    save: (bytes) => store.saveBytes('fine-tuning', storeInputs, bytes),
  };
  const outcome = await train(
    problem,
    source,
    {
      engine,
      ...(threads === undefined ? {} : { threads }),
      epochs,
      learningRate,
      finalShare: 0.01,
      validate,
      ...(checkpoints ? { checkpoints } : {}),
      stage: `fine-tune for ${codec.id} ${describeSetting(setting.setting)}`,
    },
    ctx,
  );
  return outcome.values;
}

/** @param work multiply-accumulates of running the network once on every sample */
function chooseEpochs(work: number): number {
  return Math.max(1, Math.min(MOST_EPOCHS, Math.floor(DEFAULT_WORK / work)));
}

/** The network up to its scores before softmax or sigmoid. */
function logitsOnly(network: Graph): Graph {
  return removeDeadCode({ ...network, outputs: [findLogits(network).id] });
}

/** Inputs: pictures, labels as distributions, what the network said of the clean pictures. */
function makeProblem(logits: Graph, batchSize: number): TrainingProblem {
  const batched = setBatch(logits, batchSize);
  const builder = new GraphBuilder(`${logits.name}/fine-tune`, SHAPES, batched);
  const rows = asClassScores(builder, batched.outputs[0] as string, batchSize);
  const { shape } = builder.type(rows);
  const labels = builder.input('fine-tune/labels', shape);
  const teacher = builder.input('fine-tune/teacher', shape);
  const loss = appendWeightedSum(builder, [
    { loss: appendDistillation(builder, rows, teacher, TEMPERATURE), weight: 1 },
    { loss: appendCrossEntropy(builder, rows, labels), weight: LABEL_WEIGHT },
  ]);
  return { graph: builder.build([loss]), loss, parameters: trainableConstants(logits), smallestPart: SMALLEST_PART };
}

/** [batch, classes]; a single score z becomes the two scores 0 and z, whose softmax is z's sigmoid. */
function asClassScores(builder: GraphBuilder, scores: string, batchSize: number): string {
  const { shape } = builder.type(scores);
  const width = shape.reduce((n, d) => n * d, 1) / batchSize;
  const rows = builder.op('reshape', [scores], { shape: [-1, width] }, { id: 'fine-tune/scores' });
  if (width > 1) return rows;
  return builder.op('pad', [rows], { paddings: [0, 0, 1, 0], value: 0 }, { id: 'fine-tune/two_scores' });
}

interface DegradedSamples {
  readonly count: number;
  readonly classes: number;
  /** As they arrive. */
  readonly inputs: Float32Array;
  readonly labels: Int32Array;
  /** Scores for the pictures as they are, and mirrored (the same array where nothing is mirrored). */
  readonly teacher: Float32Array;
  readonly mirroredTeacher: Float32Array;
}

async function loadDegraded(request: FineTuneRequest, flip: boolean, ctx: RunContext): Promise<DegradedSamples> {
  const { codec, engine, fineTune, network, preprocessing: spec, setting, threads } = request;
  const dataset = drawTraining(fineTune, spec);
  checkTrainingLabels(dataset);
  const elements = inputElements(spec);
  const { width, classes } = findLogits(network);
  const table = makeFloatTable(spec);
  const inputs = new Float32Array(dataset.count * elements);
  const teacher = new Float32Array(dataset.count * classes);
  const mirroredTeacher = flip ? new Float32Array(teacher.length) : teacher;
  const runner = await BatchRunner.create(engine, logitsOnly(network), threads === undefined ? {} : { threads });
  const score = async (pixels: Float32Array, rows: number): Promise<Float32Array> =>
    widenRows((await runner.run([pixels], rows))[0] as Float32Array, width);
  let count = 0;
  try {
    for await (const { pictures } of readPictures(dataset, spec, READ_BATCH, ctx)) {
      throwIfAborted(ctx);
      const sent = await sendPictures(pictures, codec, setting.setting, setting.shared, ctx);
      applyFloatTable(
        joinPictures(sent.pictures, spec),
        table,
        inputs.subarray(count * elements, (count + pictures.length) * elements),
      );
      const clean = applyFloatTable(joinPictures(pictures, spec), table);
      teacher.set(await score(clean, pictures.length), count * classes);
      if (flip)
        mirroredTeacher.set(await score(mirror(clean, pictures.length, spec), pictures.length), count * classes);
      count += pictures.length;
      ctx.onProgress?.({ stage: `${codec.id} training pictures`, done: count, total: dataset.count, unit: 'images' });
    }
  } finally {
    await runner.dispose();
  }
  return { count, classes, inputs, labels: dataset.labels, teacher, mirroredTeacher };
}

function drawTraining({ train: all, options }: FineTuneOptions, spec: PreprocessSpec): Dataset {
  const affordable = Math.floor(MOST_BYTES / (4 * inputElements(spec)));
  const count = Math.min(options?.samples ?? DEFAULTS.samples, affordable);
  return all.count <= count ? all : all.select(drawStratified(all.labels, count, options?.seed ?? DEFAULTS.seed));
}

/** A single score z as 0 and z. */
function widenRows(scores: Float32Array, width: number): Float32Array {
  return width > 1
    ? scores
    : Float32Array.from({ length: 2 * scores.length }, (_, i) => (i % 2 === 1 ? (scores[i >> 1] as number) : 0));
}

function mirror(inputs: Float32Array, count: number, { height, width, channels }: PreprocessSpec): Float32Array {
  const out = new Float32Array(inputs.length);
  const size = height * width * channels;
  for (let i = 0; i < count; i++) {
    placePicture(inputs, i * size, out, i * size, { height, width, channels }, { flip: true, down: 0, right: 0 });
  }
  return out;
}

function gatherRows(order: Uint32Array, from: (place: number) => Float32Array, width: number): Float32Array {
  const rows = new Float32Array(order.length * width);
  order.forEach((place, i) => {
    rows.set(from(place).subarray(place * width, (place + 1) * width), i * width);
  });
  return rows;
}
