/** Sentences and short forms that the terminal table and the HTML report share. */
import { formatBytes, formatCount, formatDurationUs } from '../core/units.js';
import type { Analysis, AnalyzedCut } from '../plan/analysis.js';
import { type Budgets, listBudgets } from '../plan/budgets.js';
import type { Reason } from '../plan/feasibility.js';

/**
 * Names come from model files and data sets that nobody vouches for: control characters (terminal escapes among them) and
 * characters that change the direction of text become U+FFFD, line breaks become spaces.
 */
export function plainText(text: string): string {
  return (
    text
      .replace(/[\t\n\v\f\r\u0085\u2028\u2029]+/g, ' ')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
      .replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, '\ufffd')
      .replace(/[\ud800-\udfff]/gu, '\ufffd')
  );
}

/** Keeps start and end, which is where layer names differ: `block_1…_relu`. */
export function shorten(text: string, length: number): string {
  const points = Array.from(text);
  if (points.length <= length) return text;
  if (length <= 1) return '…'.slice(0, length);
  const end = Math.floor((length - 1) / 2);
  return `${points.slice(0, length - 1 - end).join('')}…${end > 0 ? points.slice(-end).join('') : ''}`;
}

/**
 * Blanks that may not break a line: within digits in groups of three, between a number and its unit, around an arrow.
 */
export const INNER_BLANK =
  /(?<=→) | (?=→)|(?<=\d) (?=\d{3}\b|%|(?:B|KiB|MiB|us|ms|s|MACs|parameters|samples|classes)\b)/gu;

/** Makes those blanks no-break spaces. */
export function keepTogether(text: string): string {
  return text.replace(INNER_BLANK, '\u00a0');
}

export function formatShape(shape: readonly number[]): string {
  return shape.join('×');
}

/** `41 %`; below one percent with a digit more. */
export function formatPercent(part: number, whole: number): string {
  const percent = (100 * part) / Math.max(whole, 1);
  if (percent > 0 && percent < 0.1) return '<0.1 %';
  return `${percent.toFixed(percent > 0 && percent < 1 ? 1 : 0)} %`;
}

/** log10 with two digits and an ASCII minus, so that figures survive `sort` and `awk`. */
export function formatLog10(value: number | null): string {
  return value === null ? '–' : value.toFixed(2);
}

/** log10 of CUI times elements; null when the sum is unknown or not positive. */
export function log10CuiSum(cut: { readonly cuiSum: number | null }): number | null {
  return cut.cuiSum !== null && cut.cuiSum > 0 ? Math.log10(cut.cuiSum) : null;
}

export function isSingle(cut: AnalyzedCut): boolean {
  return cut.tensors.length === 1;
}

/** `vgg-like.h5 · Keras 2.15 · 28×28×1 → 10 classes · 1 234 567 MACs · 98 765 parameters`. */
export function describeModel({ model }: Analysis): string {
  return [
    model.name,
    model.description || model.format,
    `${formatShape(model.inputShape)} → ${formatCount(model.classes)} classes`,
    `${formatCount(model.macs)} MACs`,
    `${formatCount(model.parameters)} parameters`,
  ]
    .map(plainText)
    .join(' · ');
}

/** `fashion, test part`. */
export function nameData({ data }: Analysis): string {
  return data.part === null ? data.name : `${data.name}, ${data.part} part`;
}

export function describeData(analysis: Analysis): string {
  const parts = [nameData(analysis), `${formatCount(analysis.samples)} samples`, `seed ${analysis.seed}`];
  if (analysis.classes !== null) parts.push(`importance of ${describeClassSubset(analysis)}`);
  parts.push(`engine ${analysis.engine}`);
  return parts.map(plainText).join(' · ');
}

/** `classes cat, dog`, at most six by name. */
export function describeClassSubset({ classes, model }: Analysis): string {
  if (classes === null) return `all ${formatCount(model.classes)} classes`;
  const names = classes.slice(0, 6).map((c) => plainText(model.classNames?.[c] ?? String(c)));
  const rest = classes.length - names.length;
  return `${classes.length === 1 ? 'class' : 'classes'} ${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

export function describeDevice({ device, cuts }: Analysis): string {
  if (device === null) return 'none named: costs without limits of a board, no latency (--device ID)';
  const estimates = cuts.some((cut) => cut.latencyUs !== null) ? ['latencies are estimates'] : [];
  const name = device.name === device.id ? device.id : `${device.id} (${device.name})`;
  return [name, `link ${device.link}`, `gateway ${device.gateway}`, ...estimates].map(plainText).join(' · ');
}

/** `flash and RAM together 300 000 B · wire 512 B`; undefined without budgets. */
export function describeBudgets(budgets: Budgets): string | undefined {
  const given = listBudgets(budgets);
  return given.length === 0 ? undefined : given.join(' · ');
}

const REASON_SHORT: Readonly<Record<Reason['code'], readonly [string, string]>> = {
  'arena-block': ['arena', 'largest block'],
  'ram-total': ['RAM', 'free'],
  flash: ['flash', 'left'],
  'budget-total': ['flash + RAM', 'budget'],
  'budget-flash': ['flash', 'budget'],
  'budget-ram': ['RAM', 'budget'],
  'budget-macs': ['MACs', 'budget'],
  'budget-latency': ['latency', 'budget'],
  'budget-wire': ['wire', 'budget'],
};

/** `RAM 91 304 B > 65 536 B free`, for a cell of a table. */
export function describeReasonShort(reason: Reason): string {
  const format = reason.unit === 'B' ? formatBytes : reason.unit === 'us' ? formatDurationUs : formatCount;
  const [what, limit] = REASON_SHORT[reason.code];
  return `${what} ${format(reason.needs)} > ${format(reason.has)} ${limit}`;
}

/** `Size alone explains 97 % of log10 CUI (r = 0.987).` */
export function explainSize({ sizeExplains: r }: Analysis): string {
  if (r === null) return 'How much of log10 CUI size explains is not defined for so few cuts.';
  return `Size alone explains ${(100 * r * r).toFixed(0)} % of log10 CUI (r = ${r.toFixed(3)}).`;
}

/** Predictors other than the ranking's own, as people call them. */
export const PREDICTOR_NAMES = {
  cui: 'CUI',
  cuiSum: 'size-free',
  margin: 'margin',
  taylor: 'Taylor',
  depth: 'depth',
  size: 'size',
  probe: 'probe',
} as const satisfies Record<keyof Analysis['baselines'], string>;

export type Predictor = keyof typeof PREDICTOR_NAMES;
const PREDICTORS = Object.keys(PREDICTOR_NAMES) as Predictor[];

/** Those that were measured: there may be no probes. */
export function predictorsOf({ baselines }: Analysis): Predictor[] {
  return PREDICTORS.filter((predictor) => baselines[predictor] !== undefined);
}

/** The cut each predictor would put first, among those that fit. */
export function firstByPredictor(analysis: Analysis): { predictor: Predictor; id: string }[] {
  const fits = new Set(analysis.cuts.filter((cut) => cut.feasible).map((cut) => cut.id));
  return PREDICTORS.flatMap((predictor) => {
    const id = analysis.baselines[predictor]?.find((candidate) => fits.has(candidate));
    return id === undefined ? [] : [{ predictor, id }];
  });
}

/** `Ranked otherwise: size-free → pool2, Taylor → pool2, depth → pool3.` */
export function describeOtherRankings(analysis: Analysis): string {
  const first = analysis.ranking[0];
  const others = firstByPredictor(analysis).filter((row) => row.predictor !== analysis.rankBy);
  if (others.length === 0 || first === undefined) return '';
  if (others.every((row) => row.id === first)) {
    return `Every other predictor (${others.map((row) => PREDICTOR_NAMES[row.predictor]).join(', ')}) puts ${plainText(first)} first too.`;
  }
  return `Ranked otherwise: ${others.map((row) => `${PREDICTOR_NAMES[row.predictor]} → ${plainText(row.id)}`).join(', ')}.`;
}

/** `87.7 % [86.2 – 89.1] of 2 000 samples, 95 % interval`. */
export function describeAccuracy({ accuracy, samples, data }: Analysis): string {
  const [low, high] = accuracy.interval;
  const trained =
    data.part === 'train'
      ? '; these are training pictures if the network saw this part, which says nothing about new ones'
      : '';
  const figure = (share: number): string => (100 * share).toFixed(1);
  return `${figure(accuracy.full)} % [${figure(low)} – ${figure(high)}] of ${formatCount(samples)} samples, 95 % interval${trained}`;
}
