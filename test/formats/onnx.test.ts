import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { onnxReader } from '../../converters/onnx/index.js';
import { writeOnnx } from '../../converters/onnx/write.js';
import { IsplitError } from '../../src/core/errors.js';
import { createOnnxEngine } from '../../src/engines/onnx.js';
import { type Graph, tensorOf } from '../../src/ir/graph.js';
import {
  describeNeeding,
  hasSharedData,
  oraclePython,
  pythonOracle,
  sharedData,
  torchOracle,
  torchPython,
} from '../support/shared-data.js';
import { oracleFolder } from './oracle-cache.js';

interface OnnxRuntime {
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly inputs: readonly (readonly number[])[];
  readonly outputs: readonly (readonly number[])[];
}

const read = (file: string) => {
  const sibling = () => Promise.reject(new Error('no external data'));
  return onnxReader.read({ name: path.basename(file), bytes: readFileSync(file), sibling }, {});
};

function nodeCounts(graph: Graph): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of graph.nodes) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** ONNX order → ours, when rank-4 dimensions are permuted [0, 2, 3, 1]. */
function toChannelsLast(values: readonly number[], shape: readonly number[]): Float32Array {
  const [n, c, h, w] = shape as [number, number, number, number];
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const column = i % w;
    const row = Math.floor(i / w) % h;
    const channel = Math.floor(i / (w * h)) % c;
    const sample = Math.floor(i / (w * h * c));
    out[((sample * h + row) * w + column) * c + channel] = values[i] as number;
  }
  expect(n * c * h * w).toBe(values.length);
  return out;
}

/** Outputs must be those of onnxruntime, and must depend on the input so much that a wrong layer would show. */
async function expectOutputs(graph: Graph, expected: OnnxRuntime, channelsFirst: boolean): Promise<void> {
  const [first, second] = expected.outputs as [readonly number[], readonly number[]];
  expect(Math.max(...first.map((v, i) => Math.abs(v - (second[i] as number))))).toBeGreaterThan(0.02);
  expect(await outputError(graph, expected, channelsFirst)).toBeLessThan(1e-4);
}

/** Largest difference to onnxruntime over all samples, relative where outputs are larger than 1. */
async function outputError(graph: Graph, expected: OnnxRuntime, channelsFirst: boolean): Promise<number> {
  const arrange = (values: readonly number[], shape: readonly number[]): Float32Array =>
    channelsFirst && shape.length === 4 ? toChannelsLast(values, shape) : Float32Array.from(values);
  const engine = await createOnnxEngine();
  const compiled = await engine.compile(graph, { threads: 1 });
  let worst = 0;
  for (const [i, input] of expected.inputs.entries()) {
    const values = await compiled.run({ [graph.inputs[0] as string]: arrange(input, expected.inputShape) });
    const output = values[graph.outputs[0] as string] as Float32Array;
    const wanted = arrange(expected.outputs[i] as readonly number[], expected.outputShape);
    expect(output).toHaveLength(wanted.length);
    const scale = Math.max(1, ...wanted.map(Math.abs));
    for (const [k, w] of wanted.entries()) worst = Math.max(worst, Math.abs((output[k] as number) - w) / scale);
  }
  await compiled.dispose();
  return worst;
}

const outputsOf = (models: string, name: string): string => {
  const files = readdirSync(models).filter((f) => f.endsWith('.onnx') && f !== 'refused.onnx');
  return oracleFolder(
    oraclePython() as string,
    'onnx_outputs.py',
    name,
    files.map((f) => path.join(models, f)),
  );
};

/** Networks that need no transpose once channels are last. */
const STRAIGHT = ['resnet', 'vgg', 'mobile'];

describeNeeding([torchOracle, pythonOracle], 'networks that PyTorch exported, against onnxruntime', () => {
  let models: string;
  let outputs: string;
  beforeAll(() => {
    models = oracleFolder(torchPython() as string, 'torch_onnx_models.py', 'onnx-torch-models');
    outputs = outputsOf(models, 'onnx-torch-outputs');
  }, 240_000);

  const names = [11, 13, 17].flatMap((opset) => [...STRAIGHT, 'odd', 'maps'].map((name) => `${name}_${opset}`));
  it.each([...names, 'resnet_free', 'vgg_free'])('%s', async (name) => {
    const { graph, description, warnings } = await read(path.join(models, `${name}.onnx`));
    const expected = JSON.parse(readFileSync(path.join(outputs, `${name}.json`), 'utf8')) as OnnxRuntime;
    expect(description).toMatch(/^ONNX opset 1[1-7] \(pytorch 1\.\d+/);
    const [n, c, h, w] = expected.inputShape;
    expect(tensorOf(graph, graph.inputs[0] as string).shape).toEqual([n, h, w, c]);
    expect(warnings[0]).toContain(`input "image" is NCHW in the file [${expected.inputShape}]; here it is NHWC`);
    await expectOutputs(graph, expected, true);
    if (STRAIGHT.some((s) => name.startsWith(s))) expect(nodeCounts(graph).transpose).toBeUndefined();
  });

  it('reads opsets 18 to 20, as the version converter of onnx writes them', async () => {
    const sources = [...STRAIGHT, 'odd', 'maps'].map((name) => path.join(models, `${name}_17.onnx`));
    const newer = oracleFolder(oraclePython() as string, 'onnx_newer_opsets.py', 'onnx-newer-models', sources);
    const newerOutputs = outputsOf(newer, 'onnx-newer-outputs');
    const files = readdirSync(newer).filter((f) => f.endsWith('.onnx'));
    expect(files).toHaveLength(3 * sources.length);
    for (const file of files) {
      const { graph, description } = await read(path.join(newer, file));
      expect(description).toMatch(/^ONNX opset (18|19|20)/);
      const expected = JSON.parse(
        readFileSync(path.join(newerOutputs, file.replace('.onnx', '.json')), 'utf8'),
      ) as OnnxRuntime;
      await expectOutputs(graph, expected, true);
    }
  }, 240_000);

  it('keeps readable names', async () => {
    const { graph } = await read(path.join(models, 'resnet_17.onnx'));
    const ids = graph.nodes.map((n) => n.id);
    expect(ids).toEqual(
      expect.arrayContaining(['Relu', 'pool/MaxPool', 'layer1/relu/Relu', 'layer1/Add', 'layer2/relu_1/Relu', 'out']),
    );
    expect(graph.tensors.get('fc.weight')?.shape).toEqual([10, 16]);
  });

  it('recognises hard swish', async () => {
    expect(nodeCounts((await read(path.join(models, 'mobile_17.onnx'))).graph).hard_swish).toBe(1);
    expect(nodeCounts((await read(path.join(models, 'mobile_11.onnx'))).graph).hard_swish).toBe(1);
  });

  it.each(STRAIGHT)('reads %s back from our own writer, node for node', async (name) => {
    const { graph } = await read(path.join(models, `${name}_17.onnx`));
    const sibling = () => Promise.reject(new Error('no external data'));
    const again = await onnxReader.read({ name: 'again.onnx', bytes: writeOnnx(graph), sibling }, {});
    expect(again.graph.nodes.map((n) => n.kind)).toEqual(graph.nodes.map((n) => n.kind));
    const expected = JSON.parse(readFileSync(path.join(outputs, `${name}_17.json`), 'utf8')) as OnnxRuntime;
    await expectOutputs(again.graph, expected, true);
  });

  it('a free batch stays open in every reshape', async () => {
    const { graph } = await read(path.join(models, 'vgg_free.onnx'));
    const reshapes = graph.nodes.filter((n) => n.kind === 'reshape');
    expect(reshapes.map((n) => n.attrs.shape)).toEqual([[-1, 96]]);
  });

  it('names every operator that it cannot read in one error', async () => {
    const error = await read(path.join(models, 'refused.onnx')).catch((e: unknown) => e as IsplitError);
    expect(error).toBeInstanceOf(IsplitError);
    const { code, all, message } = error as IsplitError;
    expect(code).toBe('E_OP_UNSUPPORTED');
    expect(all).toHaveLength(1);
    expect(message).toMatch(/"refused" has \d+ operators that cannot be read/);
    expect(message).toMatch(/Conv: 2 groups of 4 channels.*\(operator 0 "conv\/Conv"\)/);
    expect(message).toMatch(/Erf: operator not supported \(operator 3 .*LSTM: operator not supported.*ArgMax/);
  });
});

describeNeeding([pythonOracle], 'networks that tf2onnx wrote, against onnxruntime', () => {
  let models: string;
  let outputs: string;
  beforeAll(() => {
    const files = hasSharedData ? [sharedData('models/mlperf-tiny/ic_resnet8.h5')] : [];
    models = oracleFolder(oraclePython() as string, 'keras_onnx_models.py', 'onnx-keras-models', files);
    outputs = outputsOf(models, 'onnx-keras-outputs');
  }, 400_000);

  const names = ['tf_mobilenet_v2', 'tf_mobilenet_v3', 'tf_vgg16', ...(hasSharedData ? ['tf_ic_resnet8'] : [])];
  it.each(names)(
    '%s',
    async (name) => {
      const { graph, description, warnings } = await read(path.join(models, `${name}.onnx`));
      const expected = JSON.parse(readFileSync(path.join(outputs, `${name}.json`), 'utf8')) as OnnxRuntime;
      expect(description).toMatch(/^ONNX opset 1[2-7] \(tf2onnx [\d.]+\)$/);
      expect(warnings).toEqual([]);
      expect(tensorOf(graph, graph.inputs[0] as string).shape).toEqual(expected.inputShape);
      expect(nodeCounts(graph).transpose).toBeUndefined();
      await expectOutputs(graph, expected, false);
    },
    60_000,
  );
});
