import { formatBytes, formatBytesShort, formatCount, formatDurationUs } from '../core/units.js';
import type { Analysis, AnalyzedCut } from '../plan/analysis.js';
import {
  describeAccuracy,
  describeBudgets,
  describeData,
  describeDevice,
  describeModel,
  describeOtherRankings,
  describeReasonShort,
  explainSize,
  formatLog10,
  formatPercent,
  isSingle,
  log10CuiSum,
  plainText,
  shorten,
} from './phrases.js';
import { chooseColumns, layOutTable, type TextColumn, tableWidth, textWidth, wrapText } from './text-table.js';

export interface AnalysisTextOptions {
  /** Columns of the terminal. */
  readonly width: number;
  /** Files that were written, named at the end with what to do next. */
  readonly wrote?: readonly string[];
  /** ANSI bold and dim; the content is the same without. */
  readonly colour?: boolean;
}

/** Cuts of several tensors shown; importance is not defined for them, so those that send least come first. */
const JOINED_SHOWN = 8;
const REASONS_SHOWN = 8;
const ID_WIDTHS = [28, 22, 18] as const;
/** Drop order of the planned bytes: they make room first. */
const DROPPED_FIRST = 1;
const LABEL_WIDTH = 9;
const INDENT = '  ';

/**
 * The result of `analyze` for a terminal: what was analysed, one row a cut in order of depth, how far to trust the order, and
 * what to do next. Lines are at most `width` long where words allow.
 */
export function renderAnalysisText(analysis: Analysis, options: AnalysisTextOptions): string {
  const { width } = options;
  const style = options.colour === true ? ansiStyle : plainStyle;
  const labelled = (label: string, text: string): string[] => labelText(label, text, width);
  const budgets = describeBudgets(analysis.budgets);
  const header = [
    ...labelled('model', describeModel(analysis)),
    ...labelled('data', describeData(analysis)),
    ...labelled('device', describeDevice(analysis)),
    ...(budgets === undefined ? [] : labelled('budget', budgets)),
  ];
  const sections = [header];
  if (analysis.cuts.length > 0) sections.push(...drawCuts(analysis, width, style));
  sections.push([
    ...labelled('accuracy', `whole network, float32: ${describeAccuracy(analysis)}`),
    ...labelled('advice', plainText(analysis.advice)),
  ]);
  if (options.wrote !== undefined) sections.push(describeFiles(analysis, options.wrote, labelled));
  return sections.map((lines) => lines.join('\n')).join('\n\n');
}

/** `label    text`, the text wrapped under itself; nothing for an empty text. */
export function labelText(label: string, text: string, width: number): string[] {
  if (text === '') return [];
  return wrapText(text, width, LABEL_WIDTH).map((l, i) => (i === 0 ? label.padEnd(LABEL_WIDTH) + l : l));
}

/** The table of cuts, then how far to trust its order. */
function drawCuts(analysis: Analysis, width: number, style: Style, note?: string): string[][] {
  const curve = analysis.cuts.filter(isSingle);
  return [
    drawTable(analysis, width, style, note),
    wrapText(describeOrder(analysis, curve), width - 2, 2).map((line) => INDENT + line),
  ];
}

/**
 * The cuts of an analysis alone, without colour.
 * @param note behind the first of the ranking; default: that it is the first
 */
export function renderCutTable(analysis: Analysis, width: number, note?: string): string {
  if (analysis.cuts.length === 0) return '';
  return drawCuts(analysis, width, plainStyle, note)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

type Style = (line: string, as: 'bold' | 'dim' | 'plain') => string;
const plainStyle: Style = (line) => line;
const ansiStyle: Style = (line, as) => (as === 'plain' ? line : `\x1b[${as === 'bold' ? 1 : 2}m${line}\x1b[0m`);

function describeOrder(analysis: Analysis, curve: readonly AnalyzedCut[]): string {
  const candidates = curve.some((cut) => cut.localMaximum) ? '* local maximum. ' : '';
  return `${candidates}${explainSize(analysis)} ${describeOtherRankings(analysis)}`.trim();
}

/** Rows of the table: the single-tensor cuts in order of depth, then the best of the others. */
function drawTable(analysis: Analysis, width: number, style: Style, note?: string): string[] {
  const single = analysis.cuts.filter(isSingle);
  const joined = analysis.cuts.filter((cut) => !isSingle(cut)).sort((a, b) => a.wireBytes - b.wireBytes);
  const rows = [...single, ...joined.slice(0, JOINED_SHOWN)];
  const room = width - INDENT.length;
  const bars = drawBars(single.map((cut) => cut.log10Cui));
  // Names get shorter before figures go.
  const tried = ID_WIDTHS.map((idWidth) => buildColumns(analysis, rows, bars, idWidth));
  const whole = tried.find((columns) => tableWidth(columns.filter((c) => c.dropOrder !== DROPPED_FIRST)) <= room);
  const columns = whole ?? (tried.at(-1) as TextColumn[]);
  const notes = rows.map((cut) => describeFit(cut, analysis, note));
  // Reasons stand in their rows where they fit whole, else under the table; only the planned bytes make room for them.
  const widest = notes.reduce((most, note, i) => (rows[i]?.feasible ? most : Math.max(most, textWidth(note))), 0);
  const roomy = withNotes(columns, notes, Number.POSITIVE_INFINITY);
  const withoutPlanned = roomy.filter((column) => column.dropOrder !== DROPPED_FIRST);
  const inRow = widest > 0 ? [roomy, withoutPlanned].find((layout) => tableWidth(layout) <= room) : undefined;
  const kept = chooseColumns(columns, room);
  const chosen = inRow ?? withNotes(kept, widest > 0 ? [] : notes, room - tableWidth(kept));
  const lines = layOutTable(chosen).map((line) => INDENT + line);
  const styled = lines.map((line, i) => style(line, i === 0 ? 'dim' : rowStyle(rows[i - 1] as AnalyzedCut, analysis)));
  const [head, ...body] = styled;
  const table = [head as string, ...body.slice(0, single.length)];
  if (joined.length > 0) {
    const more = joined.length - JOINED_SHOWN;
    const title = `several tensors cross here; no importance, least on the wire first${more > 0 ? ` (${formatCount(more)} more in analysis.json)` : ''}`;
    const separator = wrapText(title, room, 3).map((line, i) =>
      style(`${INDENT}${i === 0 ? '── ' : ''}${line}`, 'dim'),
    );
    table.push(...separator, ...body.slice(single.length));
  }
  if (analysis.ranking.length === 0) table.push('', ...listMisses(analysis, width));
  else if (inRow === undefined) table.push(...listReasons(rows, width));
  return table;
}

function rowStyle(cut: AnalyzedCut, analysis: Analysis): 'bold' | 'dim' | 'plain' {
  if (cut.id === analysis.ranking[0]) return 'bold';
  return cut.feasible ? 'plain' : 'dim';
}

function buildColumns(
  analysis: Analysis,
  rows: readonly AnalyzedCut[],
  bars: readonly string[],
  idWidth: number,
): TextColumn[] {
  const column = (
    header: string,
    cell: (cut: AnalyzedCut, row: number) => string,
    dropOrder?: number,
    align: 'left' | 'right' = 'right',
  ): TextColumn => ({ header, align, cells: rows.map(cell), ...(dropOrder === undefined ? {} : { dropOrder }) });
  const mark = (cut: AnalyzedCut): string =>
    `${cut.localMaximum ? '*' : ' '} ${cut.id === analysis.ranking[0] ? '▸' : ' '}`;
  return [
    column('cut', (cut) => shorten(plainText(cut.id), idWidth), undefined, 'left'),
    column('', mark, undefined, 'left'),
    column('log10 CUI', (cut, i) => `${bars[i] ?? '   '} ${formatLog10(cut.log10Cui).padStart(6)}`),
    column('size-free', (cut) => formatLog10(log10CuiSum(cut)), 6),
    column('head MACs', (cut) => formatPercent(cut.headMacs, analysis.model.macs), 3),
    column('flash', (cut) => formatBytesShort(cut.flashBytes), 2),
    column('RAM', (cut) => formatBytesShort(cut.arenaBytes), 4),
    column('wire raw', (cut) => formatBytes(cut.wireBytes), 8),
    column(
      '→ planned',
      (cut) => (cut.wireBytesPlanned === null ? '–' : formatBytes(cut.wireBytesPlanned)),
      DROPPED_FIRST,
    ),
    ...(rows.some((cut) => cut.probeAccuracy !== null)
      ? [column('probe', (cut) => (cut.probeAccuracy === null ? '–' : `${(100 * cut.probeAccuracy).toFixed(1)} %`), 5)]
      : []),
    ...(analysis.device === null
      ? []
      : [column('latency', (cut) => (cut.latencyUs === null ? '–' : formatDurationUs(cut.latencyUs.total)), 7)]),
    column('fits', (cut) => (cut.feasible ? 'yes' : 'no'), undefined, 'left'),
  ];
}

/** Adds notes to the last column; those longer than the room are left out. */
function withNotes(columns: readonly TextColumn[], notes: readonly string[], room: number): TextColumn[] {
  const last = columns.at(-1);
  if (last === undefined) return [];
  const cells = last.cells.map((cell, i) => {
    const note = notes[i] ?? '';
    return note === '' || textWidth(note) + 1 > room ? cell : `${cell.padEnd(4)} ${note}`;
  });
  return [...columns.slice(0, -1), { ...last, cells }];
}

/** What stands behind yes or no. */
function describeFit(cut: AnalyzedCut, analysis: Analysis, note: string | undefined): string {
  if (cut.id === analysis.ranking[0]) return note ?? `first: highest ${analysis.rankBy} that fits`;
  const [first, ...more] = cut.reasons;
  if (first === undefined) return '';
  return `${describeReasonShort(first)}${more.length > 0 ? ` (+${more.length})` : ''}`;
}

function listReasons(rows: readonly AnalyzedCut[], width: number): string[] {
  const rejected = rows.filter((cut) => !cut.feasible);
  if (rejected.length === 0) return [];
  return ['', `${INDENT}does not fit`, ...listCuts(rejected, width, rejected.length)];
}

/** Nothing fits: every reason, the nearest cut first. */
function listMisses(analysis: Analysis, width: number): string[] {
  const excess = (cut: AnalyzedCut): number =>
    cut.reasons.reduce((worst, reason) => Math.max(worst, reason.needs / Math.max(reason.has, 1)), 1);
  const nearest = analysis.cuts.filter((cut) => !cut.feasible).sort((a, b) => excess(a) - excess(b));
  const on = analysis.device === null ? 'within the budget' : `on ${plainText(analysis.device.id)}`;
  return [`${INDENT}no cut fits ${on}; the nearest first`, ...listCuts(nearest, width, nearest.length)];
}

function listCuts(cuts: readonly AnalyzedCut[], width: number, total: number): string[] {
  const shown = cuts.slice(0, REASONS_SHOWN);
  const names = shown.map((cut) => shorten(plainText(cut.id), ID_WIDTHS[0]));
  const nameWidth = names.reduce((widest, name) => Math.max(widest, textWidth(name)), 0);
  const lines = shown.flatMap((cut, i) => {
    const start = `${INDENT}  ${(names[i] as string).padEnd(nameWidth)}  `;
    return wrapText(cut.reasons.map(describeReasonShort).join(' · '), width, start.length).map((line, n) =>
      n === 0 ? start + line : line,
    );
  });
  const more = total - shown.length;
  return more > 0 ? [...lines, `${INDENT}  ${formatCount(more)} more, all in analysis.json`] : lines;
}

const LEVELS = '▁▂▃▄▅▆▇█';

/**
 * Three bars a row, the cut between its neighbours, so that a local maximum looks like one.
 * @param values log10 CUI in order of depth; null leaves a blank
 */
export function drawBars(values: readonly (number | null)[]): string[] {
  const known = values.filter((value) => value !== null);
  const low = known.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = known.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const bar = (value: number | null | undefined): string => {
    if (value === null || value === undefined) return ' ';
    const level = high > low ? Math.round(((value - low) / (high - low)) * (LEVELS.length - 1)) : LEVELS.length - 1;
    return LEVELS[level] as string;
  };
  return values.map((value, i) => (value === null ? '   ' : bar(values[i - 1]) + bar(value) + bar(values[i + 1])));
}

function describeFiles(
  analysis: Analysis,
  wrote: readonly string[],
  labelled: (label: string, text: string) => string[],
): string[] {
  const files = wrote.flatMap((file, i) => labelled(i === 0 ? 'wrote' : '', plainText(file)));
  const report = wrote.find((file) => file.endsWith('.html'));
  const next: string[] = [];
  if (report !== undefined) next.push(`open ${plainText(report)}`);
  if (analysis.device === null)
    next.push('isplit-edge devices    boards to name with --device, for limits and latency');
  return [...files, ...next.flatMap((line, i) => labelled(i === 0 ? 'next' : '', line))];
}
