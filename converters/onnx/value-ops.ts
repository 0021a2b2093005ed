/** Dense layers, normalisation, activations and element-wise arithmetic. */
import type { Attrs } from '../../src/ir/graph.js';
import { channelsLast, identity, permute, sameLayout, storedShape } from './layout.js';
import type { NodeContext, Translate } from './node-context.js';
import { type Activation, type Flattened, floatConstant, type Known, type Value } from './translator.js';

/** An element-wise operator of one input: the storage order does not matter to it. */
function unary(n: NodeContext, kind: string, attrs: Attrs = {}): Value {
  const x = n.value(0);
  if (x.kind === 'flattened') {
    const source = n.t.emit(kind, [x.source.id], attrs, x.source.layout, n.id);
    return { kind: 'flattened', source, id: `${n.id}/flat` } satisfies Flattened;
  }
  const { id, layout } = n.activation(0);
  return n.t.emit(kind, [id], attrs, layout, n.id);
}

/** A constant that broadcasts against an activation, stored as the activation is; leading 1s are left out. */
export function broadcastConstant(n: NodeContext, known: Known, like: Activation): string {
  const { dims, data } = floatConstant(known);
  const rank = like.layout.length;
  const lead = Math.max(dims.length - rank, 0);
  const own = dims.slice(lead);
  const batchTouched = own.length === rank && own[0] !== 1;
  if (dims.slice(0, lead).some((d) => d !== 1) || batchTouched) {
    n.refuse(`the constant "${known.name}" [${dims}] does not broadcast to one sample`);
  }
  const full = [...new Array<number>(rank - own.length).fill(1), ...own];
  return n.t.constant(`${known.name}|broadcast ${like.layout}`, known.name, () => {
    const shape = storedShape(full, like.layout);
    while (shape.length > 1 && shape[0] === 1) shape.shift();
    return { shape, data: permute(data, full, like.layout) };
  });
}

const multiply: Translate = (n) => {
  const [a, b] = [n.value(0), n.value(1)];
  if (a.kind === 'activation' && b.kind === 'activation') {
    // x · hardSigmoid(x), as exporters write hard swish before opset 14.
    const x = n.t.gates.get(b.id) === a.id ? a : n.t.gates.get(a.id) === b.id ? b : undefined;
    if (x) return n.t.emit('hard_swish', [x.id], {}, x.layout, n.id);
  }
  return combine(n, 'mul', a, b, n.id);
};

const addition: Translate = (n) => {
  const [a, b] = [n.value(0), n.value(1)];
  return addBias(n, a, 0, b) ?? addBias(n, b, 1, a) ?? combine(n, 'add', a, b, n.id);
};

/** A matrix product that only this addition of a vector reads is a dense layer with a bias. */
function addBias(n: NodeContext, product: Value, i: number, bias: Value): Value | undefined {
  if (product.kind !== 'activation' || bias.kind !== 'known' || n.reads(i) !== 1) return undefined;
  const origin = n.t.origins.get(product.id);
  if (origin?.kind !== 'dense' || origin.inputs.length !== 2) return undefined;
  const outputs = n.t.dims(product).at(-1) as number;
  const { dims, data } = floatConstant(bias);
  if (data.length !== outputs || dims.at(-1) !== outputs || dims.length > product.layout.length) return undefined;
  const inputs = [...origin.inputs, denseBias(n, bias, outputs, 1)];
  return n.t.emit('dense', inputs, {}, product.layout, n.id);
}

function combine(n: NodeContext, kind: 'add' | 'sub' | 'mul', a: Value, b: Value, id: string): Activation {
  const tensor = (value: Value): Activation | undefined =>
    value.kind === 'flattened' ? n.t.materialise(value) : value.kind === 'activation' ? value : undefined;
  const x = tensor(a);
  const y = tensor(b);
  if (x && b.kind === 'known') return n.t.emit(kind, [x.id, broadcastConstant(n, b, x)], {}, x.layout, id);
  if (y && a.kind === 'known') return n.t.emit(kind, [broadcastConstant(n, a, y), y.id], {}, y.layout, id);
  if (!x || !y) return n.refuse('both inputs are constants of shapes that are not folded');
  if (x.layout.length !== y.layout.length) {
    return n.refuse(`its inputs have the shapes [${n.t.dims(x)}] and [${n.t.dims(y)}]`);
  }
  const usual = x.layout.length > 1 ? channelsLast(x.layout.length) : identity(x.layout.length);
  const layout = sameLayout(y.layout, usual) ? y.layout : x.layout;
  const inputs = [n.t.inLayout(x, layout).id, n.t.inLayout(y, layout).id];
  return n.t.emit(kind, inputs, {}, layout, id);
}

/** Division by a constant is multiplication by its reciprocal. */
const divide: Translate = (n) => {
  const divisor = n.value(1);
  if (divisor.kind !== 'known') return n.refuse('division by a value computed while running');
  const { dims, data } = floatConstant(divisor);
  const name = `${divisor.name}/reciprocal`;
  const reciprocal: Known = { kind: 'known', name, constant: { kind: 'float', dims, data: data.map((v) => 1 / v) } };
  return combine(n, 'mul', n.value(0), reciprocal, n.id);
};

const NO_LIMIT = 3.4e38;

const clip: Translate = (n) => {
  const min = n.number('min', 1) ?? Number.NEGATIVE_INFINITY;
  const max = n.number('max', 2) ?? Number.POSITIVE_INFINITY;
  if (min === 0 && max === 6) {
    const x = n.value(0);
    // PyTorch writes relu6 as a relu and a clip.
    const relu = x.kind === 'activation' ? n.t.origins.get(x.id) : undefined;
    if (x.kind !== 'activation' || relu?.kind !== 'relu') return unary(n, 'relu6');
    return n.t.emit('relu6', relu.inputs, {}, x.layout, n.id);
  }
  if (min === 0 && max >= NO_LIMIT) return unary(n, 'relu');
  if (min <= -NO_LIMIT && max >= NO_LIMIT) return n.value(0);
  return n.refuse(`limits ${min} and ${max}; 0 and 6, or 0 and none are read`);
};

/** clip(α·x + β, 0, 1) is relu6(6α·x + 6β) / 6. */
const hardSigmoid: Translate = (n) => {
  const alpha = n.float('alpha', 0.2);
  const beta = n.float('beta', 0.5);
  const x = n.activation(0);
  const step = (kind: string, input: Activation, value: number | undefined, id: string): Activation => {
    const inputs = value === undefined ? [input.id] : [input.id, n.t.scalar(value)];
    return n.t.emit(kind, inputs, {}, x.layout, id);
  };
  const slope = Math.abs(6 * alpha - 1) < 1e-5 ? 1 : 6 * alpha;
  const scaled = slope === 1 ? x : step('mul', x, slope, `${n.id}/scaled`);
  const shifted = step('add', scaled, 6 * beta, `${n.id}/shifted`);
  const gate = step('mul', step('relu6', shifted, undefined, `${n.id}/relu6`), 1 / 6, n.id);
  if (slope === 1 && beta === 0.5) n.t.gates.set(gate.id, x.id);
  return gate;
};

const prelu: Translate = (n) => {
  const { data } = floatConstant(n.weight(1, 'the slope'));
  if (data.some((v) => v !== data[0])) return n.refuse('a slope for every channel');
  return unary(n, 'leaky_relu', { alpha: data[0] as number });
};

/** Up to opset 12, softmax runs over all axes from `axis` on together. */
const softmax: Translate = (n) => {
  const value = n.value(0);
  const rank = n.t.dimsOf(value)?.length ?? 0;
  const axis = n.axis(n.int('axis', n.opset < 13 ? 1 : -1), rank);
  const x = n.activation(0);
  const dims = n.t.dims(x);
  const joint = n.opset < 13 && dims.slice(axis + 1).some((d) => d !== 1);
  if (!joint) {
    // Along the last stored axis it is written as every runtime knows it.
    const at = x.layout.indexOf(axis);
    return n.t.emit('softmax', [x.id], { axis: at === rank - 1 ? -1 : at }, x.layout, n.id);
  }
  if (axis !== 1) return n.refuse(`softmax over axes ${axis} to ${rank - 1} together`);
  const plain = n.t.plain(x);
  const flat = n.t.emit(
    'reshape',
    [plain.id],
    { shape: [-1, dims.slice(1).reduce((a, b) => a * b, 1)] },
    [0, 1],
    `${n.id}/flat`,
  );
  const done = n.t.emit('softmax', [flat.id], { axis: -1 }, [0, 1], `${n.id}/softmax`);
  return n.t.emit('reshape', [done.id], { shape: [-1, ...dims.slice(1)] }, identity(rank), n.id);
};

const batchNormalization: Translate = (n) => {
  if (n.int('training_mode', 0) !== 0) n.refuse('it is exported in training mode');
  const given = n.activation(0);
  const rank = given.layout.length;
  if (rank < 2) n.refuse(`its input has rank ${rank}`);
  const x = n.t.inLayout(given, channelsLast(rank));
  const channels = n.t.dims(x)[1] as number;
  const parts = ['scale', 'shift', 'mean', 'variance'].map((what, i) =>
    n.t.vector(n.weight(i + 1, `the ${what}`), channels, `the ${what}`),
  );
  return n.t.emit('batch_norm', [x.id, ...parts], { epsilon: n.float('epsilon', 1e-5) }, x.layout, n.id);
};

/** Weights [O, I] of a dense layer whose input is stored as `input` says, with a factor applied. */
function denseWeights(n: NodeContext, weight: Known, transposed: boolean, input: Value, factor: number): string {
  const { dims, data } = floatConstant(weight);
  if (dims.length !== 2) n.refuse(`the weights have the shape [${dims}]`);
  const order = input.kind === 'flattened' ? [n.t.dims(input.source).join('x'), input.source.layout].join(' of ') : '';
  const key = `${weight.name}|dense ${transposed} ${factor} ${order}`;
  return n.t.constant(key, weight.name, () => {
    let values = transposed ? permute(data, dims, [1, 0]) : data;
    const [outputs, inputs] = (transposed ? [dims[1], dims[0]] : dims) as [number, number];
    if (input.kind === 'flattened') {
      const [, ...source] = n.t.dims(input.source);
      const perm = [0, ...input.source.layout.slice(1)];
      values = permute(values, [outputs, ...source], perm);
    }
    return { shape: [outputs, inputs], data: factor === 1 ? values : values.map((v) => v * factor) };
  });
}

/** Checks that the input has as many values as the weights want and returns it, flattened or plain. */
function denseInput(n: NodeContext, input: Value, wanted: number): Activation {
  if (input.kind === 'known') n.refuse('its input is a constant');
  const dims = n.t.dimsOf(input) ?? [];
  if (dims.at(-1) !== wanted) n.refuse(`its input has the shape [${dims}], the weights want ${wanted}`);
  return input.kind === 'flattened' ? n.t.flatAsStored(input) : n.t.plain(input as Activation);
}

const gemm: Translate = (n) => {
  if (n.int('transA', 0) !== 0) n.refuse('transA');
  const input = n.value(0);
  const weight = n.weight(1, 'the weights');
  const transposed = n.int('transB', 0) === 0;
  const { dims } = floatConstant(weight);
  const [outputs, inputs] = (transposed ? [dims[1], dims[0]] : dims) as [number, number];
  const x = denseInput(n, input, inputs);
  if (x.layout.length !== 2) n.refuse(`its input has rank ${x.layout.length}`);
  const operands = [x.id, denseWeights(n, weight, transposed, input, n.float('alpha', 1))];
  const bias = n.known(2, 'the bias');
  if (bias) operands.push(denseBias(n, bias, outputs, n.float('beta', 1)));
  return n.t.emit('dense', operands, {}, [0, 1], n.id);
};

function denseBias(n: NodeContext, bias: Known, outputs: number, factor: number): string {
  const { dims, data } = floatConstant(bias);
  const vector = dims.slice(0, -1).every((d) => d === 1) && [1, outputs].includes(dims.at(-1) ?? 1);
  if (!vector) n.refuse(`the bias has the shape [${dims}] for ${outputs} outputs`);
  return n.t.constant(`${bias.name}|bias ${outputs} ${factor}`, bias.name, () => ({
    shape: [outputs],
    data: Float32Array.from({ length: outputs }, (_, i) => (data[data.length === 1 ? 0 : i] as number) * factor),
  }));
}

const matMul: Translate = (n) => {
  const input = n.value(0);
  const weight = n.value(1);
  if (weight.kind !== 'known') return n.refuse('a product of two computed values; only constant weights are read');
  const { dims } = floatConstant(weight);
  if (dims.length !== 2) n.refuse(`the weights have the shape [${dims}]`);
  const x = denseInput(n, input, dims[0] as number);
  if (x.layout.length < 2) n.refuse(`its input has rank ${x.layout.length}`);
  const operands = [x.id, denseWeights(n, weight, true, input, 1)];
  return n.t.emit('dense', operands, {}, identity(x.layout.length), n.id);
};

const sum: Translate = (n) => {
  const count = n.node.inputs.length;
  if (count === 1) return n.value(0);
  let total = n.value(0);
  for (let i = 1; i < count; i++)
    total = combine(n, 'add', total, n.value(i), i === count - 1 ? n.id : `${n.id}/sum${i}`);
  return total;
};

const cast: Translate = (n) => {
  const to = n.int('to', 0);
  if (![1, 10, 11].includes(to)) return n.refuse(`a cast to ${to} (not a float type)`);
  return n.value(0);
};

const dropout: Translate = (n) => {
  const training = n.known(2, 'training_mode')?.constant.data[0] ?? 0;
  return training !== 0 ? n.refuse('it is exported in training mode') : n.value(0);
};

export const VALUE_OPS: Readonly<Record<string, Translate>> = {
  Add: addition,
  BatchNormalization: batchNormalization,
  Cast: cast,
  Clip: clip,
  Div: divide,
  Dropout: dropout,
  Gemm: gemm,
  HardSigmoid: hardSigmoid,
  HardSwish: (n) => unary(n, 'hard_swish'),
  Identity: (n) => n.value(0),
  LeakyRelu: (n) => unary(n, 'leaky_relu', { alpha: n.float('alpha', 0.01) }),
  MatMul: matMul,
  Mul: multiply,
  PRelu: prelu,
  Relu: (n) => unary(n, 'relu'),
  Sigmoid: (n) => unary(n, 'sigmoid'),
  Softmax: softmax,
  Sub: (n) => combine(n, 'sub', n.value(0), n.value(1), n.id),
  Sum: sum,
  Tanh: (n) => unary(n, 'tanh'),
};
