import { basename, join } from 'node:path';
import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import { type ModelLabels, matchLabels, numberLabels, toModelLabels } from './assign-labels.js';
import { openByteSource, readWhole } from './byte-source.js';
import { type ClaimedSource, claimSource } from './claim.js';
import { type ClassTable, parseClassNames, resolveClassList } from './class-names.js';
import { type Dataset, makeDataset } from './dataset.js';
import { type LabelTable, parseLabelText, readLabelFile } from './label-file.js';
import { type LabelMapping, parseLabelMap } from './label-map.js';
import { DATA_LIMITS } from './limits.js';
import { parseRecordShape } from './raw-records.js';
import { drawStratified } from './roles.js';
import type { DataPart } from './sample-source.js';

/** What the options of the data-reading commands say. */
export interface DatasetOptions {
  /** `--labels PATH`; overrides labels found in or beside the data. */
  readonly labels?: string | undefined;
  /** `--label-map FILE`, or the map itself. */
  readonly labelMap?: string | LabelMapping | undefined;
  /** `--samples N`: so many are drawn, each class keeping its share; all when there are not more. */
  readonly samples?: number | undefined;
  /** `--classes`: numbers or names of the model's or the data's classes; other samples are left out. */
  readonly classes?: string | readonly (string | number)[] | undefined;
  /** `--record-shape`: 32,32,3. Makes a file without a format one of raw records; shapes flat npy arrays. */
  readonly recordShape?: string | readonly number[] | undefined;
  /** Element type of raw records; default u8. */
  readonly recordType?: 'u8' | 'f32' | undefined;
  /** Seed of the drawing of `samples`; default 0. */
  readonly seed?: number | undefined;
  /**
   * Which part to use of a set that comes divided (train-images and t10k-images, data_batch_1 and test_batch, train/ and
   * test/ folders). Everything when left out, or when the set is not divided.
   */
  readonly part?: DataPart | undefined;
  /** Number of the model's classes; labels must lie below. */
  readonly classCount?: number | undefined;
  /** Names of the model's classes. */
  readonly classNames?: readonly string[] | undefined;
  /** Whether every sample must have a label; default true. Without, unknown labels are −1. */
  readonly labelsRequired?: boolean | undefined;
}

/**
 * Opens labelled samples: CIFAR-10 records, IDX, npy, npz, raw records, a folder or tar of pictures; see claimSource. Labels
 * and lengths are checked here, samples when they are read.
 * @throws IsplitError E_DATA_* (exit 3), E_CLASS_UNKNOWN, E_USAGE (exit 2), E_INTERRUPTED
 */
export async function openDataset(path: string, options: DatasetOptions = {}, ctx: RunContext = {}): Promise<Dataset> {
  const recordShape = options.recordShape === undefined ? undefined : parseRecordShape(options.recordShape);
  checkSampleCount(options.samples);
  const claimed = await claimSource(
    path,
    {
      recordShape,
      recordType: options.recordType ?? 'u8',
      part: options.part,
      findLabels: options.labels === undefined,
    },
    ctx,
  );
  const { source } = claimed;
  const name = basename(path);
  const model: ClassTable = { names: options.classNames, count: options.classCount ?? options.classNames?.length };
  const found = await findLabels(claimed, options, ctx);
  if (found === undefined) {
    if (options.labelsRequired ?? true) failUnlabelled(name, claimed);
    checkNoLabelOptions(options);
    const positions = drawStratified(new Int32Array(source.count), options.samples ?? source.count, options.seed ?? 0);
    const labels = new Int32Array(positions.length).fill(-1);
    return makeDataset(source, { name, positions, labels, classNames: model.names, classCount: model.count ?? 0 });
  }
  const classNames = source.classNames ?? (await findClassNames(claimed, found));
  const data = numberLabels(found, classNames);
  const mapping = typeof options.labelMap === 'string' ? await readLabelMap(options.labelMap) : options.labelMap;
  const mapped = toModelLabels(data, model, mapping, ctx);
  const count = model.count ?? countClasses(mapped, mapping ? undefined : data.names);
  const table: ClassTable = { names: model.names ?? (mapping ? undefined : data.names), count };
  const positions = selectPositions(name, mapped, table, data.names, options);
  const labels = Int32Array.from(positions, (position) => mapped.labels[position] as number);
  return makeDataset(source, { name, positions, labels, classNames: table.names, classCount: count });
}

function checkSampleCount(samples: number | undefined): void {
  if (samples !== undefined && !(Number.isInteger(samples) && samples > 0)) {
    fail('E_USAGE', `--samples ${samples} is no count of samples`, { samples }, 'Give a whole number above 0.');
  }
}

function checkNoLabelOptions(options: DatasetOptions): void {
  if (options.classes !== undefined || options.labelMap !== undefined) {
    fail(
      'E_DATA_LABELS',
      '--classes and --label-map need labelled samples, these have no labels',
      {},
      'Give --labels.',
    );
  }
}

async function findLabels(
  claimed: ClaimedSource,
  options: DatasetOptions,
  ctx: RunContext,
): Promise<readonly (number | string)[] | undefined> {
  const { source, texts, folder } = claimed;
  if (options.labels !== undefined) {
    const table = await readLabelFile(options.labels, basename(options.labels), ctx);
    return matchLabels(table, source, false);
  }
  const inside = texts.get('labels.csv');
  if (inside) return matchLabels(parseLabelText(inside, 'labels.csv'), source, source.part === undefined);
  if (source.labels) return [...source.labels];
  if (source.format !== 'pictures') return undefined;
  const beside = await readBeside(folder, 'labels.csv');
  return beside && matchNamed(parseLabelText(beside, 'labels.csv'), claimed);
}

/** A labels.csv that merely lies beside an archive counts only when it names the archive's files. */
function matchNamed(table: LabelTable, claimed: ClaimedSource): readonly (number | string)[] | undefined {
  const names = new Set(claimed.source.sampleNames);
  return table.files?.some((file) => names.has(file)) ? matchLabels(table, claimed.source, false) : undefined;
}

function failUnlabelled(name: string, claimed: ClaimedSource): never {
  const pictures = claimed.source.format === 'pictures';
  fail(
    'E_DATA_LABELS',
    `${name} has no labels: none in it, none beside it${pictures ? ', and its pictures are not in class folders' : ''}`,
    { name, format: claimed.source.format },
    pictures
      ? 'Put each class in a folder of its own, or add labels.csv (file,label), or give --labels.'
      : 'Give --labels PATH.',
  );
}

/** Class names that come with the data as a text, used only when they cover every label. */
async function findClassNames(
  claimed: ClaimedSource,
  labels: readonly (number | string)[],
): Promise<readonly string[] | undefined> {
  const files = claimed.source.format === 'cifar10' ? ['batches.meta.txt'] : ['classes.txt', 'classes.tsv'];
  for (const file of files) {
    const bytes = claimed.texts.get(file) ?? (await readBeside(claimed.folder, file));
    if (bytes === undefined || bytes.includes(0)) continue;
    const names = parseClassNames(Buffer.from(bytes).toString('utf8'));
    if (labels.every((label) => typeof label === 'string' || (label >= 0 && label < names.length))) return names;
  }
  return undefined;
}

async function readBeside(folder: string, file: string): Promise<Uint8Array | undefined> {
  const source = await openByteSource(join(folder, file), file).catch(() => undefined);
  return source && readWhole(source, DATA_LIMITS.textBytes);
}

async function readLabelMap(path: string): Promise<LabelMapping> {
  const name = basename(path);
  const bytes = await readWhole(await openByteSource(path, name), DATA_LIMITS.textBytes);
  return parseLabelMap(Buffer.from(bytes).toString('utf8'), name);
}

function countClasses(mapped: ModelLabels, names: readonly string[] | undefined): number {
  let highest = (names?.length ?? 0) - 1;
  for (const label of mapped.labels) highest = Math.max(highest, label);
  return highest + 1;
}

function selectPositions(
  name: string,
  mapped: ModelLabels,
  table: ClassTable,
  dataNames: readonly string[] | undefined,
  options: DatasetOptions,
): Uint32Array {
  const wanted =
    options.classes === undefined ? undefined : new Set(chooseClasses(mapped, table, dataNames, options.classes));
  const positions: number[] = [];
  mapped.labels.forEach((label, position) => {
    if (mapped.keep[position] === 1 && (wanted === undefined || wanted.has(label))) positions.push(position);
  });
  if (positions.length === 0) {
    const why = wanted ? `of class ${[...wanted].join(', ')}` : 'that the label map keeps';
    fail('E_DATA_EMPTY', `${name} has no samples ${why}`, { name, samplesInFiles: mapped.labels.length });
  }
  if (options.samples === undefined) return Uint32Array.from(positions);
  const labels = Int32Array.from(positions, (position) => mapped.labels[position] as number);
  const places = drawStratified(labels, options.samples, options.seed ?? 0);
  return places.map((place) => positions[place] as number);
}

function chooseClasses(
  mapped: ModelLabels,
  table: ClassTable,
  dataNames: readonly string[] | undefined,
  classes: string | readonly (string | number)[],
): number[] {
  const others = new Map<string, number>();
  dataNames?.forEach((name, label) => {
    const target = mapped.toModel.get(label);
    if (typeof target === 'number') others.set(name, target);
  });
  return resolveClassList(classes, table, others);
}
