/**
 * Turns a Keras layer configuration and its variables into a Graph. Keras files and TF.js layers-models hold the same
 * configuration; their readers may not import each other, so the meaning of the layers stands here, below both.
 *
 * Tensor ids: a layer's output has the layer's name, nested models prefix theirs (`outer/inner`), the second call of a
 * shared layer appends `@2`. Layers without effect at inference leave no tensor.
 */
import { fail, IsplitError, Problems } from '../../core/errors.js';
import { GraphBuilder } from '../../ir/builder.js';
import { elementCount, formatShape, type Graph } from '../../ir/graph.js';
import { verifyGraph } from '../../ir/verify.js';
import { SHAPES } from '../../ops/index.js';
import { callOrder } from './call-order.js';
import type { ConstantSpec, Dialect, EmitLayer, LayerCall, Value } from './layer-call.js';
import type { Json } from './layer-config.js';
import { prepareOf, TRAINING_ONLY } from './layers/index.js';
import type { CallArg, KerasCall, KerasLayer, KerasModel, TensorRef } from './model-config.js';
import { type KerasVariable, type KerasWeights, matchVariables } from './weights.js';

export interface KerasGraph {
  readonly graph: Graph;
  readonly warnings: readonly string[];
}

/** Nested models called by nested models could multiply without bound. */
const MAX_CALLS = 50_000;
const MAX_ACTIVATION_ELEMENTS = 2 ** 28;

/** @throws IsplitError E_OP_UNSUPPORTED (every layer), E_MODEL_CORRUPT, E_MODEL_TOO_LARGE, E_SHAPE, E_GRAPH_INVALID */
export function buildKerasGraph(model: KerasModel, weights: KerasWeights, dialect: Dialect): KerasGraph {
  const emitters = new Map<KerasLayer, EmitLayer>();
  const problems = new Problems();
  prepareLayers(model, dialect, emitters, problems);
  problems.throwIfAny();
  const build = new Build(model.name, weights, emitters);
  const inputs = model.inputs.map((ref) => build.addInput(model, ref));
  const outputs = build.addModel(model, '', [], inputs);
  build.problems.throwIfAny();
  const graph = build.builder.build(outputs.map((id) => id ?? unreachable(model)));
  verifyGraph(graph, SHAPES);
  return { graph, warnings: build.warnings() };
}

function unreachable(model: KerasModel): never {
  return fail('E_MODEL_CORRUPT', `an output of "${model.name}" is never computed`);
}

function prepareLayers(
  model: KerasModel,
  dialect: Dialect,
  emitters: Map<KerasLayer, EmitLayer>,
  problems: Problems,
): void {
  for (const layer of model.layers) {
    if (layer.className === 'InputLayer') continue;
    if (layer.model) {
      prepareLayers(layer.model, dialect, emitters, problems);
      continue;
    }
    try {
      emitters.set(layer, prepareOf(layer)(layer.config, dialect));
    } catch (error) {
      problems.addCaught(error);
    }
  }
}

class Build {
  readonly builder: GraphBuilder;
  readonly problems = new Problems();
  readonly #weights: KerasWeights;
  readonly #emitters: ReadonlyMap<KerasLayer, EmitLayer>;
  readonly #constants = new Map<string, string>();
  readonly #dropped = new Set<string>();
  readonly #notes: string[] = [];
  #calls = 0;

  constructor(name: string, weights: KerasWeights, emitters: ReadonlyMap<KerasLayer, EmitLayer>) {
    this.builder = new GraphBuilder(name, SHAPES);
    this.#weights = weights;
    this.#emitters = emitters;
  }

  warnings(): string[] {
    const dropped = [...this.#dropped];
    if (dropped.length === 0) return this.#notes;
    return [...this.#notes, `left out layers that only matter in training: ${dropped.join(', ')}`];
  }

  /** Graph input of an InputLayer: float32, batch 1. */
  addInput(model: KerasModel, ref: TensorRef): string {
    const layer = model.layers.find((l) => l.name === ref.layer);
    if (layer?.className !== 'InputLayer') {
      fail('E_MODEL_CORRUPT', `"${ref.layer}", an input of "${model.name}", is no InputLayer`);
    }
    const { config } = layer;
    const shape = config.any('batch_input_shape', 'batch_shape');
    if (!Array.isArray(shape) || shape.length < 2 || shape.length > 8) return config.corrupt('it has no shape');
    const [batch, ...rest] = shape as Json[];
    const unknown = rest.filter((d) => d === null).length;
    if (unknown > 0) {
      fail(
        'E_SHAPE',
        `input "${layer.name}" has the shape [${(shape as Json[]).map((d) => d ?? '?')}]: ${unknown} of its dimensions are not fixed`,
        { layer: layer.name, shape },
        'Build the model with a fixed input size, for example keras.Input((96, 96, 3)), load its weights and save it again.',
      );
    }
    const dims = rest.map((d) => config.checkInt('shape', d, 1));
    if (batch !== null && batch !== 1)
      this.#notes.push(`input "${layer.name}" has the fixed batch ${batch}; 1 is used`);
    const dtype = config.any('dtype') ?? 'float32';
    if (dtype !== 'float32')
      this.#notes.push(`input "${layer.name}" has the type ${JSON.stringify(dtype)}; float32 is used`);
    if (elementCount(dims) > MAX_ACTIVATION_ELEMENTS) {
      fail('E_MODEL_TOO_LARGE', `input "${layer.name}" has the shape [${dims}]`, { layer: layer.name, shape: dims });
    }
    return this.builder.input(layer.name, [1, ...dims]);
  }

  /**
   * Adds the layers of a model; `prefix` goes before every tensor id, `path` leads to its variables.
   * @returns the tensor of each output; undefined when a layer before it failed (the problem is recorded)
   */
  addModel(
    model: KerasModel,
    prefix: string,
    path: readonly string[],
    inputs: readonly (string | undefined)[],
  ): (string | undefined)[] {
    if (inputs.length !== model.inputs.length) {
      fail(
        'E_MODEL_CORRUPT',
        `"${model.name}" is called with ${inputs.length} tensors, it has ${model.inputs.length} inputs`,
      );
    }
    const values = new Map<string, readonly (string | undefined)[]>();
    model.inputs.forEach((ref, i) => {
      values.set(`${ref.layer}\u0000${ref.call}`, [inputs[i]]);
    });
    const lookUp = (ref: TensorRef): string | undefined => {
      const outputs = values.get(`${ref.layer}\u0000${ref.call}`);
      if (!outputs || ref.output >= outputs.length) {
        fail(
          'E_MODEL_CORRUPT',
          `"${model.name}" uses output ${ref.output} of call ${ref.call} of "${ref.layer}", which does not exist`,
        );
      }
      return outputs[ref.output];
    };
    for (const { layer, index } of callOrder(model)) {
      if (++this.#calls > MAX_CALLS) fail('E_MODEL_TOO_LARGE', `the model calls layers more than ${MAX_CALLS} times`);
      const call = layer.calls[index] as KerasCall;
      const id = index === 0 ? `${prefix}${layer.name}` : `${prefix}${layer.name}@${index + 1}`;
      values.set(`${layer.name}\u0000${index}`, this.#addCall(layer, call, id, [...path, layer.name], lookUp));
    }
    return model.outputs.map(lookUp);
  }

  #addCall(
    layer: KerasLayer,
    call: KerasCall,
    id: string,
    path: readonly string[],
    lookUp: (ref: TensorRef) => string | undefined,
  ): (string | undefined)[] {
    const tensors: (string | undefined)[] = [];
    const resolve = (arg: CallArg): Value => {
      if ('list' in arg) return { list: arg.list.map(resolve) };
      if ('value' in arg) return arg;
      const tensor = lookUp(arg.ref);
      tensors.push(tensor);
      return { tensor: tensor ?? '' };
    };
    const args = call.args.map(resolve);
    const kwargs = new Map([...call.kwargs].map(([key, arg]) => [key, resolve(arg)]));
    const outputCount = layer.model?.outputs.length ?? 1;
    // A layer before this one failed: there is nothing to call it with, and its own problems would be consequences.
    if (tensors.some((t) => t === undefined)) return new Array<undefined>(outputCount).fill(undefined);
    const inputs = tensors as string[];
    try {
      if (layer.model) return this.addModel(layer.model, `${id}/`, path, inputs);
      const training = kwargs.get('training');
      const differs = layer.className === 'BatchNormalization' || TRAINING_ONLY.has(layer.className);
      if (differs && training && 'value' in training && training.value === true) {
        layer.config.refuse('it is called with training=True, and would not be deterministic');
      }
      const emit = this.#emitters.get(layer) as EmitLayer;
      const constants = (specs: readonly ConstantSpec[]): string[] => this.#addConstants(layer, path, specs);
      const layerCall: LayerCall = { config: layer.config, id, builder: this.builder, inputs, args, kwargs, constants };
      const output = emit(layerCall);
      if (TRAINING_ONLY.has(layer.className)) this.#dropped.add(path.join('/'));
      const { shape } = this.builder.type(output);
      if (elementCount(shape) > MAX_ACTIVATION_ELEMENTS) {
        fail('E_MODEL_TOO_LARGE', `layer "${layer.name}" gives ${formatShape(shape)}`, { layer: layer.name });
      }
      return [output];
    } catch (error) {
      this.#record(layer, error);
      return new Array<undefined>(outputCount).fill(undefined);
    }
  }

  /** Keeps the problem, with the layer's name in front when the message lacks it (shape inference knows no layers). */
  #record(layer: KerasLayer, error: unknown): void {
    if (!(error instanceof IsplitError)) throw error;
    for (const problem of error.all) {
      const named = problem.message.includes(`"${layer.name}"`);
      const message = named ? problem.message : `layer "${layer.name}" (${layer.className}): ${problem.message}`;
      this.problems.add(problem.code, message, { layer: layer.name, ...problem.context }, problem.hint);
    }
  }

  #addConstants(layer: KerasLayer, path: readonly string[], specs: readonly ConstantSpec[]): string[] {
    const key = path.join('/');
    const wanted = specs.map((spec) => this.#constants.get(`${key}/${spec.id}`));
    if (wanted.every((id) => id !== undefined)) return wanted as string[];
    const variables = matchVariables(this.#weights.of(path), specs);
    if (typeof variables === 'string') layer.config.corrupt(variables);
    return specs.map((spec, i) => {
      const data = (variables[i] as KerasVariable).read();
      if (!data.every(Number.isFinite)) layer.config.corrupt(`${spec.names[0]} has values that are not finite`);
      const laid = spec.layout?.(data) ?? { shape: spec.shape, data };
      const id = this.builder.constant(`${key}/${spec.id}`, laid.shape, laid.data);
      this.#constants.set(`${key}/${spec.id}`, id);
      return id;
    });
  }
}
