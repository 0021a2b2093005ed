import { beforeAll, describe, expect, it } from 'vitest';
import { findCutPoints } from '../../../src/analyze/cut-points.js';
import { IsplitError } from '../../../src/core/errors.js';
import { type CutCost, measureCutCosts } from '../../../src/cost/cut-cost.js';
import { chooseTflmTarget } from '../../../src/cost/runtime-arena.js';
import { elementCount, type Graph, tensorOf } from '../../../src/ir/graph.js';
import { partitionGraph } from '../../../src/ir/partition.js';
import { findLogits } from '../../../src/passes/logits.js';
import { type Deployment, describeCut } from '../../../src/pipeline/analyze.js';
import type { BuiltHead } from '../../../src/pipeline/build-head.js';
import { type ChooseCutRequest, chooseCut } from '../../../src/pipeline/choose-cut.js';
import type { Analysis } from '../../../src/plan/analysis.js';
import type { Budgets } from '../../../src/plan/budgets.js';
import { chooseDeployment, demoPaths, loadDevice, openModel } from '../../../src/sdk.js';

let network: Graph;
beforeAll(async () => {
  network = (await openModel(demoPaths().model)).network;
});

/** An analysis whose ranking is the order of depth, the deepest first. */
function analysisOf(budgets: Budgets, deployment?: Deployment): Analysis {
  const points = findCutPoints(network, findLogits(network).id);
  const costs = measureCutCosts(
    network,
    points.map((point) => point.tensors),
  );
  const cuts = points.map((point, i) => describeCut(point, costs[i] as CutCost, { budgets, deployment }));
  const ranking = cuts.filter((cut) => cut.feasible).map((cut) => cut.id);
  const model = { name: 'fashion-cnn.h5', sha256: 'a'.repeat(64), macs: 7_375_744 };
  const tool = { name: 'isplit-edge', version: '0.0.0' };
  return { cuts, ranking: ranking.reverse(), model, tool, seed: 0, rankBy: 'cui', device: null } as unknown as Analysis;
}

/** A head of so many bytes and so much arena; only sizes matter here. */
function fakeHead(tensors: readonly string[], bytes: number, neededBytes: number): BuiltHead {
  return {
    bytes: new Uint8Array(bytes),
    arena: { plannedBytes: 1, tfliteMicroBytes: null, neededBytes },
    wireBytes: tensors.reduce((sum, id) => sum + elementCount(tensorOf(network, id).shape), 0),
    macs: 1000,
    codeBytes: 0,
  } as unknown as BuiltHead;
}

function request(budgets: Budgets, sizeOf: (id: string) => [number, number], asked?: string) {
  const built: string[] = [];
  const whole: ChooseCutRequest = {
    network,
    analysis: analysisOf(budgets),
    budgets,
    deployment: undefined,
    asked,
    build: async ({ tensors }) => {
      built.push(tensors.join('+'));
      const { head, tail } = partitionGraph(network, tensors);
      return { head: fakeHead(tensors, ...sizeOf(tensors[0] as string)), headFloat: head, tail, bottleneck: null };
    },
  };
  return { built, whole };
}

const SMALL: [number, number] = [100, 100];

describe('chooseCut', () => {
  it('takes the first of the ranking that fits once built', async () => {
    const { built, whole } = request({}, () => SMALL);
    const { plan, split } = await chooseCut(whole, {});
    expect(built).toEqual(['dense1']);
    expect(split?.head.bytes.length).toBe(100);
    expect(plan.chosen).toMatchObject({ id: 'dense1', built: { flashBytes: 100, ramBytes: 100, wireBytes: 64 } });
    expect(plan.rejected).toEqual([]);
  });
  it('rejects a head by its real sizes and goes on with the next', async () => {
    const { built, whole } = request({ ramBytes: 150_000 }, (id) => (id === 'dense1' ? [100, 150_001] : SMALL));
    const { plan } = await chooseCut(whole, {});
    expect(built).toEqual(['dense1', 'pool3']);
    expect(plan.chosen?.id).toBe('pool3');
    expect(plan.rejected).toEqual([
      {
        id: 'dense1',
        stage: 'built',
        by: null,
        problem: null,
        reasons: [{ code: 'budget-ram', needs: 150_001, has: 150_000, unit: 'B' }],
      },
    ]);
    expect(plan.chosen?.why).toContain('dense1 came before it but did not fit once built');
  });
  it('does not build what contains a head that is too large already', async () => {
    const { built, whole } = request({ ramBytes: 150_000 }, (id) => (id === 'conv1_1' ? SMALL : [100, 200_000]));
    const shallowFirst = { ...whole.analysis, ranking: [...whole.analysis.ranking].reverse() };
    const order = ['pool1', ...shallowFirst.ranking.filter((id) => id !== 'pool1' && id !== 'conv1_1'), 'conv1_1'];
    const { plan } = await chooseCut({ ...whole, analysis: { ...shallowFirst, ranking: order } }, {});
    // conv1_2_relu lies within pool1's head, so it says nothing about it; all others contain pool1.
    expect(built).toEqual(['pool1', 'conv1_2_relu', 'conv1_1']);
    expect(plan.chosen?.id).toBe('conv1_1');
    expect(plan.rejected.filter((cut) => cut.by === 'pool1').map((cut) => cut.id)).toContain('conv3_1');
  });
  it('keeps cuts that were rejected when planned, and does not build them', async () => {
    const { built, whole } = request({ wireBytes: 600 }, () => SMALL);
    const { plan } = await chooseCut(whole, {});
    expect(built).toEqual(['dense1']);
    expect(plan.rejected.map((cut) => [cut.id, cut.stage, cut.reasons[0]?.code])).toContainEqual([
      'pool1',
      'planned',
      'budget-wire',
    ]);
  });
  it('goes on with a shallower cut when a head holds what cannot be made int8', async () => {
    const { built, whole } = request({}, () => SMALL);
    const refuse = (from: string): typeof whole.build => {
      return async (cut, fits) => {
        if (cut.id !== from) return whole.build(cut, fits);
        throw new IsplitError({ code: 'E_HOOK_UNSUPPORTED', message: `${from} has no int8 form` });
      };
    };
    const { plan } = await chooseCut({ ...whole, build: refuse('dense1') }, {});
    expect([built, plan.chosen?.id]).toEqual([['pool3'], 'pool3']);
    expect(plan.rejected).toMatchObject([{ id: 'dense1', reasons: [], problem: 'dense1 has no int8 form' }]);
    expect(plan.chosen?.why).toContain('dense1 came before it but cannot be made int8');
    const byHand = request({}, () => SMALL, 'dense1').whole;
    await expect(chooseCut({ ...byHand, build: refuse('dense1') }, {})).rejects.toMatchObject({
      code: 'E_HOOK_UNSUPPORTED',
    });
  });
  it('measures what would make an impossible wish fit', async () => {
    const { built, whole } = request({ totalBytes: 8000 }, () => [5000, 9500]);
    const { plan, split } = await chooseCut(whole, {});
    expect(split).toBeUndefined();
    expect(plan.chosen).toBeNull();
    expect(plan.rejected).toHaveLength(whole.analysis.cuts.length);
    expect(built.length).toBeGreaterThan(0);
    // 5 000 B of file, no code in these heads, 9 500 B of arena.
    expect(plan.remedies[0]).toEqual({ cut: plan.nearest, options: ['--budget 15KB'], measured: true });
  });
});

describe('--cut', () => {
  it('takes any set of tensors that separates head from tail', async () => {
    const { plan } = await chooseCut(request({}, () => SMALL, 'conv2_1').whole, {});
    expect(plan.chosen).toMatchObject({ id: 'conv2_1', why: 'asked for with --cut' });
    await expect(chooseCut(request({}, () => SMALL, 'conv9').whole, {})).rejects.toMatchObject({
      code: 'E_CUT_UNKNOWN',
    });
  });
  it('output is the whole network', async () => {
    const { built, whole } = request({}, () => SMALL, 'output');
    const { plan } = await chooseCut(whole, {});
    expect(built).toEqual([network.outputs[0]]);
    expect(plan.chosen).toMatchObject({ id: 'output', shapes: [[10]], planned: { macs: 7_375_744, wireBytes: 10 } });
  });
  it('input builds nothing, and only the wire can be too much', async () => {
    const { built, whole } = request({ totalBytes: 10, wireBytes: 784 }, () => SMALL, 'input');
    const { plan, split } = await chooseCut(whole, {});
    expect([built, split]).toEqual([[], undefined]);
    expect(plan.chosen).toMatchObject({ id: 'input', built: null, planned: { wireBytes: 784 } });
    const deployment = chooseDeployment('esp32') as Deployment;
    const slow = { ...request({ latencyUs: 10 }, () => SMALL, 'input').whole, deployment };
    expect((await chooseCut(slow, {})).plan.rejected[0]?.reasons[0]?.code).toBe('budget-latency');
    const tight = await chooseCut(request({ wireBytes: 783 }, () => SMALL, 'input').whole, {});
    expect(tight.plan).toMatchObject({ chosen: null, remedies: [{ cut: 'input', options: ['--budget-wire 784B'] }] });
  });
  it('that does not fit is refused with its reasons', async () => {
    const { plan } = await chooseCut(request({ wireBytes: 600 }, () => SMALL, 'pool1').whole, {});
    expect(plan.chosen).toBeNull();
    expect(plan.rejected.map((cut) => cut.id)).toEqual(['pool1']);
    const late = await chooseCut(request({ flashBytes: 400_000 }, () => [400_001, 1], 'pool1').whole, {});
    expect(late.plan.rejected).toMatchObject([{ id: 'pool1', stage: 'built', reasons: [{ code: 'budget-flash' }] }]);
  });
});

describe('limits of a board', () => {
  it('hold for the built head as well', async () => {
    const deployment = chooseDeployment('esp32') as Deployment;
    const whole = { ...request({}, () => [100, 180_000]).whole, deployment };
    const { plan } = await chooseCut({ ...whole, analysis: analysisOf({}, deployment) }, {});
    expect(plan.chosen).toBeNull();
    expect(plan.rejected.every((cut) => cut.reasons.some((r) => r.code === 'arena-block'))).toBe(true);
    // Raising budgets does not enlarge a board.
    expect(plan.remedies).toEqual([]);
  });
});

describe('chooseTflmTarget', () => {
  it.each([
    ['esp32', 'esp-nn'],
    ['esp32-c3', 'esp-nn'],
    ['esp32-s3', 'esp-nn-s3'],
    ['esp32-p4', 'esp-nn-p4'],
    ['coral-micro', 'cmsis-nn-dsp'],
    ['rv32-virt', 'reference'],
    ['coral-usb', undefined],
  ])('%s runs %s', (device, target) => {
    expect(chooseTflmTarget(loadDevice(device))?.id).toBe(target);
  });
});
