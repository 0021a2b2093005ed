import type { Engine } from '../engines/engine.js';
import { classOfScores } from '../passes/logits.js';
import type { TrainingSet } from '../train/training-set.js';
import type { BottleneckedNetwork } from './bottleneck.js';
import type { FrozenPart } from './train-frozen.js';
import { buildLearningGraph, graphOf, type LearningStart } from './train-graph.js';

export interface AccuracyRequest {
  readonly cut: string;
  readonly start: LearningStart;
  readonly frozen: FrozenPart;
  readonly set: TrainingSet;
  readonly batchSize: number;
  readonly engine: Engine;
  readonly threads?: number;
}

/** Share of right answers, encoder and wire quantized; of equal scores the first counts. @throws IsplitError E_ENGINE */
export async function measureAccuracy(network: BottleneckedNetwork, request: AccuracyRequest): Promise<number> {
  const { cut, start, frozen, set, batchSize, engine, threads } = request;
  const learning = buildLearningGraph(network, cut, start, batchSize);
  const graph = graphOf(learning, [learning.logits]);
  const compiled = await engine.compile(graph, threads === undefined ? {} : { threads });
  try {
    let right = 0;
    for (let at = 0; at < set.count; at += batchSize) {
      // The last batch is filled up with its own last sample.
      const places = Uint32Array.from({ length: batchSize }, (_, i) => Math.min(at + i, set.count - 1));
      const placements = Array.from(places, () => ({ flip: false, down: 0, right: 0 }));
      const fed =
        start === 'input' ? frozen.pictures(places, placements) : (await frozen.of(places, placements)).feature;
      const scores = (await compiled.run({ [learning.start]: fed }))[learning.logits] as Float32Array;
      for (let i = 0; i < Math.min(batchSize, set.count - at); i++) {
        if (classOfScores(scores, i, learning.classes) === set.labels[at + i]) right++;
      }
    }
    return right / set.count;
  } finally {
    await compiled.dispose();
  }
}
