import { fail } from '../../core/errors.js';
import { isObject, type Json, type JsonObject, LayerConfig, own, show } from './layer-config.js';

/** One output of one call of a layer. */
export interface TensorRef {
  readonly layer: string;
  /** Which call of the layer: layers may be shared. */
  readonly call: number;
  readonly output: number;
}

/** An argument of a call: a tensor, a list of arguments, or a constant. */
export type CallArg =
  | { readonly ref: TensorRef }
  | { readonly list: readonly CallArg[] }
  | { readonly value: Json | undefined };

export interface KerasCall {
  readonly args: readonly CallArg[];
  readonly kwargs: ReadonlyMap<string, CallArg>;
}

export interface KerasLayer {
  readonly name: string;
  readonly className: string;
  /** Python module of the class in Keras 3 files, else ''. */
  readonly module: string;
  /** `package>Class` for custom objects. */
  readonly registeredName: string;
  readonly config: LayerConfig;
  readonly calls: readonly KerasCall[];
  /** Set for nested models. */
  readonly model?: KerasModel;
}

export interface KerasModel {
  readonly name: string;
  readonly layers: readonly KerasLayer[];
  readonly inputs: readonly TensorRef[];
  readonly outputs: readonly TensorRef[];
}

const MAX_LAYERS = 20_000;
const MAX_NESTING = 16;
const MODEL_CLASSES = new Set(['Functional', 'Model', 'Sequential']);

/**
 * Brings `{class_name, config}` of Keras 2, Keras 3 and TF.js (Functional, Model, Sequential; nested models; both forms of
 * inbound_nodes) to one form in which a Sequential is a chain of calls like any other.
 * @throws IsplitError E_MODEL_CORRUPT, E_OP_UNSUPPORTED (subclassed models), E_SHAPE (no input shape)
 */
export function parseKerasModel(json: unknown): KerasModel {
  return parseModel(json, 0);
}

function corrupt(why: string): never {
  fail('E_MODEL_CORRUPT', `the model configuration is broken: ${why}`);
}

function parseModel(json: unknown, depth: number): KerasModel {
  if (depth > MAX_NESTING) corrupt(`models are nested more than ${MAX_NESTING} deep`);
  if (!isObject(json)) corrupt('the model is no object');
  const className = own(json, 'class_name');
  if (typeof className !== 'string') corrupt('class_name is missing');
  if (!MODEL_CLASSES.has(className)) {
    fail(
      'E_OP_UNSUPPORTED',
      `the model is a ${className}; only Functional and Sequential models describe their layers in the file`,
      { className },
      'Rebuild the network with the functional API, load its weights and save it again.',
    );
  }
  let config = own(json, 'config');
  // Old files keep a Sequential's layers directly in `config`.
  if (Array.isArray(config)) config = { name: 'sequential', layers: config };
  if (!isObject(config)) corrupt('config is missing');
  const name = own(config, 'name') ?? className.toLowerCase();
  if (typeof name !== 'string') corrupt('the name of the model is no string');
  const layers = own(config, 'layers');
  if (!Array.isArray(layers)) corrupt(`"${name}" has no list of layers`);
  if (layers.length > MAX_LAYERS) corrupt(`"${name}" has ${layers.length} layers`);
  const parsed = layers.map((layer) => parseLayer(layer, depth));
  const model =
    className === 'Sequential' ? chainLayers(name, config, parsed) : functionalModel(name, config, layers, parsed);
  const names = new Set<string>();
  for (const layer of model.layers) {
    if (names.has(layer.name)) corrupt(`two layers of "${name}" are called "${layer.name}"`);
    names.add(layer.name);
  }
  return model;
}

/** A layer without its calls. */
function parseLayer(json: unknown, depth: number): KerasLayer {
  if (!isObject(json)) corrupt('a layer is no object');
  const className = own(json, 'class_name');
  const config = own(json, 'config');
  if (typeof className !== 'string' || !isObject(config)) corrupt('a layer lacks class_name or config');
  const name = own(config, 'name') ?? own(json, 'name');
  if (typeof name !== 'string' || name === '') corrupt(`a ${className} has no name`);
  const module = own(json, 'module');
  const registeredName = own(json, 'registered_name');
  return {
    name,
    className,
    module: typeof module === 'string' ? module : '',
    registeredName: typeof registeredName === 'string' ? registeredName : '',
    config: new LayerConfig(name, className, config),
    calls: [],
    ...(MODEL_CLASSES.has(className) ? { model: parseModel(json, depth + 1) } : {}),
  };
}

function functionalModel(
  name: string,
  config: JsonObject,
  json: readonly Json[],
  layers: readonly KerasLayer[],
): KerasModel {
  const withCalls = layers.map((layer, i) => {
    const nodes = own(json[i] as JsonObject, 'inbound_nodes') ?? [];
    if (!Array.isArray(nodes)) corrupt(`inbound_nodes of "${layer.name}" is no list`);
    const calls = nodes.map((node) => parseCall(node as Json, layer.name));
    return { ...layer, calls: layer.className === 'InputLayer' ? [] : calls };
  });
  const inputs = collectRefs(own(config, 'input_layers'), 'input_layers', 0);
  let outputs = collectRefs(own(config, 'output_layers'), 'output_layers', 0);
  if (inputs.length === 0 || outputs.length === 0) corrupt(`"${name}" has no inputs or no outputs`);
  const oldForm = json.some((layer) =>
    (own(layer as JsonObject, 'inbound_nodes') as Json[] | undefined)?.some(Array.isArray),
  );
  if (!oldForm) return { name, layers: withCalls, inputs, outputs };
  // Keras 2 and TF.js count the construction of a nested model as its call 0, but write only the calls after it.
  const models = new Set(withCalls.filter((layer) => layer.model).map((layer) => layer.name));
  const renumber = (ref: TensorRef): TensorRef =>
    models.has(ref.layer) && ref.call > 0 ? { ...ref, call: ref.call - 1 } : ref;
  outputs = outputs.map(renumber);
  const renumbered = withCalls.map((layer) => ({ ...layer, calls: layer.calls.map((c) => mapRefs(c, renumber)) }));
  return { name, layers: renumbered, inputs, outputs };
}

function mapRefs(call: KerasCall, map: (ref: TensorRef) => TensorRef): KerasCall {
  const mapArg = (arg: CallArg): CallArg => {
    if ('ref' in arg) return { ref: map(arg.ref) };
    return 'list' in arg ? { list: arg.list.map(mapArg) } : arg;
  };
  return { args: call.args.map(mapArg), kwargs: new Map([...call.kwargs].map(([key, arg]) => [key, mapArg(arg)])) };
}

/** Keras 2: a list of [layer, call, output, kwargs]; Keras 3: {args, kwargs} with __keras_tensor__ objects. */
function parseCall(node: Json, layer: string): KerasCall {
  if (isObject(node)) {
    const args = own(node, 'args');
    const kwargs = own(node, 'kwargs') ?? {};
    if (!Array.isArray(args) || !isObject(kwargs)) corrupt(`a call of "${layer}" lacks args or kwargs`);
    return {
      args: args.map((arg) => parseKeras3Arg(arg as Json, 0)),
      kwargs: new Map(Object.entries(kwargs).map(([key, value]) => [key, parseKeras3Arg(value, 0)])),
    };
  }
  if (!Array.isArray(node)) corrupt(`a call of "${layer}" is neither a list nor an object`);
  // Calls with a single tensor may be written without the outer list.
  const entries = typeof node[0] === 'string' ? [node] : node;
  const refs: CallArg[] = [];
  const kwargs = new Map<string, CallArg>();
  for (const entry of entries) {
    if (isObject(entry as Json)) corrupt(`a call of "${layer}" names its inputs, which is not read`);
    refs.push({ ref: parseRef(entry as Json) });
    const named = (entry as Json[])[3];
    if (isObject(named)) for (const [key, value] of Object.entries(named)) kwargs.set(key, parseKeras2Arg(value, 0));
  }
  return { args: refs.length === 1 ? refs : [{ list: refs }], kwargs };
}

function parseKeras3Arg(value: Json, depth: number): CallArg {
  if (depth > 8) corrupt('the arguments of a call are nested too deeply');
  if (Array.isArray(value)) return { list: value.map((v) => parseKeras3Arg(v as Json, depth + 1)) };
  if (isObject(value) && own(value, 'class_name') === '__keras_tensor__') {
    const config = own(value, 'config');
    const history = isObject(config) ? own(config, 'keras_history') : undefined;
    return { ref: parseRef(history) };
  }
  return { value };
}

/** Tensors among the keyword arguments are [layer, call, output] there. */
function parseKeras2Arg(value: Json, depth: number): CallArg {
  if (depth > 8) corrupt('the arguments of a call are nested too deeply');
  if (!Array.isArray(value)) return { value };
  if (isRef(value)) return { ref: parseRef(value) };
  return { list: value.map((v) => parseKeras2Arg(v as Json, depth + 1)) };
}

function isRef(value: readonly Json[]): boolean {
  return (
    value.length >= 3 && typeof value[0] === 'string' && typeof value[1] === 'number' && typeof value[2] === 'number'
  );
}

function parseRef(value: Json | undefined): TensorRef {
  if (!Array.isArray(value) || !isRef(value)) corrupt(`${show(value)} names no tensor`);
  const [layer, call, output] = value as unknown as [string, number, number];
  if (!Number.isSafeInteger(call) || !Number.isSafeInteger(output) || call < 0 || output < 0) {
    corrupt(`${show(value)} names no tensor`);
  }
  return { layer, call, output };
}

/** input_layers and output_layers: one reference, a list of them, or a dictionary. */
function collectRefs(value: Json | undefined, key: string, depth: number): TensorRef[] {
  if (depth > 8) corrupt(`${key} is nested too deeply`);
  if (Array.isArray(value)) {
    return isRef(value) ? [parseRef(value)] : value.flatMap((v) => collectRefs(v as Json, key, depth + 1));
  }
  if (isObject(value)) return Object.values(value).flatMap((v) => collectRefs(v, key, depth + 1));
  return corrupt(`${key} is ${show(value)}`);
}

function chainLayers(name: string, config: JsonObject, layers: readonly KerasLayer[]): KerasModel {
  const first = layers[0];
  if (!first) corrupt(`"${name}" has no layers`);
  const chain: KerasLayer[] = [];
  if (first.className !== 'InputLayer') {
    const shape =
      first.config.any('batch_input_shape', 'batch_shape') ??
      own(config, 'build_input_shape') ??
      (first.model && inputShapeOf(first.model));
    if (shape === undefined || shape === null) {
      fail(
        'E_SHAPE',
        `"${name}" does not say which input it takes`,
        { model: name },
        'Begin the model with keras.Input(shape) before saving it.',
      );
    }
    const input = `${first.name}_input`;
    chain.push({
      name: input,
      className: 'InputLayer',
      module: '',
      registeredName: '',
      config: new LayerConfig(input, 'InputLayer', { name: input, batch_shape: shape }),
      calls: [],
    });
  }
  for (const layer of layers) {
    const before = chain.at(-1);
    if (before && layer.className === 'InputLayer')
      corrupt(`"${name}" has the InputLayer "${layer.name}" in its middle`);
    chain.push(
      before
        ? { ...layer, calls: [{ args: [{ ref: { layer: before.name, call: 0, output: 0 } }], kwargs: new Map() }] }
        : layer,
    );
  }
  const ref = (layer: KerasLayer | undefined): TensorRef[] => [{ layer: layer?.name ?? '', call: 0, output: 0 }];
  return { name, layers: chain, inputs: ref(chain[0]), outputs: ref(chain.at(-1)) };
}

function inputShapeOf(model: KerasModel): Json | undefined {
  const input = model.layers.find((layer) => layer.name === model.inputs[0]?.layer);
  return input?.config.any('batch_input_shape', 'batch_shape');
}
