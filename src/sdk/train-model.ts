import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { writeTflite } from '../../converters/tflite/write.js';
import { ARCHITECTURES } from '../../models/index.js';
import type { Architecture } from '../../models/network-builder.js';
import { cardFileOf } from '../artifact/model-card.js';
import { cacheFolderOf } from '../artifact/source-hints.js';
import { openStageStore, removeStaleTemporaries } from '../artifact/stage-store.js';
import { checkOutputFile, checkWritable, writeFilesAtomically } from '../artifact/write-files.js';
import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import { findNearestNames } from '../core/nearest-names.js';
import { countMacs, countParameters } from '../cost/cut-cost.js';
import type { Dataset } from '../data/dataset.js';
import { type DatasetOptions, openDataset } from '../data/open-dataset.js';
import { splitRoles } from '../data/roles.js';
import { createEngine, type EngineChoice } from '../engines/index.js';
import { verifyGraph } from '../ir/verify.js';
import { SHAPES } from '../ops/index.js';
import { legaliseTflite } from '../passes/legalise-tflite.js';
import {
  DEFAULT_SETTINGS,
  type TrainedNetwork,
  type TrainingSettings,
  trainNetwork,
} from '../pipeline/train-network.js';
import { type PreprocessOptions, specFromOptions } from '../preprocess/options.js';
import { canonicalSpec, type PreprocessSpec } from '../preprocess/spec.js';
import { checkTrainingLabels, loadSamples, loadTrainingSet } from '../train/training-set.js';
import { type HeldOutOptions, heldOutShare, openTestData, validationShare } from './held-out.js';
import { VERSION } from './version.js';

/** Pictures up to this side are taken as they are; larger ones are brought to the architecture's own size. */
const LARGEST_OWN_SIDE = 96;

export interface TrainModelOptions
  extends PreprocessOptions,
    Omit<HeldOutOptions, 'seed'>,
    Pick<DatasetOptions, 'labels' | 'samples' | 'part'> {
  /** Height and width the network takes, and channels; default: those of the pictures when they are small, else the architecture's. */
  readonly input?:
    | { readonly height: number; readonly width: number; readonly channels?: number | undefined }
    | undefined;
  readonly settings?: Partial<TrainingSettings> | undefined;
  readonly seed?: number | undefined;
  readonly engine?: EngineChoice | undefined;
  readonly threads?: number | undefined;
  /** False: checkpoints of earlier runs are not taken up. They lie in the cache beside the file. */
  readonly cache?: boolean | undefined;
}

/** What `train` leaves: a file, its card, and what is said of them. */
export interface TrainedModel {
  readonly schemaVersion: 1;
  readonly architecture: string;
  readonly file: string;
  readonly card: string;
  readonly sha256: string;
  readonly inputShape: readonly [number, number, number];
  readonly classes: readonly string[];
  readonly parameters: number;
  readonly macs: number;
  readonly samples: { readonly train: number; readonly validation: number; readonly test: number };
  /** Where the test samples came from. */
  readonly on: 'test' | 'held-out';
  readonly settings: TrainingSettings;
  /** From 0; the one whose weights were kept. */
  readonly bestEpoch: number;
  readonly accuracy: TrainedNetwork['accuracy'];
  readonly history: TrainedNetwork['history'];
}

/** `trained/<architecture>.tflite` */
export function defaultTrainedFile(architecture: string): string {
  return path.join('trained', `${architecture}.tflite`);
}

/**
 * The job of `isplit-edge train`: an architecture from random weights on labelled pictures. Writes a float32 TFLite file and a card, both
 * or neither. Interrupted, it goes on from its last checkpoint when it is called again with the same arguments.
 * @throws IsplitError of every kind; then nothing but checkpoints is written
 */
export async function trainModel(
  architectureId: string,
  file: string,
  options: TrainModelOptions,
  ctx: RunContext = {},
): Promise<TrainedModel> {
  const architecture = findArchitecture(architectureId);
  const folder = path.dirname(path.resolve(file));
  await checkOutputFile(file);
  await checkWritable(folder);
  const seed = options.seed ?? 0;
  const settings: TrainingSettings = { ...DEFAULT_SETTINGS, ...options.settings, seed };
  const whole = await openDataset(options.data, { part: 'train', ...pickData(options), seed }, ctx);
  checkTrainingLabels(whole);
  const given = await openTestData(whole, { ...options, seed }, ctx);
  const roles = splitRoles(whole, seed, {
    validation: validationShare(whole.count),
    ...(given ? {} : { test: heldOutShare(whole.count) }),
  });
  const test = given ?? roles.test;
  const inputShape = await chooseInput(architecture, whole, options, ctx);
  const spec = chooseSpec(options, inputShape);
  const classNames = whole.classNames ?? Array.from({ length: whole.classCount }, (_, c) => String(c));
  const design = { inputShape, classes: whole.classCount, seed, batchNorm: true, forTraining: true };
  const network = architecture.build(design);
  verifyGraph(network, SHAPES);
  const engine = await createEngine(options.engine ?? 'onnx');

  const cacheFolder = cacheFolderOf(file);
  await removeStaleTemporaries(cacheFolder);
  const store = openStageStore(cacheFolder);
  const key = {
    tool: VERSION,
    architecture: architecture.id,
    design,
    settings,
    train: await roles.train.contentSha256(ctx),
    validation: await roles.validation.contentSha256(ctx),
    spec: canonicalSpec(spec),
    engine: engine.description,
    threads: options.threads ?? null,
  };
  const trained = await trainNetwork(
    {
      network,
      train: await loadTrainingSet(roles.train, spec, ctx),
      validation: await loadSamples(roles.validation, spec, ctx),
      test: { count: test.count, samples: () => test.batches({ batchSize: 64, spec, ...ctx }) },
      settings,
      engine,
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      checkpoints: {
        load: async () => (options.cache === false ? undefined : store.loadBytes('train', key)),
        save: (bytes) => store.saveBytes('train', key, bytes),
      },
    },
    ctx,
  );

  const bytes = writeTflite(legaliseTflite(trained.network, { keepMeans: true }), {
    description: `${architecture.id}, isplit-edge`,
    classNames,
  });
  const card = path.join(path.dirname(file), cardFileOf(file));
  const result: TrainedModel = {
    schemaVersion: 1,
    architecture: architecture.id,
    file,
    card,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    inputShape,
    classes: classNames,
    parameters: countParameters(network),
    macs: countMacs(trained.network),
    samples: { train: roles.train.count, validation: roles.validation.count, test: test.count },
    on: given ? 'test' : 'held-out',
    settings,
    bestEpoch: trained.bestEpoch,
    accuracy: trained.accuracy,
    history: trained.history,
  };
  const facts = {
    whole,
    test,
    spec,
    source: architecture.source,
    bytes: bytes.length,
    trained,
    engine: engine.description,
  };
  await writeFilesAtomically(folder, {
    [path.basename(file)]: bytes,
    [path.basename(card)]: `${JSON.stringify(describeCard(result, facts), null, 2)}\n`,
  });
  return result;
}

interface CardFacts {
  readonly whole: Dataset;
  readonly test: Dataset;
  readonly spec: PreprocessSpec;
  readonly source: string;
  readonly bytes: number;
  readonly trained: TrainedNetwork;
  readonly engine: string;
}

/** A model card, as models/fashion-cnn/card.json: no paths, no times. */
function describeCard(model: TrainedModel, facts: CardFacts): object {
  const { accuracy, settings, samples } = model;
  const { seed, ...training } = settings;
  return {
    schemaVersion: 1,
    name: path.parse(model.file).name,
    task: 'image-classification',
    description: `${model.architecture} trained from random weights on ${facts.whole.describe().name}`,
    source: facts.source,
    model: { path: path.basename(model.file), bytes: facts.bytes, sha256: model.sha256, format: 'tflite-float32' },
    inputShape: model.inputShape,
    preprocessing: canonicalSpec(facts.spec),
    classes: model.classes,
    parameters: { total: model.parameters, trainable: facts.trained.trainableParameters },
    macs: model.macs,
    accuracy,
    training: {
      tool: `isplit-edge ${VERSION}`,
      engine: facts.engine,
      seed,
      ...training,
      epochsRun: model.history.length,
      bestEpoch: model.bestEpoch,
      samples: { ...samples, testFrom: model.on === 'test' ? facts.test.describe().name : 'held out of the data' },
    },
  };
}

/** @throws IsplitError E_ARCHITECTURE_UNKNOWN */
function findArchitecture(id: string): Architecture {
  const found = ARCHITECTURES.find((a) => a.id === id);
  if (found) return found;
  const ids = ARCHITECTURES.map((a) => a.id);
  const [nearest] = findNearestNames(id, ids);
  fail(
    'E_ARCHITECTURE_UNKNOWN',
    `there is no architecture "${id}"${nearest ? `; did you mean ${nearest}?` : ''}`,
    { architecture: id, architectures: ids },
    existsSync(id)
      ? `Networks are trained from scratch, not from a file: name one of ${ids.join(', ')}, or a folder that build left.`
      : `Name one of ${ids.join(', ')}.`,
  );
}

/** @throws IsplitError E_INPUT_TOO_SMALL */
async function chooseInput(
  architecture: Architecture,
  whole: Dataset,
  options: TrainModelOptions,
  ctx: RunContext,
): Promise<[number, number, number]> {
  const first = await whole.firstShape(ctx);
  const own = whole.describe().sampleShape;
  const { smallestInput: smallest, defaultInput } = architecture;
  const fits =
    own && Math.max(own.height, own.width) <= LARGEST_OWN_SIDE && Math.min(own.height, own.width) >= smallest;
  const size = options.input ?? (fits ? own : { height: defaultInput[0], width: defaultInput[1] });
  const { height, width } = size;
  const colours = options.colour === undefined ? undefined : options.colour.startsWith('gr') ? 1 : 3;
  const channels = options.input?.channels ?? colours ?? (first.channels === 1 ? 1 : 3);
  if (Math.min(height, width) < smallest) {
    fail(
      'E_INPUT_TOO_SMALL',
      `${architecture.id} needs pictures of at least ${smallest}×${smallest}, the input is ${height}×${width}`,
      { architecture: architecture.id, smallest, input: [height, width, channels] },
      `Give --input ${smallest} or more: pictures are resized.`,
    );
  }
  return [height, width, channels];
}

/** Resized where the pictures have another size, and scaled to 0..1, unless options say otherwise. */
function chooseSpec(options: TrainModelOptions, inputShape: readonly [number, number, number]): PreprocessSpec {
  const scaled = options.inputRange !== undefined || options.mean !== undefined || options.std !== undefined;
  const chosen = {
    ...options,
    resize: options.resize ?? 'bilinear',
    ...(scaled ? {} : { inputRange: '0..1' }),
  };
  return specFromOptions(chosen, inputShape).spec;
}

function pickData(options: TrainModelOptions): DatasetOptions {
  const { labels, labelMap, recordShape, samples, part } = options;
  return { labels, labelMap, recordShape, samples, ...(part === undefined ? {} : { part }) };
}
