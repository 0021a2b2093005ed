import '@tensorflow/tfjs-backend-cpu';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { readModel } from '../../converters/index.js';
import { createRandom } from '../../src/core/random.js';
import { describeNeeding, sharedData, sharedTestData } from '../support/shared-data.js';
import { diskFile, maxDifference, memoryFile, parameterCount, readError, runGraph } from './model-file.js';
import { GraphModelWriter, tfjsFile, tfjsHandler, type WeightEntry } from './tfjs-files.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function seededInput(count: number, seed = 3): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => 2 * random.next() - 1);
}

/** Outputs of TF.js's own executor. */
async function runTfjs(
  json: Record<string, unknown>,
  weights: readonly WeightEntry[],
  shape: number[],
  input: Float32Array,
) {
  const model = await loadGraphModel(tfjsHandler(json, weights));
  const outputs = Object.keys((json.signature as { outputs: object }).outputs);
  const results = model.execute({ [model.inputs[0]?.name as string]: tf.tensor(input, shape) }, outputs);
  const list = Array.isArray(results) ? results : [results];
  return list.map((t) => t.dataSync() as Float32Array);
}

/** A classifier with everything that grappler fuses or leaves alone. */
function classifier(quantization?: WeightEntry['quantization']): GraphModelWriter {
  const g = new GraphModelWriter().quantizeWith(quantization);
  const x = g.placeholder('image', [-1, 13, 11, 3]);
  g.node('conv', 'Conv2D', [x, g.weight('conv/w', [3, 3, 3, 8])], g.window([2, 2], 'SAME'));
  g.node('conv/bias', 'BiasAdd', ['conv', g.weight('conv/b', [8])], { data_format: { s: 'TkhXQw==' } });
  g.node('act', 'Relu6', ['conv/bias']);
  g.node('dw', 'DepthwiseConv2dNative', ['act', g.weight('dw/w', [3, 3, 8, 2])], g.window([1, 1], 'SAME'));
  const bn = ['gamma', 'beta', 'mean', 'variance'].map((n) => g.weight(`bn/${n}`, [16], 0.3, n === 'variance' ? 1 : 0));
  g.node('bn', 'FusedBatchNormV3', ['dw', ...bn], { epsilon: { f: 0.001 }, is_training: { b: false } });
  const fused = g.fused(['BiasAdd', 'Relu']);
  g.node('pw', '_FusedConv2D', ['bn', g.weight('pw/w', [1, 1, 16, 8]), g.weight('pw/b', [8])], {
    ...g.window([1, 1], 'VALID'),
    ...fused,
  });
  g.node('add', 'AddV2', ['pw', 'act']);
  g.node('max', 'MaxPool', ['add'], g.pool([3, 3], [2, 2], 'SAME'));
  g.node('avg', 'AvgPool', ['add'], g.pool([3, 2], [2, 2], 'SAME'));
  g.node('cat', 'ConcatV2', ['max', 'avg', g.ints('cat/axis', [-1], true)], { N: { i: '2' } });
  g.node('gap', 'Mean', ['cat', g.ints('gap/axes', [1, 2])], { keep_dims: { b: false } });
  const dense = [g.weight('fc/w', [16, 5], 1), g.weight('fc/b', [5], 1)];
  g.node('fc', '_FusedMatMul', ['gap', ...dense], { transpose_b: { b: false }, ...g.fused(['BiasAdd']) });
  g.node('probs', 'Softmax', ['fc']);
  g.node('Identity', 'Identity', ['probs', '^gap']);
  return g;
}

/** Everything that changes shapes, and shapes computed from shapes. */
function reshaper(): GraphModelWriter {
  const g = new GraphModelWriter();
  const x = g.placeholder('x', [-1, 6, 5, 4]);
  g.node('pad', 'PadV2', [x, g.ints('pad/p', [0, 0, 1, 2, 0, 1, 0, 0]), g.weight('pad/v', [], 0, 0.5)], {});
  const paddings = g.weights.find((w) => w.name === 'pad/p');
  g.weights[g.weights.indexOf(paddings as WeightEntry)] = { ...(paddings as WeightEntry), shape: [4, 2] };
  g.node('leaky', 'LeakyRelu', ['pad'], { alpha: { f: 0.1 } });
  g.node('up', 'ResizeBilinear', ['leaky', g.ints('up/size', [13, 9])], { half_pixel_centers: { b: true } });
  g.node('near', 'ResizeNearestNeighbor', ['up', g.ints('near/size', [6, 5])], { align_corners: { b: false } });
  const deconv = [g.ints('deconv/size', [1, 12, 10, 3]), g.weight('deconv/w', [3, 3, 3, 4]), 'near'];
  g.node('deconv', 'Conv2DBackpropInput', deconv, g.window([2, 2], 'SAME'));
  g.node('sig', 'Sigmoid', ['deconv']);
  g.node('scaled', 'RealDiv', ['sig', g.weight('half', [], 0, 2)]);
  g.node('shifted', 'Sub', ['scaled', g.weight('shift', [3])]);
  g.node('gated', 'Mul', ['shifted', 'sig']);
  g.node('turned', 'Transpose', ['gated', g.ints('perm', [0, 2, 1, 3])]);
  g.node('shape', 'Shape', ['turned'], { out_type: { type: 'DT_INT32' } });
  const bounds = [g.ints('s0', [0]), g.ints('s1', [1]), g.ints('s2', [1])];
  g.node('batch', 'StridedSlice', ['shape', ...bounds], { shrink_axis_mask: { i: '1' } });
  g.node('target', 'Pack', ['batch', g.ints('rows', [-1], true), g.ints('six', [6], true)], {
    N: { i: '3' },
    axis: { i: '0' },
  });
  g.node('rows6', 'Reshape', ['turned', 'target']);
  g.node('top', 'Max', ['rows6', g.ints('top/axis', [2])], { keep_dims: { b: true } });
  g.node('squeezed', 'Squeeze', ['top'], { squeeze_dims: { list: { i: ['2'] } } });
  g.node('tanh', 'Tanh', ['squeezed']);
  g.node('out', 'MatMul', ['tanh', g.weight('out/w', [7, 60])], { transpose_b: { b: true } });
  return g;
}

describe('graph-models against the executor of TF.js', () => {
  it.each([
    ['float32', undefined],
    ['uint8', { dtype: 'uint8', scale: 1 / 100, min: -1.2 }],
    ['uint16', { dtype: 'uint16', scale: 1 / 20_000, min: -1.1 }],
    ['float16', { dtype: 'float16' }],
  ] as const)('classifier with weights stored as %s', async (_, quantization) => {
    const g = classifier(quantization);
    const json = g.json(['Identity'], ['image']);
    const input = seededInput(13 * 11 * 3);
    const model = await readModel(tfjsFile(json, g.weights));
    expect(model.format).toBe('tfjs');
    expect(model.description).toBe('TF.js graph-model (TensorFlow.js Converter v4.22.0)');
    const [output] = await runGraph(model.graph, [input]);
    const [expected] = await runTfjs(json, g.weights, [1, 13, 11, 3], input);
    expect(maxDifference(output as Float32Array, expected as Float32Array)).toBeLessThan(1e-5);
  });

  it('takes an unfused bias along and keeps the names of the file', async () => {
    const g = classifier();
    const { graph } = await readModel(tfjsFile(g.json(['Identity'], ['image']), g.weights));
    const kinds = Object.fromEntries(graph.nodes.map((node) => [node.id, node.kind]));
    expect(kinds).toEqual({
      'conv/bias': 'conv2d',
      act: 'relu6',
      dw: 'depthwise_conv2d',
      bn: 'batch_norm',
      'pw/linear': 'conv2d',
      pw: 'relu',
      add: 'add',
      max: 'max_pool2d',
      avg: 'avg_pool2d',
      cat: 'concat',
      gap: 'mean',
      fc: 'dense',
      probs: 'softmax',
    });
    expect(graph.outputs).toEqual(['probs']);
  });

  it('shapes, resizing, transposed convolution, shapes computed from shapes', async () => {
    const g = reshaper();
    const json = g.json(['out', 'gated'], ['x']);
    const input = seededInput(6 * 5 * 4);
    const { graph } = await readModel(tfjsFile(json, g.weights));
    const outputs = await runGraph(graph, [input]);
    const expected = await runTfjs(json, g.weights, [1, 6, 5, 4], input);
    expect(outputs.length).toBe(2);
    for (const [i, output] of outputs.entries()) {
      expect(maxDifference(output, expected[i] as Float32Array)).toBeLessThan(1e-5);
    }
  });

  it('names every operation it does not have, at once', async () => {
    const g = new GraphModelWriter();
    g.placeholder('x', [-1, 4, 4, 2]);
    g.node('a', 'Erf', ['x']);
    g.node('b', 'FFT', ['a']);
    g.node('c', 'Relu', ['b']);
    const error = await readError(
      tfjsFile(g.json(['c'], ['x']), [{ name: 'w', shape: [1], dtype: 'float32', values: [1] }]),
    );
    expect(error.code).toBe('E_OP_UNSUPPORTED');
    expect(error.all.map((p) => p.context)).toEqual([
      { node: 'a', op: 'Erf' },
      { node: 'b', op: 'FFT' },
    ]);
  });
});

describe('layers-models against TF.js', () => {
  it('a nested model with batch norm, swish, bilinear up-sampling and hard sigmoid', async () => {
    const inner = layers.sequential({ name: 'inner' });
    inner.add(layers.layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', inputShape: [8, 8, 3], name: 'c' }));
    inner.add(layers.layers.batchNormalization({ name: 'bn' }));
    inner.add(layers.layers.activation({ activation: 'swish', name: 'act' }));
    const input = layers.input({ shape: [8, 8, 3], name: 'image' });
    let x = inner.apply(input) as layers.SymbolicTensor;
    x = layers.layers
      .upSampling2d({ size: [2, 2], interpolation: 'bilinear', name: 'up' })
      .apply(x) as layers.SymbolicTensor;
    x = layers.layers
      .separableConv2d({ filters: 3, kernelSize: 3, name: 'sep', activation: 'hardSigmoid' })
      .apply(x) as layers.SymbolicTensor;
    x = layers.layers.flatten({ name: 'flat' }).apply(x) as layers.SymbolicTensor;
    x = layers.layers.dense({ units: 4, name: 'out', activation: 'softmax' }).apply(x) as layers.SymbolicTensor;
    const model = layers.model({ inputs: input, outputs: x, name: 'outer' });
    const random = createRandom(5);
    model.setWeights(
      model.getWeights().map((w) =>
        tf.tensor(
          Float32Array.from({ length: w.size }, () => 0.1 + 0.5 * random.next()),
          w.shape,
        ),
      ),
    );
    let saved: tf.io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    const text = JSON.stringify({
      format: 'layers-model',
      modelTopology: saved?.modelTopology,
      weightsManifest: [{ paths: ['w.bin'], weights: saved?.weightSpecs }],
    });
    const file = memoryFile(new TextEncoder().encode(text), 'model.json', {
      'w.bin': new Uint8Array(saved?.weightData as ArrayBuffer),
    });
    const { graph } = await readModel(file);
    const sample = seededInput(8 * 8 * 3);
    const [output] = await runGraph(graph, [sample]);
    const expected = (model.predict(tf.tensor(sample, [1, 8, 8, 3])) as tf.Tensor).dataSync();
    expect(maxDifference(output as Float32Array, expected)).toBeLessThan(1e-5);
    expect(graph.nodes.map((n) => n.id)).toEqual(
      expect.arrayContaining(['inner/c', 'inner/bn', 'inner/act', 'up', 'sep']),
    );
  });
});

describeNeeding([sharedTestData], 'MobileNetV1-0.25 as a layers-model', () => {
  const file = sharedData('models/mobilenet_v1_025_224_tfjs/model.json');

  it('has the published parameters and the outputs of TF.js', async () => {
    const model = await readModel(diskFile(file));
    expect(parameterCount(model)).toBe(475_544);
    const json = JSON.parse(readFileSync(file, 'utf8'));
    const specs = json.weightsManifest.flatMap((group: { weights: tf.io.WeightsManifestEntry[] }) => group.weights);
    const shards = json.weightsManifest.flatMap((group: { paths: string[] }) => group.paths);
    const weightData = Buffer.concat(shards.map((name: string) => readFileSync(path.join(path.dirname(file), name))));
    const artifacts = {
      modelTopology: json.modelTopology,
      weightSpecs: specs,
      weightData: new Uint8Array(weightData).buffer,
    };
    const reference = await layers.loadLayersModel({ load: async () => artifacts });
    const sample = seededInput(224 * 224 * 3);
    const [output] = await runGraph(model.graph, [sample]);
    const expected = (reference.predict(tf.tensor(sample, [1, 224, 224, 3])) as tf.Tensor).dataSync();
    expect(maxDifference(output as Float32Array, expected)).toBeLessThan(1e-4);
  }, 60_000);
});

describe('damaged and hostile models', () => {
  const parts = () => {
    const g = classifier();
    return { g, json: g.json(['Identity'], ['image']) };
  };
  const withManifest = (json: object, manifest: unknown, siblings: Record<string, Uint8Array> = {}) =>
    memoryFile(
      new TextEncoder().encode(JSON.stringify({ ...json, weightsManifest: manifest })),
      'model.json',
      siblings,
    );
  const one = (spec: object) => [{ paths: ['w'], weights: [{ name: 'w', shape: [2], dtype: 'float32', ...spec }] }];
  const shard = { w: new Uint8Array(8) };
  const sequential = (list: object[]) => ({
    modelTopology: { class_name: 'Sequential', config: { name: 's', layers: list } },
  });

  it('JSON cut off', async () => {
    const { g, json } = parts();
    const file = tfjsFile(json, g.weights);
    const error = await readError(memoryFile(file.bytes.slice(0, file.bytes.length - 20), 'model.json'));
    expect(error.code).toBe('E_MODEL_CORRUPT');
  });

  it.each<[string, () => ReturnType<typeof memoryFile>, string, RegExp]>([
    ['missing shard', () => withManifest(parts().json, one({})), 'E_MODEL_READ', /w does not exist/],
    [
      'short shard',
      () => withManifest(parts().json, one({}), { w: new Uint8Array(7) }),
      'E_MODEL_CORRUPT',
      /should hold 8 bytes, there are 7/,
    ],
    [
      'shape that is no shape',
      () => withManifest(parts().json, one({ shape: [-2] }), shard),
      'E_MODEL_CORRUPT',
      /shape \[-2\]/,
    ],
    [
      'huge shape',
      () => withManifest(parts().json, one({ shape: [2 ** 40] }), shard),
      'E_MODEL_TOO_LARGE',
      /the limit is/,
    ],
    [
      'string weight',
      () => withManifest(parts().json, one({ dtype: 'string' }), shard),
      'E_OP_UNSUPPORTED',
      /type string/,
    ],
    ['no manifest', () => withManifest(parts().json, undefined), 'E_MODEL_CORRUPT', /no list/],
    ['no topology', () => withManifest({}, one({}), shard), 'E_MODEL_CORRUPT', /no modelTopology/],
    [
      'weights that the graph wants are not there',
      () => withManifest(parts().json, one({}), shard),
      'E_MODEL_CORRUPT',
      /does not have it/,
    ],
  ])('%s', async (_, file, code, message) => {
    const error = await readError(file());
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  const edit = (change: (g: GraphModelWriter) => void) => {
    const { g } = parts();
    change(g);
    return tfjsFile(g.json(['Identity'], ['image']), g.weights);
  };
  const nodeOf = (g: GraphModelWriter, name: string) =>
    g.nodes.find((n) => n.name === name) as (typeof g.nodes)[number];

  it.each<[string, (g: GraphModelWriter) => void, string, RegExp]>([
    ['circle', (g) => nodeOf(g, 'act').input.splice(0, 1, 'add'), 'E_MODEL_CORRUPT', /circle/],
    [
      'unknown input',
      (g) => nodeOf(g, 'act').input.splice(0, 1, 'nowhere'),
      'E_MODEL_CORRUPT',
      /"nowhere" does not exist/,
    ],
    ['two nodes of a name', (g) => g.nodes.push({ ...nodeOf(g, 'act') }), 'E_MODEL_CORRUPT', /two nodes/],
    [
      'NCHW',
      (g) => Object.assign(nodeOf(g, 'max').attr, { data_format: { s: 'TkNIVw==' } }),
      'E_OP_UNSUPPORTED',
      /NCHW/,
    ],
    [
      'training',
      (g) => Object.assign(nodeOf(g, 'bn').attr, { is_training: { b: true } }),
      'E_OP_UNSUPPORTED',
      /training/,
    ],
    [
      'bias of another size',
      (g) => nodeOf(g, 'pw').input.splice(2, 1, 'conv/w'),
      'E_MODEL_CORRUPT',
      /instead of \[8\]/,
    ],
    [
      'filter that does not fit',
      (g) => nodeOf(g, 'pw').input.splice(1, 1, 'conv/w'),
      'E_OP_UNSUPPORTED',
      /16 channels/,
    ],
    ['second output', (g) => nodeOf(g, 'act').input.splice(0, 1, 'conv/bias:1'), 'E_OP_UNSUPPORTED', /output 1/],
    [
      'stride 0',
      (g) => Object.assign(nodeOf(g, 'max').attr, { strides: { list: { i: ['1', '0', '1', '1'] } } }),
      'E_MODEL_CORRUPT',
      /strides/,
    ],
    [
      'unknown size',
      (g) => {
        nodeOf(g, 'image').attr.shape = {
          shape: { dim: [{ size: '-1' }, { size: '-1' }, { size: '-1' }, { size: '3' }] },
        };
      },
      'E_SHAPE',
      /not all of its dimensions/,
    ],
  ])('%s', async (_, change, code, message) => {
    const error = await readError(edit(change));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('a layers-model with layers that are not known names them all', async () => {
    const list = [
      { class_name: 'LSTM', config: { name: 'memory', batch_input_shape: [null, 4, 4] } },
      { class_name: 'Dense', config: { name: 'fine', units: 2 } },
      { class_name: 'Conv2D', config: { name: 'first', filters: 2, kernel_size: 3, data_format: 'channels_first' } },
    ];
    const error = await readError(withManifest(sequential(list), one({}), shard));
    expect(error.code).toBe('E_OP_UNSUPPORTED');
    expect(error.all.map((p) => p.context?.layer)).toEqual(['memory', 'first']);
  });
});
