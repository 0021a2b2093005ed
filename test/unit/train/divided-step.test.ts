import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createRandom } from '../../../src/core/random.js';
import type { Engine, Values } from '../../../src/engines/engine.js';
import { createOnnxEngine } from '../../../src/engines/onnx.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { SHAPES } from '../../../src/ops/index.js';
import { countParts } from '../../../src/train/divided-gradients.js';
import { appendDistillation, appendWeightedSum, oneHot } from '../../../src/train/losses.js';
import { shuffledBatches } from '../../../src/train/shuffled-batches.js';
import { compileStep, type StepResult } from '../../../src/train/step.js';
import { train } from '../../../src/train/train.js';
import { type PackedPlace, packedPlaces } from '../../../src/train/trainable-constants.js';
import type { AdamOptions, Checkpoints, TrainedValues, TrainingProblem } from '../../../src/train/training.js';
import { CLASSES, drawNormal, PICTURE, smallProblem, smallSamples } from './small-net.js';

const BATCH = 12;
let engine: Engine;

beforeAll(async () => {
  engine = await createOnnxEngine();
});

/** Labels, a teacher, two statistics that follow the batch, and logits to look at. */
function problem(): TrainingProblem {
  const small = smallProblem(BATCH);
  const b = new GraphBuilder('divided', SHAPES, small.graph);
  const teacher = b.input('teacher', [BATCH, CLASSES]);
  const loss = appendWeightedSum(b, [
    { loss: small.loss, weight: 0.3 },
    { loss: appendDistillation(b, 'logits', teacher, 2), weight: 1 },
  ]);
  const axes = { axes: [0, 1, 2], keepDims: false };
  const follow = [
    { constant: 'norm/mean', batch: b.op('mean', ['conv'], axes) },
    { constant: 'norm/variance', batch: b.op('mean', [b.op('mul', ['conv', 'conv'])], axes) },
  ];
  const statistics = { momentum: 0.9, follow };
  return { ...small, graph: b.build([loss]), loss, statistics, smallestPart: 2 };
}

function drawFeeds(seed: number): Values {
  const { x, labels } = smallSamples(BATCH, seed);
  return { x, labels: oneHot(labels, CLASSES), teacher: drawNormal(createRandom(seed), [BATCH, CLASSES], 2) };
}

async function steps(count: number, adam: AdamOptions, threads: number, on = engine): Promise<StepResult[]> {
  const step = await compileStep(problem(), adam, { engine: on, threads });
  try {
    let { initial: state } = step;
    const results: StepResult[] = [];
    for (let i = 0; i < count; i++) {
      const result = await step.run(state, drawFeeds(i), 0.02);
      // Feeds and vectors are reused.
      results.push(structuredClone(result));
      state = result.state;
    }
    return results;
  } finally {
    await step.dispose();
  }
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, v, i) => Math.max(most, Math.abs(v - (b[i] as number))), 0);
}

describe('a step over parts of the batch', () => {
  const cases: [string, AdamOptions, number][] = [
    ['two parts', {}, 2],
    ['three parts, clipped, with decay', { clipNorm: 0.05, weightDecay: 0.1 }, 3],
  ];
  it.each(cases)('is the step over the whole: %s', async (_, adam, threads) => {
    const compileApart = vi.fn(engine.compileApart);
    const divided = await steps(3, adam, threads, { ...engine, compileApart });
    expect(compileApart).toHaveBeenCalledTimes(threads);
    const whole = await steps(3, adam, 1);
    // The first step's moments are the gradient itself, before Adam's division makes small differences large.
    expect(
      largestDifference(divided[0]?.state.firstMoment as never, whole[0]?.state.firstMoment as never),
    ).toBeLessThan(1e-6);
    whole.forEach(({ state, loss, watch }, i) => {
      const other = divided[i] as StepResult;
      expect(other.state.step).toBe(state.step);
      expect(other.loss).toBeCloseTo(loss, 4);
      expect(largestDifference(other.state.parameters, state.parameters)).toBeLessThan(2e-4);
      expect(largestDifference(other.state.secondMoment, state.secondMoment)).toBeLessThan(1e-6);
      expect(largestDifference(other.state.statistics, state.statistics)).toBeLessThan(1e-4);
      expect(other.watch.logits).toHaveLength(BATCH * CLASSES);
      expect(largestDifference(other.watch.logits as never, watch.logits as never)).toBeLessThan(1e-3);
    });
    expect(whole[2]?.loss).not.toBe(whole[0]?.loss);
  });

  it('gives the same bytes each time', async () => {
    const [one, other] = [await steps(3, {}, 2), await steps(3, {}, 2)];
    expect(other).toEqual(one);
  });

  it('is taken where it is allowed, the engine can, and the vectors are short', () => {
    const { smallestPart: _, ...whole } = problem();
    const { compileApart: __, ...other } = engine;
    const divided = (p: TrainingProblem, threads: number, on: Engine = engine): number =>
      countParts(p, { engine: on, threads });
    expect([1, 2, 4, 5, 6, 100].map((threads) => divided(problem(), threads))).toEqual([1, 2, 4, 4, 6, 6]);
    expect(divided({ ...whole, smallestPart: 5 }, 8)).toBe(2);
    expect(divided({ ...whole, smallestPart: 7 }, 8)).toBe(1);
    expect(divided(whole, 2)).toBe(1);
    expect(divided(problem(), 2, other)).toBe(1);
    const b = new GraphBuilder('large', SHAPES);
    const large = b.constant('large', [2_000_001], new Float32Array(2_000_001));
    const x = b.input('x', [4, 1]);
    const loss = b.op('mean', [b.op('mul', [x, large])], { axes: [0, 1], keepDims: false });
    expect(divided({ graph: b.build([loss]), loss, parameters: [large], smallestPart: 1 }, 2)).toBe(1);
  });

  it('says what has not one row a sample', async () => {
    const b = new GraphBuilder('watched', SHAPES, problem().graph);
    const total = b.op('sum', ['logits'], { axes: [0], keepDims: false }, { id: 'total' });
    const watched = { ...problem(), graph: b.build([problem().loss]), watch: [total] };
    await expect(compileStep(watched, {}, { engine, threads: 2 })).rejects.toThrow('"total" has not one row a sample');
    b.input('weight', [1]);
    const fed = { ...problem(), graph: b.build([problem().loss]) };
    await expect(compileStep(fed, {}, { engine, threads: 2 })).rejects.toThrow('inputs of "watched" have not one row');
  });
});

it('a training over parts, interrupted and resumed, ends with the same bytes', async () => {
  const { x, labels } = smallSamples(48);
  const source = shuffledBatches({
    batchSize: BATCH,
    seed: 1,
    count: 48,
    inputs: { x, labels: oneHot(labels, CLASSES), teacher: drawNormal(createRandom(9), [48, CLASSES]) },
    augment: { input: 'x', shape: PICTURE, flip: true },
  });
  let bytes: Uint8Array | undefined;
  const checkpoints: Checkpoints = {
    load: async () => bytes,
    save: async (saved) => {
      bytes = saved.slice();
    },
  };
  const run = async (stopAt: number | undefined, kept?: Checkpoints): Promise<TrainedValues> => {
    const stop = new AbortController();
    const { values } = await train(
      problem(),
      source,
      {
        engine,
        threads: 2,
        stage: 'unit',
        epochs: 3,
        learningRate: 0.02,
        averageDecay: 0.9,
        ...(kept ? { checkpoints: kept } : {}),
      },
      { signal: stop.signal, onProgress: ({ done }) => stopAt !== undefined && done >= stopAt && stop.abort() },
    );
    return values;
  };
  const straight = await run(undefined);
  await expect(run(5 * BATCH, checkpoints)).rejects.toMatchObject({ code: 'E_INTERRUPTED' });
  expect(await run(undefined, checkpoints)).toEqual(straight);
});

describe('a pace of a parameter', () => {
  it.each([1, 2])('is its share of the learning rate, %i threads', async (threads) => {
    const given = problem();
    const slow = 'conv/w';
    const moved = async (paces: TrainingProblem['paces']): Promise<Float32Array> => {
      const step = await compileStep({ ...given, ...(paces ? { paces } : {}) }, {}, { engine, threads });
      const before = step.initial.parameters.slice();
      const { state } = await step.run(step.initial, drawFeeds(0), 0.02);
      const by = state.parameters.map((v, i) => v - (before[i] as number));
      await step.dispose();
      return by;
    };
    const { begin, length } = packedPlaces(given.graph, given.parameters).find(({ id }) => id === slow) as PackedPlace;
    const [whole, paced] = [await moved(undefined), await moved(new Map([[slow, 0.25]]))];
    whole.forEach((by, i) => {
      const share = i >= begin && i < begin + length ? 0.25 : 1;
      expect(Math.abs((paced[i] as number) - share * by)).toBeLessThan(1e-6);
    });
    expect(Math.max(...whole.subarray(begin, begin + length).map(Math.abs))).toBeGreaterThan(0.01);
  });
});
