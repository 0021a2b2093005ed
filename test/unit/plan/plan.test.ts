import { describe, expect, it } from 'vitest';
import { loadDevice } from '../../../src/devices/index.js';
import { checkMemory } from '../../../src/devices/memory.js';
import { adviseNextStep, formatReason, nearestMiss } from '../../../src/plan/advice.js';
import type { Analysis, AnalyzedCut } from '../../../src/plan/analysis.js';
import { checkBudgets } from '../../../src/plan/budgets.js';
import { findReasons } from '../../../src/plan/feasibility.js';
import { paretoFront, rankCuts } from '../../../src/plan/rank.js';

function cut(id: string, values: Partial<AnalyzedCut> = {}): AnalyzedCut {
  return {
    id,
    tensors: [id],
    shapes: [[4, 4, 4]],
    elements: 64,
    cui: 1e-3,
    log10Cui: -3,
    localMaximum: false,
    cuiSum: 0.064,
    margin: 1e-3,
    taylor: 1e-3,
    probeAccuracy: null,
    probeInterval: null,
    probeSamples: 0,
    headMacs: 100,
    tailMacs: 900,
    headParameters: 10,
    headWeightBytes: 10,
    headWeightBytesFloat32: 40,
    arenaBytes: 128,
    arenaPlannedBytes: 64,
    flashBytes: 10,
    wireBytes: 64,
    wireBytesPlanned: null,
    bottleneck: null,
    encoderMacs: 0,
    latencyUs: null,
    energyJ: null,
    feasible: true,
    reasons: [],
    ...values,
  };
}

describe('budgets', () => {
  it('that cannot both be meant are refused, all at once', () => {
    expect(() => checkBudgets({ totalBytes: 8000, flashBytes: 16_000, ramBytes: 9000 })).toThrow(
      /--budget-flash 16 000 B.*\(and 1 more\)/,
    );
    expect(() => checkBudgets({ macs: 0 })).toThrow(
      expect.objectContaining({ code: 'E_BUDGET_CONTRADICTION', exitCode: 2 }),
    );
    expect(() => checkBudgets({ totalBytes: 8000, flashBytes: 8000 })).not.toThrow();
  });
});

describe('feasibility', () => {
  const demand = { flashBytes: 5000, arenaBytes: 3000, headMacs: 1000, wireBytes: 500, latencyUs: 20_000 };
  it('collects every broken limit with its values', () => {
    const reasons = findReasons(demand, {
      totalBytes: 7999,
      flashBytes: 5000,
      ramBytes: 2999,
      macs: 999,
      latencyUs: 19_999,
      wireBytes: 499,
    });
    expect(reasons.map((r) => r.code)).toEqual([
      'budget-total',
      'budget-ram',
      'budget-macs',
      'budget-latency',
      'budget-wire',
    ]);
    expect(reasons[0]).toEqual({ code: 'budget-total', needs: 8000, has: 7999, unit: 'B' });
  });
  it('fits exactly at the limit', () => {
    expect(findReasons(demand, { totalBytes: 8000, macs: 1000, latencyUs: 20_000, wireBytes: 500 })).toEqual([]);
  });
  it('takes the limits of a board', () => {
    const memory = checkMemory(loadDevice('esp32'), { arenaBytes: 10_000_000, weightBytes: 100_000_000 });
    const codes = findReasons(demand, {}, memory).map((r) => r.code);
    expect(codes).toContain('arena-block');
    expect(codes).toContain('flash');
  });
});

describe('ranking', () => {
  const cuts = [
    cut('a', { cui: 1, cuiSum: 9, elements: 30, wireBytes: 30 }),
    cut('b', { cui: 3, cuiSum: 5, elements: 20, wireBytes: 20, feasible: false }),
    cut('c', { cui: 2, cuiSum: 7, elements: 10, wireBytes: 10 }),
    cut('a+b', { tensors: ['a', 'b'], cui: null, cuiSum: null, wireBytes: 50 }),
    cut('b+c', { tensors: ['b', 'c'], cui: null, cuiSum: null, wireBytes: 5 }),
  ];
  it('puts single-tensor cuts first, then those that send less', () => {
    expect(rankCuts(cuts, 'cui')).toEqual(['b', 'c', 'a', 'b+c', 'a+b']);
    expect(rankCuts(cuts, 'cui', (c) => c.feasible)).toEqual(['c', 'a', 'b+c', 'a+b']);
  });
  it('follows the other predictors', () => {
    expect(rankCuts(cuts.slice(0, 3), 'cuiSum')).toEqual(['a', 'c', 'b']);
    expect(rankCuts(cuts.slice(0, 3), 'depth')).toEqual(['c', 'b', 'a']);
    expect(rankCuts(cuts.slice(0, 3), 'size')).toEqual(['c', 'b', 'a']);
  });
  it('keeps on the Pareto front what nothing beats in everything', () => {
    const front = paretoFront([
      cut('cheap', { cui: 1, headMacs: 1, wireBytes: 9 }),
      cut('good', { cui: 5, headMacs: 9, wireBytes: 9 }),
      cut('beaten', { cui: 1, headMacs: 2, wireBytes: 9 }),
      cut('small', { cui: 0.5, headMacs: 5, wireBytes: 1 }),
      cut('rejected', { cui: 9, headMacs: 0, wireBytes: 0, feasible: false }),
    ]);
    expect(front).toEqual(['cheap', 'good', 'small']);
  });
});

describe('advice', () => {
  const base = (cuts: readonly AnalyzedCut[]): Omit<Analysis, 'advice'> =>
    ({
      model: { macs: 1000 },
      device: { id: 'esp32', link: 'ble' },
      rankBy: 'cui',
      cuts,
      ranking: rankCuts(cuts, 'cui', (c) => c.feasible),
      sizeExplains: 0.5,
    }) as unknown as Omit<Analysis, 'advice'>;
  const tooBig = cut('big', {
    feasible: false,
    reasons: [{ code: 'arena-block', needs: 91_304, has: 65_536, unit: 'B' }],
  });
  const farTooBig = cut('huge', { feasible: false, reasons: [{ code: 'flash', needs: 9e6, has: 1000, unit: 'B' }] });

  it('names the cut, or the nearest miss with its reason', () => {
    expect(adviseNextStep(base([cut('pool2', { localMaximum: true })]))).toContain('Cut after pool2: the candidate');
    expect(adviseNextStep(base([farTooBig, tooBig]))).toContain(
      'Nearest is big, which needs 91 304 B of arena, largest free block 65 536 B',
    );
    expect(nearestMiss([farTooBig, tooBig])?.id).toBe('big');
    expect(formatReason({ code: 'budget-latency', needs: 30_000, has: 20_000, unit: 'us' })).toBe(
      'needs 30.0 ms of latency, budget 20.0 ms',
    );
  });
  it('says when nothing is left to the gateway, and when size explains the order', () => {
    expect(adviseNextStep(base([cut('last', { headMacs: 990 })]))).toContain('almost nothing to the gateway');
    expect(adviseNextStep({ ...base([cut('x')]), sizeExplains: 0.99 })).toContain('r = 0.990');
    expect(adviseNextStep(base([]))).toContain('no place to cut');
  });
});
