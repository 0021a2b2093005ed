import { fail, Problems } from '../core/errors.js';
import { parseJson } from '../core/json.js';
import { type ClassTable, nearestNames, normaliseName } from './class-names.js';
import { parseCsv } from './csv.js';

/** `from` (class of the data, by number or name, `*` for all others) → `to` (class of the model; null leaves samples out). */
export interface LabelMapping {
  readonly name: string;
  readonly pairs: readonly { readonly from: string; readonly to: string | null }[];
}

/**
 * A label map: JSON object `{"cat": 3, "7": "dog", "*": null}`, JSON array (entry i is for class i of the data), or CSV of
 * two columns (header optional; an empty second cell leaves the class out).
 * @throws IsplitError E_DATA_LABEL_MAP
 */
export function parseLabelMap(text: string, name: string): LabelMapping {
  const trimmed = text.replace(/^\uFEFF/, '').trim();
  const pairs =
    trimmed.startsWith('{') || trimmed.startsWith('[') ? parseJsonMap(trimmed, name) : parseCsvMap(text, name);
  if (pairs.length === 0) fail('E_DATA_LABEL_MAP', `${name} is empty`, { name });
  return { name, pairs };
}

function parseJsonMap(text: string, name: string): LabelMapping['pairs'] {
  let json: unknown;
  try {
    json = parseJson(text);
  } catch (error) {
    fail('E_DATA_LABEL_MAP', `${name} is no JSON: ${(error as Error).message}`, { name });
  }
  return Object.entries(json as Record<string, unknown>).map(([from, to]) => {
    const usable = to === null || typeof to === 'string' || (typeof to === 'number' && Number.isInteger(to));
    if (!usable) {
      fail(
        'E_DATA_LABEL_MAP',
        `${name}: class "${from}" is mapped to ${JSON.stringify(to)}`,
        { name, from },
        'Map to a class number, a class name or null.',
      );
    }
    return { from: from.trim(), to: to === null ? null : String(to).trim() };
  });
}

function parseCsvMap(text: string, name: string): LabelMapping['pairs'] {
  const rows = parseCsv(text);
  const bad = rows.filter((row) => row.cells.length !== 2).map((row) => row.line);
  if (bad.length > 0) {
    fail(
      'E_DATA_LABEL_MAP',
      `${name}: line ${bad.slice(0, 5).join(', ')} has not two columns (data class, model class)`,
      {
        name,
        lines: bad.slice(0, 100),
      },
    );
  }
  const header = /^(from|data|source|data[ _]class)$/i.test(rows[0]?.cells[0] ?? '');
  return rows
    .slice(header ? 1 : 0)
    .map((row) => ({ from: row.cells[0] as string, to: row.cells[1] === '' ? null : (row.cells[1] as string) }));
}

/**
 * The map as a function of the data's class numbers.
 * @param present classes that occur in the data; each must be mapped
 * @returns model class of each present data class, null where its samples are left out
 * @throws IsplitError E_DATA_LABEL_MAP with every unknown name and every class that is not covered
 */
export function resolveLabelMap(
  mapping: LabelMapping,
  present: readonly number[],
  dataNames: readonly string[] | undefined,
  model: ClassTable,
): Map<number, number | null> {
  const problems = new Problems();
  const numberOf = (text: string, names: readonly string[] | undefined): number | undefined => {
    const at = names?.findIndex((candidate) => normaliseName(candidate) === normaliseName(text)) ?? -1;
    if (at >= 0) return at;
    return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  };
  const known = new Map<number, number | null>();
  let rest: number | null | undefined;
  for (const { from, to } of mapping.pairs) {
    const target = to === null ? null : numberOf(to, model.names);
    if (target === undefined || (target !== null && target >= (model.count ?? Number.POSITIVE_INFINITY))) {
      addUnknown(problems, mapping.name, `the model has no class "${to}"`, to as string, model.names ?? []);
      continue;
    }
    if (from === '*') {
      rest = target;
      continue;
    }
    const source = numberOf(from, dataNames);
    if (source === undefined)
      addUnknown(problems, mapping.name, `the data have no class "${from}"`, from, dataNames ?? []);
    else if (known.has(source))
      problems.add('E_DATA_LABEL_MAP', `${mapping.name} maps class "${from}" twice`, { class: from });
    else known.set(source, target);
  }
  const missing = present.filter((label) => !known.has(label));
  if (missing.length > 0 && rest === undefined) {
    const shown = missing
      .slice(0, 10)
      .map((label) => (dataNames?.[label] === undefined ? String(label) : `${label} (${dataNames[label]})`));
    problems.add(
      'E_DATA_LABEL_MAP',
      `${mapping.name} does not say what becomes of class ${shown.join(', ')}${missing.length > 10 ? ` and ${missing.length - 10} more` : ''} of the data`,
      { classes: missing.slice(0, 1000) },
      'Map them, or add "*": null to leave all others out.',
    );
  }
  problems.throwIfAny();
  return new Map(
    present.map((label) => [label, known.has(label) ? (known.get(label) as number | null) : (rest as number | null)]),
  );
}

function addUnknown(
  problems: Problems,
  mapName: string,
  message: string,
  name: string,
  names: readonly string[],
): void {
  const nearest = nearestNames(name, names);
  const hint =
    nearest.length > 0
      ? `Nearest: ${nearest.join(', ')}.`
      : 'Write class numbers, or names as the model or the data have them.';
  problems.add('E_DATA_LABEL_MAP', `${mapName}: ${message}`, { name, nearest }, hint);
}
