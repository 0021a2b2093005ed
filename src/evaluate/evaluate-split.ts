import type { WireTensor } from '../artifact/manifest.js';
import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import type { Dataset, SampleBatch } from '../data/dataset.js';
import type { Engine } from '../engines/engine.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { partitionGraph } from '../ir/partition.js';
import { type InputQuantization, type Int8Map, makeInt8Map } from '../preprocess/normalise.js';
import { inputElements, type PreprocessSpec } from '../preprocess/spec.js';
import { runRecords } from '../quantize/run-records.js';
import { BatchRunner } from './batch-runner.js';
import { type ClassRule, chooseClass, classRule, classRuleOf } from './choose-class.js';
import type { Evaluation, Prediction } from './evaluation.js';
import { quantizeSamples } from './quantize-samples.js';
import { tally } from './tally.js';
import { dequantizeWire, WireLink } from './wire-values.js';

/** Samples are read in pieces of about so many bytes of float32 input. */
const PIECE_BYTES = 64 * 1024 * 1024;
const LARGEST_PIECE = 512;

/** A head, a tail and what crosses between them. Shapes are batch 1. */
export interface SplitUnderTest {
  readonly splitId: string;
  /** int8, outputs in the order of `wire`; absent when the cut is the input: the quantized input itself is sent. */
  readonly head?: Graph;
  /** float32, inputs in the order of `wire`; absent when the cut is the output, or when there is a gateway. */
  readonly tail?: Graph;
  /** The tail as it was built: class scores from decoded wire values. Default: `tail` in the engine, behind dequantizing. */
  readonly gateway?: Gateway;
  readonly wire: readonly WireTensor[];
  /** Quantization of the input. */
  readonly input: InputQuantization;
  readonly preprocessing: PreprocessSpec;
  /** The whole float32 network; absent when it could not be found. */
  readonly full?: Graph;
  /** The float32 head before `tail`; default: the part of `full` before the wire tensors. */
  readonly headFloat?: Graph;
  /** Default: class numbers. */
  readonly classNames?: readonly string[];
}

/**
 * @param received `count` records of decoded int8 values, each its wire tensors one after the other
 * @returns `count` rows of class scores
 */
export type Gateway = (received: Int8Array, count: number) => Promise<Float32Array>;

export interface EvaluateOptions {
  readonly engine: Engine;
  /** Threads of the engine and workers of the int8 executor. */
  readonly threads?: number;
}

export interface EvaluatedSplit {
  readonly evaluation: Evaluation;
  readonly predictions: readonly Prediction[];
}

/**
 * Classifies every sample by the full float network, by the float split, and by the int8 split exactly as the device and the
 * gateway do it: bytes → int8 → int8 executor → encoded payload → decoded → dequantized → float tail.
 * @param dataset labelled test samples
 * @throws IsplitError E_DATA_EMPTY, E_LABEL_RANGE, E_NO_CLASSES, E_NOT_FINITE, E_GRAPH_INVALID, E_ENGINE, E_INTERRUPTED
 */
export async function evaluateSplit(
  split: SplitUnderTest,
  dataset: Dataset,
  options: EvaluateOptions,
  ctx: RunContext = {},
): Promise<EvaluatedSplit> {
  checkSplit(split);
  if (dataset.count === 0)
    fail('E_DATA_EMPTY', 'there are no samples to evaluate on', {}, 'Check --test-data and --samples.');
  const description = dataset.describe();
  const rule = chooseRule(split);
  const runner = await SplitRunner.create(split, rule, options);
  const predictions: Prediction[] = [];
  const report = (): void =>
    ctx.onProgress?.({ stage: 'evaluate', done: predictions.length, total: dataset.count, unit: 'samples' });
  report();
  try {
    const sampleBytes = 4 * inputElements(split.preprocessing);
    const batchSize = Math.max(1, Math.min(LARGEST_PIECE, Math.floor(PIECE_BYTES / sampleBytes)));
    for await (const batch of dataset.batches({ batchSize, spec: split.preprocessing, ...ctx })) {
      throwIfAborted(ctx);
      checkLabels(batch, rule);
      predictions.push(...(await runner.run(batch, ctx)));
      report();
    }
  } finally {
    await runner.dispose();
  }
  const subject = {
    splitId: split.splitId,
    data: {
      name: description.name,
      format: description.format,
      part: description.part ?? null,
      sha256: await dataset.contentSha256(ctx),
    },
    classNames: Array.from({ length: rule.classes }, (_, c) => split.classNames?.[c] ?? String(c)),
  };
  return { evaluation: tally(subject, predictions), predictions };
}

function chooseRule({ full, tail, gateway, head, classNames }: SplitUnderTest): ClassRule {
  const graph = full ?? tail ?? (gateway ? undefined : head);
  return graph ? classRule(graph) : classRuleOf(classNames?.length ?? 0);
}

/** What the engine runs. */
interface FloatGraphs {
  readonly full?: Graph | undefined;
  /** Float head and tail; both absent when the split is the whole network on one side. */
  readonly head?: Graph | undefined;
  readonly tail?: Graph | undefined;
}

function chooseFloatGraphs({ full, head, tail, headFloat, wire }: SplitUnderTest): FloatGraphs {
  const ids = wire.map(({ id }) => id);
  const atAnEnd = !head || ids.every((id) => full?.outputs.includes(id));
  if (!full || atAnEnd) return { full, tail };
  if (!hasFloatSplit({ full, headFloat, wire })) return { full, tail };
  const parts = headFloat && tail ? { head: headFloat, tail } : partitionGraph(full, ids);
  return { full, head: parts.head, tail: tail ?? parts.tail };
}

/** Behind a bottleneck the network has no such tensors: then there is a float split only when its head is given. */
function hasFloatSplit({
  full,
  headFloat,
  wire,
}: Pick<SplitUnderTest, 'full' | 'wire'> & { headFloat?: Graph | undefined }): boolean {
  return headFloat !== undefined || wire.every(({ id }) => full === undefined || full.tensors.has(id));
}

/** Runs the variants of one split over batches. */
class SplitRunner {
  readonly #split: SplitUnderTest;
  readonly #rule: ClassRule;
  readonly #map: Int8Map;
  readonly #link: WireLink;
  readonly #full: BatchRunner | undefined;
  readonly #headFloat: BatchRunner | undefined;
  readonly #tail: BatchRunner | undefined;
  readonly #threads: number | undefined;

  private constructor(
    split: SplitUnderTest,
    rule: ClassRule,
    runners: Readonly<Record<keyof FloatGraphs, BatchRunner | undefined>>,
    threads: number | undefined,
  ) {
    this.#split = split;
    this.#rule = rule;
    this.#map = makeInt8Map(split.preprocessing, split.input);
    this.#link = new WireLink(split.wire);
    this.#full = runners.full;
    this.#headFloat = runners.head;
    this.#tail = runners.tail;
    this.#threads = threads;
  }

  static async create(split: SplitUnderTest, rule: ClassRule, options: EvaluateOptions): Promise<SplitRunner> {
    const graphs = chooseFloatGraphs(split);
    const threads = options.threads === undefined ? {} : { threads: options.threads };
    const compiled: BatchRunner[] = [];
    const compile = async (graph: Graph | undefined): Promise<BatchRunner | undefined> => {
      if (!graph) return undefined;
      const runner = await BatchRunner.create(options.engine, graph, threads);
      compiled.push(runner);
      return runner;
    };
    try {
      const runners = {
        full: await compile(graphs.full),
        head: await compile(graphs.head),
        tail: await compile(graphs.tail),
      };
      return new SplitRunner(split, rule, runners, options.threads);
    } catch (error) {
      await Promise.all(compiled.map((runner) => runner.dispose()));
      throw error;
    }
  }

  async dispose(): Promise<void> {
    await Promise.all([this.#full, this.#headFloat, this.#tail].map((runner) => runner?.dispose()));
  }

  async run(batch: SampleBatch, ctx: RunContext): Promise<Prediction[]> {
    const { count } = batch;
    const full = this.#full && this.#classes((await this.#full.run([batch.inputs], count))[0] as Float32Array, count);
    const splitFloat = full && hasFloatSplit(this.#split) ? await this.#runFloat(batch, full) : undefined;
    const { classes: splitInt8, payloadBytes } = await this.#runInt8(batch, ctx);
    return Array.from({ length: count }, (_, i) => ({
      index: batch.indices[i] as number,
      label: batch.labels[i] as number,
      full: full?.[i] ?? null,
      splitFloat: splitFloat?.[i] ?? null,
      splitInt8: splitInt8[i] as number,
      wireBytes: payloadBytes[i] as number,
    }));
  }

  /** tail(head(x)) in float32; with everything on one side the split is the whole network. */
  async #runFloat(batch: SampleBatch, full: readonly number[]): Promise<readonly number[]> {
    if (!this.#tail || !this.#headFloat) return full;
    const wire = await this.#headFloat.run([batch.inputs], batch.count);
    return this.#classes((await this.#tail.run(wire, batch.count))[0] as Float32Array, batch.count);
  }

  /** Classes, and what each sample put on the wire. */
  async #runInt8(batch: SampleBatch, ctx: RunContext): Promise<{ classes: number[]; payloadBytes: readonly number[] }> {
    const { count } = batch;
    const { head, wire, gateway } = this.#split;
    const input = quantizeSamples(batch, this.#map, this.#split.input);
    const threads = this.#threads === undefined ? {} : { threads: this.#threads };
    // Progress is told in samples, a piece at a time.
    const stoppable = ctx.signal ? { ctx: { signal: ctx.signal } } : {};
    const sent = head ? await runRecords(head, input, count, { ...threads, ...stoppable }) : input;
    const { received, payloadBytes } = this.#link.transmit(sent, count);
    if (gateway) return { classes: this.#classes(await gateway(received, count), count), payloadBytes };
    const real = dequantizeWire(received, count, wire);
    const scores = this.#tail ? await this.#tail.run(real, count) : real;
    return { classes: this.#classes(scores[0] as Float32Array, count), payloadBytes };
  }

  #classes(scores: Float32Array, count: number): number[] {
    if (scores.some((score) => !Number.isFinite(score))) {
      fail(
        'E_NOT_FINITE',
        'the network gives scores that are not finite',
        {},
        'Check the weights, and that the samples are those the network takes.',
      );
    }
    const width = scores.length / count;
    return Array.from({ length: count }, (_, i) => chooseClass(scores, i, width, this.#rule));
  }
}

/** Head, wire and tail must fit together: a mixed-up folder gives an error and not an accuracy. */
function checkSplit({ head, tail, gateway, wire, full }: SplitUnderTest): void {
  const sizes = (graph: Graph, ids: readonly string[]): string =>
    ids.map((id) => elementCount(tensorOf(graph, id).shape)).join('+');
  const crossing = wire.map((tensor) => elementCount(tensor.shape)).join('+');
  const mismatch = (what: string, has: string): never =>
    fail('E_GRAPH_INVALID', `${what} has ${has} values, the wire ${crossing}`, { [what]: has, wire: crossing });
  if (head && sizes(head, head.outputs) !== crossing) mismatch('head', sizes(head, head.outputs));
  if (tail && sizes(tail, tail.inputs) !== crossing) mismatch('tail', sizes(tail, tail.inputs));
  if (!head && !tail && !gateway) fail('E_GRAPH_INVALID', 'a split needs a head or a tail', {});
  if (full && full.inputs.length !== 1) {
    fail('E_GRAPH_INVALID', `the network has ${full.inputs.length} inputs; samples feed one`, { inputs: full.inputs });
  }
}

function checkLabels(batch: SampleBatch, rule: ClassRule): void {
  for (let i = 0; i < batch.count; i++) {
    const label = batch.labels[i] as number;
    if (label >= 0 && label < rule.classes) continue;
    const message =
      label < 0
        ? `sample ${batch.indices[i]} has no label`
        : `sample ${batch.indices[i]} has label ${label}; the network has classes 0 to ${rule.classes - 1}`;
    fail('E_LABEL_RANGE', message, { sample: batch.indices[i], label, classes: rule.classes });
  }
}
