import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import type { CompiledGraph, Engine } from '../engines/engine.js';
import { bytesPerElement, elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { buildImportanceGraph, type ImportanceGraph, type Score } from './importance-graph.js';
import type { Logits } from './logits.js';

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
  /** Expected number of samples, for progress. */
  readonly total?: number;
}

/** Per-image scores; class subsets and curves are means over its rows. */
export interface ImportanceTable {
  readonly taps: readonly string[];
  readonly labels: Int32Array;
  readonly predictions: Int32Array;
  /** Score → tap-major values: `values[tap * images + image]`, raw (not log). Absent scores are empty. */
  readonly scores: Readonly<Record<Score, Float64Array>>;
}

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

/**
 * Measures the importance of `taps` over labelled samples: one engine run per batch for all taps and scores.
 * @param network float32 graph with batch size 1
 * @param batches any batch sizes; they are regrouped
 * @throws IsplitError E_LABEL_RANGE, E_DATA_EMPTY, E_ENGINE, E_INTERRUPTED
 */
export async function measureImportance(
  engine: Engine,
  network: Graph,
  logits: Logits,
  taps: readonly string[],
  batches: AsyncIterable<LabelledBatch>,
  ctx: RunContext,
  options: ImportanceOptions = {},
): Promise<ImportanceTable> {
  const scores = options.scores ?? ALL_SCORES;
  const batchSize = Math.max(
    1,
    Math.min(options.batchSize ?? chooseBatchSize(network), options.total ?? Number.POSITIVE_INFINITY),
  );
  const plan = buildImportanceGraph(network, logits, taps, batchSize, scores);
  const found = taps.filter((tap) => plan.outputs.cui.has(tap));
  const compiled = await engine.compile(plan.graph, options.threads === undefined ? {} : { threads: options.threads });
  const collector = new Collector(plan, logits, found, scores);
  try {
    for await (const rows of regroup(
      batches,
      batchSize,
      elementCount(tensorOf(plan.graph, plan.input).shape) / batchSize,
    )) {
      throwIfAborted(ctx);
      await collector.run(compiled, rows);
      ctx.onProgress?.({
        stage: 'importance',
        done: collector.images,
        unit: 'images',
        ...(options.total ? { total: options.total } : {}),
      });
    }
  } finally {
    await compiled.dispose();
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
    for (let i = 0; i < rows.used; i++) {
      this.#labels.push(rows.labels[i] as number);
      this.#predictions.push(predict(logits, i, width));
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

/** Class of row i: the largest score (the first of equals), or the sign of a single score. */
export function predict(logits: Float32Array, row: number, width: number): number {
  if (width === 1) return (logits[row] as number) > 0 ? 1 : 0;
  let best = 0;
  for (let k = 1; k < width; k++) {
    if ((logits[row * width + k] as number) > (logits[row * width + best] as number)) best = k;
  }
  return best;
}

/**
 * Means over the images whose label is in `classes` (all images when absent).
 * @returns one value per tap; NaN when no image has such a label
 */
export function meanScores(table: ImportanceTable, score: Score, classes?: readonly number[]): Float64Array {
  const images = table.labels.length;
  const wanted = classes ? new Set(classes) : undefined;
  const rows = Array.from(table.labels.keys()).filter((i) => !wanted || wanted.has(table.labels[i] as number));
  return Float64Array.from(table.taps, (_, t) => {
    let sum = 0;
    for (const i of rows) sum += table.scores[score][t * images + i] as number;
    return sum / rows.length;
  });
}
