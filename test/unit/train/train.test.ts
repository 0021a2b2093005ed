import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { openStageStore } from '../../../src/artifact/stage-store.js';
import { type ProgressEvent, throwIfAborted } from '../../../src/core/context.js';
import { createRandom } from '../../../src/core/random.js';
import type { Engine } from '../../../src/engines/engine.js';
import { createOnnxEngine } from '../../../src/engines/onnx.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { tensorOf } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';
import { oneHot } from '../../../src/train/losses.js';
import { learningRateAt } from '../../../src/train/schedule.js';
import { shuffledBatches } from '../../../src/train/shuffled-batches.js';
import { train } from '../../../src/train/train.js';
import type {
  BatchSource,
  Checkpoints,
  TrainedValues,
  TrainingOutcome,
  TrainingProblem,
  TrainOptions,
} from '../../../src/train/training.js';
import { CLASSES, PICTURE, smallProblem, smallSamples } from './small-net.js';

const BATCH = 8;
const COUNT = 96;
let engine: Engine;

beforeAll(async () => {
  engine = await createOnnxEngine();
});

/** The small network, with a moving mean of the first convolution and a moving energy as statistics. */
function problem(): TrainingProblem {
  const small = smallProblem(BATCH);
  const b = new GraphBuilder('statistics', SHAPES, small.graph);
  const axes = { axes: [0, 1, 2], keepDims: false };
  const mean = b.op('mean', ['conv'], axes, { id: 'batch/mean' });
  const energy = b.op('mean', [b.op('mul', ['conv', 'conv'])], axes, { id: 'batch/energy' });
  const follow = [
    { constant: 'norm/mean', batch: mean },
    { constant: 'norm/variance', batch: energy },
  ];
  return { ...small, graph: b.build([small.loss]), statistics: { momentum: 0.9, follow } };
}

function samples(): BatchSource {
  const { x, labels } = smallSamples(COUNT);
  return shuffledBatches({
    batchSize: BATCH,
    seed: 1,
    count: COUNT,
    inputs: { x, labels: oneHot(labels, CLASSES) },
    augment: { input: 'x', shape: PICTURE, flip: false, shift: 1 },
  });
}

const settings = (): TrainOptions => ({
  engine,
  threads: 1,
  stage: 'unit',
  epochs: 4,
  learningRate: 0.02,
  warmupSteps: 5,
  averageDecay: 0.9,
  adam: { weightDecay: 0.01, clipNorm: 1 },
  validate: async (values: TrainedValues) => -Math.abs((values.get('fc/b')?.[0] ?? 0) - 0.05),
});

/** Keeps the newest checkpoint in memory. */
function memory(): Checkpoints & { bytes: Uint8Array | undefined; saves: number } {
  const kept: Checkpoints & { bytes: Uint8Array | undefined; saves: number } = {
    bytes: undefined,
    saves: 0,
    load: async () => kept.bytes,
    save: async (bytes) => {
      kept.bytes = bytes.slice();
      kept.saves++;
    },
  };
  return kept;
}

/** Bytes of everything that a training returns. */
function bytesOf({ values, history, bestEpoch }: TrainingOutcome): string {
  const hash = createHash('sha256').update(JSON.stringify([history, bestEpoch, [...values.keys()]]));
  for (const value of values.values()) hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  return hash.digest('hex');
}

let straight: Promise<string> | undefined;

/** What a run without any interruption returns. */
function straightRun(): Promise<string> {
  straight ??= train(problem(), samples(), settings(), {}).then(bytesOf);
  return straight;
}

/** Starts a training and stops it when so many images are done. */
async function interruptAt(images: number, checkpoints: Checkpoints): Promise<void> {
  const controller = new AbortController();
  const onProgress = ({ done }: ProgressEvent): void => {
    if (done >= images) controller.abort();
  };
  const stopped = train(
    problem(),
    samples(),
    { ...settings(), checkpoints },
    { signal: controller.signal, onProgress },
  );
  await expect(stopped).rejects.toMatchObject({ code: 'E_INTERRUPTED' });
}

describe('train', () => {
  it('lowers the loss', async () => {
    const { validate: _, ...plain } = settings();
    const { history, bestEpoch, values } = await train(problem(), samples(), { ...plain, epochs: 12 }, {});
    expect(history).toHaveLength(12);
    expect(bestEpoch).toBe(11);
    expect(history.at(-1)?.loss).toBeLessThan(0.6 * (history[0]?.loss as number));
    expect([...values.keys()]).toEqual([...problem().parameters, 'norm/mean', 'norm/variance']);
  });

  it.each([1, 2, 3])('interrupted at three random moments and resumed, ends with the same bytes (%i)', async (seed) => {
    const total = settings().epochs * COUNT;
    const moments = createRandom(seed).permutation(total / BATCH - 1);
    const kept = memory();
    for (const moment of [...moments.slice(0, 3)].sort((a, b) => a - b)) {
      await interruptAt((moment + 1) * BATCH, kept);
    }
    const resumed = await train(problem(), samples(), { ...settings(), checkpoints: kept }, {});
    expect(bytesOf(resumed)).toBe(await straightRun());
    expect(resumed.history).toHaveLength(settings().epochs);
  });

  it('interrupted while it validates, or killed after a checkpoint, goes on as if nothing had been', async () => {
    const kept = memory();
    const controller = new AbortController();
    let validations = 0;
    const validate = async (values: TrainedValues): Promise<number> => {
      if (++validations === 2) {
        controller.abort();
        throwIfAborted({ signal: controller.signal });
      }
      return (settings().validate as (values: TrainedValues) => Promise<number>)(values);
    };
    const options = { ...settings(), checkpoints: kept };
    await expect(train(problem(), samples(), { ...options, validate }, { signal: controller.signal })).rejects.toThrow(
      'stopped on request',
    );
    // A killed process saves nothing: what the last checkpoint does not have is done again.
    const events: number[] = [];
    const killed = train(
      problem(),
      samples(),
      { ...options, checkpoints: { load: kept.load, save: async () => undefined } },
      {
        onProgress: ({ done }) => {
          events.push(done);
          if (done >= 3 * COUNT + 2 * BATCH) throw new Error('killed');
        },
      },
    );
    await expect(killed).rejects.toThrow('killed');
    expect(events[0]).toBe(2 * COUNT);
    const resumed = await train(problem(), samples(), options, {});
    expect(bytesOf(resumed)).toBe(await straightRun());
  });

  it('that has ended is not done again', async () => {
    const kept = memory();
    const options = { ...settings(), checkpoints: kept };
    const first = await train(problem(), samples(), options, {});
    const { saves } = kept;
    expect(saves).toBe(options.epochs);
    const events: ProgressEvent[] = [];
    const second = await train(problem(), samples(), options, { onProgress: (event) => events.push(event) });
    expect(bytesOf(second)).toBe(bytesOf(first));
    expect(kept.saves).toBe(saves);
    expect(events).toHaveLength(1);
  });

  it('is saved inside an epoch when half a minute has passed', async () => {
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    try {
      const source = samples();
      const slow: BatchSource = {
        ...source,
        async *epoch(epoch, from) {
          for await (const batch of source.epoch(epoch, from)) {
            now += 11_000;
            yield batch;
          }
        },
      };
      const kept = memory();
      await train(problem(), slow, { ...settings(), epochs: 1, checkpoints: kept }, {});
      // 12 batches of 11 s: after the third, the sixth, … and at the end of the epoch.
      expect(kept.saves).toBe(4 + 1);
    } finally {
      clock.mockRestore();
    }
  });

  it('returns the best epoch and stops when patience ends', async () => {
    const scores = [0.5, 0.7, 0.6, 0.7, 0.65, 0.9];
    const seen: TrainedValues[] = [];
    const validate = async (values: TrainedValues): Promise<number> => scores[seen.push(values) - 1] as number;
    const events: ProgressEvent[] = [];
    const outcome = await train(
      problem(),
      samples(),
      { ...settings(), epochs: 6, patience: 3, validate },
      { onProgress: (event) => events.push(event) },
    );
    expect(outcome.history.map(({ validation }) => validation)).toEqual(scores.slice(0, 5));
    expect(outcome.bestEpoch).toBe(1);
    expect(outcome.values).toEqual(seen[1]);
    expect(seen[4]).not.toEqual(seen[1]);
    const last = events.at(-1) as ProgressEvent;
    expect(last.done).toBe(5 * COUNT);
    expect(last.total).toBe(last.done);
    expect(last.metrics).toMatchObject({ epoch: 5, accuracy: 0.65 });
    expect(last.metrics?.loss).toBeGreaterThan(0);
  });

  it('returns the last epoch, validated or not, when told to', async () => {
    const scores = [0.5, 0.9, 0.6];
    const seen: TrainedValues[] = [];
    const validate = async (values: TrainedValues): Promise<number> => scores[seen.push(values) - 1] as number;
    const options = { ...settings(), epochs: 3, validate, keep: 'last' as const };
    const outcome = await train(problem(), samples(), options, {});
    expect(outcome.history.map(({ validation }) => validation)).toEqual(scores);
    expect(outcome.bestEpoch).toBe(2);
    expect(outcome.values).toEqual(seen[2]);
  });

  it('moves statistics towards the batches', async () => {
    const { averageDecay: _, validate: __, ...plain } = settings();
    const { values } = await train(problem(), samples(), { ...plain, learningRate: 0, epochs: 4 }, {});
    // The parameters stand still, so that the mean is that of the same convolution over all samples.
    const all = samples();
    const expected = new Float64Array(4);
    let pictures = 0;
    for await (const { x } of all.epoch(3, 0)) {
      const mean = runReference(problem().graph, { x: x as Float32Array }, ['batch/mean'])['batch/mean'];
      (mean as Float64Array).forEach((v, c) => {
        expected[c] = (expected[c] as number) + v;
      });
      pictures++;
    }
    (values.get('norm/mean') as Float32Array).forEach((v, c) => {
      expect(v).toBeCloseTo((expected[c] as number) / pictures, 1);
    });
    expect(values.get('conv/w')).toEqual(tensorOf(problem().graph, 'conv/w').data);
  });
});

describe('a training that goes wrong', () => {
  it('by a loss that is not finite names step, last loss and rate, and leaves the checkpoint', async () => {
    const kept = memory();
    const source = samples();
    const poisoned: BatchSource = {
      ...source,
      async *epoch(epoch, from) {
        let i = from;
        for await (const batch of source.epoch(epoch, from)) {
          if (epoch === 1 && i++ === 3) (batch.x as Float32Array)[0] = Number.NaN;
          yield batch;
        }
      },
    };
    const failed = train(problem(), poisoned, { ...settings(), checkpoints: kept }, {});
    await expect(failed).rejects.toMatchObject({
      code: 'E_TRAIN_DIVERGED',
      message: expect.stringMatching(/^unit: the loss is NaN at step 16 \(learning rate 0\.0\d+, last finite loss \d/),
      context: { step: 16, lastFiniteLoss: expect.any(Number), learningRate: expect.any(Number) },
      hint: expect.stringContaining('learning rate'),
    });
    // The checkpoint is that of epoch 0; with sound samples, it leads to what a sound run gives.
    expect(kept.saves).toBe(1);
    const resumed = await train(problem(), samples(), { ...settings(), checkpoints: kept }, {});
    expect(bytesOf(resumed)).toBe(await straightRun());
  });

  it('by a validation that is NaN ends with the same error', async () => {
    const blind = { ...settings(), validate: async () => Number.NaN };
    await expect(train(problem(), samples(), blind, {})).rejects.toMatchObject({ code: 'E_TRAIN_DIVERGED' });
  });

  it('by a rate that is too high ends with the same error', async () => {
    const wild = { ...settings(), learningRate: 1e30, adam: {} };
    await expect(train(problem(), samples(), wild, {})).rejects.toMatchObject({ code: 'E_TRAIN_DIVERGED' });
  });

  it('by a full disk says so and keeps the earlier checkpoint', async () => {
    const kept = memory();
    const save = async (bytes: Uint8Array): Promise<void> => {
      if (kept.saves > 0) throw new Error('ENOSPC: no space left on device');
      await kept.save(bytes);
    };
    const failed = train(problem(), samples(), { ...settings(), checkpoints: { load: kept.load, save } }, {});
    await expect(failed).rejects.toMatchObject({
      code: 'E_TRAIN_CHECKPOINT',
      message: expect.stringContaining('step 24 cannot be saved: ENOSPC: no space left on device; the one of step 12'),
    });
    const resumed = await train(problem(), samples(), { ...settings(), checkpoints: kept }, {});
    expect(bytesOf(resumed)).toBe(await straightRun());
  });

  it('by a place that cannot be written says so', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'isplit-train-'));
    await writeFile(path.join(folder, 'file'), '');
    const store = openStageStore(path.join(folder, 'file'));
    const checkpoints: Checkpoints = {
      load: () => store.loadBytes('training', {}),
      save: (bytes) => store.saveBytes('training', {}, bytes),
    };
    await expect(train(problem(), samples(), { ...settings(), checkpoints }, {})).rejects.toMatchObject({
      code: 'E_TRAIN_CHECKPOINT',
      message: expect.stringMatching(/cannot write to .*; there is no earlier one/),
      context: { savedStep: null },
    });
    await rm(folder, { recursive: true });
  });

  it('by a checkpoint that is another one, or damaged, starts anew and says so', async () => {
    const kept = memory();
    await interruptAt(200, kept);
    const whole = kept.bytes as Uint8Array;
    const changed = (at: number, to: number): Uint8Array => {
      const copy = whole.slice();
      copy[at] = to;
      return copy;
    };
    const cases: [string, Uint8Array, TrainOptions?][] = [
      ['it is no checkpoint', new Uint8Array(40)],
      ['it is no checkpoint', new Uint8Array(0)],
      ['its version is 09, this one reads 01', changed(7, 0x39)],
      ['it is cut short', whole.slice(0, whole.length - 4)],
      ['it is cut short', whole.slice(0, 30)],
      ['its header cannot be read', changed(12, 0)],
      ['it has bytes at its end', Uint8Array.from([...whole, 0, 0, 0, 0])],
      ['it belongs to a training with other settings', whole, { ...settings(), learningRate: 0.01 }],
    ];
    for (const [why, bytes, options = settings()] of cases) {
      const warnings: string[] = [];
      const events: ProgressEvent[] = [];
      const checkpoints = { load: async () => bytes, save: async () => undefined };
      const onWarning = (text: string): void => void warnings.push(text);
      const onProgress = (event: ProgressEvent): void => {
        events.push(event);
        throw new Error('enough');
      };
      const started = train(problem(), samples(), { ...options, checkpoints }, { onWarning, onProgress });
      await expect(started).rejects.toThrow('enough');
      expect(warnings).toEqual([expect.stringContaining(why)]);
      expect(events[0]?.done).toBe(0);
    }
  });
});

describe('the learning rate', () => {
  it('rises, then falls along half a cosine', () => {
    const schedule = { learningRate: 2, warmupSteps: 4, finalShare: 0.1 };
    const rates = Array.from({ length: 13 }, (_, step) => learningRateAt(schedule, step, 13));
    expect(rates.slice(0, 5)).toEqual([0.5, 1, 1.5, 2, 2]);
    expect(rates[8]).toBeCloseTo(2 * 0.55, 12);
    expect(rates[12]).toBeCloseTo(0.2, 12);
    expect(learningRateAt({ learningRate: 1 }, 99, 100)).toBeCloseTo(0, 12);
    expect(learningRateAt({ learningRate: 1 }, 0, 1)).toBe(1);
  });
});
