import type { RunContext } from '../core/context.js';
import { fail } from '../core/errors.js';
import { formatCount } from '../core/units.js';
import { type ByteSource, openByteSource, peekBytes, readWhole } from './byte-source.js';
import { type CsvRow, parseCsv } from './csv.js';
import { isIdxSamples, parseIdxHeader, readIdxLabels } from './idx.js';
import { DATA_LIMITS } from './limits.js';
import { looksLikeNpy, readNpyLabels } from './npy.js';

/** Labels of a file, one an entry, before they are matched to samples. */
export interface LabelTable {
  /** For messages. */
  readonly name: string;
  /** Numbers, or names when any of them is no number. */
  readonly labels: readonly number[] | readonly string[];
  /** The file that each entry speaks of, when the table has such a column. */
  readonly files: readonly string[] | undefined;
}

const LABEL_COLUMNS = ['label', 'labels', 'class', 'class_id', 'target'];
const FILE_COLUMNS = ['file', 'filename', 'file_name', 'path', 'image', 'image_id', 'name'];

/**
 * `--labels PATH`: npy, IDX, or text with one label a line or as CSV (column `label`, else the last integer column; header
 * optional). Claimed by content.
 * @throws IsplitError E_DATA_LABELS, E_DATA_UNREADABLE, and what npy and IDX raise
 */
export async function readLabelFile(path: string, name: string, ctx: RunContext): Promise<LabelTable> {
  const source = await openByteSource(path, name);
  const head = await peekBytes(source, 64);
  if (looksLikeNpy(head)) return numbers(source, await readNpyLabels(source, ctx));
  const header = parseIdxHeader(head);
  if (header) {
    if (isIdxSamples(header)) {
      fail('E_DATA_LABELS', `${name} is an IDX file of samples (${header.dims.join('×')}), not of labels`, { name });
    }
    return numbers(source, await readIdxLabels(source, ctx));
  }
  return parseLabelText(await readWhole(source, DATA_LIMITS.textBytes), name);
}

function numbers(source: ByteSource, labels: Int32Array): LabelTable {
  return { name: source.name, labels: [...labels], files: undefined };
}

/** @throws IsplitError E_DATA_LABELS */
export function parseLabelText(bytes: Uint8Array, name: string): LabelTable {
  if (bytes.includes(0)) {
    fail(
      'E_DATA_LABELS',
      `${name} is neither text nor npy nor IDX`,
      { name },
      'Give one label a line, a CSV, npy or IDX file.',
    );
  }
  const rows = parseCsv(Buffer.from(bytes).toString('utf8'));
  const first = rows[0];
  if (first === undefined) fail('E_DATA_LABELS', `${name} holds no labels`, { name });
  const columns = first.cells.length;
  const uneven = rows.filter((row) => row.cells.length !== columns).map((row) => row.line);
  if (uneven.length > 0) {
    fail(
      'E_DATA_LABELS',
      `${name}: line ${uneven.slice(0, 5).join(', ')}${uneven.length > 5 ? ' …' : ''} has not the ${columns} columns of line ${first.line} (${formatCount(uneven.length)} such lines)`,
      { name, lines: uneven.slice(0, 100), columns },
    );
  }
  const hasHeader = isHeader(rows);
  const body = hasHeader ? rows.slice(1) : rows;
  if (body.length === 0) fail('E_DATA_LABELS', `${name} holds a header and no labels`, { name });
  const header = hasHeader ? first.cells.map((cell) => cell.toLowerCase()) : [];
  const labelColumn = chooseLabelColumn(header, body, columns);
  if (labelColumn < 0) {
    fail(
      'E_DATA_LABELS',
      `${name} has no column named "label" and none of whole numbers`,
      { name, header: first.cells },
      'Name the column of the labels "label".',
    );
  }
  const texts = body.map((row) => row.cells[labelColumn] as string);
  const empty = body.filter((_, i) => texts[i] === '').map((row) => row.line);
  if (empty.length > 0) {
    fail('E_DATA_LABELS', `${name}: line ${empty.slice(0, 5).join(', ')} has no label`, {
      name,
      lines: empty.slice(0, 100),
    });
  }
  const fileColumn = chooseFileColumn(header, body, labelColumn);
  return {
    name,
    labels: texts.every(isInteger) ? texts.map(Number) : texts,
    files:
      fileColumn < 0
        ? undefined
        : body.map((row) => (row.cells[fileColumn] as string).replaceAll('\\', '/').replace(/^(\.\/)+/, '')),
  };
}

function isInteger(text: string): boolean {
  return /^[+-]?\d{1,9}$/.test(text);
}

/** A first line is a header when it names a known column, or has no number where the second line has one. */
function isHeader(rows: readonly CsvRow[]): boolean {
  const cells = (rows[0] as CsvRow).cells;
  if (cells.some((cell) => LABEL_COLUMNS.includes(cell.toLowerCase()))) return true;
  return rows.length > 1 && !cells.some(isInteger) && (rows[1] as CsvRow).cells.some(isInteger);
}

function chooseLabelColumn(header: readonly string[], body: readonly CsvRow[], columns: number): number {
  for (const name of LABEL_COLUMNS) {
    const at = header.indexOf(name);
    if (at >= 0) return at;
  }
  for (let column = columns - 1; column >= 0; column--) {
    if (body.every((row) => isInteger(row.cells[column] as string))) return column;
  }
  return columns === 1 ? 0 : -1;
}

function chooseFileColumn(header: readonly string[], body: readonly CsvRow[], labelColumn: number): number {
  for (const name of FILE_COLUMNS) {
    const at = header.indexOf(name);
    if (at >= 0 && at !== labelColumn) return at;
  }
  const texts = body.slice(0, 1000);
  return labelColumn > 0 && texts.every((row) => /\.[a-z0-9]{1,5}$/i.test(row.cells[0] as string)) ? 0 : -1;
}
