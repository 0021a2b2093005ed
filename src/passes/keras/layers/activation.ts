import {
  addConstant,
  addNode,
  type Dialect,
  inputType,
  type LayerCall,
  onlyInput,
  type PrepareLayer,
  resolveAxis,
} from '../layer-call.js';
import { isObject, type Json, LayerConfig, own, show } from '../layer-config.js';

/** Adds an activation of `x`; its output gets the layer's id. Undefined = linear. */
export type Activation = ((call: LayerCall, x: string) => string) | undefined;

const simple =
  (kind: string): NonNullable<Activation> =>
  (call, x) =>
    addNode(call, kind, [x]);

const swish: Activation = (call, x) => addNode(call, 'mul', [x, addNode(call, 'sigmoid', [x], {}, 'sigmoid')]);
const softmaxLast: Activation = (call, x) => addNode(call, 'softmax', [x], { axis: -1 });
const leaky =
  (alpha: number): NonNullable<Activation> =>
  (call, x) =>
    addNode(call, 'leaky_relu', [x], { alpha });

/** relu6(slope·x + 3) / 6: slope 1 in Keras 3; Keras 2 and TF.js clip 0.2·x + 0.5, which is slope 1.2. */
const hardSigmoid =
  (slope: number): NonNullable<Activation> =>
  (call, x) => {
    const scaled = slope === 1 ? x : addNode(call, 'mul', [x, addConstant(call, 'slope', [], [slope])], {}, 'scaled');
    const shifted = addNode(call, 'add', [scaled, addConstant(call, 'three', [], [3])], {}, 'shifted');
    const clipped = addNode(call, 'relu6', [shifted], {}, 'clipped');
    return addNode(call, 'mul', [clipped, addConstant(call, 'sixth', [], [1 / 6])]);
  };

/** The activation named by a configuration value: a name, or an activation layer as an object. */
export function prepareActivation(value: Json | undefined, config: LayerConfig, dialect: Dialect): Activation {
  if (value === undefined || value === null) return undefined;
  if (isObject(value)) return activationObject(value, config, dialect);
  if (typeof value !== 'string') config.corrupt(`activation is ${show(value)}`);
  switch (value) {
    case 'linear':
      return undefined;
    case 'relu':
    case 'relu6':
    case 'sigmoid':
    case 'tanh':
      return simple(value);
    case 'softmax':
      return softmaxLast;
    case 'swish':
    case 'silu':
      return swish;
    case 'hard_swish':
    case 'hard_silu':
      return simple('hard_swish');
    case 'hard_sigmoid':
      return hardSigmoid(dialect.kerasMajor === 3 ? 1 : 1.2);
    case 'leaky_relu':
      return leaky(0.2);
  }
  return config.refuse(`the activation "${value}" is not supported`);
}

function activationObject(value: { readonly [key: string]: Json }, config: LayerConfig, dialect: Dialect): Activation {
  const className = own(value, 'class_name');
  const inner = own(value, 'config');
  if (className === 'function' && typeof inner === 'string') {
    const registered = own(value, 'registered_name');
    if (typeof registered === 'string' && registered.includes('>')) {
      config.refuse(`the activation "${registered}" is a custom function`);
    }
    return prepareActivation(inner, config, dialect);
  }
  if (typeof className === 'string' && isObject(inner)) {
    const part = new LayerConfig(config.layer, `${config.className} with ${className}`, inner);
    if (className === 'ReLU') return prepareRelu(part);
    if (className === 'LeakyReLU') return leaky(leakySlope(part));
    if (className === 'Activation') return prepareActivation(own(inner, 'activation'), config, dialect);
    if (className === 'Softmax') return softmaxLast;
  }
  return config.refuse(`the activation ${show(value)} is not supported`);
}

function prepareRelu(config: LayerConfig): Activation {
  const max = config.any('max_value');
  const slope = config.number('negative_slope', 0);
  const threshold = config.number('threshold', 0);
  if (threshold !== 0) config.refuse(`a threshold of ${threshold} is not supported, only 0`);
  if (max !== undefined && slope !== 0) config.refuse('max_value together with negative_slope is not supported');
  if (max === undefined) return slope === 0 ? simple('relu') : leaky(slope);
  if (max !== 6) config.refuse(`max_value ${show(max)} is not supported, only 6 or none`);
  return simple('relu6');
}

/** Keras 2 says alpha, Keras 3 negative_slope. */
function leakySlope(config: LayerConfig): number {
  return config.checkNumber('alpha', config.any('negative_slope', 'alpha') ?? 0.3);
}

const apply =
  (activation: Activation): ((call: LayerCall) => string) =>
  (call) => {
    const x = onlyInput(call);
    return activation ? activation(call, x) : x;
  };

export const ACTIVATION_LAYERS: Readonly<Record<string, PrepareLayer>> = {
  Activation: (config, dialect) => apply(prepareActivation(config.raw('activation'), config, dialect)),
  ReLU: (config) => apply(prepareRelu(config)),
  LeakyReLU: (config) => apply(leaky(leakySlope(config))),
  Softmax(config) {
    const raw = config.any('axis') ?? -1;
    const axes = Array.isArray(raw) ? raw : [raw];
    if (axes.length !== 1) config.refuse('a softmax over several axes is not supported');
    const axis = config.checkNumber('axis', axes[0] as Json);
    return (call) => {
      const rank = inputType(call).shape.length;
      return addNode(call, 'softmax', [onlyInput(call)], {
        axis: resolveAxis(config, axis, rank) === rank - 1 ? -1 : axis,
      });
    };
  },
};
