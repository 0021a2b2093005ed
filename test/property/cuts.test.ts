/** At every cut, single and multi-tensor, tail(head(x)) equals the whole network. */
import { describe, expect, it } from 'vitest';
import { findCutPoints } from '../../src/analyze/cut-points.js';
import { createRandom } from '../../src/core/random.js';
import type { Engine } from '../../src/engines/engine.js';
import { createEngine } from '../../src/engines/index.js';
import { elementCount, type Graph, tensorOf } from '../../src/ir/graph.js';
import { partitionGraph } from '../../src/ir/partition.js';
import { verifyGraph } from '../../src/ir/verify.js';
import { SHAPES } from '../../src/ops/index.js';
import { findLogits, type Logits } from '../../src/passes/logits.js';
import { setBatch } from '../../src/passes/set-batch.js';
import { demoPaths, type OpenModelOptions, openModel } from '../../src/sdk.js';
import { describeNeeding, sharedData, sharedTestData } from '../support/shared-data.js';

const BATCH = 2;

/** Inputs of the range the network was trained on, different in every row. */
function randomInput(graph: Graph, low: number, high: number): Float32Array {
  const random = createRandom(11);
  const { shape } = tensorOf(graph, graph.inputs[0] as string);
  return Float32Array.from({ length: elementCount(shape) }, () => low + (high - low) * random.next());
}

async function run(
  engine: Engine,
  graph: Graph,
  feeds: Record<string, Float32Array>,
): Promise<Record<string, Float32Array>> {
  // Each graph runs once: compiling dominates.
  const compiled = await engine.compile(graph, { optimise: false });
  try {
    return { ...(await compiled.run(feeds)) };
  } finally {
    await compiled.dispose();
  }
}

/** The network up to its logits: differences show there, a softmax would hide them. */
function upToLogits(network: Graph, logits: Logits): Graph {
  return setBatch(partitionGraph(network, [logits.id]).head, BATCH);
}

async function checkEveryCut(
  name: string,
  options: OpenModelOptions,
  [low, high]: readonly [number, number],
): Promise<number> {
  const { network } = await openModel(name, options);
  const logits = findLogits(network);
  const full = upToLogits(network, logits);
  const engine = await createEngine('onnx');
  const input = full.inputs[0] as string;
  const x = randomInput(full, low, high);
  const expected = (await run(engine, full, { [input]: x }))[logits.id] as Float32Array;
  const peak = expected.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  const rows = expected.length / BATCH;
  const spread = expected
    .subarray(0, rows)
    .reduce((m, v, i) => Math.max(m, Math.abs(v - (expected[rows + i] as number))), 0);
  expect(spread, 'the logits depend on the input').toBeGreaterThan(1e-3 * peak);

  const points = findCutPoints(network, logits.id);
  for (const point of points) {
    const { head, tail } = partitionGraph(full, point.tensors);
    verifyGraph(head, SHAPES);
    verifyGraph(tail, SHAPES);
    const sent = await run(engine, head, { [input]: x });
    const got = (await run(engine, tail, sent))[logits.id] as Float32Array;
    const error = got.reduce((m, v, i) => Math.max(m, Math.abs(v - (expected[i] as number))), 0);
    expect(error, `${name} cut at ${point.id}`).toBeLessThanOrEqual(1e-5 * peak);
  }
  expect(points.some((p) => p.tensors.length === 1)).toBe(true);
  return points.filter((p) => p.tensors.length > 1).length;
}

describe('tail(head(x)) = full(x) at every cut', () => {
  it('of fashion-cnn', async () => {
    await checkEveryCut(demoPaths().model, {}, [0, 1]);
  });

  it('of resnet50 at 64×64, seeded, residual edges included', async () => {
    expect(await checkEveryCut('resnet50', { inputShape: [64, 64, 3], seed: 1 }, [0, 1])).toBeGreaterThan(10);
  }, 120_000);

  it('of mobilenet_v2 at 96×96, seeded, residual edges included', async () => {
    expect(await checkEveryCut('mobilenet_v2', { inputShape: [96, 96, 3], seed: 1 }, [-1, 1])).toBeGreaterThan(5);
  }, 120_000);
});

describeNeeding([sharedTestData], 'tail(head(x)) = full(x) at every cut of trained networks', () => {
  it('ic_resnet8', async () => {
    expect(await checkEveryCut(sharedData('models/mlperf-tiny/ic_resnet8.h5'), {}, [0, 255])).toBeGreaterThan(2);
  });

  it('vww_96', async () => {
    await checkEveryCut(sharedData('models/mlperf-tiny/vww_96.h5'), {}, [0, 1]);
  });

  it('mobilenet_v1_025_224_tfjs', async () => {
    await checkEveryCut(sharedData('models/mobilenet_v1_025_224_tfjs/model.json'), {}, [-1, 1]);
  }, 120_000);
});

describe('partition refuses what does not separate', () => {
  it('names the edges that would be missing', async () => {
    const { network } = await openModel('resnet8', { seed: 1 });
    expect(() => partitionGraph(network, ['stack1_conv1_relu'])).toThrow(/stem_relu/);
  });
});
