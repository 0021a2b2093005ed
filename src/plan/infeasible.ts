import { IsplitError, type Problem } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import { formatReason } from './advice.js';
import { type Budgets, listBudgets } from './budgets.js';
import type { Reason } from './feasibility.js';
import { excessOf, type RejectedCut, type Remedy, type SplitPlan } from './split-plan.js';

const OPTION_OF: Readonly<Partial<Record<Reason['code'], string>>> = {
  'budget-total': '--budget',
  'budget-flash': '--budget-flash',
  'budget-ram': '--budget-ram',
  'budget-macs': '--budget-macs',
  'budget-latency': '--budget-latency',
  'budget-wire': '--budget-wire',
};

/** Remedies shown: the ones that raise least. */
const REMEDIES = 2;

/**
 * The cuts that raised budgets alone would let in, those that raise least first. Limits of the board cannot be raised, so a cut
 * that breaks one is none of them.
 */
export function raisableCuts(rejected: readonly RejectedCut[]): readonly RejectedCut[] {
  return rejected
    .filter((cut) => cut.reasons.length > 0 && cut.reasons.every((reason) => OPTION_OF[reason.code] !== undefined))
    .sort((a, b) => excessOf(a.reasons) - excessOf(b.reasons))
    .slice(0, REMEDIES);
}

/** What to type so that a cut with these reasons fits. */
export function describeRemedy(cut: string, reasons: readonly Reason[], measured: boolean): Remedy {
  return { cut, options: reasons.map((r) => `${OPTION_OF[r.code]} ${roundUp(r)}`), measured };
}

/** A value that is short to type and not below what is needed, as the command line reads them. */
function roundUp({ needs, unit }: Reason): string {
  if (unit === 'B') return needs < 10_000 ? `${Math.ceil(needs)}B` : `${Math.ceil(needs / 1000)}KB`;
  if (unit === 'us') return `${Math.ceil(needs / 1000)}ms`;
  return `${Math.ceil(needs / 1000)}k`;
}

/** `flash and RAM together 8 000 B, wire 512 B`. */
function describeWish(budgets: Budgets): string {
  const given = listBudgets(budgets);
  return given.length === 0 ? 'its own limits' : given.join(', ');
}

/**
 * E_BUDGET_INFEASIBLE with every reason of every cut: the first problem is the verdict, the others are the cuts, the nearest
 * to fitting first.
 */
export function infeasibleError(plan: SplitPlan, inputWireBytes: number): IsplitError {
  const on = plan.device === null ? '' : `${plan.device.id} within `;
  const wish = describeWish(plan.budgets);
  const what =
    plan.asked === null
      ? `no cut of ${plan.model.name} fits`
      : `cut "${plan.asked}" of ${plan.model.name} does not fit`;
  const ordered = [...plan.rejected].sort(
    (a, b) => Number(a.problem !== null) - Number(b.problem !== null) || excessOf(a.reasons) - excessOf(b.reasons),
  );
  const verdict: Problem = {
    code: 'E_BUDGET_INFEASIBLE',
    message: `${what} ${on}${wish}`,
    context: {
      model: plan.model.name,
      device: plan.device?.id ?? null,
      asked: plan.asked,
      budgets: plan.budgets,
      nearest: plan.nearest,
      remedies: plan.remedies,
      inputWireBytes,
      cuts: ordered,
    },
    hint: describeRemedies(plan, inputWireBytes),
  };
  return new IsplitError([
    verdict,
    ...ordered.map(
      (cut): Problem => ({
        code: 'E_BUDGET_INFEASIBLE',
        message: `${cut.id}: ${cut.problem ?? cut.reasons.map(formatReason).join('; ')}${describeStage(cut)}`,
        context: { cut: cut.id, stage: cut.stage, by: cut.by, reasons: cut.reasons, problem: cut.problem },
      }),
    ),
  ]);
}

function describeStage({ stage, by, problem }: RejectedCut): string {
  if (stage === 'planned' || problem !== null) return '';
  return by === null ? ' (as built)' : ` (at least: it contains ${by}, as built)`;
}

/** `To fit: --budget 95KB (cut conv1), or --cut input (3 072 B on the wire, nothing on the device).` */
function describeRemedies(plan: SplitPlan, inputWireBytes: number): string {
  const ways = plan.remedies.map((remedy) => `${remedy.options.join(' ')} (cut ${remedy.cut})`);
  const limit = plan.budgets.wireBytes;
  if (limit === undefined || inputWireBytes <= limit)
    ways.push(`--cut input (${formatBytes(inputWireBytes)} on the wire, nothing on the device)`);
  if (plan.remedies.length === 0) ways.push('a board with more memory (isplit-edge devices)');
  return `To fit: ${ways.join(', or ')}; docs/budgets.md.`;
}
