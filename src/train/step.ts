import type { CompiledGraph, Engine, Values } from '../engines/engine.js';
import { countParts, DividedGradients } from './divided-gradients.js';
import { buildStepGraph, buildUpdateGraph, type StepGraph, stepScalars } from './step-graph.js';
import { packConstants } from './trainable-constants.js';
import type { AdamOptions, TrainingProblem, TrainingState } from './training.js';

export interface StepOptions {
  readonly engine: Engine;
  readonly threads?: number;
}

export interface StepResult {
  /** Its vectors are valid until the run after the next: two sets take turns. Copy what is to be kept. */
  readonly state: TrainingState;
  /** Of the parameters before the step. */
  readonly loss: number;
  /** Value of each tensor of `TrainingProblem.watch`. */
  readonly watch: Values;
}

/** A compiled step of a problem. */
export interface TrainingStep {
  /** Parameters and statistics as the graph has them, moments zero. */
  readonly initial: TrainingState;
  /**
   * @param feeds one array per input of the problem's graph
   * @throws IsplitError E_ENGINE
   */
  run(state: TrainingState, feeds: Values, learningRate: number): Promise<StepResult>;
  dispose(): Promise<void>;
}

type Vectors = Omit<TrainingState, 'step'>;

/**
 * Compiles forward pass, gradients and Adam's update of a problem into one graph of an engine; where the batch may be divided, into
 * one of the update and one of all else, which runs over parts of the batch side by side.
 * @throws RangeError when a parameter is no float32 constant or does not influence the loss
 * @throws IsplitError E_HOOK_UNSUPPORTED, E_ENGINE
 */
export async function compileStep(
  problem: TrainingProblem,
  adam: AdamOptions,
  options: StepOptions,
): Promise<TrainingStep> {
  const parts = countParts(problem, options);
  return parts > 1 ? compileDivided(problem, adam, options, parts) : compileWhole(problem, adam, options);
}

async function compileWhole(
  problem: TrainingProblem,
  adam: AdamOptions,
  { engine, threads }: StepOptions,
): Promise<TrainingStep> {
  const built = buildStepGraph(problem, adam);
  const compiled = await engine.compile(built.graph, threads === undefined ? {} : { threads });
  const update = new Update(problem, adam, built, compiled);
  return {
    initial: update.initial,
    async run(state, feeds, learningRate) {
      const { next, values } = await update.run(state, feeds, learningRate);
      const watch = Object.fromEntries((problem.watch ?? []).map((id) => [id, values[id] as Float32Array]));
      return { state: next, loss: values[problem.loss]?.[0] as number, watch };
    },
    dispose: () => compiled.dispose(),
  };
}

async function compileDivided(
  problem: TrainingProblem,
  adam: AdamOptions,
  options: StepOptions,
  parts: number,
): Promise<TrainingStep> {
  const { engine, threads } = options;
  const built = buildUpdateGraph(problem, adam, parts);
  const compiled = await engine.compile(built.graph, threads === undefined ? {} : { threads });
  const gradients = await DividedGradients.compile(problem, parts, options).catch(async (error: unknown) => {
    await compiled.dispose();
    throw error;
  });
  const update = new Update(problem, adam, built, compiled);
  const vectors = Object.fromEntries(built.vectors.map((id, i) => [id, gradients.vectors[i] as Float32Array]));
  return {
    initial: update.initial,
    async run(state, feeds, learningRate) {
      const result = await gradients.run(state.parameters, feeds);
      const { next } = await update.run(state, vectors, learningRate);
      return { ...result, state: next };
    },
    async dispose() {
      await Promise.all([gradients.dispose(), compiled.dispose()]);
    },
  };
}

/** A compiled graph that ends in Adam's update, and the vectors that it writes in turn. */
class Update {
  readonly initial: TrainingState;
  readonly #adam: AdamOptions;
  readonly #built: Pick<StepGraph, 'inputs' | 'outputs'>;
  readonly #compiled: CompiledGraph;
  readonly #buffers: readonly [Vectors, Vectors];

  constructor(
    problem: TrainingProblem,
    adam: AdamOptions,
    built: Pick<StepGraph, 'inputs' | 'outputs'>,
    compiled: CompiledGraph,
  ) {
    this.initial = initialState(problem);
    this.#adam = adam;
    this.#built = built;
    this.#compiled = compiled;
    this.#buffers = [emptyLike(this.initial), emptyLike(this.initial)];
  }

  async run(
    state: TrainingState,
    feeds: Values,
    learningRate: number,
  ): Promise<{ readonly next: TrainingState; readonly values: Values }> {
    const { inputs, outputs } = this.#built;
    const step = state.step + 1;
    const scalars = stepScalars(this.#adam, step, learningRate);
    const [one, other] = this.#buffers;
    const next = one.parameters === state.parameters ? other : one;
    const fed: Record<string, Float32Array> = {
      ...feeds,
      [inputs.parameters]: state.parameters,
      [inputs.firstMoment]: state.firstMoment,
      [inputs.secondMoment]: state.secondMoment,
      [inputs.stepSize]: Float32Array.of(scalars.stepSize),
      [inputs.epsilon]: Float32Array.of(scalars.epsilon),
    };
    const into: Record<string, Float32Array> = {
      [outputs.parameters]: next.parameters,
      [outputs.firstMoment]: next.firstMoment,
      [outputs.secondMoment]: next.secondMoment,
    };
    if (inputs.shrink !== undefined) fed[inputs.shrink] = Float32Array.of(scalars.shrink);
    if (inputs.statistics !== undefined) fed[inputs.statistics] = state.statistics;
    if (outputs.statistics !== undefined) into[outputs.statistics] = next.statistics;
    const values = await this.#compiled.run(fed, into);
    return { next: { ...next, step }, values };
  }
}

function initialState(problem: TrainingProblem): TrainingState {
  const parameters = packConstants(problem.graph, problem.parameters);
  const follow = (problem.statistics?.follow ?? []).map(({ constant }) => constant);
  return {
    step: 0,
    parameters,
    firstMoment: new Float32Array(parameters.length),
    secondMoment: new Float32Array(parameters.length),
    statistics: packConstants(problem.graph, follow),
  };
}

function emptyLike(state: Vectors): Vectors {
  return {
    parameters: new Float32Array(state.parameters.length),
    firstMoment: new Float32Array(state.parameters.length),
    secondMoment: new Float32Array(state.parameters.length),
    statistics: new Float32Array(state.statistics.length),
  };
}
