import { formatBytes, formatCount, formatDurationUs } from '../core/units.js';
import type { Analysis, AnalyzedCut } from './analysis.js';
import type { Reason } from './feasibility.js';

const REASON_WORDS: Readonly<Record<Reason['code'], string>> = {
  'arena-block': 'arena, largest free block',
  'ram-total': 'RAM, free in total',
  flash: 'flash, left beside the firmware',
  'budget-total': 'flash and RAM together, budget',
  'budget-flash': 'flash, budget',
  'budget-ram': 'RAM, budget',
  'budget-macs': 'MACs, budget',
  'budget-latency': 'latency, budget',
  'budget-wire': 'bytes on the wire, budget',
};

function formatValue(value: number, unit: Reason['unit']): string {
  if (unit === 'B') return formatBytes(value);
  return unit === 'us' ? formatDurationUs(value) : `${formatCount(value)} MACs`;
}

/** `needs 91 304 B of arena, largest free block 65 536 B`. */
export function formatReason(reason: Reason): string {
  const [what, limit] = REASON_WORDS[reason.code].split(', ') as [string, string];
  return `needs ${formatValue(reason.needs, reason.unit)} of ${what}, ${limit} ${formatValue(reason.has, reason.unit)}`;
}

/** How far over its limits a rejected cut is: the largest ratio. */
function excess(cut: AnalyzedCut): number {
  return cut.reasons.reduce((worst, r) => Math.max(worst, r.needs / Math.max(r.has, 1)), 1);
}

/** The rejected cut that is closest to fitting. */
export function nearestMiss(cuts: readonly AnalyzedCut[]): AnalyzedCut | undefined {
  return cuts.filter((cut) => !cut.feasible).sort((a, b) => excess(a) - excess(b))[0];
}

/** Share of the MACs above which a split is no split. */
const NEARLY_ALL = 0.95;

/** A few plain sentences on what to do next. */
export function adviseNextStep(analysis: Omit<Analysis, 'advice'>): string {
  const where = analysis.device ? ` on ${analysis.device.id} over ${analysis.device.link}` : '';
  const [first] = analysis.ranking;
  const best = analysis.cuts.find((cut) => cut.id === first);
  if (!best) {
    const near = nearestMiss(analysis.cuts);
    if (!near) return 'The network has no place to cut: nothing between its input and its class scores separates them.';
    return `No cut fits${where}. Nearest is ${near.id}, which ${near.reasons.map(formatReason).join('; ')}. Raise that limit, or take a board with more.`;
  }
  const candidate = analysis.cuts.find((cut) => cut.feasible && cut.localMaximum && cut.id !== best.id);
  const sentences = [
    `Cut after ${best.id}: the ${best.localMaximum ? 'candidate' : 'cut'} with the highest ${analysis.rankBy} that fits${where}; it sends ${formatBytes(best.wireBytes)} raw and runs ${percent(best.headMacs, analysis.model.macs)} of the MACs on the device.`,
  ];
  if (candidate) sentences.push(`Worth training beside it: ${candidate.id}.`);
  if (best.headMacs > NEARLY_ALL * analysis.model.macs) {
    sentences.push(
      'That leaves almost nothing to the gateway: compare it with everything on the device, or set --budget-macs or --budget-latency to look for earlier cuts.',
    );
  }
  if (analysis.sizeExplains !== null && analysis.sizeExplains > 0.95) {
    sentences.push(
      `Activation size alone explains r = ${analysis.sizeExplains.toFixed(3)} of log10 CUI here, so look at cuiSum and Taylor before trusting its order.`,
    );
  }
  return sentences.join(' ');
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / Math.max(whole, 1)).toFixed(0)} %`;
}
