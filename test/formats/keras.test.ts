import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readModel } from '../../converters/index.js';
import { describeNeeding, oraclePython, pythonOracle, sharedData, sharedTestData } from '../support/shared-data.js';
import { diskFile, maxDifference, memoryFile, parameterCount, readError, runGraph } from './model-file.js';
import { oracleFolder } from './oracle-cache.js';

const REAL_MODELS = ['ic_resnet8.h5', 'vww_96.h5', 'sww_ref_model.h5'] as const;

interface Expected {
  readonly version: string;
  readonly params: number;
  readonly inputs: readonly (readonly number[])[];
  readonly outputs: readonly (readonly number[])[];
  readonly layers: readonly string[];
}

describeNeeding([sharedTestData, pythonOracle], 'Keras models of MLPerf Tiny against tf_keras', () => {
  let folder: string;
  beforeAll(() => {
    const files = REAL_MODELS.map((name) => sharedData(`models/mlperf-tiny/${name}`));
    folder = oracleFolder(oraclePython() as string, 'keras_outputs.py', 'keras-outputs', files);
  }, 180_000);

  it.each(REAL_MODELS)('%s: parameters, layer names and outputs', async (name) => {
    const expected = JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8')) as Expected;
    const model = await readModel(diskFile(sharedData(`models/mlperf-tiny/${name}`)));
    expect(model.format).toBe('keras');
    expect(parameterCount(model)).toBe(expected.params);
    const tensors = new Set(model.graph.tensors.keys());
    expect(expected.layers.filter((layer) => !tensors.has(layer) && !layer.startsWith('dropout'))).toEqual([]);
    for (const [i, input] of expected.inputs.entries()) {
      const [output] = await runGraph(model.graph, [input]);
      expect(maxDifference(output as Float32Array, expected.outputs[i] as number[])).toBeLessThan(1e-4);
    }
  });

  it('says what was left out', async () => {
    const model = await readModel(diskFile(sharedData('models/mlperf-tiny/sww_ref_model.h5')));
    expect(model.description).toBe('Keras 2.14.0 h5');
    expect(model.warnings).toEqual([
      'ignored the optimizer state',
      'left out layers that only matter in training: dropout, dropout_1, dropout_2, dropout_3',
    ]);
  });
});

describeNeeding([pythonOracle], 'models made by Keras 2 and 3', () => {
  let folder: string;
  let expected: Readonly<Record<string, Expected>>;
  beforeAll(() => {
    folder = oracleFolder(oraclePython() as string, 'keras_models.py', 'keras-models');
    expected = JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8')) as Record<string, Expected>;
  }, 180_000);

  it.each([
    'k3_residual.h5',
    'k3_residual.keras',
    'k3_residual.packed.h5',
    'k3_residual.unnamed.keras',
    'k3_shapes.h5',
    'k3_shapes.keras',
    'k3_sequential.h5',
    'k3_sequential.keras',
    'k3_two_inputs.h5',
    'k3_two_inputs.keras',
    'k2_functional.h5',
    'k2_functional.keras',
    'k2_sequential.h5',
    'k2_sequential.keras',
  ])('%s gives the outputs of Keras', async (file) => {
    const wanted = expected[file.split('.')[0] as string] as Expected;
    const model = await readModel(diskFile(path.join(folder, file)));
    expect(model.description).toBe(`Keras ${wanted.version} ${file.endsWith('.h5') ? 'h5' : 'archive'}`);
    const outputs = await runGraph(model.graph, wanted.inputs);
    expect(outputs.length).toBe(wanted.outputs.length);
    for (const [i, output] of outputs.entries()) {
      expect(maxDifference(output, wanted.outputs[i] as number[])).toBeLessThan(1e-5);
    }
  });

  it('names tensors after layers, nested models and calls', async () => {
    const { graph } = await readModel(diskFile(path.join(folder, 'k3_residual.keras')));
    const ids = graph.nodes.map((node) => node.id);
    expect(ids.slice(0, 6)).toEqual(['scale/scaled', 'scale', 'first/linear', 'first', 'first_bn', 'one_dw']);
    expect(ids).toEqual(
      expect.arrayContaining(['inner/c', 'inner/r', 'shared', 'shared@2', 'one_sep/depthwise', 'one_sep']),
    );
    expect(ids).not.toContain('drop');
    expect(graph.inputs).toEqual(['image']);
    expect(graph.outputs).toEqual(['out']);
    const filters = graph.nodes.filter((node) => node.id.startsWith('shared')).map((node) => node.inputs[1]);
    expect(new Set(filters)).toEqual(new Set(['shared/kernel']));
  });

  it('counts the parameters of Keras', async () => {
    const model = await readModel(diskFile(path.join(folder, 'k2_functional.h5')));
    const madeUp = ['one_bn/gamma', ...[...model.graph.tensors.keys()].filter((id) => /^(tf\.|hs\/)/.test(id))];
    expect(parameterCount(model, madeUp)).toBe(expected.k2_functional?.params);
  });

  it('refuses the storage of libver="latest" with a remedy', async () => {
    const error = await readError(diskFile(path.join(folder, 'k3_residual.latest.h5')));
    expect(error.code).toBe('E_MODEL_CORRUPT');
    expect(error.message).toContain("h5py's default libver");
  });

  describe('damaged files', () => {
    const bytesOf = (file: string) => new Uint8Array(readFileSync(path.join(folder, file)));

    it.each(['k3_residual.h5', 'k3_residual.keras', 'k3_residual.packed.h5'])('%s cut off anywhere', async (file) => {
      const bytes = bytesOf(file);
      for (let i = 1; i <= 40; i++) {
        const cut = bytes.slice(0, 16 + Math.floor(((bytes.length - 16) * i) / 41));
        const error = await readError(memoryFile(cut, file));
        expect(['E_MODEL_CORRUPT', 'E_MODEL_FORMAT']).toContain(error.code);
      }
      // A broken file leaves nothing behind: the whole one is still read.
      expect((await readModel(memoryFile(bytes, file))).graph.outputs).toEqual(['out']);
    });

    it.each(['k2_functional.h5', 'k3_residual.packed.h5', 'k3_two_inputs.keras'])(
      '%s with changed bytes: read or refused with a code, never hanging or crashing',
      async (file) => {
        const bytes = bytesOf(file);
        let state = 12345;
        const next = (n: number): number => {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
          return Math.floor((state / 2 ** 32) * n);
        };
        for (let i = 0; i < 150; i++) {
          const damaged = bytes.slice();
          for (let k = 0; k < 1 + (i % 8); k++) damaged[next(bytes.length)] = next(256);
          try {
            await readModel(memoryFile(damaged, file));
          } catch (error) {
            expect((error as { code?: string }).code, String(error)).toMatch(/^E_(MODEL|OP|SHAPE|GRAPH)/);
          }
        }
      },
      60_000,
    );
  });
});

describe('not a Keras model', () => {
  it('refuses formats it does not know', async () => {
    const error = await readError(memoryFile(new TextEncoder().encode('hello'), 'notes.txt'));
    expect(error.code).toBe('E_MODEL_FORMAT');
    expect(error.message).toContain('68 65 6c 6c 6f');
  });

  it('an empty file', async () => {
    expect((await readError(memoryFile(new Uint8Array(0), 'empty.h5'))).code).toBe('E_MODEL_FORMAT');
  });
});
