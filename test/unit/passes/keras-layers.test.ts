import { describe, expect, it } from 'vitest';
import { snakeCase } from '../../../converters/keras/archive-weights.js';
import { IsplitError } from '../../../src/core/errors.js';
import type { Graph } from '../../../src/ir/graph.js';
import { buildKerasGraph, type KerasWeights, parseKerasModel } from '../../../src/passes/keras/index.js';

const KERAS3 = { kerasMajor: 3, bilinearHalfPixel: true } as const;

/** Weights of every layer by name: [variable, shape][]. Values count up from 1. */
function weightsOf(table: Readonly<Record<string, readonly (readonly [string, readonly number[]])[]>>): KerasWeights {
  return {
    of: (path) =>
      (table[path.join('/')] ?? []).map(([name, shape]) => ({
        name,
        shape,
        read: () => Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => i + 1),
      })),
  };
}

const layer = (className: string, name: string, config: object, from: readonly unknown[] = []) => ({
  class_name: className,
  config: { name, ...config },
  name,
  inbound_nodes: from.length > 0 ? [from.map((f) => (Array.isArray(f) ? f : [f, 0, 0, {}]))] : [],
});
const image = (shape: readonly (number | null)[] = [null, 8, 8, 2]) =>
  layer('InputLayer', 'image', { batch_input_shape: shape });

function functional(layers: readonly object[], output: string, inputs: readonly string[] = ['image']): object {
  return {
    class_name: 'Functional',
    config: { name: 'net', layers, input_layers: inputs.map((n) => [n, 0, 0]), output_layers: [[output, 0, 0]] },
  };
}

function build(json: unknown, weights: KerasWeights = weightsOf({})): Graph {
  return buildKerasGraph(parseKerasModel(json), weights, KERAS3).graph;
}

function refusal(run: () => unknown): IsplitError {
  try {
    run();
  } catch (error) {
    if (error instanceof IsplitError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const conv = (config: object = {}, from: readonly unknown[] = ['image']) =>
  layer('Conv2D', 'conv', { filters: 3, kernel_size: [3, 3], padding: 'same', ...config }, from);
const convWeights = weightsOf({
  conv: [
    ['kernel', [3, 3, 2, 3]],
    ['bias', [3]],
  ],
});

describe('what a layer configuration becomes', () => {
  it('an activation inside a layer is a node of its own behind name/linear', () => {
    const graph = build(functional([image(), conv({ activation: 'relu' })], 'conv'), convWeights);
    expect(graph.nodes.map((n) => [n.id, n.kind])).toEqual([
      ['conv/linear', 'conv2d'],
      ['conv', 'relu'],
    ]);
    expect(graph.nodes[0]?.attrs).toEqual({ strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] });
  });

  it('kernels move the outputs to the front', () => {
    const graph = build(
      functional([image(), conv({ use_bias: false })], 'conv'),
      weightsOf({ conv: [['kernel', [3, 3, 2, 3]]] }),
    );
    const kernel = graph.tensors.get('conv/kernel');
    expect(kernel?.shape).toEqual([3, 3, 3, 2]);
    // File order [kh, kw, in, out] counts up from 1: output 0 has every third value.
    expect(Array.from(kernel?.data?.slice(0, 4) ?? [])).toEqual([1, 4, 7, 10]);
  });

  it('nested models of Keras 2 are numbered from 1, called twice they get a suffix', () => {
    const inner = {
      ...functional([image([null, 8, 8, 2]), layer('ReLU', 'act', {}, ['image'])], 'act'),
      name: 'inner',
      inbound_nodes: [[['image', 0, 0, {}]], [['inner', 1, 0, {}]]],
    };
    const nested = { ...inner, config: { ...(inner as unknown as { config: object }).config, name: 'inner' } };
    const graph = build(
      functional(
        [
          image(),
          nested,
          layer('Add', 'sum', {}, [
            ['inner', 1, 0, {}],
            ['inner', 2, 0, {}],
          ]),
        ],
        'sum',
      ),
    );
    expect(graph.nodes.map((n) => [n.id, n.inputs])).toEqual([
      ['inner/act', ['image']],
      ['inner@2/act', ['inner/act']],
      ['sum', ['inner/act', 'inner@2/act']],
    ]);
  });

  it('positions serve where the file has no names', () => {
    const unnamed = weightsOf({
      conv: [
        ['', [3, 3, 2, 3]],
        ['', [3]],
      ],
    });
    expect(build(functional([image(), conv()], 'conv'), unnamed).tensors.get('conv/bias')?.shape).toEqual([3]);
  });

  it('normalisation reads its variables past the count that Keras keeps', () => {
    const unnamed = weightsOf({
      norm: [
        ['', [2]],
        ['', [2]],
        ['', []],
      ],
    });
    const graph = build(
      functional([image(), layer('Normalization', 'norm', { axis: [-1] }, ['image'])], 'norm'),
      unnamed,
    );
    const values = (id: string) => Array.from(graph.tensors.get(id)?.data ?? []);
    // mean 1, 2 and variance 1, 2: (x − 1) / 1 and (x − 2) / √2.
    expect(values('norm/scale')).toEqual([1, Math.fround(Math.SQRT1_2)]);
    expect(values('norm/offset')).toEqual([-1, Math.fround(-Math.SQRT2)]);
  });

  it('class names become the folders that Keras writes', () => {
    const names = [
      'Conv2D',
      'DepthwiseConv2D',
      'ReLU',
      'LeakyReLU',
      'GlobalAveragePooling2D',
      'BatchNormalization',
      'Dense',
    ];
    // From real .keras files of Keras 3.15.
    expect(names.map(snakeCase)).toEqual([
      'conv2d',
      'depthwise_conv2d',
      're_lu',
      'leaky_re_lu',
      'global_average_pooling2d',
      'batch_normalization',
      'dense',
    ]);
  });
});

describe('refusals', () => {
  it.each<[string, unknown, KerasWeights | undefined, string, RegExp]>([
    ['a subclassed model', { class_name: 'MyModel', config: {} }, undefined, 'E_OP_UNSUPPORTED', /MyModel/],
    ['no configuration', { class_name: 'Functional' }, undefined, 'E_MODEL_CORRUPT', /config is missing/],
    ['not an object', [1], undefined, 'E_MODEL_CORRUPT', /no object/],
    [
      'an unknown size',
      functional([image([null, null, null, 3])], 'image'),
      undefined,
      'E_SHAPE',
      /2 of its dimensions/,
    ],
    ['a negative size', functional([image([null, -4, 4, 3])], 'image'), undefined, 'E_MODEL_CORRUPT', /at least 1/],
    [
      'an enormous size',
      functional([image([null, 2 ** 20, 2 ** 20, 3])], 'image'),
      undefined,
      'E_MODEL_TOO_LARGE',
      /shape/,
    ],
    ['a missing input layer', functional([image()], 'image', ['other']), undefined, 'E_MODEL_CORRUPT', /"other"/],
    ['a missing source', functional([image(), conv({}, ['ghost'])], 'conv'), convWeights, 'E_MODEL_CORRUPT', /"ghost"/],
    ['a missing output', functional([image(), conv()], 'ghost'), convWeights, 'E_MODEL_CORRUPT', /"ghost"/],
    [
      'a call that does not exist',
      functional([image(), conv(), layer('ReLU', 'r', {}, [['conv', 4, 0, {}]])], 'r'),
      convWeights,
      'E_MODEL_CORRUPT',
      /call 4/,
    ],
    [
      'an output that does not exist',
      functional([image(), conv(), layer('ReLU', 'r', {}, [['conv', 0, 7, {}]])], 'r'),
      convWeights,
      'E_MODEL_CORRUPT',
      /output 7/,
    ],
    [
      'two layers of a name',
      functional([image(), conv(), conv()], 'conv'),
      convWeights,
      'E_MODEL_CORRUPT',
      /two layers/,
    ],
    [
      'a circle',
      functional([image(), layer('Add', 'a', {}, ['image', 'b']), layer('ReLU', 'b', {}, ['a'])], 'b'),
      undefined,
      'E_MODEL_CORRUPT',
      /circle/,
    ],
    [
      'a layer fed by itself',
      functional([image(), layer('ReLU', 'a', {}, ['a'])], 'a'),
      undefined,
      'E_MODEL_CORRUPT',
      /circle/,
    ],
    ['no weights', functional([image(), conv()], 'conv'), undefined, 'E_MODEL_CORRUPT', /no kernel, bias .*none/],
    [
      'a kernel of another shape',
      functional([image(), conv()], 'conv'),
      weightsOf({
        conv: [
          ['kernel', [3, 3, 4, 3]],
          ['bias', [3]],
        ],
      }),
      'E_MODEL_CORRUPT',
      /\[3,3,4,3\] instead of \[3,3,2,3\]/,
    ],
    [
      'a kernel that is not finite',
      functional([image(), conv({ use_bias: false })], 'conv'),
      { of: () => [{ name: 'kernel', shape: [3, 3, 2, 3], read: () => new Float32Array(54).fill(Number.NaN) }] },
      'E_MODEL_CORRUPT',
      /not finite/,
    ],
    [
      'a string where a number belongs',
      functional([image(), conv({ filters: 'many' })], 'conv'),
      convWeights,
      'E_MODEL_CORRUPT',
      /filters must be an integer/,
    ],
    ['groups', functional([image(), conv({ groups: 2 })], 'conv'), convWeights, 'E_OP_UNSUPPORTED', /2 groups/],
    [
      'a custom layer',
      functional([image(), { ...conv(), registered_name: 'mine>Conv2D' }], 'conv'),
      convWeights,
      'E_OP_UNSUPPORTED',
      /custom layer \(mine>Conv2D\)/,
    ],
    [
      'batch norm over height',
      functional([image(), layer('BatchNormalization', 'bn', { axis: 1 }, ['image'])], 'bn'),
      undefined,
      'E_OP_UNSUPPORTED',
      /axis 1/,
    ],
    [
      'relu with another maximum',
      functional([image(), layer('ReLU', 'r', { max_value: 1 }, ['image'])], 'r'),
      undefined,
      'E_OP_UNSUPPORTED',
      /max_value 1/,
    ],
    [
      'an activation',
      functional([image(), conv({ activation: 'selu' })], 'conv'),
      convWeights,
      'E_OP_UNSUPPORTED',
      /"selu"/,
    ],
    [
      'a function',
      functional([image(), layer('TFOpLambda', 'f', { function: 'signal.fft' }, ['image'])], 'f'),
      undefined,
      'E_OP_UNSUPPORTED',
      /tf.signal.fft/,
    ],
    [
      'a constructor as class',
      functional([image(), layer('constructor', 'f', {}, ['image'])], 'f'),
      undefined,
      'E_OP_UNSUPPORTED',
      /constructor/,
    ],
    [
      'shapes that cannot be added',
      functional([image(), conv({ filters: 3 }), layer('Add', 'a', {}, ['image', 'conv'])], 'a'),
      convWeights,
      'E_SHAPE',
      /layer "a" \(Add\)/,
    ],
    [
      'a window that does not fit',
      functional([image(), layer('MaxPooling2D', 'p', { pool_size: 9 }, ['image'])], 'p'),
      undefined,
      'E_SHAPE',
      /layer "p"/,
    ],
    [
      'an InputLayer in the middle of a Sequential',
      { class_name: 'Sequential', config: { name: 'net', layers: [image(), layer('ReLU', 'r', {}), image()] } },
      undefined,
      'E_MODEL_CORRUPT',
      /InputLayer "image" in its middle/,
    ],
    [
      'training mode',
      functional(
        [image(), { ...layer('Dropout', 'd', {}), inbound_nodes: [[['image', 0, 0, { training: true }]]] }],
        'd',
      ),
      undefined,
      'E_OP_UNSUPPORTED',
      /training=True/,
    ],
  ])('%s', (_, json, weights, code, message) => {
    const error = refusal(() => build(json, weights));
    expect(error.all.map((p) => p.message).join('\n')).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('names every unsupported layer at once, those of nested models too', () => {
    const nested = {
      ...functional([image(), layer('GRU', 'deep', {}, ['image'])], 'deep'),
      inbound_nodes: [[['image', 0, 0, {}]]],
    };
    const named = { ...nested, config: { ...(nested as unknown as { config: object }).config, name: 'inner' } };
    const json = functional([image(), layer('Lambda', 'l', {}, ['image']), named, layer('ELU', 'e', {}, ['l'])], 'e');
    const error = refusal(() => build(json));
    expect(error.all.map((p) => [p.code, p.context?.layer, p.context?.className])).toEqual([
      ['E_OP_UNSUPPORTED', 'l', 'Lambda'],
      ['E_OP_UNSUPPORTED', 'deep', 'GRU'],
      ['E_OP_UNSUPPORTED', 'e', 'ELU'],
    ]);
  });

  it('finds what only shapes show in every layer, not only in the first', () => {
    const bn = (name: string) => layer('BatchNormalization', name, { axis: 1 }, ['image']);
    const error = refusal(() => build(functional([image(), bn('a'), bn('b'), layer('Add', 'c', {}, ['a', 'b'])], 'c')));
    expect(error.all.map((p) => p.context?.layer)).toEqual(['a', 'b']);
  });

  it('models nested without end, and models that multiply', () => {
    let json: object = functional([image()], 'image');
    for (let i = 0; i < 40; i++) json = { class_name: 'Sequential', config: { name: `m${i}`, layers: [json] } };
    expect(refusal(() => build(json)).message).toMatch(/nested more than/);

    const double = (inner: object, name: string) => ({
      class_name: 'Functional',
      name,
      config: {
        name,
        layers: [image(), { ...inner, name: 'inner', inbound_nodes: [[['image', 0, 0, {}]], [['inner', 1, 0, {}]]] }],
        input_layers: [['image', 0, 0]],
        output_layers: [['inner', 2, 0]],
      },
    });
    let bomb = functional([image(), layer('ReLU', 'r', {}, ['image'])], 'r');
    (bomb as { config: { name: string } }).config.name = 'inner';
    for (let i = 0; i < 15; i++) bomb = double(bomb, 'inner');
    bomb = double(bomb, 'net');
    expect(refusal(() => build(bomb)).code).toMatch(/E_MODEL_TOO_LARGE|E_MODEL_CORRUPT/);
  });

  it('a long chain needs no deep call stack', () => {
    const layers: object[] = [image()];
    // Backwards, so that every layer waits for the next one in the file.
    for (let i = 4000; i > 0; i--) layers.push(layer('ReLU', `r${i}`, {}, [i === 1 ? 'image' : `r${i - 1}`]));
    expect(build(functional(layers, 'r4000')).nodes.at(-1)?.id).toBe('r4000');
  });

  it('any value replaced by any other is read or refused with a code', () => {
    const json = functional(
      [
        image(),
        conv({ activation: 'relu' }),
        layer('MaxPooling2D', 'p', { pool_size: [2, 2], strides: null }, ['conv']),
        layer('Flatten', 'f', {}, ['p']),
        layer('Dense', 'd', { units: 4 }, ['f']),
      ],
      'd',
    );
    const weights = weightsOf({
      conv: [
        ['kernel', [3, 3, 2, 3]],
        ['bias', [3]],
      ],
      d: [
        ['kernel', [48, 4]],
        ['bias', [4]],
      ],
    });
    const text = JSON.stringify(json);
    let tried = 0;
    for (const junk of [null, -1, 1e9, 0.5, '', 'x', true, [], {}, [[]], [null], { class_name: 'Sequential' }]) {
      let at = 0;
      for (;;) {
        let seen = 0;
        let replaced = false;
        const damaged = JSON.parse(text, (_, value) => {
          if (seen++ !== at) return value;
          replaced = true;
          return junk;
        });
        if (!replaced) break;
        at++;
        tried++;
        try {
          build(damaged, weights);
        } catch (error) {
          expect(error, `${JSON.stringify(junk)} at ${at}`).toBeInstanceOf(IsplitError);
        }
      }
    }
    expect(tried).toBeGreaterThan(500);
  });
});
