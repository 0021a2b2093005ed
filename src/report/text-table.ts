/** Columns of a terminal table: aligned, and left out one by one where the width does not suffice. */
import { keepTogether } from './phrases.js';

export interface TextColumn {
  readonly header: string;
  readonly align: 'left' | 'right';
  readonly cells: readonly string[];
  /** Columns with the lowest number go first when it gets narrow; undefined = always stays. */
  readonly dropOrder?: number;
}

/** Columns a terminal needs for a text without wide characters. */
export function textWidth(text: string): number {
  return Array.from(text).length;
}

export function padText(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const gap = ' '.repeat(Math.max(0, width - textWidth(text)));
  return align === 'left' ? text + gap : gap + text;
}

function columnWidth(column: TextColumn): number {
  return column.cells.reduce((widest, cell) => Math.max(widest, textWidth(cell)), textWidth(column.header));
}

const GAP = 2;

export function tableWidth(columns: readonly TextColumn[]): number {
  return columns.reduce((sum, column) => sum + columnWidth(column) + GAP, -GAP);
}

/** The columns that fit into a width. */
export function chooseColumns(columns: readonly TextColumn[], width: number): TextColumn[] {
  let kept = [...columns];
  while (tableWidth(kept) > width) {
    const next = kept
      .filter((column) => column.dropOrder !== undefined)
      .sort((a, b) => (a.dropOrder as number) - (b.dropOrder as number))[0];
    if (next === undefined) break;
    kept = kept.filter((column) => column !== next);
  }
  return kept;
}

/** @returns the header line and one line a row, without trailing blanks */
export function layOutTable(columns: readonly TextColumn[]): string[] {
  const widths = columns.map(columnWidth);
  const rows = columns[0]?.cells.length ?? 0;
  const line = (pick: (column: TextColumn) => string): string =>
    columns
      .map((column, i) => padText(pick(column), widths[i] as number, column.align))
      .join(' '.repeat(GAP))
      .trimEnd();
  return [
    line((column) => column.header),
    ...Array.from({ length: rows }, (_, r) => line((column) => column.cells[r] ?? '')),
  ];
}

/** Breaks a text at blanks; following lines start under the text, after `indent` blanks. */
export function wrapText(text: string, width: number, indent: number): string[] {
  const room = Math.max(20, width - indent);
  const lines: string[] = [];
  let line = '';
  for (const word of keepTogether(text).split(' ')) {
    if (line !== '' && textWidth(line) + 1 + textWidth(word) > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  if (line !== '') lines.push(line);
  return lines.map((l, i) => (i === 0 ? '' : ' '.repeat(indent)) + l.replaceAll('\u00a0', ' '));
}
