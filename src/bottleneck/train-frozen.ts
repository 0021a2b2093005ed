/** What does not learn: the layers before the cut and the whole network as teacher. Run once a picture where memory allows, else with every batch. */
import { type RunContext, throwIfAborted } from '../core/context.js';
import type { Engine } from '../engines/engine.js';
import { elementCount, type Graph, type Shape, tensorOf } from '../ir/graph.js';
import { findLogits } from '../passes/logits.js';
import { removeDeadCode } from '../passes/remove-dead-code.js';
import { setBatch } from '../passes/set-batch.js';
import { simulatedGraph } from '../quantize/simulated-graph.js';
import { type Augmentation, type Placement, placePicture } from '../train/augment.js';
import type { TrainingSet } from '../train/training-set.js';

/** Default of `FrozenRequest.cacheBytes`. */
export const CACHE_BYTES = 768 * 1024 * 1024;

export interface FrozenRequest {
  /** The whole network, float32, batch 1: the teacher. */
  readonly network: Graph;
  /** Its tensor that is handed on, unless a quantized head gives it. */
  readonly cut: string;
  /** int8 graph whose output is handed on in its place, as the device computes it. */
  readonly quantizedHead?: Graph;
  readonly set: TrainingSet;
  readonly augmentation: Augmentation;
  readonly batchSize: number;
  readonly engine: Engine;
  readonly threads?: number;
  /** What activations and answers of all samples may take in memory; beyond it they are computed again with every batch. */
  readonly cacheBytes?: number;
}

/** Of one batch. */
export interface FrozenValues {
  /** [batch, …] */
  readonly feature: Float32Array;
  /** [batch, classes]; of a network with a single score z, the pairs (0, z). */
  readonly teacherLogits: Float32Array;
}

export interface FrozenPart {
  /** Of one sample's feature. */
  readonly shape: Shape;
  readonly classes: number;
  readonly cached: boolean;
  /** @param places exactly a batch of them @param placements one a place */
  of(places: Uint32Array, placements: readonly Placement[]): Promise<FrozenValues>;
  /** Of pictures as they are: a batch of them, such as mixtures. */
  ofPictures(batch: Float32Array): Promise<FrozenValues>;
  /** The pictures themselves, moved and mirrored. */
  pictures(places: Uint32Array, placements: readonly Placement[]): Float32Array;
  dispose(): Promise<void>;
}

/** @throws IsplitError E_NO_CLASSES, E_ENGINE, E_INTERRUPTED */
export async function prepareFrozenPart(request: FrozenRequest, ctx: RunContext): Promise<FrozenPart> {
  const runner = await compileFrozen(request);
  const { set, augmentation, cacheBytes = CACHE_BYTES } = request;
  const variants = augmentation.flip ? 2 : 1;
  const bytes = set.count * variants * (runner.elements * (runner.codes ? 1 : 4) + runner.classes * 4);
  if ((augmentation.shift ?? 0) > 0 || augmentation.mix || bytes > cacheBytes) return { ...runner.part, cached: false };
  try {
    const cache = await fillCache(runner, request, variants, ctx);
    return { ...runner.part, of: cache, cached: true, dispose: async () => undefined };
  } finally {
    await runner.part.dispose();
  }
}

interface FrozenRunner {
  readonly part: Omit<FrozenPart, 'cached'>;
  readonly elements: number;
  readonly classes: number;
  /** Quantization of the feature, when it comes from an int8 graph. */
  readonly codes: { readonly scale: number; readonly zeroPoint: number } | undefined;
}

async function compileFrozen(request: FrozenRequest): Promise<FrozenRunner> {
  const { network, cut, quantizedHead, set, augmentation, batchSize, engine, threads } = request;
  const options = threads === undefined ? {} : { threads };
  const logits = findLogits(network);
  const [input] = network.inputs as [string];
  const wholeOutputs = quantizedHead ? [logits.id] : [cut, logits.id];
  const whole = removeDeadCode({ ...network, outputs: [...new Set(wholeOutputs)] });
  const feature = quantizedHead ? (quantizedHead.outputs[0] as string) : cut;
  const teacher = await engine.compile(setBatch(whole, batchSize), options);
  const head = quantizedHead && (await engine.compile(simulatedGraph(quantizedHead, batchSize), options));
  const quant = quantizedHead && tensorOf(quantizedHead, feature).quant;
  const shape = tensorOf(quantizedHead ?? network, feature).shape.slice(1);
  const sampleElements = elementCount(set.shape);
  const [height, width, channels] = set.shape;
  const pictures: FrozenPart['pictures'] = (places, placements) => {
    const batch = new Float32Array(places.length * sampleElements);
    places.forEach((place, i) => {
      const placement = placements[i] as Placement;
      const from = place * sampleElements;
      placePicture(
        set.inputs,
        from,
        batch,
        i * sampleElements,
        { height, width, channels },
        placement,
        augmentation.padding,
      );
    });
    return batch;
  };
  const ofPictures = async (inputs: Float32Array): Promise<FrozenValues> => {
    const answers = await teacher.run({ [input]: inputs });
    const features = head ? await head.run({ [quantizedHead?.inputs[0] as string]: inputs }) : answers;
    return {
      feature: features[feature] as Float32Array,
      teacherLogits: pairScores(answers[logits.id] as Float32Array, logits.width),
    };
  };
  return {
    part: {
      shape,
      classes: logits.classes,
      pictures,
      ofPictures,
      of: (places, placements) => ofPictures(pictures(places, placements)),
      dispose: async () => {
        await teacher.dispose();
        await head?.dispose();
      },
    },
    elements: elementCount(shape),
    classes: logits.classes,
    codes: quant && { scale: quant.scale[0] as number, zeroPoint: quant.zeroPoint[0] as number },
  };
}

/** (0, z) of a single score: the logits of both classes. */
function pairScores(scores: Float32Array, width: number): Float32Array {
  if (width > 1) return scores;
  const pairs = new Float32Array(2 * scores.length);
  scores.forEach((z, i) => {
    pairs[2 * i + 1] = z;
  });
  return pairs;
}

/** All samples, and all mirrored ones behind them. */
async function fillCache(
  runner: FrozenRunner,
  { set, batchSize }: FrozenRequest,
  variants: number,
  ctx: RunContext,
): Promise<FrozenPart['of']> {
  const { elements, classes, codes, part } = runner;
  const total = set.count * variants;
  const features = codes ? new Int8Array(total * elements) : new Float32Array(total * elements);
  const answers = new Float32Array(total * classes);
  for (let at = 0; at < total; at += batchSize) {
    throwIfAborted(ctx);
    // The last batch is filled up with its own last sample.
    const rows = Array.from({ length: batchSize }, (_, i) => Math.min(at + i, total - 1));
    const places = Uint32Array.from(rows, (row) => row % set.count);
    const placements = rows.map((row) => ({ flip: row >= set.count, down: 0, right: 0 }));
    const { feature, teacherLogits } = await part.of(places, placements);
    const real = Math.min(batchSize, total - at);
    const values = feature.subarray(0, real * elements);
    if (codes) for (let i = 0; i < values.length; i++) features[at * elements + i] = toCode(values[i] as number, codes);
    else features.set(values, at * elements);
    answers.set(teacherLogits.subarray(0, real * classes), at * classes);
    ctx.onProgress?.({ stage: 'frozen layers', done: at + real, total, unit: 'images' });
  }
  return async (places, placements) => {
    const feature = new Float32Array(places.length * elements);
    const teacherLogits = new Float32Array(places.length * classes);
    places.forEach((place, i) => {
      const row = place + (placements[i]?.flip ? set.count : 0);
      const from = features.subarray(row * elements, (row + 1) * elements);
      if (codes) decodeInto(from, feature, i * elements, codes);
      else feature.set(from, i * elements);
      teacherLogits.set(answers.subarray(row * classes, (row + 1) * classes), i * classes);
    });
    return { feature, teacherLogits };
  };
}

/** The value is a multiple of the scale but for float32. */
function toCode(value: number, { scale, zeroPoint }: { scale: number; zeroPoint: number }): number {
  return Math.round(value / scale) + zeroPoint;
}

function decodeInto(
  codes: Int8Array | Float32Array,
  into: Float32Array,
  at: number,
  { scale, zeroPoint }: { scale: number; zeroPoint: number },
): void {
  for (let i = 0; i < codes.length; i++) into[at + i] = scale * ((codes[i] as number) - zeroPoint);
}
