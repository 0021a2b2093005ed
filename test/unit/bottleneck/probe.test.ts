/** Probes and search on the embedded network and its samples. */
import { beforeAll, describe, expect, it } from 'vitest';
import { findCutPoints } from '../../../src/analyze/cut-points.js';
import { collectActivations } from '../../../src/bottleneck/activations.js';
import type { LabelledInputs } from '../../../src/bottleneck/frozen-tails.js';
import { probeCuts } from '../../../src/bottleneck/probe.js';
import { searchBottleneck } from '../../../src/bottleneck/search.js';
import { openDataset } from '../../../src/data/open-dataset.js';
import type { Engine } from '../../../src/engines/engine.js';
import { createEngine } from '../../../src/engines/index.js';
import type { Graph } from '../../../src/ir/graph.js';
import { findLogits } from '../../../src/passes/logits.js';
import { choosePreprocess } from '../../../src/sdk/open-model.js';
import { demoPaths, openModel } from '../../../src/sdk.js';

let engine: Engine;
let network: Graph;
let samples: () => AsyncIterable<LabelledInputs>;

beforeAll(async () => {
  engine = await createEngine('onnx');
  const model = await openModel(demoPaths().model);
  network = model.network;
  const { spec } = choosePreprocess(model, {});
  const dataset = await openDataset(demoPaths().calibration, { classCount: 10 }, {});
  const sixty = dataset.select(Array.from({ length: Math.min(60, dataset.count) }, (_, i) => i));
  samples = () => sixty.batches({ batchSize: 16, spec });
});

describe('probeCuts', () => {
  it('measures every single-tensor cut within its bytes, on samples it did not fit to, the same each time', async () => {
    const cuts = findCutPoints(network, findLogits(network).id).map(({ id, tensors }) => ({ id, tensors }));
    const chosen = [
      ...cuts.filter((cut) => cut.id === 'pool1' || cut.id === 'pool3'),
      { id: 'a+b', tensors: ['a', 'b'] },
    ];
    const request = { network, cuts: chosen, samples, budgetWireBytes: 96, engine };
    const probes = await probeCuts(request);
    expect(probes.cuts.map(({ cut }) => cut)).toEqual(['pool1', 'pool3', 'a+b']);
    expect(probes.fittedOn + probes.measuredOn).toBe(60);
    expect(probes.fittedOn).toBeGreaterThan(5);
    const [pool1, pool3, several] = probes.cuts;
    expect(several).toMatchObject({ accuracy: null, code: null, samples: 0 });
    for (const probe of [pool1, pool3]) {
      expect(probe?.samples).toBe(probes.measuredOn);
      expect(probe?.codedBytes).toBeLessThanOrEqual(96);
      // Far from guessing, and no better than what a tenth of the samples explains.
      expect(probe?.accuracy).toBeGreaterThan(0.5);
      expect(probe?.accuracy).toBeLessThanOrEqual(probes.full + 0.1);
      expect(probe?.interval?.[0]).toBeLessThan(probe?.accuracy as number);
    }
    expect(await probeCuts(request)).toEqual(probes);
  });

  it('takes the raw tensor where it meets the budget, and says so where nothing does', async () => {
    const cuts = ['dense1', 'conv1_1'].map((id) => ({ id, tensors: [id] }));
    const { cuts: wide } = await probeCuts({ network, cuts: cuts.slice(0, 1), samples, budgetWireBytes: 64, engine });
    expect(wide[0]).toMatchObject({ code: 'int8', codedBytes: 64, bottleneck: null });
    const { cuts: none } = await probeCuts({ network, cuts: cuts.slice(1), samples, budgetWireBytes: 1, engine });
    expect(none[0]).toMatchObject({ accuracy: null, code: null, codedBytes: null });
  });
});

describe('searchBottleneck', () => {
  it('ranks what meets the budget, and says when there is nothing', async () => {
    const sample = await collectActivations(network, 'pool1', samples(), { engine, most: 30 });
    const request = { network, cut: 'pool1', budgetWireBytes: 128, sample, measured: samples, engine };
    const ranked = await searchBottleneck(request);
    expect(ranked.length).toBeGreaterThan(0);
    for (const found of ranked) {
      expect(found.codedBytes).toBeLessThanOrEqual(128);
      expect(found.measuredOn).toBe(60);
    }
    expect(ranked.map(({ accuracy }) => accuracy)).toEqual(
      ranked.map(({ accuracy }) => accuracy).sort((a, b) => b - a),
    );
    await expect(searchBottleneck({ ...request, budgetWireBytes: 0.5 })).rejects.toMatchObject({
      code: 'E_BUDGET_INFEASIBLE',
    });
  });
});
