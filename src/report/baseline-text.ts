/** Simpler ideas beside the split, for a terminal. */
import { formatCount, formatDurationUs } from '../core/units.js';
import type { BaselineCurve, BaselinePoint, Evaluation } from '../evaluate/evaluation.js';
import { plainText } from './phrases.js';
import { layOutTable, type TextColumn, wrapText } from './text-table.js';

const LABEL = 10;

/** A row of a table over rates: `JPEG` … */
export function nameCurve({ name, practical }: BaselineCurve): string {
  return plainText(practical ? name : `${name} (no encoder for microcontrollers)`);
}

/** Curves with several rates, and those that have one figure. */
export function divideCurves(curves: readonly BaselineCurve[]): {
  readonly rated: readonly BaselineCurve[];
  readonly single: readonly BaselineCurve[];
} {
  const isRated = (curve: BaselineCurve): boolean => curve.points.some((point) => point.targetBytes !== null);
  return { rated: curves.filter(isRated), single: curves.filter((curve) => !isRated(curve)) };
}

/** Targets of all curves, highest first. */
export function listTargets(curves: readonly BaselineCurve[]): number[] {
  const targets = curves.flatMap(({ points }) => points.flatMap(({ targetBytes }) => targetBytes ?? []));
  return [...new Set(targets)].sort((a, b) => b - a);
}

/** `at most 450 B`, and whether that is what the split sends. */
export function nameTarget(targetBytes: number, evaluation: Evaluation): string {
  return `${formatCount(targetBytes)} B${targetBytes === evaluation.wireBytes.mean ? ' *' : ''}`;
}

export function describeShare(share: number | null): string {
  return share === null ? '–' : `${(100 * share).toFixed(1)} %`;
}

/** `784 B, 92.5 %`, `nothing sent, 91.9 %, does not fit the board`. */
export function describeSingle({ accuracy, bytesMean, deviceLatencyUs, fits, setting }: BaselinePoint): string {
  const parts = [
    `${bytesMean === 0 ? 'nothing sent' : `${formatCount(Math.round(bytesMean ?? 0))} B`}, ${describeShare(accuracy)}`,
    plainText(setting),
    ...(fits === null ? [] : [fits ? 'fits the board' : 'does not fit the board']),
    ...(deviceLatencyUs === null ? [] : [`about ${formatDurationUs(deviceLatencyUs)} on the device (estimate)`]),
  ];
  return parts.join(', ');
}

/** The blocks `baselines` and `verdict`; empty without baselines. */
export function renderBaselinesText(evaluation: Evaluation, width: number): string {
  const { baselines, verdict } = evaluation;
  if (!baselines || baselines.length === 0) return '';
  const { rated, single } = divideCurves(baselines);
  const lines: string[] = [];
  const searched = rated[0]?.searchedOn;
  if (rated.length > 0) {
    const on = searched ? `settings chosen on ${formatCount(searched.samples)} other samples of ${searched.name}` : '';
    lines.push(
      ...labelled(
        'baselines',
        `the picture in at most so many bytes, shared headers left out; ${plainText(on)}`,
        width,
      ),
    );
    const impossible = rated.some(({ points }) => points.some(({ exists }) => !exists));
    lines.push(
      ...layOutTable(rateColumns(evaluation, rated)),
      `  * what the split sends${impossible ? '; – no setting is so small' : ''}`,
    );
  }
  for (const curve of single) {
    const [point] = curve.points;
    if (point)
      lines.push(...wrapText(`${nameCurve(curve)}: ${describeSingle(point)}`, width - 2, 2).map((l) => `  ${l}`));
  }
  return [lines.join('\n'), ...(verdict ? [labelled('verdict', plainText(verdict), width).join('\n')] : [])].join(
    '\n\n',
  );
}

function rateColumns(evaluation: Evaluation, rated: readonly BaselineCurve[]): TextColumn[] {
  return [
    { header: '', align: 'left', cells: rated.map((curve) => `  ${nameCurve(curve)}`) },
    ...listTargets(rated).map(
      (target): TextColumn => ({
        header: nameTarget(target, evaluation),
        align: 'right',
        cells: rated.map(({ points }) => {
          const point = points.find(({ targetBytes }) => targetBytes === target);
          return point === undefined ? '' : describeShare(point.accuracy);
        }),
      }),
    ),
  ];
}

function labelled(label: string, text: string, width: number): string[] {
  return wrapText(text, width, LABEL).map((line, i) => (i === 0 ? label.padEnd(LABEL) + line : line));
}
