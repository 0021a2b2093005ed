import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import type { CompiledGraph, Engine } from '../engines/engine.js';
import { bytesPerElement, elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { classOfScores, type Logits } from '../passes/logits.js';
import { buildImportanceGraph, type ImportanceGraph, type Score } from './importance-graph.js';
import type { ImportanceTable } from './importance-table.js';

/** Samples as importance needs them: preprocessed inputs, row-major [count, H, W, C], and class numbers of the model. */
export interface LabelledBatch {
  readonly count: number;
  readonly inputs: Float32Array;
  readonly labels: Int32Array;
}

export interface ImportanceOptions {
  readonly scores?: readonly Score[];
  readonly batchSize?: number;
  readonly threads?: number;
  /** Number of samples. */
  readonly total?: number;
  readonly checkpoints?: ImportanceCheckpoints;
}

/** Keeps what is measured, so that an interrupted run goes on where it stopped. */
export interface ImportanceCheckpoints {
  load(): Promise<ImportanceTable | undefined>;
  save(table: ImportanceTable): Promise<void>;
}

/** How much work may be lost. */
const CHECKPOINT_MS = 20_000;

const ALL_SCORES: readonly Score[] = ['cui', 'margin', 'taylor'];

/** Working memory a batch may take: the forward activations and as much again for the gradients. */
const BATCH_BYTES = 512 * 1024 * 1024;

/** Largest batch (≤ 64) whose activations and gradients stay within the working memory. */
export function chooseBatchSize(network: Graph): number {
  let bytes = 0;
  for (const node of network.nodes) {
    for (const id of node.outputs) {
      const { shape, dtype } = tensorOf(network, id);
      bytes += elementCount(shape) * bytesPerElement(dtype);
    }
  }
  return Math.max(1, Math.min(64, Math.floor(BATCH_BYTES / (3 * Math.max(bytes, 1)))));
}

/** Splits `total` samples into as few batches as `most` allows, equally full: 8 by at most 6 is 4 + 4, not 6 + 2 and padding. */
export function evenBatchSize(most: number, total: number | undefined): number {
  if (total === undefined) return Math.max(1, most);
  return Math.max(1, Math.ceil(total / Math.ceil(total / most)));
}

/**
 * Measures the importance of `taps` over labelled samples: one engine run per batch for all taps and scores.
 * @param network float32 graph with batch size 1
 * @param batches samples from this one on, in batches of any size; they are regrouped
 * @throws IsplitError E_LABEL_RANGE, E_DATA_EMPTY, E_ENGINE, E_INTERRUPTED
 */
export async function measureImportance(
  engine: Engine,
  network: Graph,
  logits: Logits,
  taps: readonly string[],
  batches: (first: number) => AsyncIterable<LabelledBatch>,
  ctx: RunContext,
  options: ImportanceOptions = {},
): Promise<ImportanceTable> {
  const scores = options.scores ?? ALL_SCORES;
  const batchSize = evenBatchSize(options.batchSize ?? chooseBatchSize(network), options.total);
  const plan = buildImportanceGraph(network, logits, taps, batchSize, scores);
  const found = taps.filter((tap) => plan.outputs.cui.has(tap));
  const collector = new Collector(plan, logits, found, scores);
  await collector.restore(options.checkpoints, batchSize, options.total);
  let saved = collector.images;
  let savedAt = performance.now();
  const save = async (): Promise<void> => {
    if (collector.images > saved) await options.checkpoints?.save(collector.table());
    saved = collector.images;
    savedAt = performance.now();
  };
  const report = (): void =>
    ctx.onProgress?.({
      stage: 'importance',
      done: collector.images,
      unit: 'images',
      ...(options.total ? { total: options.total } : {}),
    });
  const sampleSize = elementCount(tensorOf(plan.graph, plan.input).shape) / batchSize;
  const remaining = options.total === undefined || collector.images < options.total;
  // Compiling a large network takes seconds: say before it what is about to happen.
  if (remaining) report();
  const compiled = remaining
    ? await engine.compile(plan.graph, options.threads === undefined ? {} : { threads: options.threads })
    : undefined;
  try {
    if (compiled) {
      for await (const rows of regroup(batches(collector.images), batchSize, sampleSize)) {
        throwIfAborted(ctx);
        await collector.run(compiled, rows);
        report();
        if (performance.now() - savedAt > CHECKPOINT_MS) await save();
      }
    }
  } finally {
    await compiled?.dispose();
    await save();
  }
  if (collector.images === 0)
    fail('E_DATA_EMPTY', 'there are no samples to measure importance on', {}, 'Check --data, --samples and --classes.');
  return collector.table();
}

interface Rows {
  readonly inputs: Float32Array;
  readonly labels: Int32Array;
  /** Rows in use; the rest is padding. */
  readonly used: number;
}

/** Copies samples into full batches; the last one is padded with zeros, its padding rows are ignored. */
async function* regroup(
  batches: AsyncIterable<LabelledBatch>,
  batchSize: number,
  sampleSize: number,
): AsyncGenerator<Rows> {
  let inputs = new Float32Array(batchSize * sampleSize);
  let labels = new Int32Array(batchSize);
  let used = 0;
  for await (const batch of batches) {
    for (let i = 0; i < batch.count; i++) {
      inputs.set(batch.inputs.subarray(i * sampleSize, (i + 1) * sampleSize), used * sampleSize);
      labels[used++] = batch.labels[i] as number;
      if (used === batchSize) {
        yield { inputs, labels, used };
        inputs = new Float32Array(batchSize * sampleSize);
        labels = new Int32Array(batchSize);
        used = 0;
      }
    }
  }
  if (used > 0) yield { inputs, labels, used };
}

class Collector {
  readonly #plan: ImportanceGraph;
  readonly #logits: Logits;
  readonly #taps: readonly string[];
  readonly #scores: readonly Score[];
  readonly #labels: number[] = [];
  readonly #predictions: number[] = [];
  readonly #values: Record<Score, number[][]>;

  constructor(plan: ImportanceGraph, logits: Logits, taps: readonly string[], scores: readonly Score[]) {
    this.#plan = plan;
    this.#logits = logits;
    this.#taps = taps;
    this.#scores = scores;
    const columns = (): number[][] => taps.map(() => []);
    this.#values = { cui: columns(), margin: columns(), taylor: columns() };
  }

  get images(): number {
    return this.#labels.length;
  }

  /** Takes over a saved table of whole batches (or of everything), so that the batches that follow are those of one run. */
  async restore(
    checkpoints: ImportanceCheckpoints | undefined,
    batchSize: number,
    total: number | undefined,
  ): Promise<void> {
    const table = await checkpoints?.load();
    if (!table || table.taps.join('\n') !== this.#taps.join('\n')) return;
    const images = table.labels.length;
    if (images % batchSize !== 0 && images !== total) return;
    if (this.#scores.some((score) => table.scores[score].length !== images * this.#taps.length)) return;
    this.#labels.push(...table.labels);
    this.#predictions.push(...table.predictions);
    for (const score of this.#scores) {
      this.#values[score] = this.#taps.map((_, t) =>
        Array.from(table.scores[score].subarray(t * images, (t + 1) * images)),
      );
    }
  }

  async run(compiled: CompiledGraph, rows: Rows): Promise<void> {
    const { width, classes } = this.#logits;
    const seed = new Float32Array(rows.labels.length * width);
    for (let i = 0; i < rows.used; i++) {
      const label = rows.labels[i] as number;
      if (!(label >= 0 && label < classes)) {
        fail(
          'E_LABEL_RANGE',
          `sample ${this.images + i} has label ${label}; the model has classes 0 to ${classes - 1}`,
          { label, classes },
          'Give --label-map when the data numbers its classes differently.',
        );
      }
      if (width === 1) seed[i] = label === 1 ? 1 : -1;
      else seed[i * width + label] = 1;
    }
    const values = await compiled.run({ [this.#plan.input]: rows.inputs, [this.#plan.seed]: seed });
    const logits = values[this.#plan.logits] as Float32Array;
    if (logits.some((z) => !Number.isFinite(z))) {
      fail(
        'E_NOT_FINITE',
        `the network gives values that are not finite for samples ${this.images} to ${this.images + rows.used - 1}`,
        { first: this.images },
        'Check the weights, and that --input-range (or --mean, --std) is that of the training.',
      );
    }
    for (let i = 0; i < rows.used; i++) {
      this.#labels.push(rows.labels[i] as number);
      this.#predictions.push(classOfScores(logits, i, width));
    }
    for (const score of this.#scores) {
      this.#taps.forEach((tap, t) => {
        const output = this.#plan.outputs[score].get(tap);
        const column = output === undefined ? undefined : values[output];
        if (column) for (let i = 0; i < rows.used; i++) this.#values[score][t]?.push(column[i] as number);
      });
    }
  }

  table(): ImportanceTable {
    const flat = (score: Score): Float64Array => Float64Array.from((this.#values[score] as number[][]).flat());
    return {
      taps: this.#taps,
      labels: Int32Array.from(this.#labels),
      predictions: Int32Array.from(this.#predictions),
      scores: { cui: flat('cui'), margin: flat('margin'), taylor: flat('taylor') },
    };
  }
}
