import type { Budgets, DeviceLimits } from './budgets.js';

/** Why a cut is rejected. Codes are stable. */
export interface Reason {
  readonly code:
    | 'FLASH_DEVICE'
    | 'RAM_DEVICE'
    | 'RAM_BLOCK'
    | 'BUDGET_TOTAL'
    | 'BUDGET_FLASH'
    | 'BUDGET_RAM'
    | 'BUDGET_MACS'
    | 'BUDGET_LATENCY'
    | 'BUDGET_WIRE';
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
export function findReasons(demand: Demand, budgets: Budgets, limits?: DeviceLimits): Reason[] {
  const checks: [Reason['code'], number | undefined, number | undefined, Reason['unit']][] = [
    ['FLASH_DEVICE', demand.flashBytes, limits?.flashFreeBytes, 'B'],
    ['RAM_DEVICE', demand.arenaBytes, limits?.ramFreeBytes, 'B'],
    ['RAM_BLOCK', demand.arenaBytes, limits?.ramLargestBlockBytes, 'B'],
    ['BUDGET_TOTAL', demand.flashBytes + demand.arenaBytes, budgets.totalBytes, 'B'],
    ['BUDGET_FLASH', demand.flashBytes, budgets.flashBytes, 'B'],
    ['BUDGET_RAM', demand.arenaBytes, budgets.ramBytes, 'B'],
    ['BUDGET_MACS', demand.headMacs, budgets.macs, 'MAC'],
    ['BUDGET_LATENCY', demand.latencyUs, budgets.latencyUs, 'us'],
    ['BUDGET_WIRE', demand.wireBytes, budgets.wireBytes, 'B'],
  ];
  return checks.flatMap(([code, needs, has, unit]) =>
    needs !== undefined && has !== undefined && needs > has
      ? [{ code, needs: Math.ceil(needs), has: Math.floor(has), unit }]
      : [],
  );
}
