/** What `evaluate` and `verify` print, and the same blocks in what `build` prints. */
import { formatCount } from '../core/units.js';
import type { Evaluation } from '../evaluate/evaluation.js';
import { VARIANTS } from '../evaluate/tally.js';
import type { RuntimeResult, VerifyReport } from '../verify/verify-report.js';
import { renderBaselinesText } from './baseline-text.js';
import {
  agreesFully,
  describeAgreement,
  describeCosts,
  describeDeviation,
  describeDifference,
  describeEvaluationData,
  formatAccuracy,
  nameRuntime,
  nameVariant,
} from './build-phrases.js';
import { plainText, shorten } from './phrases.js';
import { layOutTable, type TextColumn, textWidth, wrapText } from './text-table.js';

const VERIFY_LABEL = 9;
const LABEL = 10;
const CLASSES_LISTED = 12;
const CONFUSIONS_LISTED = 5;
const NAME_LENGTH = 24;

function labelled(label: string, text: string, width: number, indent: number): string[] {
  return wrapText(text, width, indent).map((line, i) => (i === 0 ? label.padEnd(indent) + line : line));
}

/** The block `accuracy …` with one line a variant that was run. */
export function renderAccuracyText(
  evaluation: Evaluation,
  width: number,
  on = describeEvaluationData(evaluation),
): string {
  const rows = VARIANTS.filter((variant) => evaluation.accuracy[variant] !== null).map((variant) => ({
    name: nameVariant(variant, evaluation.wireBytes),
    value: formatAccuracy(evaluation.accuracy[variant], evaluation.intervals[variant]),
  }));
  const nameWidth = Math.max(...rows.map((row) => textWidth(row.name)));
  const lines = [`accuracy  (${plainText(on)}, 95 % interval)`];
  for (const row of rows) lines.push(`  ${row.name.padEnd(nameWidth)}  ${row.value}`);
  if (evaluation.difference) {
    lines.push(...wrapText(describeDifference(evaluation.difference), width - 2, 0).map((line) => `  ${line}`));
  }
  if (evaluation.agreement !== null) {
    lines.push(`  same class as the whole network on ${(100 * evaluation.agreement).toFixed(1)} % of the samples`);
  }
  return lines.join('\n');
}

/** The result of `evaluate`. */
export function renderEvaluationText(evaluation: Evaluation, width: number): string {
  const blocks = [renderAccuracyText(evaluation, width)];
  const costs = describeCosts(evaluation).map(([label, text]) => labelled(label, text, width, LABEL).join('\n'));
  if (evaluation.headMacs !== null) blocks.push(costs.join('\n'));
  blocks.push(drawClasses(evaluation).join('\n'));
  const confusions = listConfusions(evaluation).slice(0, CONFUSIONS_LISTED);
  if (confusions.length > 0) {
    const text = confusions.map((c) => `${c.label} → ${c.predicted} ${formatCount(c.count)}`).join(', ');
    blocks.push(labelled('confused', text, width, LABEL).join('\n'));
  }
  const baselines = renderBaselinesText(evaluation, width);
  if (baselines !== '') blocks.push(baselines);
  return blocks.join('\n\n');
}

/** Every class; of many, those on which the int8 split does worst. */
function drawClasses(evaluation: Evaluation): string[] {
  const rated = evaluation.perClass.filter((row) => row.samples > 0);
  const many = rated.length > CLASSES_LISTED;
  const shown = many
    ? [...rated]
        .sort((a, b) => (a.accuracy.splitInt8 ?? 1) - (b.accuracy.splitInt8 ?? 1) || a.class - b.class)
        .slice(0, CLASSES_LISTED)
    : rated;
  const variants = VARIANTS.filter((variant) => evaluation.accuracy[variant] !== null);
  const heads = { full: 'float', splitFloat: 'split float', splitInt8: 'split int8' };
  const columns: TextColumn[] = [
    { header: '  class', align: 'left', cells: shown.map((row) => `  ${shorten(plainText(row.name), NAME_LENGTH)}`) },
    { header: 'samples', align: 'right', cells: shown.map((row) => formatCount(row.samples)) },
    ...variants.map(
      (variant): TextColumn => ({
        header: heads[variant],
        align: 'right',
        cells: shown.map((row) => formatAccuracy(row.accuracy[variant], null)),
      }),
    ),
  ];
  const note = many ? [`  ${formatCount(rated.length - shown.length)} more classes do better (all with --json)`] : [];
  return [...layOutTable(columns), ...note];
}

/** Wrong classes of the int8 split, most frequent first; class order decides between equals. */
export function listConfusions(
  evaluation: Evaluation,
): { readonly label: string; readonly predicted: string; readonly count: number }[] {
  const name = (c: number): string => plainText(evaluation.perClass[c]?.name ?? String(c));
  return evaluation.confusion
    .flatMap((row, label) => row.map((count, predicted) => ({ label, predicted, count })))
    .filter((cell) => cell.label !== cell.predicted && cell.count > 0)
    .sort((a, b) => b.count - a.count || a.label - b.label || a.predicted - b.predicted)
    .map((cell) => ({ label: name(cell.label), predicted: name(cell.predicted), count: cell.count }));
}

/** The block `verify …`: who agreed, who deviated by how much, who was not there, what cannot be verified here. */
export function renderVerifyText(report: VerifyReport, width: number): string {
  const of = (status: RuntimeResult['status']): RuntimeResult[] => report.runtimes.filter((r) => r.status === status);
  const lines = [
    describeAgreement(report),
    ...of('compared')
      .filter((result) => !agreesFully(result))
      .map((result) => `${nameRuntime(result)}: ${describeDeviation(result)}`),
    ...of('failed').map((result) => `${nameRuntime(result)} failed: ${plainText(result.reason ?? 'no reason given')}`),
    ...of('missing').map(
      (result) => `not found: ${nameRuntime(result)}${result.install ? ` (${plainText(result.install)})` : ''}`,
    ),
    ...of('unverified').map(
      (result) =>
        `not verified here: ${plainText(result.name)}${result.reason ? ` (${plainText(result.reason)})` : ''}`,
    ),
    ...report.warnings.map(
      (warning) =>
        `known bug ${plainText(warning.upstream)} of ${plainText(warning.kernelLibrary)} may touch ${warning.nodes.map(plainText).join(', ')}: ${plainText(warning.message)}`,
    ),
  ];
  return lines.flatMap((line, i) => labelled(i === 0 ? 'verify' : '', line, width, VERIFY_LABEL)).join('\n');
}
