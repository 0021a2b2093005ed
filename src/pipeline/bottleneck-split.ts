/** A split with a bottleneck at its cut: started from data, measured, trained, made int8; its codec learnt, its tail settled on the device's own codes. */
import { createHash } from 'node:crypto';
import type { WireTensor } from '../artifact/manifest.js';
import type { StageStore } from '../artifact/stage-store.js';
import { collectActivations } from '../bottleneck/activations.js';
import { type BottleneckedNetwork, type BottleneckSpec, wireScale } from '../bottleneck/bottleneck.js';
import { initialWeights } from '../bottleneck/initial-weights.js';
import { insertBottleneck } from '../bottleneck/insert.js';
import type { BottleneckWeights } from '../bottleneck/parameters.js';
import type { BottleneckReport } from '../bottleneck/report.js';
import { packedWireBytes } from '../bottleneck/spec.js';
import {
  settleTail,
  type TrainBottleneckRequest,
  type TrainedBottleneck,
  trainBottleneck,
} from '../bottleneck/train-bottleneck.js';
import type { BottleneckRecipe } from '../bottleneck/train-recipe.js';
import type { BottleneckStage } from '../bottleneck/train-stage.js';
import type { RunContext } from '../core/context.js';
import type { Engine } from '../engines/engine.js';
import { toCodes } from '../evaluate/wire-values.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { partitionGraph } from '../ir/partition.js';
import { type InputQuantization, quantizeToInt8 } from '../preprocess/normalise.js';
import { runRecords } from '../quantize/run-records.js';
import {
  type PackedPlace,
  packConstants,
  packedPlaces,
  replaceConstants,
  trainableConstants,
  unpackValues,
} from '../train/trainable-constants.js';
import type { Checkpoints } from '../train/training.js';
import type { TrainingSet } from '../train/training-set.js';
import { createCodec } from '../wire/codecs/create-codec.js';
import { learnCodec } from '../wire/codecs/learn-rans-tables.js';
import type { BuiltHead } from './build-head.js';
import { holdToBudget } from './hold-to-budget.js';

/** The codec is learnt on so many training samples, the mean payload measured on so many validation samples. */
const CODEC_SAMPLES = 512;
const WIRE_ZERO_POINT = -128;

export interface BottleneckSplitRequest {
  /** Normalised, float32, batch 1. */
  readonly network: Graph;
  readonly cut: string;
  readonly spec: BottleneckSpec;
  /** Mean payload that is allowed; absent: what the codes come to. */
  readonly wireBytes?: number | undefined;
  readonly training: TrainingSet;
  readonly validation: TrainingSet;
  readonly recipe: BottleneckRecipe;
  readonly engine: Engine;
  readonly threads?: number | undefined;
  readonly seed: number;
  readonly store?: StageStore | undefined;
  /** Everything that the result depends on besides this request: model, samples, preprocessing, engine, version. */
  readonly storeInputs: unknown;
  /** Makes a float head int8. @param output fixed quantization of its output @param weights hash of what is not the model's own */
  readonly buildHead: (head: Graph, output?: InputQuantization, weights?: string) => Promise<BuiltHead>;
  /** Whether a split of this size is worth training. */
  readonly fits: (split: { readonly head: BuiltHead; readonly headFloat: Graph; readonly tail: Graph }) => boolean;
}

export interface BottleneckSplit {
  /** Encoder included; its wire tensor has the learnt codec. */
  readonly head: BuiltHead;
  readonly headFloat: Graph;
  /** Decoder and the network's tail, float32. */
  readonly tail: Graph;
  /** null when the head does not fit: then nothing was trained, and the weights are those it would have started from. */
  readonly report: BottleneckReport | null;
}

/**
 * The quantized layers before the cut stay as they are while the bottleneck learns from what they give. Interrupted and run again it
 * goes on where it was, to the same bytes.
 * @throws IsplitError what quantizing, training and the engine throw
 */
export async function buildBottleneckSplit(request: BottleneckSplitRequest, ctx: RunContext): Promise<BottleneckSplit> {
  const { network, cut, spec, seed, recipe } = request;
  const { weights, started } = await startFromData(request, ctx);
  const output = { scale: wireScale(spec.bits), zeroPoint: WIRE_ZERO_POINT };
  const trial = await buildCoded(request, started, output, ctx);
  const untrained = { head: trial.head, headFloat: started.head, tail: started.tail };
  if (!request.fits(untrained)) return { ...untrained, report: null };
  const common = {
    network,
    cut,
    training: request.training,
    validation: request.validation,
    engine: request.engine,
    ...(request.threads === undefined ? {} : { threads: request.threads }),
    seed,
    checkpoints: (stage: BottleneckStage) => keepCheckpoints(request, stage),
  };
  const prefix = recipe.trainHead ? undefined : await request.buildHead(partitionGraph(network, [cut]).head);
  const trained = await trainOnce(
    {
      ...common,
      spec,
      initial: weights,
      recipe,
      ...withTarget(request),
      ...(prefix ? { quantizedHead: prefix.graph } : {}),
    },
    started,
    request,
    ctx,
  );
  const {
    network: held,
    coded,
    scaledBy,
  } = await holdToBudget(trained.network, request.wireBytes, (current) => buildCoded(request, current, output, ctx));
  const { head, codedBytes } = coded;
  const settled =
    recipe.settle &&
    (await settleTail(
      {
        ...common,
        trained: held,
        quantizedHead: head.graph,
        recipe: { ...recipe, settle: recipe.settle },
      },
      ctx,
    ));
  return {
    head,
    headFloat: held.head,
    tail: (settled?.network ?? held).tail,
    report: {
      trainingSamples: request.training.count,
      validationSamples: request.validation.count,
      validation: {
        initial: trained.validation.initial,
        afterReconstruct: trained.validation.afterReconstruct,
        afterFineTune: trained.validation.afterFineTune,
        afterSettle: settled?.validation.after ?? trained.validation.afterFineTune,
      },
      history: { ...trained.history, settle: settled?.history ?? [] },
      bytes: { packed: packedWireBytes(spec, tensorOf(network, cut).shape.slice(1)), coded: codedBytes, scaledBy },
    },
  };
}

async function startFromData(
  request: BottleneckSplitRequest,
  ctx: RunContext,
): Promise<{ weights: BottleneckWeights; started: BottleneckedNetwork }> {
  const { network, cut, spec, training, engine, threads, seed } = request;
  const sample = await collectActivations(network, cut, inBatches(training), withThreads({ engine }, threads), ctx);
  const weights = initialWeights(spec, sample, {
    seed,
    decoder: request.recipe.decoder ?? 'linear',
    ...withTarget(request),
  });
  return { weights, started: insertBottleneck(network, cut, spec, weights) };
}

function withThreads<T extends object>(options: T, threads: number | undefined): T & { threads?: number } {
  return threads === undefined ? options : { ...options, threads };
}

const READ_BATCH = 32;

async function* inBatches(set: TrainingSet): AsyncGenerator<{ count: number; inputs: Float32Array }> {
  const size = set.inputs.length / set.count;
  for (let from = 0; from < set.count; from += READ_BATCH) {
    const count = Math.min(READ_BATCH, set.count - from);
    yield { count, inputs: set.inputs.subarray(from * size, (from + count) * size) };
  }
}

/** What is learnt is held to a little less than is allowed: other samples than the training ones take a little more. */
const RATE_MARGIN = 0.02;
/** State that a payload ends with. */
const CODER_BYTES = 4;

function withTarget({ wireBytes }: BottleneckSplitRequest): { codedBytes?: number } {
  return wireBytes === undefined ? {} : { codedBytes: Math.max(1, (1 - RATE_MARGIN) * wireBytes - CODER_BYTES) };
}

interface CodedHead {
  readonly head: BuiltHead;
  /** Mean payload of validation samples. */
  readonly codedBytes: number;
}

/** A head made int8, with the codec learnt on its codes. */
async function buildCoded(
  request: BottleneckSplitRequest,
  { head, wire }: BottleneckedNetwork,
  output: InputQuantization,
  ctx: RunContext,
): Promise<CodedHead> {
  const built = await request.buildHead(head, output, hashConstants(head));
  const { shape } = tensorOf(head, wire);
  const { bits } = request.spec;
  const threads = withThreads({ ctx: ctx.signal ? { signal: ctx.signal } : {} }, request.threads);
  const codesOf = async (set: TrainingSet): Promise<{ codes: Uint8Array; count: number }> => {
    const count = Math.min(CODEC_SAMPLES, set.count);
    const values = set.inputs.subarray(0, (count * set.inputs.length) / set.count);
    const inputs = Int8Array.from(values, (value) => quantizeToInt8(value, built.input));
    return { codes: toCodes(await runRecords(built.graph, inputs, count, threads)), count };
  };
  const codec = learnCodec({ ...(await codesOf(request.training)), shape: shape.slice(1), bits });
  const coder = createCodec(codec, shape.slice(1));
  const held = await codesOf(request.validation);
  const size = elementCount(shape);
  let bytes = 0;
  for (let i = 0; i < held.count; i++) bytes += coder.encode(held.codes.subarray(i * size, (i + 1) * size)).length;
  const codedBytes = bytes / held.count;
  const [tensor] = built.wire as readonly [WireTensor];
  return {
    head: { ...built, wire: [{ ...tensor, codec, bits, bytes: coder.maxBytes }], wireBytes: codedBytes },
    codedBytes,
  };
}

function hashConstants(graph: Graph): string {
  const hash = createHash('sha256');
  for (const { id, data } of graph.tensors.values()) {
    if (data) hash.update(id).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

function stageInputs({
  cut,
  spec,
  wireBytes,
  recipe,
  seed,
  training,
  validation,
  storeInputs,
}: BottleneckSplitRequest): object {
  const set = ({ count, inputs, labels }: TrainingSet): object => ({
    count,
    values: inputs.length,
    labels: hashOf(labels),
  });
  return {
    cut,
    spec,
    wireBytes: wireBytes ?? null,
    recipe,
    seed,
    request: storeInputs,
    training: set(training),
    validation: set(validation),
  };
}

function hashOf(labels: Int32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength))
    .digest('hex');
}

function keepCheckpoints(request: BottleneckSplitRequest, stage: BottleneckStage): Checkpoints {
  const inputs = stageInputs(request);
  return {
    load: async () => request.store?.loadBytes(`train-${stage}`, inputs),
    save: async (bytes) => request.store?.saveBytes(`train-${stage}`, inputs, bytes),
  };
}

/** A training that ended is not run again: its weights are kept, and what it said of itself. */
async function trainOnce(
  task: TrainBottleneckRequest,
  started: BottleneckedNetwork,
  request: BottleneckSplitRequest,
  ctx: RunContext,
): Promise<TrainedBottleneck> {
  const { store } = request;
  const inputs = { ...stageInputs(request), initial: hashConstants(started.head) };
  const heads = request.recipe.trainHead ? trainableConstants(started.head) : started.encoderParameters;
  const tails = trainableConstants(started.tail);
  const bytes = await store?.loadBytes('trained-weights', inputs);
  const text = await store?.load('trained', inputs);
  if (bytes && text) {
    const restore = (graph: Graph, ids: readonly string[], from: number): Graph => {
      const places = packedPlaces(graph, ids);
      // A copy: a slice of a Buffer looks into the memory of the whole.
      const values = new Float32Array(Uint8Array.from(bytes.subarray(from, from + 4 * lengthOf(places))).buffer);
      return replaceConstants(graph, unpackValues(places, values));
    };
    const head = restore(started.head, heads, 0);
    const tail = restore(started.tail, tails, 4 * lengthOf(packedPlaces(started.head, heads)));
    return { ...(JSON.parse(text) as Omit<TrainedBottleneck, 'network'>), network: { ...started, head, tail } };
  }
  const trained = await trainBottleneck(task, ctx);
  const { network, ...told } = trained;
  const parts = [packConstants(network.head, heads), packConstants(network.tail, tails)];
  await store?.saveBytes('trained-weights', inputs, Buffer.concat(parts.map((p) => new Uint8Array(p.buffer))));
  await store?.save('trained', inputs, JSON.stringify(told));
  return trained;
}

function lengthOf(places: readonly PackedPlace[]): number {
  return places.reduce((n, { length }) => n + length, 0);
}
