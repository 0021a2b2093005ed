import type { MemoryFit } from '../devices/memory.js';
import type { Budgets } from './budgets.js';

/** Why a cut is rejected. Codes are stable; the first three are limits of the device, the others the user's budgets. */
export interface Reason {
  readonly code:
    | 'arena-block'
    | 'ram-total'
    | 'flash'
    | 'budget-total'
    | 'budget-flash'
    | 'budget-ram'
    | 'budget-macs'
    | 'budget-latency'
    | 'budget-wire';
  readonly needs: number;
  readonly has: number;
  readonly unit: 'B' | 'MAC' | 'us';
}

/** What a cut asks for. */
export interface Demand {
  readonly flashBytes: number;
  readonly arenaBytes: number;
  readonly headMacs: number;
  readonly wireBytes: number;
  /** Absent when no device was named. */
  readonly latencyUs?: number;
}

/** Every limit a cut breaks, not only the first; empty = it fits. */
export function findReasons(demand: Demand, budgets: Budgets, memory?: MemoryFit): Reason[] {
  const ofDevice = (memory?.reasons ?? []).map(({ code, needs, has, unit }): Reason => ({ code, needs, has, unit }));
  const checks: [Reason['code'], number | undefined, number | undefined, Reason['unit']][] = [
    ['budget-total', demand.flashBytes + demand.arenaBytes, budgets.totalBytes, 'B'],
    ['budget-flash', demand.flashBytes, budgets.flashBytes, 'B'],
    ['budget-ram', demand.arenaBytes, budgets.ramBytes, 'B'],
    ['budget-macs', demand.headMacs, budgets.macs, 'MAC'],
    ['budget-latency', demand.latencyUs, budgets.latencyUs, 'us'],
    ['budget-wire', demand.wireBytes, budgets.wireBytes, 'B'],
  ];
  const ofBudgets = checks.flatMap(([code, needs, has, unit]): Reason[] =>
    needs !== undefined && has !== undefined && needs > has
      ? [{ code, needs: Math.ceil(needs), has: Math.floor(has), unit }]
      : [],
  );
  return [...ofDevice, ...ofBudgets];
}
