import type { CompileOptions, Engine, Values } from '../engines/engine.js';
import { buildStepGraph, stepScalars } from './step-graph.js';
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
 * Compiles forward pass, gradients and Adam's update of a problem into one graph of an engine.
 * @throws RangeError when a parameter is no float32 constant or does not influence the loss
 * @throws IsplitError E_HOOK_UNSUPPORTED, E_ENGINE
 */
export async function compileStep(
  problem: TrainingProblem,
  adam: AdamOptions,
  options: StepOptions,
): Promise<TrainingStep> {
  const { graph, inputs, outputs } = buildStepGraph(problem, adam);
  const initial = initialState(problem);
  const compileOptions: CompileOptions = options.threads === undefined ? {} : { threads: options.threads };
  const compiled = await options.engine.compile(graph, compileOptions);
  const buffers: [Vectors, Vectors] = [emptyLike(initial), emptyLike(initial)];
  return {
    initial,
    async run(state, feeds, learningRate) {
      const step = state.step + 1;
      const scalars = stepScalars(adam, step, learningRate);
      const next = buffers[0].parameters === state.parameters ? buffers[1] : buffers[0];
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
      const values = await compiled.run(fed, into);
      const watch = Object.fromEntries((problem.watch ?? []).map((id) => [id, values[id] as Float32Array]));
      return { state: { ...next, step }, loss: values[problem.loss]?.[0] as number, watch };
    },
    dispose: () => compiled.dispose(),
  };
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
