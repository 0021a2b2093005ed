/** What a study says, in words; the same in terminal, report and docs. */
import type { CellResult, Estimate, Predictor, PredictorResult, Regret } from '../evaluate/study.js';
import { plainText } from './phrases.js';

const NAMES: Readonly<Record<Predictor, string>> = {
  cui: 'CUI',
  cuiSum: 'size-free CUI',
  margin: 'margin',
  taylor: 'Taylor',
  depth: 'depth',
  size: 'size',
  probe: 'probe',
};

export function namePredictor(predictor: Predictor): string {
  return NAMES[predictor];
}

/** `0.72 [0.61, 0.80]` */
export function describeRho(estimate: Estimate | null): string {
  if (estimate === null) return '–';
  const [low, high] = estimate.interval;
  return `${estimate.value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

/** `+0.13 [-0.02, +0.30]` */
export function describeDifference(estimate: Estimate | null): string {
  if (estimate === null) return '–';
  const [low, high] = estimate.interval;
  return `${signed(estimate.value, 2)} [${signed(low, 2)}, ${signed(high, 2)}]`;
}

/** Shares as percentage points: `1.3 [0.4, 2.2]` */
export function describePoints(estimate: Estimate): string {
  const [low, high] = estimate.interval;
  return `${points(estimate.value)} [${points(low)}, ${points(high)}]`;
}

export function describePlainRho(value: number | null): string {
  return value === null ? '–' : value.toFixed(2);
}

export function describeAccuracy(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

export function points(share: number): string {
  const text = (100 * share).toFixed(1);
  return text === '-0.0' ? '0.0' : text;
}

function signed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return value >= 0 ? `+${text}` : text;
}

/** `any head`, `heads of at most 25 % of the MACs` */
export function describeHeadLimit(macsShare: number): string {
  return macsShare === 1 ? 'any head' : `≤ ${100 * macsShare} %`;
}

/** Regret at the widest budget. */
export function widestRegret({ regrets }: PredictorResult): Regret | undefined {
  return regrets.at(-1);
}

/** A few sentences: who predicts the order, what following costs, how far the measurement carries. */
export function concludeStudy(result: CellResult): string[] {
  return [
    concludeCeiling(result),
    concludeOrder(result),
    concludeBeyondSize(result),
    concludeRegret(result),
    ...concludeSubsets(result),
    ...concludeBytes(result),
  ];
}

function concludeCeiling({ reliability, cuts, seeds }: CellResult): string {
  if (!reliability) {
    return `With ${seeds === 1 ? 'one seed' : `${seeds} seeds`} over ${cuts.length} cuts nothing can be said of how well the order repeats.`;
  }
  const { single, mean, ceiling } = reliability;
  return `The order of ${cuts.length} cuts repeats from seed to seed with ρ = ${single.toFixed(2)}; the mean over ${seeds} seeds has a reliability of ${mean.toFixed(2)}, so that no predictor can be expected to correlate with it by more than ${ceiling.toFixed(2)}.`;
}

function ordered(predictors: readonly PredictorResult[]): (PredictorResult & { rho: Estimate })[] {
  return predictors
    .filter((row): row is PredictorResult & { rho: Estimate } => row.rho !== null)
    .sort((a, b) => b.rho.value - a.rho.value);
}

function concludeOrder({ predictors }: CellResult): string {
  const rows = ordered(predictors);
  const [best] = rows;
  if (!best) return 'No predictor has a correlation with the accuracy.';
  const names = (of: readonly PredictorResult[]): string => join(of.map(({ predictor }) => namePredictor(predictor)));
  const first = rows.filter(({ rho }) => rho.value === best.rho.value);
  const others = rows.filter((row) => !first.includes(row));
  const alike = others.filter((row) => overlap(row.rho, best.rho));
  const lead = `${capital(names(first))} ${first.length === 1 ? 'follows' : 'follow'} the accuracies most closely, ρ = ${describeRho(best.rho)}`;
  if (alike.length < others.length) {
    return alike.length === 0
      ? `${lead}, and no interval of another reaches it.`
      : `${lead}; not distinguishable from that: ${names(alike)}.`;
  }
  return `${lead}, but no predictor is distinguishable from another by it: all intervals overlap.`;
}

function concludeBeyondSize({ predictors }: CellResult): string {
  const above = predictors.filter(({ beyondSize }) => beyondSize !== null && beyondSize.interval[0] > 0);
  const below = predictors.filter(({ beyondSize }) => beyondSize !== null && beyondSize.interval[1] < 0);
  const names = (rows: readonly PredictorResult[]): string =>
    join(rows.map(({ predictor }) => namePredictor(predictor)));
  if (above.length === 0 && below.length === 0) {
    return 'On the same test samples no predictor orders the cuts better or worse than their mere size does.';
  }
  const parts = [
    ...(above.length > 0
      ? [`${names(above)} ${above.length === 1 ? 'orders' : 'order'} the cuts better than their mere size does`]
      : []),
    ...(below.length > 0 ? [`${names(below)} ${below.length === 1 ? 'orders' : 'order'} them worse`] : []),
  ];
  return `${capital(parts.join('; '))}, compared on the same test samples.`;
}

function concludeRegret({ predictors }: CellResult): string {
  const rows = predictors.flatMap(({ predictor, regrets }) => {
    const regret = regrets.at(-1);
    return regret ? [{ predictor, ...regret }] : [];
  });
  if (rows.length === 0) return 'No regret could be measured.';
  const free = rows.filter(({ regret }) => regret.interval[0] <= 0);
  const costly = rows.filter(({ regret }) => regret.interval[0] > 0).sort((a, b) => a.regret.value - b.regret.value);
  const names = (of: readonly { predictor: Predictor }[]): string =>
    join(of.map((row) => namePredictor(row.predictor)));
  const first =
    free.length === 0
      ? 'Without a limit on the head every predictor leads to a cut that is worse than the best'
      : `Without a limit on the head, following ${names(free)} costs nothing that could be told from zero`;
  const rest = costly.map(({ predictor, pick, regret }) => {
    const name = free.length > 0 ? namePredictor(predictor) : capital(namePredictor(predictor));
    return `${name} ${describePoints(regret)} points (${plainText(pick)})`;
  });
  return rest.length === 0 ? `${first}.` : `${first}; it costs with ${join(rest)}.`;
}

function concludeSubsets({ subsets }: CellResult): string[] {
  if (!subsets) return [];
  const { moved, gain, classesEach, predictors } = subsets;
  const [low, high] = subsets.movedInterval;
  const real = gain.interval[0] > 0;
  const helped = predictors.filter((row) => row.gain.interval[0] > 0).map(({ predictor }) => namePredictor(predictor));
  return [
    `Over ${subsets.subsets} random sets of ${classesEach} classes the best cut is another than for all classes ${moved} times (${(100 * low).toFixed(0)} to ${(100 * high).toFixed(0)} % of such sets), and going there gains ${describePoints(gain)} points${real ? '' : ': nothing that could be told from zero'}.`,
    helped.length > 0
      ? `Predictors that were asked about these classes alone and gained by it: ${join(helped)}.`
      : 'Asking a predictor about these classes alone gained nothing that could be told from zero.',
  ];
}

function concludeBytes({ cuts, targetBytes, leftOut }: CellResult): string[] {
  const below = cuts.filter(({ atTarget, codedBytes }) => !atTarget && codedBytes < targetBytes);
  const above = cuts.filter(({ atTarget, codedBytes }) => !atTarget && codedBytes > targetBytes);
  const names = (rows: readonly { id: string }[]): string => join(rows.map(({ id }) => plainText(id)));
  return [
    ...(below.length > 0
      ? [`Fewer bytes than the target even at their finest, at no disadvantage by it: ${names(below)}.`]
      : []),
    ...(above.length > 0 ? [`Not brought down to the target, and favoured by it: ${names(above)}.`] : []),
    ...(leftOut.length > 0 ? [`Left out: ${join(leftOut.map(({ id, why }) => `${plainText(id)} (${why})`))}.`] : []),
  ];
}

function overlap(a: Estimate, b: Estimate): boolean {
  return a.interval[1] >= b.interval[0] && b.interval[1] >= a.interval[0];
}

function join(names: readonly string[]): string {
  if (names.length < 2) return names[0] ?? '';
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
