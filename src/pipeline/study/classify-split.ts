/** A trained split on samples: float32 head, encoder with int8 weights, rounded wire, float32 tail, all simulated in the engine. */
import type { BottleneckedNetwork } from '../../bottleneck/bottleneck.js';
import { wireScale } from '../../bottleneck/bottleneck.js';
import { buildLearningGraph, graphOf } from '../../bottleneck/train-graph.js';
import { type RunContext, throwIfAborted } from '../../core/context.js';
import type { Engine } from '../../engines/engine.js';
import { BatchRunner } from '../../evaluate/batch-runner.js';
import { chooseClass } from '../../evaluate/choose-class.js';
import { elementCount, type Graph, tensorOf } from '../../ir/graph.js';
import { partitionGraph } from '../../ir/partition.js';
import { findLogits } from '../../passes/logits.js';
import { setBatch } from '../../passes/set-batch.js';
import type { TrainingSet } from '../../train/training-set.js';

export interface RunOptions {
  readonly engine: Engine;
  readonly threads?: number | undefined;
}

export interface ClassifiedSamples {
  /** Codes on the wire, one tensor a sample. */
  readonly codes: Uint8Array;
  /** 1 or 0 a sample: classified rightly. */
  readonly correct: string;
}

const BATCH = 50;

/**
 * @param most samples to look at, from the first one on; default: all
 * @throws IsplitError E_ENGINE, E_INTERRUPTED
 */
export async function classifySplit(
  network: Graph,
  split: BottleneckedNetwork,
  cut: string,
  set: TrainingSet,
  { engine, threads }: RunOptions,
  ctx: RunContext,
  most = set.count,
): Promise<ClassifiedSamples> {
  const count = Math.min(most, set.count);
  const batch = Math.min(BATCH, count);
  const options = threads === undefined ? {} : { threads };
  const head = setBatch(partitionGraph(network, [cut]).head, batch);
  const learning = buildLearningGraph(split, cut, 'cut', batch);
  const rest = graphOf(learning, [learning.wire, learning.logits]);
  const wireElements = elementCount(tensorOf(rest, learning.wire).shape) / batch;
  const sampleElements = elementCount(set.shape);
  const scale = wireScale(split.spec.bits);
  const codes = new Uint8Array(count * wireElements);
  let correct = '';
  const first = await engine.compile(head, options);
  try {
    const second = await engine.compile(rest, options);
    try {
      const inputs = new Float32Array(batch * sampleElements);
      for (let at = 0; at < count; at += batch) {
        throwIfAborted(ctx);
        const used = Math.min(batch, count - at);
        inputs.fill(0);
        inputs.set(set.inputs.subarray(at * sampleElements, (at + used) * sampleElements));
        const feature = (await first.run({ [head.inputs[0] as string]: inputs }))[cut] as Float32Array;
        const values = await second.run({ [learning.start]: feature });
        const wire = values[learning.wire] as Float32Array;
        for (let i = 0; i < used * wireElements; i++) {
          codes[at * wireElements + i] = Math.round((wire[i] as number) / scale);
        }
        const scores = values[learning.logits] as Float32Array;
        for (let i = 0; i < used; i++) {
          const found = chooseClass(scores, i, learning.classes, { classes: learning.classes, threshold: 0 });
          correct += found === set.labels[at + i] ? '1' : '0';
        }
      }
    } finally {
      await second.dispose();
    }
  } finally {
    await first.dispose();
  }
  return { codes, correct };
}

/** Share of samples that the whole float32 network classifies rightly. @throws IsplitError E_NO_CLASSES, E_ENGINE */
export async function measureWholeNetwork(
  network: Graph,
  set: TrainingSet,
  { engine, threads }: RunOptions,
): Promise<number> {
  const logits = findLogits(network);
  const runner = await BatchRunner.create(
    engine,
    partitionGraph(network, [logits.id]).head,
    threads === undefined ? {} : { threads },
  );
  try {
    const [scores] = (await runner.run([set.inputs], set.count)) as [Float32Array];
    let right = 0;
    for (let i = 0; i < set.count; i++) {
      const found = chooseClass(scores, i, logits.width, { classes: logits.classes, threshold: 0 });
      if (found === set.labels[i]) right++;
    }
    return right / set.count;
  } finally {
    await runner.dispose();
  }
}
