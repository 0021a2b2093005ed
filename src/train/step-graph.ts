/** One training step as one graph: forward pass, gradients, Adam, moving statistics. */
import { appendGradients } from '../autodiff/gradients.js';
import { GraphBuilder } from '../ir/builder.js';
import { type Attrs, elementCount, type Graph, isConstant, type Tensor, tensorOf } from '../ir/graph.js';
import { SHAPES } from '../ops/index.js';
import { packedPlaces } from './trainable-constants.js';
import type { AdamOptions, TrainingProblem } from './training.js';

/** Kingma and Ba's values, which are also PyTorch's. */
export const ADAM_DEFAULTS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/** Added to the norm before dividing by it, as torch.nn.utils.clip_grad_norm_ does. */
const NORM_GUARD = 1e-6;

/**
 * Ids of the inputs and outputs of a step's graph besides the problem's own. All parameters lie in one vector, and so do their moments:
 * Adam is a dozen nodes however many layers there are, and only the gradients and the parameters themselves change layout.
 */
export interface StepGraph {
  readonly graph: Graph;
  readonly inputs: {
    readonly parameters: string;
    readonly firstMoment: string;
    readonly secondMoment: string;
    /** Scalars that change from step to step, see `stepScalars`. */
    readonly stepSize: string;
    readonly epsilon: string;
    /** Absent without weight decay. */
    readonly shrink: string | undefined;
    /** Absent when nothing follows the batch. */
    readonly statistics: string | undefined;
  };
  readonly outputs: {
    readonly parameters: string;
    readonly firstMoment: string;
    readonly secondMoment: string;
    readonly statistics: string | undefined;
  };
}

/**
 * Adam's step in the form θ ← shrink · θ − stepSize · m / (√v + epsilon): the bias corrections of both moments are moved into the
 * two scalars, which is the same number and spares two passes over the moments.
 * @param step of the update, from 1
 */
export function stepScalars(
  adam: AdamOptions,
  step: number,
  learningRate: number,
): { stepSize: number; epsilon: number; shrink: number } {
  const { beta1, beta2, epsilon } = { ...ADAM_DEFAULTS, ...adam };
  const correction = Math.sqrt(1 - beta2 ** step);
  return {
    stepSize: (learningRate * correction) / (1 - beta1 ** step),
    epsilon: epsilon * correction,
    shrink: 1 - learningRate * (adam.weightDecay ?? 0),
  };
}

/**
 * @throws RangeError when a parameter is no float32 constant or does not influence the loss
 * @throws IsplitError E_HOOK_UNSUPPORTED naming every node on the way to a parameter that has no gradient
 */
export function buildStepGraph(problem: TrainingProblem, adam: AdamOptions): StepGraph {
  const { builder, forward, parameters } = splitParameters(problem);
  const gradient = appendGradientVector(builder, forward, problem);
  const batchStatistics = appendBatchStatistics(builder, problem);
  const { inputs, outputs } = appendUpdate(builder, problem, adam, { parameters, gradient, batchStatistics });
  const wanted = [problem.loss, ...(problem.watch ?? []), ...Object.values(outputs).filter((id) => id !== undefined)];
  return { graph: builder.build([...new Set(wanted)]), inputs, outputs };
}

/** The part of a step that looks at samples. */
export interface GradientGraph {
  /** Outputs besides `vector`: the loss and what is watched. */
  readonly graph: Graph;
  /** Input. */
  readonly parameters: string;
  /** Output: the gradient, then the batch's statistics. */
  readonly vector: string;
}

/** @throws as `buildStepGraph` */
export function buildGradientGraph(problem: TrainingProblem): GradientGraph {
  const { builder, forward, parameters } = splitParameters(problem);
  const gradient = appendGradientVector(builder, forward, problem);
  const statistics = appendBatchStatistics(builder, problem);
  const vector = statistics === undefined ? gradient : appendJoined(builder, [gradient, statistics]);
  const wanted = [vector, problem.loss, ...(problem.watch ?? [])];
  return { graph: builder.build([...new Set(wanted)]), parameters, vector };
}

export interface UpdateGraph extends StepGraph {
  /** Inputs: `GradientGraph.vector` of each part of the batch. */
  readonly vectors: readonly string[];
}

/** The other part: Adam from the mean of several vectors. */
export function buildUpdateGraph(problem: TrainingProblem, adam: AdamOptions, parts: number): UpdateGraph {
  const { graph, statistics } = problem;
  const builder = new GraphBuilder(`${graph.name}-update`, SHAPES);
  const length = (ids: readonly string[]): number =>
    ids.reduce((sum, id) => sum + elementCount(tensorOf(graph, id).shape), 0);
  const learnt = length(problem.parameters);
  const followed = length((statistics?.follow ?? []).map(({ constant }) => constant));
  const op = (kind: string, inputs: string[], attrs = {}): string =>
    builder.op(kind, inputs, attrs, { id: `train/${kind}` });
  const vectors = Array.from({ length: parts }, (_, i) => builder.input(`train/part_${i}`, [learnt + followed]));
  const mean = op('mul', [vectors.reduce((a, b) => op('add', [a, b])), builder.scalar(1 / parts)]);
  const slice = (begin: number, size: number): string => op('slice', [mean], { begin: [begin], size: [size] });
  const { inputs, outputs } = appendUpdate(builder, problem, adam, {
    parameters: builder.input('train/parameters', [learnt]),
    gradient: followed === 0 ? mean : slice(0, learnt),
    batchStatistics: followed === 0 ? undefined : slice(learnt, followed),
  });
  return {
    graph: builder.build(Object.values(outputs).filter((id) => id !== undefined)),
    inputs,
    outputs,
    vectors,
  };
}

interface SplitParameters {
  readonly builder: GraphBuilder;
  /** The problem's graph, its parameters cut out of an input vector. */
  readonly forward: Graph;
  readonly parameters: string;
}

/** Puts an input vector in the place of the parameters: each is a slice of it, under the parameter's own id. */
function splitParameters({ graph, parameters: learnt }: TrainingProblem): SplitParameters {
  const wanted = new Set(learnt);
  if (wanted.size === 0) throw new RangeError('nothing is to be learnt');
  for (const id of wanted) {
    if (!isConstant(graph, id) || tensorOf(graph, id).dtype !== 'float32') {
      throw new RangeError(`"${id}" is no float32 constant of "${graph.name}"`);
    }
  }
  const others = [...graph.tensors].filter(([id]) => !wanted.has(id));
  const empty: Graph = { ...graph, nodes: [], outputs: [], tensors: new Map<string, Tensor>(others) };
  const head = new GraphBuilder(`${graph.name}-training`, SHAPES, empty);
  const places = packedPlaces(graph, learnt);
  const total = places.reduce((sum, { length }) => sum + length, 0);
  const parameters = head.input('train/parameters', [total]);
  for (const { id, begin, length } of places) {
    const { shape } = tensorOf(graph, id);
    const whole = places.length === 1;
    const part = whole
      ? parameters
      : head.op('slice', [parameters], { begin: [begin], size: [length] }, { id: `${id}/packed` });
    head.op('reshape', [part], { shape }, { id });
  }
  const built = head.build([]);
  const forward: Graph = { ...built, nodes: [...built.nodes, ...graph.nodes] };
  return { builder: new GraphBuilder(forward.name, SHAPES, forward), forward, parameters };
}

/** Gradients of all parameters in one vector. */
function appendGradientVector(builder: GraphBuilder, forward: Graph, problem: TrainingProblem): string {
  const gradients = appendGradients(builder, forward, { of: problem.loss, wrt: problem.parameters });
  const missing = problem.parameters.filter((id) => !gradients.has(id));
  if (missing.length > 0) throw new RangeError(`the loss does not depend on ${missing.join(', ')}`);
  return appendJoined(
    builder,
    problem.parameters.map((id) => gradients.get(id) as string),
  );
}

function appendBatchStatistics(builder: GraphBuilder, { statistics }: TrainingProblem): string | undefined {
  const follow = statistics?.follow ?? [];
  if (follow.length === 0) return undefined;
  return appendJoined(
    builder,
    follow.map(({ batch }) => batch),
  );
}

/** Tensors of any shapes, one behind the other. */
function appendJoined(builder: GraphBuilder, ids: readonly string[]): string {
  const op = (kind: string, inputs: readonly string[], attrs: Attrs): string =>
    builder.op(kind, inputs, attrs, { id: `train/${kind}` });
  const flat = ids.map((id) => {
    const { shape } = builder.type(id);
    return shape.length === 1 ? id : op('reshape', [id], { shape: [elementCount(shape)] });
  });
  return flat.length === 1 ? (flat[0] as string) : op('concat', flat, { axis: 0 });
}

/** One factor a value; undefined when all are 1. */
function packPaces({ graph, parameters, paces }: TrainingProblem): Float32Array | undefined {
  if (paces === undefined) return undefined;
  const places = packedPlaces(graph, parameters);
  const packed = new Float32Array(places.reduce((sum, { length }) => sum + length, 0)).fill(1);
  for (const { id, begin, length } of places) packed.fill(paces.get(id) ?? 1, begin, begin + length);
  return packed;
}

interface UpdateOperands {
  readonly parameters: string;
  readonly gradient: string;
  readonly batchStatistics: string | undefined;
}

function appendUpdate(
  builder: GraphBuilder,
  problem: TrainingProblem,
  adam: AdamOptions,
  { parameters, gradient: raw, batchStatistics }: UpdateOperands,
): Pick<StepGraph, 'inputs' | 'outputs'> {
  const op = (kind: string, inputs: string[], attrs = {}): string =>
    builder.op(kind, inputs, attrs, { id: `train/${kind}` });
  const scaled = (id: string, factor: number): string => op('mul', [id, builder.scalar(factor)]);
  const gradient = clipped(builder, raw, adam.clipNorm);
  const { beta1, beta2 } = { ...ADAM_DEFAULTS, ...adam };
  const { shape } = builder.type(parameters);
  const firstMoment = builder.input('train/first_moment', shape);
  const secondMoment = builder.input('train/second_moment', shape);
  const stepSize = builder.input('train/step_size', []);
  const epsilon = builder.input('train/epsilon', []);
  const shrink = adam.weightDecay ? builder.input('train/shrink', []) : undefined;

  const first = op('add', [scaled(firstMoment, beta1), scaled(gradient, 1 - beta1)]);
  const second = op('add', [scaled(secondMoment, beta2), op('mul', [scaled(gradient, 1 - beta2), gradient])]);
  const direction = op('div', [first, op('add', [op('sqrt', [second]), epsilon])]);
  const paces = packPaces(problem);
  const paced = paces ? op('mul', [direction, builder.constant('train/paces', [paces.length], paces)]) : direction;
  const update = op('mul', [paced, stepSize]);
  const kept = shrink === undefined ? parameters : op('mul', [parameters, shrink]);
  const next = op('sub', [kept, update]);

  let statistics: string | undefined;
  let nextStatistics: string | undefined;
  if (problem.statistics && batchStatistics !== undefined) {
    const { momentum } = problem.statistics;
    statistics = builder.input('train/statistics', builder.type(batchStatistics).shape);
    nextStatistics = op('add', [scaled(statistics, momentum), scaled(batchStatistics, 1 - momentum)]);
  }
  return {
    inputs: { parameters, firstMoment, secondMoment, stepSize, epsilon, shrink, statistics },
    outputs: { parameters: next, firstMoment: first, secondMoment: second, statistics: nextStatistics },
  };
}

/** Gradient · min(1, clipNorm / (‖gradient‖ + guard)). */
function clipped(builder: GraphBuilder, gradient: string, clipNorm: number | undefined): string {
  if (clipNorm === undefined) return gradient;
  const op = (kind: string, inputs: string[], attrs = {}): string =>
    builder.op(kind, inputs, attrs, { id: `train/clip_${kind}` });
  const energy = op('sum', [op('mul', [gradient, gradient])], { axes: [0], keepDims: false });
  const norm = op('add', [op('sqrt', [energy]), builder.scalar(NORM_GUARD)]);
  const ratio = op('div', [builder.scalar(clipNorm), norm]);
  // min(1, ratio) = 1 − relu(1 − ratio).
  const share = op('sub', [builder.scalar(1), op('relu', [op('sub', [builder.scalar(1), ratio])])]);
  return op('mul', [gradient, share]);
}
