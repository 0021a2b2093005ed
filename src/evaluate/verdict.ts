import { formatCount, formatDurationUs } from '../core/units.js';
import type { BaselineCurve, BaselinePoint, Evaluation, PairedDifference } from './evaluation.js';

/** The same evaluation with curves beside it and the sentences that say who wins where. */
export function addBaselines(evaluation: Evaluation, baselines: readonly BaselineCurve[]): Evaluation {
  return { ...evaluation, baselines, verdict: writeVerdict(evaluation, baselines) };
}

/**
 * Who wins where, in plain words. A difference counts when its paired 95 % interval is on one side of zero.
 * @param baselines with differences to this split
 */
export function writeVerdict(evaluation: Evaluation, baselines: readonly BaselineCurve[]): string {
  const { accuracy, wireBytes } = evaluation;
  if (accuracy.splitInt8 === null) return '';
  const pictures = rivalsAt(baselines, wireBytes.mean);
  const sentences = [
    `At ${bytes(wireBytes.mean)} the split has ${percent(accuracy.splitInt8)}${pictures.map(({ text }) => `, ${text}`).join('')}.`,
    judgePictures(pictures),
    ...catchUp(baselines, accuracy.splitInt8, wireBytes.mean),
    ...judgeRaw(baselines),
    ...judgeOnDevice(baselines),
    ...judgeGateway(baselines, wireBytes.mean),
  ];
  return sentences.filter((sentence) => sentence !== '').join(' ');
}

interface Rival {
  readonly name: string;
  readonly practical: boolean;
  /** False: no setting is so small. */
  readonly exists: boolean;
  readonly difference: PairedDifference | null;
  readonly text: string;
}

/** JPEG and WebP at the split's own bytes: the classifier as it is, or fine-tuned where that is better. */
function rivalsAt(baselines: readonly BaselineCurve[], ownBytes: number): Rival[] {
  return (['jpeg', 'webp'] as const).flatMap((id): Rival[] => {
    const curves = baselines.filter((curve) => curve.id === id);
    const name = { jpeg: 'JPEG', webp: 'WebP' }[id];
    const at = (tuned: boolean): BaselinePoint | undefined =>
      curves.find((curve) => curve.fineTuned === tuned)?.points.find((point) => point.targetBytes === ownBytes);
    const [plain, tuned] = [at(false), at(true)];
    if (!plain) return [];
    const practical = curves[0]?.practical ?? false;
    if (!plain.exists || plain.accuracy === null) {
      return [{ name, practical, exists: false, difference: null, text: `${name} cannot be so small` }];
    }
    const also = tuned?.accuracy == null ? '' : ` (${percent(tuned.accuracy)} with the classifier fine-tuned on it)`;
    const better = (tuned?.accuracy ?? -1) > plain.accuracy ? tuned : plain;
    return [
      {
        name,
        practical,
        exists: true,
        difference: better?.difference ?? null,
        text: `${name} ${percent(plain.accuracy)}${also}`,
      },
    ];
  });
}

function judgePictures(rivals: readonly Rival[]): string {
  const parts = rivals.flatMap(({ name: plain, practical, exists, difference }) => {
    const name = practical ? plain : `${plain} (no encoder for microcontrollers)`;
    if (!exists) return [`the split wins over ${name}, which does not exist at so few bytes`];
    if (difference === null) return [];
    const points = `${difference.value > 0 ? '+' : ''}${(100 * difference.value).toFixed(1)} points`;
    const side = sideOf(difference);
    if (side > 0) return [`the split wins over ${name}, ${points}`];
    if (side < 0) return [`${name} wins over the split, ${points} for the split`];
    return [`these samples show no difference between the split and ${name}, ${points}`];
  });
  return capitalise(parts.join('; ')) + (parts.length > 0 ? '.' : '');
}

/** 1 when the first is better, −1 when the second is, 0 when the samples do not say. */
function sideOf({ interval: [low, high] }: PairedDifference): number {
  if (low > 0) return 1;
  return high < 0 ? -1 : 0;
}

/** How many bytes JPEG needs for what the split has. */
function catchUp(baselines: readonly BaselineCurve[], accuracy: number, ownBytes: number): string[] {
  const points = baselines
    .filter(({ id }) => id === 'jpeg')
    .flatMap((curve) => curve.points)
    .filter((point) => point.exists && point.accuracy !== null && point.bytesMean !== null)
    .sort((a, b) => (a.bytesMean as number) - (b.bytesMean as number));
  const first = points.find((point) => (point.accuracy as number) >= accuracy);
  if (first) {
    const needs = first.bytesMean as number;
    return [
      `JPEG reaches ${percent(first.accuracy as number)} with ${bytes(needs)}${needs < ownBytes ? ', fewer than the split sends' : ''}.`,
    ];
  }
  const most = points.at(-1)?.bytesMean ?? 0;
  return most > ownBytes
    ? [`JPEG does not reach ${percent(accuracy)} with ${bytes(most)} either, the most that was tried.`]
    : [];
}

function judgeRaw(baselines: readonly BaselineCurve[]): string[] {
  const point = baselines.find(({ id }) => id === 'raw-activation')?.points[0];
  if (point?.accuracy == null || point.bytesMean === null) return [];
  return [`Without the bottleneck the same cut sends ${bytes(point.bytesMean)} for ${percent(point.accuracy)}.`];
}

function judgeOnDevice(baselines: readonly BaselineCurve[]): string[] {
  const own = baselines.find(({ id }) => id === 'on-device')?.points[0];
  const others = baselines
    .filter(({ id }) => id === 'on-device-other')
    .flatMap(({ points }) => points)
    .filter((point) => point.fits !== false && point.accuracy !== null)
    .sort((a, b) => (b.accuracy as number) - (a.accuracy as number));
  const sentences: string[] = [];
  if (own?.accuracy != null) {
    const has = `Everything on the device has ${percent(own.accuracy)}`;
    if (own.fits === false) sentences.push(`${has}, but does not fit the board.`);
    else sentences.push(`${has}${own.fits ? ' and fits the board' : ''}: ${whenOnDeviceWins(own)}.`);
  }
  const [best] = others;
  if (best)
    sentences.push(`The best other network on the device, ${best.setting}, has ${percent(best.accuracy as number)}.`);
  return sentences;
}

function whenOnDeviceWins({ deviceLatencyUs, difference }: BaselinePoint): string {
  const time = deviceLatencyUs === null ? 'its time' : `its ${formatDurationUs(deviceLatencyUs)}`;
  const where = `where ${time} an inference on the device is acceptable`;
  if (difference && sideOf(difference) > 0)
    return `it sends nothing, at ${(100 * difference.value).toFixed(1)} points less, ${where}`;
  return `it wins ${where}`;
}

function judgeGateway(baselines: readonly BaselineCurve[], ownBytes: number): string[] {
  const point = baselines.find(({ id }) => id === 'on-gateway')?.points[0];
  if (point?.accuracy == null || point.bytesMean === null) return [];
  const takes = `The picture as it is takes ${bytes(point.bytesMean)} for ${percent(point.accuracy)}`;
  const noWorse = point.difference === null || sideOf(point.difference) <= 0;
  if (point.bytesMean > ownBytes || !noWorse) return [`${takes}.`];
  return [`${takes}: not more bytes than the split's, so as far as the link goes sending it wins.`];
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const bytes = (count: number): string => `${formatCount(Math.round(count))} B`;

function capitalise(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
