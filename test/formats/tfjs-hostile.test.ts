/** TF.js models that are well-formed and meant to harm: tiny on disk, endless in memory or time. */
import { expect, it } from 'vitest';
import { readModel } from '../../converters/index.js';
import { memoryFile, readError } from './model-file.js';

const encode = (json: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(json));
const image = {
  name: 'x',
  op: 'Placeholder',
  input: [],
  attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape: { dim: [{ size: '-1' }, { size: '3' }] } } },
};

it('shapes that are joined with themselves do not double without end', async () => {
  const joins = Array.from({ length: 40 }, (_, i) => ({
    name: `n${i + 1}`,
    op: 'Pack',
    input: [`n${i}`, `n${i}`],
    attr: { N: { i: '2' }, axis: { i: '0' } },
  }));
  const nodes = [
    image,
    { name: 'n0', op: 'Shape', input: ['x'], attr: {} },
    ...joins,
    { name: 'out', op: 'Reshape', input: ['x', 'n40'], attr: {} },
  ];
  const json = { format: 'graph-model', modelTopology: { node: nodes }, weightsManifest: [] };
  const error = await readError(memoryFile(encode(json), 'model.json'));
  expect(error.code).toBe('E_OP_UNSUPPORTED');
  expect(error.message).toMatch(/joins 2048 constant values/);
});

it('thousands of layers find their weights without looking through all of them', async () => {
  const count = 6000;
  const names = Array.from({ length: count }, (_, i) => `d${i}`);
  const layers = names.map((name, i) => ({
    class_name: 'Dense',
    config: { name, units: 1, use_bias: false, ...(i === 0 ? { batch_input_shape: [null, 1] } : {}) },
  }));
  const weights = names.map((name) => ({ name: `${name}/kernel`, shape: [1, 1], dtype: 'float32' }));
  const json = {
    modelTopology: { class_name: 'Sequential', config: { name: 's', layers } },
    weightsManifest: [{ paths: ['shard'], weights }],
  };
  const file = memoryFile(encode(json), 'model.json', { shard: new Uint8Array(4 * count) });
  const startedAt = performance.now();
  const { graph } = await readModel(file);
  expect(graph.nodes).toHaveLength(count);
  expect(performance.now() - startedAt).toBeLessThan(5000);
});
