/** What `study` prints. */
import { formatCount } from '../core/units.js';
import type { CellResult, Study } from '../evaluate/study.js';
import { plainText } from './phrases.js';
import { concludeStudy } from './study-phrases.js';
import { type StudyTable, studyTables } from './study-tables.js';
import { layOutTable, wrapText } from './text-table.js';

export interface StudyTextOptions {
  readonly width: number;
  /** Paths of written files. */
  readonly wrote: readonly string[];
}

export function renderStudyText(study: Study, { width, wrote }: StudyTextOptions): string {
  const blocks = study.results.flatMap((result) => renderCell(result, width));
  return [...blocks, wrote.map((file) => `wrote    ${file}`).join('\n')].filter((text) => text !== '').join('\n\n');
}

function renderCell(result: CellResult, width: number): string[] {
  const { model, data, targetBytes, seeds, testSamples, cuts } = result;
  const runs = `${cuts.length} cuts, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'} each`;
  const starred = cuts.some(({ atTarget }) => !atTarget);
  return [
    `study    ${plainText(model)} on ${plainText(data)} · ${formatCount(targetBytes)} B · ${runs} · ${formatCount(testSamples)} test samples`,
    ...studyTables(result).map((table, i) => renderTable(table, i === 0 && starred)),
    concludeStudy(result)
      .flatMap((sentence) => wrapText(sentence, width, 0))
      .join('\n'),
  ];
}

function renderTable({ title, headers, rows }: StudyTable, starred: boolean): string {
  const lines = layOutTable(
    headers.map((header, c) => ({
      header,
      align: c === 0 ? ('left' as const) : ('right' as const),
      cells: rows.map((row) => row[c] ?? ''),
    })),
  );
  return [title, ...lines.map((line) => `  ${line}`), ...(starred ? ['  * not at the target'] : [])].join('\n');
}
