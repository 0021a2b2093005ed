import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FlatbufferView, type TableView } from '../../converters/tflite/flatbuffer-view.js';
import { tfliteReader } from '../../converters/tflite/index.js';
import { parseTflite } from '../../converters/tflite/parse.js';
import { BUILTIN_OPERATORS, FIELDS } from '../../converters/tflite/schema.js';
import { writeTflite } from '../../converters/tflite/write.js';
import { createRandom } from '../../src/core/random.js';
import { createOnnxEngine } from '../../src/engines/onnx.js';
import { elementCount, type Graph, tensorOf } from '../../src/ir/graph.js';
import { legaliseTflite } from '../../src/passes/legalise-tflite.js';
import { normaliseGraph } from '../../src/passes/normalise.js';
import { openModel } from '../../src/sdk.js';
import {
  describeNeeding,
  itNeeding,
  pythonOracle,
  type Requirement,
  repositoryRoot,
  sharedData,
  sharedTestData,
} from '../support/shared-data.js';
import { nodeTflite, type RuntimeAnswer, runInNodeTflite, runInPython } from './tflite-runtimes.js';

const load = async (file: string): Promise<Graph> => normaliseGraph((await openModel(file)).network);

/** As it stands in the file: opening a model would dequantize it. */
async function loadTflite(file: string): Promise<Graph> {
  const sibling = () => Promise.reject(new Error('a TFLite file has no siblings'));
  const { graph } = await tfliteReader.read({ name: path.basename(file), bytes: readFileSync(file), sibling }, {});
  return normaliseGraph(graph);
}

/** Largest difference, relative to the size of the outputs. */
function errorOf(answer: RuntimeAnswer, expected: Float32Array): number {
  if ('error' in answer) throw new Error(answer.error);
  const values = new Float32Array((answer.outputs[0] as Uint8Array).buffer);
  expect(values).toHaveLength(expected.length);
  return (
    Math.max(...expected.map((v, i) => Math.abs(v - (values[i] as number)))) / (1 + Math.max(...expected.map(Math.abs)))
  );
}

/** File, requirement and scale of the random input. */
const NETWORKS: readonly [string, string, readonly Requirement[], number][] = [
  ['fashion-cnn', path.join(repositoryRoot, 'models/fashion-cnn/fashion-cnn.h5'), [], 1],
  ['ic_resnet8', sharedData('models/mlperf-tiny/ic_resnet8.h5'), [sharedTestData], 255],
  ['vww_96', sharedData('models/mlperf-tiny/vww_96.h5'), [sharedTestData], 1],
  ['mobilenet_v1_025_224', sharedData('models/mobilenet_v1_025_224_tfjs/model.json'), [sharedTestData], 1],
];

describe('whole float32 networks, written', () => {
  for (const [name, file, needs, scale] of NETWORKS) {
    itNeeding(
      [pythonOracle, nodeTflite, ...needs],
      `${name}: every interpreter gives what our engine gives`,
      async () => {
        const graph = await load(file);
        const id = graph.inputs[0] as string;
        const random = createRandom(11);
        const { shape } = tensorOf(graph, id);
        const input = Float32Array.from({ length: elementCount(shape) }, () => scale * random.next());
        const engine = await createOnnxEngine();
        const compiled = await engine.compile(graph, { threads: 1 });
        const expected = (await compiled.run({ [id]: input }))[graph.outputs[0] as string] as Float32Array;
        await compiled.dispose();
        const question = { model: writeTflite(legaliseTflite(graph)), inputs: [input] };
        const [answers] = runInPython([question]);
        const [old] = runInNodeTflite([question]);
        const all = Object.entries({ ...answers, 'node-tflite': old as RuntimeAnswer });
        expect(all).toHaveLength(4);
        for (const [runtime, answer] of all) expect(errorOf(answer, expected), runtime).toBeLessThan(1e-5);
      },
    );
  }
});

const GOLDENS = ['ic_resnet8_int8', 'person_detect', 'hello_world_int8'];

describeNeeding([sharedTestData], 'int8 networks, read and written again', () => {
  const golden = (name: string, file: string): Buffer => readFileSync(sharedData(`golden/${name}/${file}`));
  const modelOf = (name: string): string =>
    sharedData(`models/${name.startsWith('ic_') ? 'mlperf-tiny' : 'tflm'}/${name}.tflite`);

  itNeeding([pythonOracle], 'TFLite-Micro gives the golden bytes', async () => {
    const questions: { model: Uint8Array; inputs: Int8Array[] }[] = [];
    const wanted: Buffer[] = [];
    for (const name of GOLDENS) {
      const { inputBytes, outputBytes } = JSON.parse(golden(name, 'golden.json').toString());
      const model = writeTflite(await loadTflite(modelOf(name)));
      for (const i of [0, 1, 2, 3]) {
        const record = golden(name, 'inputs.bin').subarray(i * inputBytes, (i + 1) * inputBytes);
        questions.push({ model, inputs: [new Int8Array(record)] });
        wanted.push(golden(name, 'outputs.bin').subarray(i * outputBytes, (i + 1) * outputBytes));
      }
    }
    const answers = runInPython(questions).map((answer) => answer['tflite-micro']);
    expect(answers).toEqual(wanted.map((bytes) => ({ outputs: [Uint8Array.from(bytes)] })));
  });

  it.each([
    'mlperf-tiny/ic_resnet8_int8',
    'mlperf-tiny/ic_resnet8_float',
    'mlperf-tiny/vww_96_int8',
    'tflm/person_detect',
    'tflm/hello_world_int8',
    'tflm/micro_speech_quantized',
  ])('%s: no larger than the official converter’s file', async (name) => {
    const file = sharedData(`models/${name}.tflite`);
    expect(writeTflite(await loadTflite(file)).length).toBeLessThanOrEqual(readFileSync(file).length);
  });
});

describe('the layout of a written file', () => {
  const file = path.join(repositoryRoot, 'models/fashion-cnn/fashion-cnn.h5');
  const written = async (classNames?: readonly string[]): Promise<Uint8Array> => {
    const options = classNames ? { classNames, description: 'of a test' } : {};
    return writeTflite(legaliseTflite(await load(file)), options);
  };
  const tables = (table: TableView, id: number): TableView[] => table.tables(id, 'list', 1000);

  it('constants start at multiples of 16 bytes, and no vector of data is empty', async () => {
    const bytes = await written(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']);
    const root = new FlatbufferView(bytes).root();
    const [first, ...others] = tables(root, FIELDS.Model.buffers);
    expect(first?.has(FIELDS.Buffer.data)).toBe(false);
    expect(others.length).toBeGreaterThan(5);
    for (const buffer of others) {
      const data = buffer.bytes(FIELDS.Buffer.data, 'data') as Uint8Array;
      expect(data.length).toBeGreaterThan(0);
      expect((data.byteOffset - bytes.byteOffset) % 16).toBe(0);
    }
  });

  it('the root: identifier, version, description, one subgraph and its signature', async () => {
    const bytes = await written(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(new TextDecoder().decode(bytes.subarray(4, 8))).toBe('TFL3');
    const root = new FlatbufferView(bytes).root();
    expect(root.uint32(FIELDS.Model.version)).toBe(3);
    expect(root.string(FIELDS.Model.description, 'description')).toBe('of a test');
    const model = parseTflite(bytes);
    const [signature] = tables(root, FIELDS.Model.signature_defs);
    expect(signature?.string(FIELDS.SignatureDef.signature_key, 'key')).toBe('serving_default');
    const names = (id: number) =>
      tables(signature as TableView, id).map((map) => ({
        name: map.string(FIELDS.TensorMap.name, 'name'),
        tensor: model.tensors[map.uint32(FIELDS.TensorMap.tensor_index)]?.name,
      }));
    const graph = await load(file);
    expect(names(FIELDS.SignatureDef.inputs)).toEqual(graph.inputs.map((name) => ({ name, tensor: name })));
    expect(names(FIELDS.SignatureDef.outputs)).toEqual(graph.outputs.map((name) => ({ name, tensor: name })));
  });

  it('operator codes stand in the old field and in the new one', async () => {
    const root = new FlatbufferView(await written()).root();
    const codes = tables(root, FIELDS.Model.operator_codes).map((code) => ({
      old: code.int8(FIELDS.OperatorCode.deprecated_builtin_code),
      builtin: code.int32(FIELDS.OperatorCode.builtin_code),
    }));
    expect(codes.length).toBeGreaterThan(3);
    for (const { old, builtin } of codes) expect(old).toBe(builtin);
    expect(codes.map((c) => BUILTIN_OPERATORS[c.builtin])).toContain('CONV_2D');
  });
});
