import { Problems } from '../core/errors.js';
import { formatBytes, formatCount, formatDurationUs } from '../core/units.js';

/** What the user allows; absent = the device's own limits alone. */
export interface Budgets {
  /** Weights + code estimate + RAM of the head, summed. */
  readonly totalBytes?: number;
  readonly flashBytes?: number;
  readonly ramBytes?: number;
  readonly macs?: number;
  readonly latencyUs?: number;
  /** Payload bytes of one inference. */
  readonly wireBytes?: number;
}

/**
 * Refuses budgets that cannot all be meant: a part larger than the whole, or a budget of nothing.
 * @throws IsplitError E_BUDGET_CONTRADICTION with every contradiction
 */
export function checkBudgets(budgets: Budgets): void {
  const problems = new Problems();
  const parts = [
    ['--budget-flash', budgets.flashBytes],
    ['--budget-ram', budgets.ramBytes],
  ] as const;
  for (const [option, bytes] of parts) {
    if (bytes !== undefined && budgets.totalBytes !== undefined && bytes > budgets.totalBytes) {
      problems.add(
        'E_BUDGET_CONTRADICTION',
        `${option} ${formatBytes(bytes)} is more than the whole of --budget ${formatBytes(budgets.totalBytes)}`,
        { option, bytes, totalBytes: budgets.totalBytes },
        'Leave one of the two out, or raise --budget.',
      );
    }
  }
  for (const [name, value] of Object.entries(budgets)) {
    if (value !== undefined && !(value > 0)) {
      problems.add(
        'E_BUDGET_CONTRADICTION',
        `the budget ${name} is ${value}; nothing fits into that`,
        { name, value },
        'Give a positive budget.',
      );
    }
  }
  problems.throwIfAny();
}

/** `flash and RAM together 300 000 B`, `wire 512 B`, …: every budget that was given. */
export function listBudgets(budgets: Budgets): string[] {
  const parts: [string, number | undefined, (n: number) => string][] = [
    ['flash and RAM together', budgets.totalBytes, formatBytes],
    ['flash', budgets.flashBytes, formatBytes],
    ['RAM', budgets.ramBytes, formatBytes],
    ['MACs', budgets.macs, formatCount],
    ['latency', budgets.latencyUs, formatDurationUs],
    ['wire', budgets.wireBytes, formatBytes],
  ];
  return parts.flatMap(([name, value, format]) => (value === undefined ? [] : [`${name} ${format(value)}`]));
}
