/** The files that mutants are made of: small ones of every format, committed or written here. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { writeOnnx } from '../../converters/onnx/write.js';
import { dsCnn } from '../../models/ds-cnn/build.js';
import { normaliseGraph } from '../../src/passes/normalise.js';
import { GraphModelWriter, manifestSpecs, shardBytes, type WeightEntry } from '../formats/tfjs-files.js';
import { buildTflite, floats } from '../formats/tflite-file.js';
import { hasSharedData, repositoryRoot, sharedData } from '../support/shared-data.js';
import type { FuzzFile, Mutator } from './fuzz-file.js';
import { BYTE_MUTATORS, SIBLING_MUTATORS } from './mutate-bytes.js';
import { FLATBUFFER_MUTATORS } from './mutate-flatbuffer.js';
import { HDF5_CONFIG_MUTATORS, HDF5_MUTATORS } from './mutate-hdf5.js';
import { jsonMutators, MANIFEST_MUTATORS } from './mutate-json.js';
import { PROTOBUF_MUTATORS } from './mutate-protobuf.js';
import { ZIP_MUTATORS } from './mutate-zip.js';

export type ReaderName = 'keras h5' | 'keras archive' | 'tfjs layers-model' | 'tfjs graph-model' | 'onnx' | 'tflite';

export interface Seed {
  readonly reader: ReaderName;
  /** Unique among all seeds. */
  readonly name: string;
  /** Name the reader sees. */
  readonly fileName: string;
  readonly mutators: readonly Mutator[];
  /** Lies in the shared test data, which not every machine has. */
  readonly shared: boolean;
  load(): FuzzFile;
}

const MUTATORS: Readonly<Record<ReaderName, readonly Mutator[]>> = {
  'keras h5': [...HDF5_MUTATORS, ...HDF5_CONFIG_MUTATORS, ...BYTE_MUTATORS],
  'keras archive': [...ZIP_MUTATORS, ...BYTE_MUTATORS],
  'tfjs layers-model': [...jsonMutators(), ...MANIFEST_MUTATORS, ...SIBLING_MUTATORS, ...BYTE_MUTATORS],
  'tfjs graph-model': [...jsonMutators(), ...MANIFEST_MUTATORS, ...SIBLING_MUTATORS, ...BYTE_MUTATORS],
  onnx: [...PROTOBUF_MUTATORS, ...BYTE_MUTATORS],
  tflite: [...FLATBUFFER_MUTATORS, ...BYTE_MUTATORS],
};

function seed(reader: ReaderName, name: string, load: () => FuzzFile): Seed {
  let loaded: FuzzFile | undefined;
  return {
    reader,
    name,
    fileName: path.basename(name),
    mutators: MUTATORS[reader],
    shared: false,
    load: () => {
      loaded ??= load();
      return loaded;
    },
  };
}

function fromDisk(reader: ReaderName, name: string, file: string): Seed {
  return seed(reader, name, () => {
    const bytes = new Uint8Array(readFileSync(file));
    if (!reader.startsWith('tfjs')) return { bytes, siblings: {} };
    const folder = path.dirname(file);
    const shards = readdirSync(folder).filter((sibling) => !sibling.endsWith('.json'));
    const read = shards.map((s) => [s, new Uint8Array(readFileSync(path.join(folder, s)))] as const);
    return { bytes, siblings: Object.fromEntries(read) };
  });
}

const READER_OF_EXTENSION: Readonly<Record<string, ReaderName>> = {
  '.h5': 'keras h5',
  '.keras': 'keras archive',
  '.onnx': 'onnx',
  '.tflite': 'tflite',
};

/** Seeds that need nothing but the repository, then those of the shared test data when it is there. */
export function listSeeds(): readonly Seed[] {
  const folder = path.join(repositoryRoot, 'test/fuzz/seeds');
  const committed = readdirSync(folder)
    .filter((name) => path.extname(name) in READER_OF_EXTENSION)
    .sort()
    .map((name) => fromDisk(READER_OF_EXTENSION[path.extname(name)] as ReaderName, name, path.join(folder, name)));
  const own = [
    ...committed,
    fromDisk('keras h5', 'fashion-cnn.h5', path.join(repositoryRoot, 'models/fashion-cnn/fashion-cnn.h5')),
    seed('onnx', 'ds-cnn.onnx', smallOnnx),
    seed('tflite', 'convolution-int8.tflite', smallTflite),
    seed('tfjs layers-model', 'layers/model.json', layersModel),
    seed('tfjs layers-model', 'nested/model.json', nestedLayersModel),
    seed('tfjs graph-model', 'graph/model.json', graphModel),
    seed('tfjs graph-model', 'quantized/model.json', quantizedGraphModel),
  ];
  return hasSharedData ? [...own, ...sharedSeeds()] : own;
}

function sharedSeeds(): readonly Seed[] {
  const files: readonly (readonly [ReaderName, string])[] = [
    ['keras h5', 'mlperf-tiny/ic_resnet8.h5'],
    ['keras h5', 'mlperf-tiny/sww_ref_model.h5'],
    ['tflite', 'mlperf-tiny/ic_resnet8_int8.tflite'],
    ['tflite', 'mlperf-tiny/kws_ref_model_float32.tflite'],
    ['tflite', 'tflm/hello_world_int8.tflite'],
    ['tflite', 'tflm/audio_preprocessor_int8.tflite'],
    ['tflite', 'tflm/micro_speech_quantized.tflite'],
    ['tfjs layers-model', 'mobilenet_v1_025_224_tfjs/model.json'],
  ];
  return files
    .map(([reader, name]) => [reader, name, sharedData(`models/${name}`)] as const)
    .filter(([, , file]) => existsSync(file))
    .map(([reader, name, file]) => ({ ...fromDisk(reader, name, file), shared: true }));
}

function smallOnnx(): FuzzFile {
  const graph = dsCnn.build({ inputShape: [12, 10, 1], classes: 4, seed: 0 });
  return { bytes: writeOnnx(normaliseGraph(graph)), siblings: {} };
}

/** One int8 convolution with per-channel scales, and a reshape whose shape is a constant. */
function smallTflite(): FuzzFile {
  const bytes = buildTflite({
    builtins: [3, 22],
    tensors: [
      { name: 'image', shape: [1, 4, 4, 2], type: 9, scale: [0.5], zeroPoint: [-128], signature: [-1, 4, 4, 2] },
      { name: 'kernel', shape: [3, 2, 2, 2], type: 9, buffer: 1, scale: [0.1, 0.2, 0.3], zeroPoint: [0, 0, 0] },
      { name: 'bias', shape: [3], type: 2, buffer: 2, scale: [0.05, 0.1, 0.15], zeroPoint: [0, 0, 0] },
      { name: 'conv', shape: [1, 3, 3, 3], type: 9, scale: [1], zeroPoint: [0], signature: [-1, 3, 3, 3] },
      { name: 'shape', shape: [2], type: 2, buffer: 3 },
      { name: 'flat', shape: [1, 27], type: 9, scale: [1], zeroPoint: [0], signature: [-1, 27] },
    ],
    operators: [
      {
        code: 0,
        inputs: [0, 1, 2],
        outputs: [3],
        options: { union: 1, int8: { 0: 1, 3: 1 }, int32: { 1: 1, 2: 1, 4: 1, 5: 1 } },
      },
      { code: 1, inputs: [3, 4], outputs: [5], options: { union: 17 } },
    ],
    buffers: [
      new Uint8Array(24).map((_, i) => i * 9),
      new Uint8Array(Int32Array.of(1, -2, 3).buffer),
      new Uint8Array(Int32Array.of(-1, 27).buffer),
      floats(1),
    ],
  });
  return { bytes, siblings: {} };
}

/** model.json and two shards, cut in the middle of a weight. */
function tfjsSeed(json: Record<string, unknown>, weights: readonly WeightEntry[]): FuzzFile {
  const paths = ['group1-shard1of2.bin', 'group1-shard2of2.bin'] as const;
  const manifest = [{ paths, weights: manifestSpecs(weights) }];
  const shards = shardBytes(weights);
  const middle = Math.floor(shards.length / 2) + 1;
  return {
    bytes: new TextEncoder().encode(JSON.stringify({ ...json, weightsManifest: manifest })),
    siblings: { [paths[0]]: shards.slice(0, middle), [paths[1]]: shards.slice(middle) },
  };
}

function graphModel(): FuzzFile {
  const g = writeGraph(new GraphModelWriter());
  return tfjsSeed(g.json(['Identity'], ['image']), g.weights);
}

function quantizedGraphModel(): FuzzFile {
  const g = writeGraph(new GraphModelWriter().quantizeWith({ dtype: 'uint8', scale: 0.004, min: -0.5 }));
  const { signature: _none, ...json } = g.json(['Identity'], ['image']);
  return tfjsSeed(json, g.weights);
}

/** Convolutions, batch norm, pools, concatenation, resize, pad, transposed convolution, shapes computed from shapes. */
function writeGraph(g: GraphModelWriter): GraphModelWriter {
  const x = g.placeholder('image', [-1, 8, 6, 3]);
  g.node('conv', 'Conv2D', [x, g.weight('conv/w', [3, 3, 3, 4])], g.window([2, 2], 'SAME'));
  g.node('conv/bias', 'BiasAdd', ['conv', g.weight('conv/b', [4])]);
  g.node('act', 'Relu6', ['conv/bias']);
  g.node('dw', 'DepthwiseConv2dNative', ['act', g.weight('dw/w', [3, 3, 4, 2])], g.window([1, 1], 'SAME'));
  const bn = ['gamma', 'beta', 'mean', 'variance'].map((n) => g.weight(`bn/${n}`, [8], 0.3, n === 'variance' ? 1 : 0));
  g.node('bn', 'FusedBatchNormV3', ['dw', ...bn], { epsilon: { f: 0.001 }, is_training: { b: false } });
  g.node('pw', '_FusedConv2D', ['bn', g.weight('pw/w', [1, 1, 8, 4]), g.weight('pw/b', [4])], {
    ...g.window([1, 1], 'VALID'),
    ...g.fused(['BiasAdd', 'Relu']),
  });
  g.node('add', 'AddV2', ['pw', 'act']);
  g.node('max', 'MaxPool', ['add'], g.pool([3, 3], [2, 2], 'SAME'));
  g.node('avg', 'AvgPool', ['add'], g.pool([2, 2], [2, 2], 'SAME'));
  g.node('cat', 'ConcatV2', ['max', 'avg', g.ints('cat/axis', [-1], true)], { N: { i: '2' } });
  g.node('up', 'ResizeBilinear', ['cat', g.ints('up/size', [4, 3])], { half_pixel_centers: { b: true } });
  const deconv = [g.ints('deconv/size', [1, 8, 6, 3]), g.weight('deconv/w', [3, 3, 3, 8]), 'up'];
  g.node('deconv', 'Conv2DBackpropInput', deconv, g.window([2, 2], 'SAME'));
  g.node('turned', 'Transpose', ['deconv', g.ints('perm', [0, 2, 1, 3])]);
  g.node('shape', 'Shape', ['turned'], { out_type: { type: 'DT_INT32' } });
  const slice = { begin_mask: { i: '0' }, end_mask: { i: '0' }, shrink_axis_mask: { i: '1' } };
  const bounds = [g.ints('from', [0]), g.ints('to', [1]), g.ints('step', [1])];
  g.node('batch', 'StridedSlice', ['shape', ...bounds], {
    ...slice,
    ellipsis_mask: { i: '0' },
    new_axis_mask: { i: '0' },
  });
  g.node('target', 'Pack', ['batch', g.ints('rest', [144], true)], { axis: { i: '0' }, N: { i: '2' } });
  g.node('flat', 'Reshape', ['turned', 'target']);
  const dense = [g.weight('fc/w', [144, 5], 1), g.weight('fc/b', [5], 1)];
  g.node('fc', '_FusedMatMul', ['flat', ...dense], { transpose_b: { b: false }, ...g.fused(['BiasAdd']) });
  g.node('probs', 'Softmax', ['fc']);
  g.node('Identity', 'Identity', ['probs', '^flat']);
  return g;
}

const call = (...names: readonly string[]) => [names.map((name) => [name, 0, 0, {}])];
const layer = (className: string, name: string, config: object, inbound: unknown[] = []) => ({
  class_name: className,
  name,
  config: { name, ...config },
  inbound_nodes: inbound,
});

function layersModel(): FuzzFile {
  const conv = { filters: 4, kernel_size: [3, 3], strides: [1, 1], padding: 'same', use_bias: true };
  const layers = [
    layer('InputLayer', 'image', { batch_input_shape: [null, 8, 8, 3], dtype: 'float32' }),
    layer('Conv2D', 'conv1', { ...conv, activation: 'relu' }, call('image')),
    layer('BatchNormalization', 'bn', { axis: -1, epsilon: 0.001, scale: true, center: true }, call('conv1')),
    layer('Conv2D', 'conv2', { ...conv, activation: 'linear' }, call('bn')),
    layer('Add', 'sum', {}, call('conv1', 'conv2')),
    layer('MaxPooling2D', 'pool', { pool_size: [2, 2], strides: [2, 2], padding: 'valid' }, call('sum')),
    layer(
      'ZeroPadding2D',
      'pad',
      {
        padding: [
          [1, 0],
          [0, 1],
        ],
      },
      call('pool'),
    ),
    layer('Concatenate', 'cat', { axis: -1 }, call('pad', 'pad')),
    layer('Dropout', 'drop', { rate: 0.2 }, call('cat')),
    layer('Flatten', 'flat', {}, call('drop')),
    layer('Dense', 'fc', { units: 3, activation: 'softmax', use_bias: true }, call('flat')),
  ];
  const config = { name: 'small', layers, input_layers: [['image', 0, 0]], output_layers: [['fc', 0, 0]] };
  return tfjsSeed({ format: 'layers-model', modelTopology: { class_name: 'Model', config } }, [
    ...variables('conv1', { kernel: [3, 3, 3, 4], bias: [4] }),
    ...variables('bn', { gamma: [4], beta: [4], moving_mean: [4], moving_variance: [4] }),
    ...variables('conv2', { kernel: [3, 3, 4, 4], bias: [4] }),
    ...variables('fc', { kernel: [200, 3], bias: [3] }),
  ]);
}

/** A Sequential in a Sequential, as the converter copies it from Keras. */
function nestedLayersModel(): FuzzFile {
  const inner = {
    name: 'features',
    layers: [
      layer('DepthwiseConv2D', 'dw', {
        kernel_size: 3,
        strides: 2,
        padding: 'valid',
        batch_input_shape: [null, 9, 9, 2],
      }),
      layer('ReLU', 'relu', { max_value: 6 }),
      layer('Reshape', 'reshape', { target_shape: [4, 8] }),
      layer('Reshape', 'back', { target_shape: [4, 4, 2] }),
      layer('GlobalAveragePooling2D', 'gap', {}),
    ],
  };
  const layers = [
    { class_name: 'Sequential', config: inner },
    layer('Dense', 'fc', { units: 3, use_bias: false, activation: 'sigmoid' }),
  ];
  const copied = { class_name: 'Sequential', config: { name: 'outer', layers } };
  return tfjsSeed({ format: 'layers-model', modelTopology: { keras_version: '2.15.0', model_config: copied } }, [
    ...variables('dw', { depthwise_kernel: [3, 3, 2, 1], bias: [2] }),
    ...variables('fc', { kernel: [2, 3] }),
  ]);
}

function variables(layerName: string, shapes: Readonly<Record<string, readonly number[]>>): WeightEntry[] {
  return Object.entries(shapes).map(([name, shape]) => {
    const values = Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => ((i % 7) + 1) / 8);
    return { name: `${layerName}/${name}`, shape, dtype: 'float32', values };
  });
}
