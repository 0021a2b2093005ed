import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import { applyToU8, checkPictureShape } from '../preprocess/apply.js';
import { applyFloatTable, type FloatTable, makeFloatTable } from '../preprocess/normalise.js';
import { inputElements, type PreprocessSpec } from '../preprocess/spec.js';
import { failUnreadable } from './byte-source.js';
import type { DataFormat, DataPart, SampleShape, SampleSource, StoredSample } from './sample-source.js';

/** A batch of samples, preprocessed. */
export interface SampleBatch {
  /** Samples in this batch, 1 … batchSize. */
  readonly count: number;
  /** (count, height, width, channels), float32, as the network takes them. */
  readonly inputs: Float32Array;
  /** The bytes before normalisation, same shape, for the int8 path; undefined for samples stored as floats. */
  readonly pixels: Uint8Array | undefined;
  /** Class of each sample in the model's numbering; −1 where unknown. */
  readonly labels: Int32Array;
  /** Position of each sample in the whole set, as stored. */
  readonly indices: Uint32Array;
}

/** What a report says about a data set: no absolute path, nothing that changes from run to run. */
export interface DatasetDescription {
  readonly format: DataFormat;
  /** Base name of the path. */
  readonly name: string;
  readonly samples: number;
  /** Samples in the files before selection. */
  readonly samplesInFiles: number;
  /** Size of every sample, undefined for pictures that may differ. */
  readonly sampleShape: SampleShape | undefined;
  readonly stored: 'u8' | 'f32';
  readonly part: DataPart | undefined;
  readonly labelled: boolean;
}

export interface BatchOptions extends RunContext {
  readonly batchSize: number;
  readonly spec: PreprocessSpec;
}

/** Labelled samples on disk. Nothing but labels is held in memory; every call of `batches` reads the files anew, in the same order. */
export interface Dataset {
  readonly count: number;
  /** Class of each sample in the model's numbering, in the order of `batches`; −1 where unknown. */
  readonly labels: Int32Array;
  /** Position of each sample in the whole set, ascending. */
  readonly indices: Uint32Array;
  /** Names of the classes that `labels` counts: the model's, else the data's. */
  readonly classNames: readonly string[] | undefined;
  /** Classes that `labels` counts: the model's, else the highest label plus one. */
  readonly classCount: number;
  /** Path of sample i inside the set; undefined unless the samples are picture files. */
  nameOf(i: number): string | undefined;
  describe(): DatasetDescription;
  /**
   * @throws IsplitError E_DATA_SHAPE at once where the size of the samples is known; E_DATA_PICTURE, E_DATA_TRUNCATED …
   * while reading
   */
  batches(options: BatchOptions): AsyncIterable<SampleBatch>;
  /** The samples at these places (0 … count−1, of this data set), in the order of the files. */
  select(places: ArrayLike<number>): Dataset;
  /** Size of the first sample as stored; reads it. Others may differ when `describe().sampleShape` is undefined. */
  firstShape(ctx?: RunContext): Promise<SampleShape>;
  /** Of the files' bytes, the selection and the labels: equal for equal data, wherever it lies. Reads all files once. */
  contentSha256(ctx?: RunContext): Promise<string>;
}

/** What makes a data set of a source. */
export interface Selection {
  readonly name: string;
  readonly positions: Uint32Array;
  readonly labels: Int32Array;
  readonly classNames: readonly string[] | undefined;
  readonly classCount: number;
}

/** @param selection positions ascend and are as many as labels */
export function makeDataset(source: SampleSource, selection: Selection): Dataset {
  const { name, positions, labels, classNames, classCount } = selection;
  return {
    count: positions.length,
    labels,
    indices: positions,
    classNames,
    classCount,
    nameOf: (i) => source.sampleNames?.[positions[i] as number],
    describe: () => ({
      format: source.format,
      name,
      samples: positions.length,
      samplesInFiles: source.count,
      sampleShape: source.shape,
      stored: source.kind === 'picture' ? 'u8' : 'f32',
      part: source.part,
      labelled: !labels.includes(-1),
    }),
    batches: (options) => {
      checkDatasetFits(source, options.spec);
      return readBatches(source, selection, options);
    },
    select: (places) => {
      const order = Uint32Array.from(places).sort();
      const last = order[order.length - 1] ?? 0;
      if (order.some((place, i) => i > 0 && place === order[i - 1]) || last >= positions.length) {
        throw new RangeError(`select: ${order.length} places are not distinct places of ${positions.length}`);
      }
      return makeDataset(source, {
        ...selection,
        positions: order.map((place) => positions[place] as number),
        labels: Int32Array.from(order, (place) => labels[place] as number),
      });
    },
    firstShape: async (ctx = {}) => {
      if (source.shape) return source.shape;
      for await (const sample of source.read(positions.subarray(0, 1), ctx)) return shapeOf(sample);
      fail('E_DATA_EMPTY', `${name} has no samples`, { name });
    },
    contentSha256: async (ctx = {}) => {
      const hash = createHash('sha256');
      hash.update(await hashFiles(source, ctx));
      hash.update(JSON.stringify([source.format, source.shape ?? null, classNames ?? null, positions.length]));
      hash.update(toLittleEndian(positions));
      hash.update(toLittleEndian(labels));
      return hash.digest('hex');
    },
  };
}

function shapeOf(sample: StoredSample): SampleShape {
  if (sample.kind === 'tensor') return sample.shape;
  const { height, width, channels } = sample.picture;
  return { height, width, channels };
}

/**
 * Samples of a known size against the network's input.
 * @throws IsplitError E_DATA_SHAPE
 */
function checkDatasetFits(source: SampleSource, spec: PreprocessSpec): void {
  if (source.shape === undefined) return;
  if (source.kind === 'picture') checkPictureShape(source.shape, spec);
  else checkTensorShape(source.shape, spec);
}

function checkTensorShape(shape: SampleShape, spec: PreprocessSpec): void {
  const { height, width, channels } = shape;
  if (height === spec.height && width === spec.width && channels === spec.channels) return;
  fail(
    'E_DATA_SHAPE',
    `samples are float32 ${height}×${width}×${channels}, the network takes ${spec.height}×${spec.width}×${spec.channels}`,
    { sample: [height, width, channels], input: [spec.height, spec.width, spec.channels] },
    'Floats are taken as they are; only pictures (uint8) are cropped and resized. Flat arrays: --record-shape.',
  );
}

async function* readBatches(
  source: SampleSource,
  selection: Selection,
  options: BatchOptions,
): AsyncGenerator<SampleBatch> {
  const { batchSize, spec } = options;
  const { positions, labels } = selection;
  const elements = inputElements(spec);
  const table = makeFloatTable(spec);
  const warnRange = rangeWarning(table, options);
  let place = 0;
  let batch = startBatch(source, Math.min(batchSize, positions.length), elements);
  let filled = 0;
  for await (const sample of source.read(positions, options)) {
    fillSample(sample, source, batch, filled, spec, table, warnRange);
    batch.labels[filled] = labels[place] as number;
    batch.indices[filled] = positions[place] as number;
    place++;
    filled++;
    if (filled === batch.count) {
      yield batch;
      throwIfAborted(options);
      batch = startBatch(source, Math.min(batchSize, positions.length - place), elements);
      filled = 0;
    }
  }
}

function startBatch(source: SampleSource, count: number, elements: number): SampleBatch {
  return {
    count,
    inputs: new Float32Array(count * elements),
    pixels: source.kind === 'picture' ? new Uint8Array(count * elements) : undefined,
    labels: new Int32Array(count),
    indices: new Uint32Array(count),
  };
}

function fillSample(
  sample: StoredSample,
  source: SampleSource,
  batch: SampleBatch,
  at: number,
  spec: PreprocessSpec,
  table: FloatTable,
  warnRange: (values: Float32Array) => void,
): void {
  const elements = inputElements(spec);
  const inputs = batch.inputs.subarray(at * elements, (at + 1) * elements);
  if (sample.kind === 'tensor') {
    checkTensorShape(sample.shape, spec);
    warnRange(sample.values);
    inputs.set(sample.values);
    return;
  }
  const pixels = (batch.pixels as Uint8Array).subarray(at * elements, (at + 1) * elements);
  if (source.shape === undefined) nameFailure(source, sample.position, () => applyToU8(sample.picture, spec, pixels));
  else applyToU8(sample.picture, spec, pixels);
  applyFloatTable(pixels, table, inputs);
}

/** Says which picture it was. */
function nameFailure(source: SampleSource, position: number, action: () => unknown): void {
  try {
    action();
  } catch (error) {
    const { code, message, context, hint } = error as {
      code?: string;
      message: string;
      context?: object;
      hint?: string;
    };
    if (code !== 'E_DATA_SHAPE') throw error;
    const name = source.sampleNames?.[position] ?? `sample ${position}`;
    fail('E_DATA_SHAPE', `${name}: ${message}`, { ...context, name }, hint);
  }
}

/** Floats that lie well outside what bytes would have become were probably not made for this network: one warning. */
function rangeWarning(table: FloatTable, ctx: RunContext): (values: Float32Array) => void {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of table.values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const margin = 0.05 * (high - low);
  let warned = ctx.onWarning === undefined;
  return (values) => {
    if (warned) return;
    for (const value of values) {
      if (value < low - margin || value > high + margin) {
        warned = true;
        ctx.onWarning?.(
          `float samples hold ${value}, but preprocessing gives ${low} … ${high}: floats are fed as they are, without scaling`,
        );
        return;
      }
    }
  };
}

const fileHashes = new WeakMap<SampleSource, Promise<Buffer>>();

function hashFiles(source: SampleSource, ctx: RunContext): Promise<Buffer> {
  const known = fileHashes.get(source);
  if (known) return known;
  const running = computeFileHash(source, ctx);
  fileHashes.set(source, running);
  running.catch(() => fileHashes.delete(source));
  return running;
}

async function computeFileHash(source: SampleSource, ctx: RunContext): Promise<Buffer> {
  const total = createHash('sha256');
  for (const { path, name } of source.files) {
    const hash = createHash('sha256');
    try {
      for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
        throwIfAborted(ctx);
        hash.update(chunk as Buffer);
      }
    } catch (error) {
      failUnreadable(name || path, error);
    }
    total.update(`${JSON.stringify(name)}\n`);
    total.update(hash.digest());
  }
  return total.digest();
}

/** The same bytes on every machine. */
function toLittleEndian(values: Uint32Array | Int32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => {
    view.setInt32(4 * i, value | 0, true);
  });
  return new Uint8Array(view.buffer);
}
