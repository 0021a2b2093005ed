import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { tfliteReader } from '../../converters/tflite/index.js';
import { parseTflite } from '../../converters/tflite/parse.js';
import {
  ACTIVATIONS,
  BUILTIN_OPERATORS,
  BUILTIN_OPTIONS,
  FIELDS,
  PADDINGS,
  TENSOR_TYPES,
  WEIGHTS_FORMATS,
} from '../../converters/tflite/schema.js';
import { fileTensors } from '../../converters/tflite/tensors.js';
import { IsplitError } from '../../src/core/errors.js';
import { createOnnxEngine } from '../../src/engines/onnx.js';
import { type Graph, tensorOf } from '../../src/ir/graph.js';
import { describeNeeding, oraclePython, pythonOracle, sharedData, sharedTestData } from '../support/shared-data.js';
import { oracleFolder } from './oracle-cache.js';

interface LiteRt {
  readonly error?: string;
  readonly tensors: readonly {
    readonly index: number;
    readonly shape: readonly number[];
    readonly dtype: string;
    readonly scales: readonly number[];
    readonly zeroPoints: readonly number[];
    readonly axis: number;
  }[];
  readonly inputs?: readonly (readonly number[])[];
  readonly outputs?: readonly (readonly number[])[];
}

const read = (bytes: Uint8Array, name = 'model.tflite') => {
  const sibling = () => Promise.reject(new Error('a TFLite file has no siblings'));
  return tfliteReader.read({ name, bytes, sibling }, {});
};

async function refusal(bytes: Uint8Array, name?: string): Promise<IsplitError> {
  const error = await read(bytes, name).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(IsplitError);
  return error as IsplitError;
}

function nodeCounts(graph: Graph): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of graph.nodes) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Largest difference between our outputs and LiteRT's, over all its samples. */
async function outputError(graph: Graph, expected: LiteRt): Promise<number> {
  const engine = await createOnnxEngine();
  const compiled = await engine.compile(graph, { threads: 1 });
  let worst = 0;
  for (const [i, input] of (expected.inputs as number[][]).entries()) {
    const values = await compiled.run({ [graph.inputs[0] as string]: Float32Array.from(input) });
    const output = values[graph.outputs[0] as string] as Float32Array;
    const wanted = expected.outputs?.[i] as readonly number[];
    expect(output).toHaveLength(wanted.length);
    for (const [k, w] of wanted.entries()) worst = Math.max(worst, Math.abs((output[k] as number) - w));
  }
  await compiled.dispose();
  return worst;
}

/** Every quantized tensor of the file must be in the graph and carry LiteRT's parameters exactly. */
function compareQuantization(bytes: Uint8Array, graph: Graph, expected: LiteRt): void {
  const files = fileTensors(parseTflite(bytes), bytes.length);
  const quantized = expected.tensors.filter((t) => t.scales.length > 0);
  expect(quantized.length).toBeGreaterThan(5);
  for (const details of quantized) {
    const id = files[details.index]?.tensor.id as string;
    const tensor = tensorOf(graph, id);
    expect({ id, dtype: tensor.dtype, shape: tensor.shape }).toEqual({
      id,
      dtype: details.dtype,
      shape: details.shape,
    });
    expect([...(tensor.quant?.scale ?? [])]).toEqual(details.scales);
    expect([...(tensor.quant?.zeroPoint ?? [])]).toEqual(details.zeroPoints);
    // A vector has one axis; old converters wrote the filter's.
    expect(tensor.quant?.axis).toBe(tensor.shape.length === 1 ? 0 : details.axis);
  }
}

const MODELS = {
  'mlperf-tiny/ad01_fp32': { nodes: { dense: 10, relu: 9 } },
  'mlperf-tiny/ic_resnet8_float': {
    nodes: { conv2d: 9, relu: 7, add: 3, avg_pool2d: 1, reshape: 1, dense: 1, softmax: 1 },
  },
  'mlperf-tiny/ic_resnet8_int8': {
    nodes: { conv2d: 9, relu: 7, add: 3, avg_pool2d: 1, reshape: 1, dense: 1, softmax: 1 },
    int8: true,
  },
  'mlperf-tiny/vww_96_float': {
    nodes: { conv2d: 14, depthwise_conv2d: 13, relu: 27, avg_pool2d: 1, reshape: 1, dense: 1, softmax: 1 },
  },
  'mlperf-tiny/vww_96_int8': {
    nodes: { conv2d: 14, depthwise_conv2d: 13, relu: 27, avg_pool2d: 1, reshape: 1, dense: 1, softmax: 1 },
    int8: true,
  },
  'tflm/hello_world_float': { nodes: { dense: 3, relu: 2 } },
  'tflm/hello_world_int8': { nodes: { dense: 3, relu: 2 }, int8: true },
  'tflm/micro_speech_quantized': {
    nodes: { reshape: 2, depthwise_conv2d: 1, relu: 1, dense: 1, softmax: 1 },
    int8: true,
  },
  'tflm/person_detect': {
    nodes: { depthwise_conv2d: 14, conv2d: 14, relu6: 27, avg_pool2d: 1, reshape: 1, softmax: 1 },
    int8: true,
  },
} as const satisfies Record<string, { nodes: Record<string, number>; int8?: true }>;

describeNeeding([sharedTestData, pythonOracle], 'real TFLite networks against LiteRT', () => {
  const file = (model: string): string => sharedData(`models/${model}.tflite`);
  let folder: string;
  beforeAll(() => {
    folder = oracleFolder(
      oraclePython() as string,
      'litert_outputs.py',
      'litert-shared',
      Object.keys(MODELS).map(file),
    );
  }, 120_000);

  it.each(Object.entries(MODELS))('%s', async (model, wanted) => {
    const bytes = readFileSync(file(model));
    const expected = JSON.parse(readFileSync(path.join(folder, `${path.basename(model)}.json`), 'utf8')) as LiteRt;
    const { graph, description, warnings } = await read(bytes, path.basename(file(model)));
    expect(nodeCounts(graph)).toEqual(wanted.nodes);
    expect(description).toMatch(/^TFLite 3 \((MLIR|TOCO) Converted\)$/);
    expect(warnings).toEqual([]);
    if ('int8' in wanted) compareQuantization(bytes, graph, expected);
    else expect(await outputError(graph, expected)).toBeLessThan(1e-4);
  });
});

describeNeeding([sharedTestData], 'real TFLite networks that are refused', () => {
  it.each([
    [
      'mlperf-tiny/kws_ref_model_float32',
      5,
      /CONV_2D: hybrid: int8 weights .*operator 0 "functional_1\/activation\/Relu".*operator 8 "/,
    ],
    ['coral/mobilenet_v1_0.25_128_quant', 31, /uint8 activations.*9 more\).*DEPTHWISE.*SOFTMAX: uint8/],
    ['coral/mobilenet_v1_0.25_128_quant_edgetpu', 1, /CUSTOM edgetpu-custom-op: custom operator/],
    ['tflm/person_detect_vela', 1, /CUSTOM ethos-u: custom operator/],
    ['tflm/audio_preprocessor_int8', 22, /CUSTOM SignalWindow.*CAST: .*operator 21.*CUSTOM SignalPCAN/],
  ])('%s: all %i operators in one error', async (model, count, message) => {
    const error = await refusal(readFileSync(sharedData(`models/${model}.tflite`)));
    expect(error.code).toBe('E_OP_UNSUPPORTED');
    expect(error.all).toHaveLength(1);
    expect(error.message).toMatch(message);
    expect(error.context.operators).toHaveLength(count);
  });
});

describeNeeding([pythonOracle], 'networks of every operator against LiteRT', () => {
  let models: string;
  let outputs: string;
  beforeAll(() => {
    const python = oraclePython() as string;
    models = oracleFolder(python, 'tflite_models.py', 'tflite-models');
    const files = readdirSync(models).filter((f) => f.endsWith('.tflite'));
    outputs = oracleFolder(
      python,
      'litert_outputs.py',
      'litert-models',
      files.map((f) => path.join(models, f)),
    );
  }, 240_000);

  const load = async (name: string) => {
    const bytes = readFileSync(path.join(models, `${name}.tflite`));
    const expected = JSON.parse(readFileSync(path.join(outputs, `${name}.json`), 'utf8')) as LiteRt;
    expect(expected.error).toBeUndefined();
    return { bytes, expected, graph: (await read(bytes)).graph };
  };

  it.each(['operators_float', 'resizes_float', 'flattened_float'])('%s', async (name) => {
    const { graph, expected } = await load(name);
    expect(await outputError(graph, expected)).toBeLessThan(1e-4);
  });

  it('half-precision weights are widened while reading', async () => {
    const { graph, expected } = await load('operators_float16');
    expect(nodeCounts(graph).dequantize).toBeUndefined();
    expect(await outputError(graph, expected)).toBeLessThan(1e-4);
  });

  it('int8 networks of the same operators keep exact quantization parameters', async () => {
    const { bytes, graph, expected } = await load('operators_int8');
    compareQuantization(bytes, graph, expected);
    // Inputs of one concatenation are brought to one scale.
    const { quantize, ...counts } = nodeCounts(graph);
    expect(quantize).toBe(1);
    expect(counts).toEqual(nodeCounts((await load('operators_float')).graph));
  });

  it('a free batch: shape arithmetic is folded and the reshape keeps the batch open', async () => {
    const { graph } = await load('flattened_float');
    const reshape = graph.nodes.find((n) => n.kind === 'reshape');
    expect(reshape?.attrs.shape).toEqual([-1, 36]);
    expect(tensorOf(graph, graph.inputs[0] as string).shape).toEqual([1, 6, 6, 2]);
  });

  it('the schema is TensorFlow’s', () => {
    const { enums, tables } = JSON.parse(readFileSync(path.join(models, 'schema.json'), 'utf8'));
    const byValue = (values: readonly string[]) => Object.fromEntries(values.map((name, i) => [name, i]));
    expect(byValue(BUILTIN_OPERATORS)).toEqual(enums.BuiltinOperator);
    expect(byValue(TENSOR_TYPES)).toEqual(enums.TensorType);
    expect(byValue(ACTIVATIONS)).toEqual(enums.ActivationFunctionType);
    expect(byValue(PADDINGS)).toEqual(enums.Padding);
    expect(byValue(WEIGHTS_FORMATS)).toEqual(enums.FullyConnectedOptionsWeightsFormat);
    const pascal = (name: string) => name.replace(/(^|_)([a-z0-9])/g, (_, __, c: string) => c.toUpperCase());
    for (const [table, fields] of Object.entries(FIELDS)) {
      for (const [field, id] of Object.entries(fields)) {
        expect([table, field, tables[table][pascal(field)]]).toEqual([table, field, id]);
      }
    }
    for (const { name, union, fields } of Object.values(BUILTIN_OPTIONS)) {
      expect([name, enums.BuiltinOptions[name]]).toEqual([name, union]);
      for (const [field, { id }] of Object.entries(fields)) {
        expect([name, field, tables[name][pascal(field)]]).toEqual([name, field, id]);
      }
    }
  });
});
