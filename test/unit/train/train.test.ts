import { beforeAll, describe, expect, it } from 'vitest';
import type { ProgressEvent } from '../../../src/core/context.js';
import type { Engine } from '../../../src/engines/engine.js';
import { createOnnxEngine } from '../../../src/engines/onnx.js';
import { oneHot } from '../../../src/train/losses.js';
import { shuffledBatches } from '../../../src/train/shuffled-batches.js';
import { train } from '../../../src/train/train.js';
import type {
  BatchSource,
  Checkpoints,
  TrainedValues,
  TrainingOutcome,
  TrainOptions,
} from '../../../src/train/training.js';
import { CLASSES, PICTURE, smallProblem, smallSamples } from './small-net.js';

const BATCH = 8;
const COUNT = 96;
let engine: Engine;

beforeAll(async () => {
  engine = await createOnnxEngine();
});

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

describe('train', () => {
  it('lowers the loss', async () => {
    const { validate: _, ...plain } = settings();
    const { history, bestEpoch, values } = await train(smallProblem(BATCH), samples(), { ...plain, epochs: 12 }, {});
    expect(history).toHaveLength(12);
    expect(bestEpoch).toBe(11);
    expect(history.at(-1)?.loss).toBeLessThan(0.6 * (history[0]?.loss as number));
    expect([...values.keys()]).toEqual(smallProblem(BATCH).parameters);
  });
});
