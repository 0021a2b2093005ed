/** Section of docs/evidence.md on VGG16 split for a board that it does not fit. */
import { formatBytes, formatCount, formatDurationUs } from '../src/core/units.js';
import type { BaselineCurve } from '../src/evaluate/evaluation.js';
import type { SmallNetwork, Vgg16Figures, Vgg16Split } from './vgg16-splits.js';

type Table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string;
type Cells = readonly (string | number)[];

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export function renderVgg16Splits({ device, budgetBytes, rows }: Vgg16Figures, table: Table): string {
  return `## A network that does not fit

\`npm run evidence -- vgg16-splits [NAME…]\` · VGG16 as trained above, \`build --device ${device} --budget-wire ${formatBytes(budgetBytes)}\`, cut and bottleneck chosen by it; beside it small
networks trained on the same pictures, whole and in int8 on the same board, and pictures at the split's own bytes. Accuracy on the same held-out
pictures, 95 % intervals. Times on the device are estimates.

${rows.map((row) => renderData(row, table)).join('\n\n')}`;
}

function renderData(row: Vgg16Split, table: Table): string {
  const { split, latencyUs, small, curves, id } = row;
  const withInterval = (accuracy: number | null, interval: readonly [number, number] | null): string =>
    accuracy === null || interval === null
      ? '–'
      : `${percent(accuracy)} (${percent(interval[0])} to ${percent(interval[1])})`;
  const shown: Cells[] = [
    [
      `**VGG16 split** after \`${split.cut}\`, ${split.bottleneck ?? 'int8'}, ${percent(split.headMacsShare)} of the MACs on the device`,
      `${split.wireBytes.mean.toFixed(0)}`,
      withInterval(split.accuracy, split.interval),
      latencyUs ? formatDurationUs(latencyUs.device) : '–',
    ],
    ...small.map(
      (s): Cells => [
        `${s.architecture}, whole, on the device${s.fits ? '' : ': does not fit'}`,
        s.fits ? 'the answer' : '–',
        withInterval(s.accuracy, s.interval),
        s.deviceUs === null ? '–' : formatDurationUs(s.deviceUs),
      ],
    ),
    ...curves
      .filter(({ id: kind }) => kind !== 'on-device' && kind !== 'on-device-other')
      .flatMap((curve) => curveRows(curve, withInterval)),
  ];
  return `### ${id}

Whole VGG16, float, on the gateway: ${percent(split.full)} of ${formatCount(split.testSamples)} pictures. Training the bottleneck took ${split.trainingMinutes ?? '–'} minutes.

${table(['what', 'bytes sent', 'accuracy', 'on the device'], shown)}

${judge(row)} ${row.verdict ?? ''}`;
}

function curveRows(
  { name, points, fineTuned }: BaselineCurve,
  show: (accuracy: number | null, interval: readonly [number, number] | null) => string,
): Cells[] {
  return points.map((point) => [
    `${name}${fineTuned && !/fine-tuned/.test(name) ? ', classifier fine-tuned' : ''}`,
    point.exists && point.bytesMean !== null ? Math.round(point.bytesMean) : 'does not exist',
    show(point.accuracy, point.interval),
    point.deviceLatencyUs === null ? '–' : formatDurationUs(point.deviceLatencyUs),
  ]);
}

/** Whether the split was worth it beside the best network that fits: by two standard errors of independent shares. */
function judge({ split, small }: Vgg16Split): string {
  const fitting = small.filter((s): s is SmallNetwork & { accuracy: number } => s.accuracy !== null);
  const best = fitting.reduce<(SmallNetwork & { accuracy: number }) | undefined>(
    (a, b) => (a && a.accuracy >= b.accuracy ? a : b),
    undefined,
  );
  if (!best) return 'None of the small networks fits the board: the split is the only way to run on it at all.';
  const lead = split.accuracy - best.accuracy;
  const variance = (share: number): number => (share * (1 - share)) / split.testSamples;
  const error = Math.sqrt(variance(split.accuracy) + variance(best.accuracy));
  const told = `the split has ${percent(split.accuracy)}, ${best.architecture} alone on the device ${percent(best.accuracy)}`;
  if (lead > 1.96 * error) return `**Worth it for accuracy:** ${told}.`;
  if (lead < -1.96 * error) return `**Not worth it:** ${told}, and sends nothing but its answer.`;
  return `**Not worth it here:** ${told}; these pictures show no difference, and the small network needs no gateway.`;
}
