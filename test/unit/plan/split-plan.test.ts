import { describe, expect, it } from 'vitest';
import { parseBytes, parseCount, parseDurationUs } from '../../../src/core/units.js';
import type { Reason } from '../../../src/plan/feasibility.js';
import { describeRemedy, infeasibleError, raisableCuts } from '../../../src/plan/infeasible.js';
import {
  excessOf,
  inheritedReasons,
  nearestRejected,
  type RejectedCut,
  type SplitPlan,
} from '../../../src/plan/split-plan.js';

const reason = (code: Reason['code'], needs: number, has: number, unit: Reason['unit'] = 'B'): Reason => ({
  code,
  needs,
  has,
  unit,
});
const rejected = (id: string, ...reasons: readonly Reason[]): RejectedCut => ({
  id,
  stage: 'planned',
  reasons,
  problem: null,
  by: null,
});

const CUTS = [
  rejected('conv1', reason('budget-total', 17_250, 8000), reason('budget-wire', 900, 512)),
  rejected('conv2', reason('budget-total', 12_001, 8000)),
  rejected('conv3', reason('arena-block', 200_000, 110_000)),
];

const plan = (change: Partial<SplitPlan> = {}): SplitPlan => ({
  schemaVersion: 1,
  tool: { name: 'isplit-edge', version: '0.0.0' },
  seed: 0,
  model: { name: 'net.h5', sha256: 'a'.repeat(64) },
  device: { id: 'esp32', name: 'ESP32', link: 'wifi-mqtt', gateway: 'x64-2cpu' },
  budgets: { totalBytes: 8000, wireBytes: 512 },
  rankBy: 'cui',
  asked: null,
  chosen: null,
  ranking: [],
  rejected: CUTS,
  nearest: 'conv2',
  remedies: [describeRemedy('conv2', CUTS[1]?.reasons ?? [], true)],
  warnings: [],
  ...change,
});

describe('rejected cuts', () => {
  it('are measured by the limit they break most', () => {
    expect(excessOf(CUTS[0]?.reasons ?? [])).toBeCloseTo(17_250 / 8000);
    expect(nearestRejected(CUTS)?.id).toBe('conv2');
    expect(nearestRejected([])).toBeUndefined();
  });
  it('are raisable only when no limit of the board stands in the way, the nearest first', () => {
    expect(raisableCuts(CUTS).map((cut) => cut.id)).toEqual(['conv2', 'conv1']);
  });
  it('rule out deeper heads by what grows with depth alone', () => {
    const reasons = [
      reason('arena-block', 2, 1),
      reason('budget-wire', 2, 1),
      reason('budget-latency', 2, 1, 'us'),
      reason('budget-macs', 2, 1, 'MAC'),
    ];
    expect(inheritedReasons(reasons).map((r) => r.code)).toEqual(['arena-block', 'budget-macs']);
  });
});

describe('a remedy', () => {
  it('is read by the command line as at least what is needed', () => {
    for (const needs of [1, 999, 9_999, 10_000, 10_001, 95_700, 1_234_567]) {
      const [bytes] = describeRemedy('c', [reason('budget-ram', needs, 1)], true).options;
      expect(parseBytes(bytes?.split(' ')[1] ?? '')).toBeGreaterThanOrEqual(needs);
      expect(parseBytes(bytes?.split(' ')[1] ?? '')).toBeLessThan(needs + 1000);
      const [macs] = describeRemedy('c', [reason('budget-macs', needs, 1, 'MAC')], true).options;
      expect(parseCount(macs?.split(' ')[1] ?? '')).toBeGreaterThanOrEqual(needs);
      const [latency] = describeRemedy('c', [reason('budget-latency', needs, 1, 'us')], true).options;
      expect(parseDurationUs(latency?.split(' ')[1] ?? '')).toBeGreaterThanOrEqual(needs);
    }
  });
  it('raises every limit that is broken', () => {
    expect(describeRemedy('conv1', CUTS[0]?.reasons ?? [], false).options).toEqual([
      '--budget 18KB',
      '--budget-wire 900B',
    ]);
  });
});

describe('E_BUDGET_INFEASIBLE', () => {
  it('has the verdict first, then every cut with every reason, the nearest first', () => {
    const error = infeasibleError(plan(), 3072);
    expect(error.exitCode).toBe(4);
    expect(error.all.map((p) => p.code)).toEqual(Array(4).fill('E_BUDGET_INFEASIBLE'));
    expect(error.all[0]?.message).toBe('no cut of net.h5 fits esp32 within flash and RAM together 8 000 B, wire 512 B');
    expect(error.all.slice(1).map((p) => p.context?.cut)).toEqual(['conv2', 'conv3', 'conv1']);
    expect(error.all[3]?.message).toBe(
      'conv1: needs 17 250 B of flash and RAM together, budget 8 000 B; needs 900 B of bytes on the wire, budget 512 B',
    );
    expect(error.context).toMatchObject({
      nearest: 'conv2',
      cuts: [{ id: 'conv2' }, { id: 'conv3' }, { id: 'conv1' }],
    });
  });
  it('says what would fit, and the input only where its bytes are within the wire budget', () => {
    expect(infeasibleError(plan(), 3072).hint).toBe('To fit: --budget 13KB (cut conv2); docs/budgets.md.');
    expect(infeasibleError(plan(), 500).hint).toContain('--cut input (500 B on the wire, nothing on the device)');
    expect(infeasibleError(plan({ remedies: [], budgets: {} }), 500).hint).toContain('a board with more memory');
  });
  it('lists heads that cannot be built last, with the reason', () => {
    const unbuildable: RejectedCut = {
      id: 'abs1',
      stage: 'built',
      reasons: [],
      problem: 'abs has no int8 form',
      by: null,
    };
    const error = infeasibleError(plan({ rejected: [unbuildable, ...CUTS] }), 1);
    expect(error.all.at(-1)?.message).toBe('abs1: abs has no int8 form');
    expect(nearestRejected([unbuildable])).toBeUndefined();
  });
  it('names the cut that was asked for, and what was measured', () => {
    const cut: RejectedCut = { ...(CUTS[1] as RejectedCut), stage: 'built' };
    const error = infeasibleError(plan({ asked: 'conv2', rejected: [cut, { ...cut, id: 'conv4', by: 'conv2' }] }), 1);
    expect(error.all[0]?.message).toMatch(/^cut "conv2" of net\.h5 does not fit esp32/);
    expect(error.all[1]?.message).toMatch(/\(as built\)$/);
    expect(error.all[2]?.message).toMatch(/\(at least: it contains conv2, as built\)$/);
  });
});
