import { addConstant, addNode, type LayerCall, type PrepareLayer, resolveAxis, type Value } from '../layer-call.js';
import type { Json } from '../layer-config.js';
import { prepareActivation } from './activation.js';
import { numberList } from './convolution.js';
import { addConcat } from './merge.js';
import { addReshape } from './shape.js';

/** A plain function in the graph: operands by position or keyword, options by keyword or configuration. */
type Emit = (call: LayerCall) => string;

const operand = (call: LayerCall, at: number, ...names: string[]): Value | undefined =>
  call.args[at] ?? names.map((name) => call.kwargs.get(name)).find((v) => v !== undefined);

function tensorOperand(call: LayerCall, at: number, ...names: string[]): string {
  const value = operand(call, at, ...names);
  if (value && 'tensor' in value) return value.tensor;
  return call.config.corrupt(`argument ${names[0]} is no tensor`);
}

/** A tensor, or a constant made of numbers. */
function arithmeticOperand(
  call: LayerCall,
  at: number,
  suffix: string,
  map: (v: number) => number,
  ...names: string[]
) {
  const value = operand(call, at, ...names);
  if (value && 'tensor' in value) return value.tensor;
  const numbers = plainValue(value);
  const list = numberList(call.config, suffix, numbers ?? call.config.corrupt(`argument ${names[0]} is missing`));
  return addConstant(call, suffix, Array.isArray(numbers) ? [list.length] : [], list.map(map));
}

/** A constant argument as JSON; undefined when there is a tensor in it. */
function plainValue(value: Value | undefined): Json | undefined {
  if (value === undefined || 'tensor' in value) return undefined;
  if ('value' in value) return value.value;
  const parts = value.list.map(plainValue);
  return parts.some((v) => v === undefined) ? undefined : (parts as Json[]);
}

const same = (v: number): number => v;

const binary =
  (kind: 'add' | 'sub' | 'mul'): Emit =>
  (call) =>
    addNode(call, kind, [
      arithmeticOperand(call, 0, 'a', same, 'x1', 'x'),
      arithmeticOperand(call, 1, 'b', same, 'x2', 'y'),
    ]);

const divide: Emit = (call) => {
  if ('tensor' in (operand(call, 1, 'x2', 'y') ?? {})) call.config.refuse('division by a tensor is not supported');
  return addNode(call, 'mul', [
    arithmeticOperand(call, 0, 'a', same, 'x1', 'x'),
    arithmeticOperand(call, 1, 'b', (v) => 1 / v, 'x2', 'y'),
  ]);
};

/** Option of a call: keyword, position, or the configuration of a Keras 3 operation. */
const option = (call: LayerCall, name: string, at: number): Json | undefined =>
  plainValue(call.kwargs.get(name)) ?? plainValue(call.args[at]) ?? call.config.any(name);

const concat: Emit = (call) => {
  const axis = call.config.checkNumber('axis', option(call, 'axis', 1) ?? -1);
  return addConcat(call, call.inputs, axis);
};

const reshape: Emit = (call) => {
  const target = call.config.ints('shape', -1, option(call, 'shape', 1) ?? option(call, 'newshape', 1));
  const x = tensorOperand(call, 0, 'x', 'tensor');
  if (target[0] !== -1 && target[0] !== 1)
    call.config.refuse(`a reshape of the batch to ${target[0]} is not supported`);
  return addReshape(call, call.config, x, target.slice(1));
};

const mean: Emit = (call) => {
  const x = tensorOperand(call, 0, 'input_tensor', 'x');
  const rank = call.builder.type(x).shape.length;
  const axis = option(call, 'axis', 1);
  if (axis === undefined || axis === null)
    return call.config.refuse('a mean over all axes, the batch included, is not supported');
  const axes = numberList(call.config, 'axis', axis).map((a) => resolveAxis(call.config, a, rank));
  if (axes.includes(0)) call.config.refuse('a mean over the batch is not supported');
  const keepDims = option(call, 'keepdims', 2) === true;
  return addNode(call, 'mean', [x], { axes: axes.sort((a, b) => a - b), keepDims });
};

/** Activations reuse the table of activation names. */
const activation =
  (name: string): PrepareLayer =>
  (config, dialect) => {
    const emit = prepareActivation(name, config, dialect);
    return (call) => {
      const x = tensorOperand(call, 0, 'features', 'x', 'logits');
      return emit ? emit(call, x) : x;
    };
  };

const softmax: Emit = (call) => {
  const x = tensorOperand(call, 0, 'logits', 'x');
  const rank = call.builder.type(x).shape.length;
  const axis = call.config.checkNumber('axis', option(call, 'axis', 1) ?? -1);
  return addNode(call, 'softmax', [x], { axis: resolveAxis(call.config, axis, rank) === rank - 1 ? -1 : axis });
};

const leakyRelu =
  (key: string, fallback: number): Emit =>
  (call) =>
    addNode(call, 'leaky_relu', [tensorOperand(call, 0, 'features', 'x')], {
      alpha: call.config.checkNumber(key, option(call, key, 1) ?? fallback),
    });

const always =
  (emit: Emit): PrepareLayer =>
  () =>
    emit;

/** Functions of TensorFlow that Keras 2 wraps in a TFOpLambda, by name without `tf.`. */
const TF_FUNCTIONS: Readonly<Record<string, PrepareLayer>> = {
  '__operators__.add': always(binary('add')),
  '__operators__.sub': always(binary('sub')),
  '__operators__.mul': always(binary('mul')),
  '__operators__.truediv': always(divide),
  'math.add': always(binary('add')),
  'math.subtract': always(binary('sub')),
  'math.multiply': always(binary('mul')),
  'math.truediv': always(divide),
  'math.divide': always(divide),
  'math.reduce_mean': always(mean),
  'math.sigmoid': activation('sigmoid'),
  'math.tanh': activation('tanh'),
  'nn.sigmoid': activation('sigmoid'),
  'nn.tanh': activation('tanh'),
  'nn.relu': activation('relu'),
  'nn.relu6': activation('relu6'),
  'nn.silu': activation('swish'),
  'nn.swish': activation('swish'),
  'nn.leaky_relu': always(leakyRelu('alpha', 0.2)),
  'nn.softmax': always(softmax),
  concat: always(concat),
  reshape: always(reshape),
  identity: activation('linear'),
};

/** Operations of `keras.src.ops` by class. */
const KERAS3_OPERATIONS: Readonly<Record<string, PrepareLayer>> = {
  Add: always(binary('add')),
  Subtract: always(binary('sub')),
  Multiply: always(binary('mul')),
  TrueDivide: always(divide),
  Divide: always(divide),
  Mean: always(mean),
  Concatenate: always(concat),
  Reshape: always(reshape),
  Relu: activation('relu'),
  Relu6: activation('relu6'),
  Sigmoid: activation('sigmoid'),
  Tanh: activation('tanh'),
  Silu: activation('silu'),
  HardSilu: activation('hard_silu'),
  HardSigmoid: activation('hard_sigmoid'),
  LeakyRelu: always(leakyRelu('negative_slope', 0.2)),
  Softmax: always(softmax),
};

export const TF_OP_LAMBDA: PrepareLayer = (config, dialect) => {
  const name = config.string('function').replace(/^tf\./, '');
  if (!Object.hasOwn(TF_FUNCTIONS, name)) config.refuse(`the function tf.${name} is not supported`);
  return (TF_FUNCTIONS[name] as PrepareLayer)(config, dialect);
};

/** Reader for an operation of `keras.src.ops`, if it is known. */
export function keras3Operation(className: string): PrepareLayer | undefined {
  return Object.hasOwn(KERAS3_OPERATIONS, className) ? KERAS3_OPERATIONS[className] : undefined;
}
