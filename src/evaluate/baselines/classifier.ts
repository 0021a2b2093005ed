import { fail } from '../../core/errors.js';
import type { Engine } from '../../engines/engine.js';
import type { Graph } from '../../ir/graph.js';
import { applyFloatTable, type FloatTable, makeFloatTable } from '../../preprocess/normalise.js';
import type { PreprocessSpec } from '../../preprocess/spec.js';
import { BatchRunner } from '../batch-runner.js';
import { type ClassRule, chooseClass, classRule } from '../choose-class.js';

/** The gateway's network on pictures as bytes. */
export class PictureClassifier {
  readonly #runner: BatchRunner;
  readonly #rule: ClassRule;
  readonly #table: FloatTable;

  private constructor(runner: BatchRunner, rule: ClassRule, table: FloatTable) {
    this.#runner = runner;
    this.#rule = rule;
    this.#table = table;
  }

  /** @param network float32, batch 1 @throws IsplitError E_NO_CLASSES, E_ENGINE … */
  static async create(
    network: Graph,
    spec: PreprocessSpec,
    options: { readonly engine: Engine; readonly threads?: number | undefined },
  ): Promise<PictureClassifier> {
    const threads = options.threads === undefined ? {} : { threads: options.threads };
    const runner = await BatchRunner.create(options.engine, network, threads);
    return new PictureClassifier(runner, classRule(network), makeFloatTable(spec));
  }

  /** @param pixels `count` pictures in the network's order of colours @returns a class each */
  async classify(pixels: Uint8Array, count: number): Promise<Int32Array> {
    const [scores] = (await this.#runner.run([applyFloatTable(pixels, this.#table)], count)) as [Float32Array];
    if (scores.some((score) => !Number.isFinite(score))) {
      fail('E_NOT_FINITE', 'the network gives scores that are not finite', {}, 'Check the weights of the model.');
    }
    const width = scores.length / count;
    return Int32Array.from({ length: count }, (_, i) => chooseClass(scores, i, width, this.#rule));
  }

  dispose(): Promise<void> {
    return this.#runner.dispose();
  }
}
