import type { RunContext } from '../core/context.js';
import { fail, Problems } from '../core/errors.js';
import { formatCount } from '../core/units.js';
import { type ClassTable, normaliseName } from './class-names.js';
import type { LabelTable } from './label-file.js';
import { type LabelMapping, resolveLabelMap } from './label-map.js';
import { listSome } from './pictures.js';
import { compareCodePoints, type SampleSource } from './sample-source.js';

/** Labels in the data's own numbering. */
export interface DataLabels {
  readonly labels: Int32Array;
  readonly names: readonly string[] | undefined;
}

/**
 * Gives each sample its entry of a label table: by file name where the table has names and the samples are files, else in order.
 * @param complete every named file must be there (a table that belongs to this set alone)
 * @throws IsplitError E_DATA_COUNT
 */
export function matchLabels(table: LabelTable, source: SampleSource, complete: boolean): readonly (number | string)[] {
  const { labels, files } = table;
  const byFile = files && source.sampleNames ? matchByFile(table, files, source.sampleNames, complete) : undefined;
  if (byFile) return byFile;
  if (labels.length !== source.count) {
    fail(
      'E_DATA_COUNT',
      `${formatCount(source.count)} samples, ${formatCount(labels.length)} labels in ${table.name}`,
      { samples: source.count, labels: labels.length, name: table.name },
      'Labels are matched in order; there must be one for every sample.',
    );
  }
  return labels;
}

/** Undefined when no name matches: the column then speaks of other files (ic01's names are not those of its samples). */
function matchByFile(
  table: LabelTable,
  files: readonly string[],
  sampleNames: readonly string[],
  complete: boolean,
): readonly (number | string)[] | undefined {
  const byPath = new Map(files.map((file, i) => [file, i]));
  const byBase = uniqueBaseNames(files);
  const bases = uniqueBaseNames(sampleNames);
  const rowOf = (name: string): number | undefined => {
    const base = baseName(name);
    return byPath.get(name) ?? (bases.has(base) ? byBase.get(base) : undefined);
  };
  const rows = sampleNames.map(rowOf);
  const unlabelled = sampleNames.filter((_, i) => rows[i] === undefined);
  if (unlabelled.length === sampleNames.length) return undefined;
  const problems = new Problems();
  if (unlabelled.length > 0) {
    problems.add(
      'E_DATA_COUNT',
      `${table.name} has no label for ${formatCount(unlabelled.length)} of ${formatCount(sampleNames.length)} pictures: ${listSome(unlabelled)}`,
      { name: table.name, unlabelled: unlabelled.slice(0, 1000) },
    );
  }
  const used = new Set(rows);
  const absent = complete ? files.filter((_, i) => !used.has(i)) : [];
  if (absent.length > 0) {
    problems.add(
      'E_DATA_COUNT',
      `${table.name} names ${formatCount(absent.length)} files that are not there: ${listSome(absent)}`,
      { name: table.name, absent: absent.slice(0, 1000) },
    );
  }
  problems.throwIfAny();
  return rows.map((row) => table.labels[row as number] as number | string);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function uniqueBaseNames(paths: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  const twice = new Set<string>();
  paths.forEach((path, i) => {
    const base = baseName(path);
    if (found.has(base)) twice.add(base);
    found.set(base, i);
  });
  for (const base of twice) found.delete(base);
  return found;
}

/** Names among labels become numbers: through the data's class names when all are known there, else in code point order. */
export function numberLabels(labels: readonly (number | string)[], names: readonly string[] | undefined): DataLabels {
  if (labels.every((label) => typeof label === 'number')) return { labels: Int32Array.from(labels as number[]), names };
  const texts = labels.map(String);
  const known = names && new Map(names.map((name, i) => [normaliseName(name), i]));
  if (known && texts.every((text) => known.has(normaliseName(text)))) {
    return { labels: Int32Array.from(texts, (text) => known.get(normaliseName(text)) as number), names };
  }
  const own = [...new Set(texts)].sort(compareCodePoints);
  const index = new Map(own.map((name, i) => [name, i]));
  return { labels: Int32Array.from(texts, (text) => index.get(text) as number), names: own };
}

/** Labels in the model's numbering; `keep` tells which samples have one. */
export interface ModelLabels {
  readonly labels: Int32Array;
  readonly keep: Uint8Array;
  /** Data class → model class, for looking up names. */
  readonly toModel: ReadonlyMap<number, number | null>;
}

/**
 * From the data's numbering to the model's: by the map when there is one; by name when all names of the data are names of the
 * model; else the numbers are the same.
 * @throws IsplitError E_DATA_LABEL_MAP, E_DATA_LABEL_RANGE
 */
export function toModelLabels(
  data: DataLabels,
  model: ClassTable,
  mapping: LabelMapping | undefined,
  ctx: RunContext,
): ModelLabels {
  const present = [...new Set(data.labels)].sort((a, b) => a - b);
  const toModel = mapping
    ? resolveLabelMap(mapping, present, data.names, model)
    : (matchNames(data, present, model, ctx) ?? new Map(present.map((label) => [label, label])));
  const labels = data.labels.map((label) => toModel.get(label) ?? -1);
  const keep = Uint8Array.from(data.labels, (label) => (toModel.get(label) === null ? 0 : 1));
  checkRange(labels, keep, model, mapping !== undefined);
  return { labels, keep, toModel };
}

function matchNames(
  data: DataLabels,
  present: readonly number[],
  model: ClassTable,
  ctx: RunContext,
): Map<number, number> | undefined {
  const { names } = data;
  if (!names || !model.names) return undefined;
  const index = new Map<string, number>();
  const twice = new Set<string>();
  model.names.forEach((name, i) => {
    const key = normaliseName(name);
    if (index.has(key)) twice.add(key);
    index.set(key, i);
  });
  const wanted = (label: number) => normaliseName(names[label] ?? '');
  const differing = present.filter((label) => wanted(label) !== normaliseName(model.names?.[label] ?? ''));
  if (differing.length === 0) return undefined;
  if (present.every((label) => index.has(wanted(label)) && !twice.has(wanted(label)))) {
    return new Map(present.map((label) => [label, index.get(wanted(label)) as number]));
  }
  const pairs = differing
    .slice(0, 3)
    .map((label) => `${label}: "${names[label]}" and "${model.names?.[label] ?? 'none'}"`);
  ctx.onWarning?.(
    `class names of data and model differ (${pairs.join(', ')}${differing.length > 3 ? ', …' : ''}); classes are matched by number, --label-map changes that`,
  );
  return undefined;
}

function checkRange(labels: Int32Array, keep: Uint8Array, model: ClassTable, mapped: boolean): void {
  const { count } = model;
  const outside = new Map<number, number>();
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  labels.forEach((label, i) => {
    if (keep[i] === 0) return;
    lowest = Math.min(lowest, label);
    highest = Math.max(highest, label);
    if (label < 0 || (count !== undefined && label >= count)) outside.set(label, (outside.get(label) ?? 0) + 1);
  });
  if (outside.size === 0) return;
  const shown = [...outside].sort((a, b) => a[0] - b[0]).map(([label, times]) => `${label} (${formatCount(times)}×)`);
  const range = count === undefined ? 'not below 0' : `0 … ${count - 1}`;
  const shifted = lowest === 1 && highest === count;
  fail(
    'E_DATA_LABEL_RANGE',
    `labels ${listSome(shown)} are outside the model's classes (${range})`,
    { labels: [...outside.keys()].slice(0, 1000), classes: count ?? null },
    shifted
      ? 'The labels count from 1; give a --label-map from 1 … to 0 ….'
      : mapped
        ? 'Correct the label map.'
        : 'Give --label-map when the data number their classes differently from the model.',
  );
}
