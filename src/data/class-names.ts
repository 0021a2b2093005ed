import { Problems } from '../core/errors.js';
import { findNearestNames } from '../core/nearest-names.js';

/** The classes that names and numbers are looked up in. */
export interface ClassTable {
  /** Name of class i; undefined when only numbers are known. */
  readonly names: readonly string[] | undefined;
  /** How many classes there are; undefined when nothing says so. */
  readonly count: number | undefined;
}

/** Names match without regard to case and surrounding blanks. */
export function normaliseName(name: string): string {
  return name.trim().toLowerCase();
}

/**
 * Classes by number or name: `0,3,7`, `cat,dog`, also names that hold commas (`rocking chair, rocker`).
 * @param others further names with their classes, e.g. the data's own
 * @returns class numbers, ascending, each once
 * @throws IsplitError E_CLASS_UNKNOWN with one problem for each unknown name and the names nearest to it
 */
export function resolveClassList(
  list: string | readonly (string | number)[],
  table: ClassTable,
  others: ReadonlyMap<string, number> = new Map(),
): number[] {
  const lookup = makeLookup(table, others);
  const tokens = typeof list === 'string' ? list.split(',') : list.map(String);
  const problems = new Problems();
  const found = new Set<number>();
  for (let i = 0; i < tokens.length; ) {
    const { value, used } = longestMatch(tokens, i, typeof list === 'string', lookup);
    const token = (tokens[i] as string).trim();
    if (typeof value !== 'number') {
      // A comma too many is no class; an empty list is.
      if (token !== '' || tokens.length === 1) reportUnknown(problems, token, value, table, lookup);
    } else if (table.count !== undefined && value >= table.count) {
      const context = { name: token, nearest: [], classes: table.count };
      problems.add('E_CLASS_UNKNOWN', `there is no class ${value}`, context, `Classes are 0 … ${table.count - 1}.`);
    } else {
      found.add(value);
    }
    i += used;
  }
  problems.throwIfAny();
  return [...found].sort((a, b) => a - b);
}

type Lookup = ReadonlyMap<string, readonly number[]>;

function makeLookup(table: ClassTable, others: ReadonlyMap<string, number>): Lookup {
  const lookup = new Map<string, number[]>();
  const add = (name: string, index: number) => {
    const key = normaliseName(name);
    const known = lookup.get(key);
    if (known === undefined) lookup.set(key, [index]);
    else if (!known.includes(index)) known.push(index);
  };
  table.names?.forEach(add);
  const own = new Set(lookup.keys());
  for (const [name, index] of others) if (!own.has(normaliseName(name))) add(name, index);
  return lookup;
}

function longestMatch(
  tokens: readonly string[],
  start: number,
  mayJoin: boolean,
  lookup: Lookup,
): { value: number | readonly number[] | undefined; used: number } {
  const last = mayJoin ? Math.min(tokens.length, start + 8) : start + 1;
  for (let end = last; end > start; end--) {
    const found = lookup.get(normaliseName(tokens.slice(start, end).join(',')));
    if (found) return { value: found.length === 1 ? (found[0] as number) : found, used: end - start };
  }
  const text = (tokens[start] as string).trim();
  return { value: /^\d{1,9}$/.test(text) ? Number(text) : undefined, used: 1 };
}

function reportUnknown(
  problems: Problems,
  name: string,
  ambiguous: readonly number[] | undefined,
  table: ClassTable,
  lookup: Lookup,
): void {
  if (ambiguous) {
    problems.add(
      'E_CLASS_UNKNOWN',
      `"${name}" is the name of classes ${ambiguous.join(' and ')}`,
      { name, classes: ambiguous },
      'Give the number.',
    );
    return;
  }
  const nearest = nearestNames(name, [...(table.names ?? []), ...lookup.keys()]);
  const range = table.count === undefined ? 'numbers' : `0 … ${table.count - 1}`;
  const hint =
    lookup.size === 0
      ? `No class names are known here; give ${range}.`
      : `Classes are ${[...(table.names ?? lookup.keys())].slice(0, 20).join(', ')}${lookup.size > 20 ? ', …' : ''}.`;
  const meant = nearest.length > 0 ? `; did you mean ${nearest.join(', ')}?` : '';
  problems.add('E_CLASS_UNKNOWN', `there is no class "${name}"${meant}`, { name, nearest }, hint);
}

/** Up to three names within edit distance 3 (and less than half the name's length), nearest first. */
export function nearestNames(wanted: string, names: readonly string[]): string[] {
  const unique = new Map<string, string>();
  for (const name of names) if (!unique.has(normaliseName(name))) unique.set(normaliseName(name), name);
  return findNearestNames(wanted, [...unique.values()], 3);
}

/**
 * Class names from a text that comes with a data set: one a line (`classes.txt`, `batches.meta.txt`), or lines of index,
 * …, name separated by tabs (`classes.tsv`).
 */
export function parseClassNames(text: string): string[] {
  const lines = text
    .split(/\r\n|\n|\r/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const names: string[] = [];
  lines.forEach((line, i) => {
    const cells = line.split('\t');
    const numbered = cells.length > 1 && /^\d{1,7}$/.test(cells[0] as string);
    names[numbered ? Number(cells[0]) : i] = (cells[cells.length - 1] as string).trim();
  });
  return Array.from(names, (name, i) => name ?? String(i));
}
