/** Sections of docs/evidence.md on trained bottlenecks, and on pictures of as many bytes beside them. */
import { formatCount } from '../src/core/units.js';
import type { BaselinePoint } from '../src/evaluate/evaluation.js';
import { type BottleneckFigures, type BottleneckLimit, type BottleneckRow, budgetAt } from './bottlenecks.js';
import type { PictureBaselineFigures, PictureBaselineRow } from './picture-baselines.js';

type Table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const points = (share: number): string => (100 * share).toFixed(2);

export function renderBottlenecks({ rows }: BottleneckFigures, table: Table): string {
  const head = [
    'network',
    'cut',
    'bottleneck',
    'head, share of the MACs',
    'bytes, mean (99 %)',
    'accuracy',
    'points lost',
    'limits',
    'training, minutes',
  ];
  return `## Trained bottlenecks

\`npm run evidence -- bottlenecks [NAME…]\` · \`build --cut C --bottleneck B --budget-wire N\`, recipe \`default\`, seed 0, two cores. Bytes are coded
payloads of the test pictures; accuracy is that of the int8 head by the integer executor, its coded and decoded wire, and the float tail, on
${formatCount(rows[0]?.testSamples ?? 0)} test pictures. Lost: the whole float network minus this, with the paired 95 % interval. Limits are what a prototype
reached with as many bytes and as much work on the device.

${table(
  head,
  rows.map((row) => [
    `${row.network} (${percent(row.full)})`,
    row.cut,
    row.bottleneck ?? '–',
    percent(row.headMacsShare),
    `${row.wireBytes.mean.toFixed(1)} (${row.wireBytes.p99})`,
    percent(row.accuracy),
    describeLoss(row),
    row.limits.map((limit) => describeLimit(limit, row)).join('; ') || '–',
    row.trainingMinutes ?? '–',
  ]),
)}`;
}

function describeLoss({ full, accuracy, difference }: BottleneckRow): string {
  const [low, high] = difference?.interval ?? [Number.NaN, Number.NaN];
  return `${points(full - accuracy)} (${points(-high)} to ${points(-low)})`;
}

function describeLimit(limit: BottleneckLimit, { full, accuracy, wireBytes, headMacsShare }: BottleneckRow): string {
  const { lost, codedBytes } = limit;
  // Shares of whole pictures: 0.877 − 0.862 is 0.015 but for the last bits.
  const held = full - accuracy <= lost + 1e-9 && wireBytes.mean <= codedBytes && headMacsShare <= limit.headMacsShare;
  const share = `${Math.round(100 * limit.headMacsShare)} %`;
  return `${points(lost)} at ${codedBytes} B, ${share}: ${held ? 'met' : 'MISSED'}`;
}

/** Splits and pictures at the same bytes, on the same test pictures. */
export function renderPictureBaselines(
  { rates, epochs, rows }: PictureBaselineFigures,
  splits: BottleneckFigures,
  table: Table,
): string {
  const trained = rows.map((row) => `${row.id} on ${formatCount(row.trainingSamples)} pictures`);
  return `## Splits beside pictures of as many bytes

\`npm run evidence -- picture-baselines [NAME…]\` · accuracy on the same test pictures with at most so many payload bytes (headers and tables that
all pictures share left out, [baselines.md](baselines.md)); in brackets the bytes it really took. Fine-tuned: the classifier trained on for
${epochs} epochs on pictures as they arrive, ${trained.join(', ')}. A lead counts when it is more than 1.96 standard errors of two
independent shares; paired intervals would be narrower.

${table(
  ['network', 'sent', ...rates.map((rate) => `${formatCount(rate)} B`)],
  rows.flatMap((row) => {
    const own = rates.map((rate) => splits.rows.find((s) => s.network === row.id && s.budgetBytes === budgetAt(rate)));
    return [
      [
        row.id,
        '**split**',
        ...own.map((s) => (s ? `**${percent(s.accuracy)}** (${Math.round(s.wireBytes.mean)})` : '–')),
      ],
      ...row.curves
        .filter(({ id }) => id === 'jpeg' || id === 'webp')
        .map((curve) => [row.id, curve.name, ...rates.map((rate) => describePoint(curve.points, rate))]),
      [row.id, 'who wins', ...rates.map((rate, i) => nameWinner(row, own[i], rate))],
    ];
  }),
)}`;
}

function pointAt(all: readonly BaselinePoint[], rate: number): BaselinePoint | undefined {
  return all.find(({ targetBytes }) => targetBytes === rate);
}

function describePoint(all: readonly BaselinePoint[], rate: number): string {
  const point = pointAt(all, rate);
  if (point?.accuracy == null || point.bytesMean === null) return 'does not exist';
  return `${percent(point.accuracy)} (${Math.round(point.bytesMean)})`;
}

const CODEC_NAMES = { jpeg: 'JPEG', webp: 'WebP' } as const;

function nameWinner(row: PictureBaselineRow, split: BottleneckRow | undefined, rate: number): string {
  if (!split) return '–';
  const codecs = Object.keys(CODEC_NAMES) as (keyof typeof CODEC_NAMES)[];
  const outcomes = codecs.map((id) => {
    const name = CODEC_NAMES[id];
    const found = row.curves.filter((curve) => curve.id === id).map((curve) => pointAt(curve.points, rate)?.accuracy);
    const best = Math.max(...found.map((accuracy) => accuracy ?? 0));
    if (best === 0) return `split (no ${name})`;
    const lead = split.accuracy - best;
    const error = Math.sqrt((best * (1 - best) + split.accuracy * (1 - split.accuracy)) / row.testSamples);
    if (Math.abs(lead) <= 1.96 * error) return `tie with ${name}`;
    return lead > 0 ? `split over ${name}` : `${name} over split`;
  });
  return outcomes.join(', ');
}
