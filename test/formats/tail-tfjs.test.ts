/** tail-tfjs/: loaded by plain TensorFlow.js on every backend, and by our own reader; against the float64 references. */
import { describe, expect, it } from 'vitest';
import { readModel } from '../../converters/index.js';
import { type TfjsModelFiles, writeTfjsGraphModel } from '../../converters/tfjs/write.js';
import { attachWire } from '../../converters/wire-tail.js';
import { IsplitError } from '../../src/core/errors.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { type Graph, tensorOf } from '../../src/ir/graph.js';
import { OPS, SHAPES } from '../../src/ops/index.js';
import { isUnsupported, type OpDef } from '../../src/ops/op-def.js';
import { runReference } from '../../src/ops/reference.js';
import { setBatch } from '../../src/passes/set-batch.js';
import { describeNeeding, type Requirement } from '../support/shared-data.js';
import { randomNetwork } from '../unit/passes/random-network.js';
import { maxDifference, memoryFile, runGraph } from './model-file.js';
import { TAIL_CASES, wireOf, wireValues } from './tail-networks.js';
import { type Backend, hasTfjsNode, loadTfjsTail, runTfjsTail } from './tail-runtimes.js';

const tfjsNode: Requirement = {
  name: 'tfjs-node',
  install: 'npm run setup:tfjs-node',
  kind: 'tool',
  available: () => hasTfjsNode,
};

function reference(tail: Graph, values: readonly Int8Array[], batch: number): Float64Array {
  const graph = setBatch(attachWire(tail, wireOf(tail)), batch);
  const feeds = Object.fromEntries(graph.inputs.map((id, i) => [id, values[i] as Int8Array]));
  return runReference(graph, feeds)[graph.outputs[0] as string] as Float64Array;
}

function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((m, v) => Math.max(m, Math.abs(v)), 1);
}

for (const backend of ['cpu', 'wasm', 'tensorflow'] as const satisfies readonly Backend[]) {
  describeNeeding(backend === 'tensorflow' ? [tfjsNode] : [], `plain TensorFlow.js on ${backend}`, () => {
    it.each(TAIL_CASES)('runs $name', async ({ tail }) => {
      const files = writeTfjsGraphModel(tail, wireOf(tail));
      // One run of 2 and one of 1: the batch is open.
      const values = wireValues(tail, 3);
      const got = await runTfjsTail(files, backend, tail, values, 2);
      const expected = reference(tail, values, 3);
      expect(maxDifference(got, expected)).toBeLessThan(5e-6 * largest(expected));
    });

    it('runs random networks', async () => {
      for (let seed = 0; seed < 12; seed++) {
        const tail = randomNetwork(seed);
        const values = wireValues(tail, 3);
        const got = await runTfjsTail(writeTfjsGraphModel(tail, wireOf(tail)), backend, tail, values, 3);
        const expected = reference(tail, values, 3);
        expect(maxDifference(got, expected), `seed ${seed}`).toBeLessThan(1e-5 * largest(expected));
      }
    });
  });
}

describe('our own reader', () => {
  const fileOf = (files: TfjsModelFiles) =>
    memoryFile(new TextEncoder().encode(files['model.json']), 'model.json', {
      'group1-shard1of1.bin': files['group1-shard1of1.bin'],
    });

  it.each(TAIL_CASES.filter((c) => c.notReadBack === undefined))('takes back $name', async ({ tail }) => {
    const { graph } = await readModel(fileOf(writeTfjsGraphModel(tail, wireOf(tail))));
    const values = wireValues(tail, 1);
    const [y] = await runGraph(
      graph,
      values.map((v) => Float32Array.from(v)),
    );
    const expected = reference(tail, values, 1);
    expect(maxDifference(y as Float32Array, expected)).toBeLessThan(5e-6 * largest(expected));
  });

  it.each(TAIL_CASES.filter((c) => c.notReadBack !== undefined))('refuses $name ($notReadBack)', async ({ tail }) => {
    const reading = readModel(fileOf(writeTfjsGraphModel(tail, wireOf(tail))));
    await expect(reading).rejects.toMatchObject({ code: 'E_OP_UNSUPPORTED' });
  });
});

describe('the files', () => {
  const { tail } = TAIL_CASES.at(-1) as (typeof TAIL_CASES)[number];
  const classNames = ['cat', 'dög'];
  const files = writeTfjsGraphModel(tail, wireOf(tail), { classNames });
  const json = JSON.parse(files['model.json']);

  it('are the same twice', () => {
    expect(writeTfjsGraphModel(tail, wireOf(tail), { classNames })).toEqual(files);
  });

  it('name inputs, output, classes and wire', async () => {
    expect(json.format).toBe('graph-model');
    expect(Object.keys(json.signature.inputs)).toEqual(tail.inputs);
    expect(Object.keys(json.signature.outputs)).toEqual(['top']);
    expect(json.userDefinedMetadata).toEqual({ classes: classNames, wire: wireOf(tail) });
    const { model } = await loadTfjsTail(files, 'cpu');
    expect(model.inputs.map(({ dtype, shape }) => [dtype, shape])).toEqual(
      tail.inputs.map((id) => ['int32', [-1, ...tensorOf(tail, id).shape.slice(1)]]),
    );
    expect(model.outputs.map(({ name }) => name)).toEqual(['top']);
    model.dispose();
  });

  it('have names that TensorFlow takes, each once', () => {
    const names: string[] = json.modelTopology.node.map((node: { name: string }) => node.name);
    expect(new Set(names).size).toBe(names.length);
    // NodeDef's rule in TensorFlow (core/graph/validate and tensor_id).
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$/);
  });

  it('keep the order of wire tensors whose ids are numbers', async () => {
    const b = new GraphBuilder('numbers', SHAPES);
    const [x, y] = [b.input('12', [1, 3]), b.input('3', [1, 3])];
    const difference = b.build([b.op('sub', [x, y], {}, { id: '7' })]);
    const values = [Int8Array.of(100, 100, 100), Int8Array.of(1, 2, 3)];
    const wire = [
      { id: '12', scale: 1, zeroPoint: 0 },
      { id: '3', scale: 1, zeroPoint: 0 },
    ];
    const numbers = writeTfjsGraphModel(difference, wire);
    expect(Array.from(await runTfjsTail(numbers, 'cpu', difference, values, 1))).toEqual([99, 98, 97]);
  });

  it('list nodes after their inputs', () => {
    const seen = new Set<string>();
    for (const { name, input } of json.modelTopology.node) {
      for (const from of input) expect(seen.has(from), `${from} before ${name}`).toBe(true);
      seen.add(name);
    }
  });

  it('are small: one shard of the weights', () => {
    const bytes = json.weightsManifest[0].weights.reduce(
      (n: number, w: { shape: number[] }) => n + 4 * w.shape.reduce((a, b) => a * b, 1),
      0,
    );
    expect(files['group1-shard1of1.bin'].length).toBe(bytes);
  });
});

describe('refused, naming every node', () => {
  const graph = (add: (b: GraphBuilder, x: string) => string): Graph => {
    const b = new GraphBuilder('odd', SHAPES);
    return b.build([add(b, b.input('x', [1, 4, 4, 2]))]);
  };
  const dilated = { strides: [2, 2], dilations: [2, 2], pads: [0, 0, 0, 0], outputSize: [11, 11] };
  const weights = (b: GraphBuilder) => b.constant('w', [2, 3, 3, 2], new Float32Array(36));

  it.each<[string, Graph, string, string[]]>([
    [
      'dilated transposed convolutions',
      graph((b, x) => {
        const y = b.op('conv2d_transpose', [x, weights(b)], dilated, { id: 'first' });
        return b.op('conv2d_transpose', [y, weights(b)], { ...dilated, outputSize: [25, 25] }, { id: 'second' });
      }),
      'E_HOOK_UNSUPPORTED',
      ['first', 'second'],
    ],
    [
      'weights that grow with the batch',
      graph((b, x) => {
        const w = b.op('reshape', [b.op('mean', [x], { axes: [0, 1, 2], keepDims: false })], { shape: [1, 2] });
        return b.op('dense', [b.op('mean', [x], { axes: [1, 2], keepDims: false }), w], {}, { id: 'top' });
      }),
      'E_SHAPE',
      [],
    ],
    ['a batch that moves', graph((b, x) => b.op('transpose', [x], { perm: [1, 0, 2, 3] })), 'E_SHAPE', []],
  ])('%s', (_, tail, code, nodes) => {
    try {
      writeTfjsGraphModel(tail, wireOf(tail));
      expect.fail('it was written');
    } catch (error) {
      expect(error).toBeInstanceOf(IsplitError);
      expect((error as IsplitError).code).toBe(code);
      const named = (error as IsplitError).all.map((problem) => problem.context?.node);
      if (nodes.length > 0) expect(named).toEqual(nodes);
    }
  });
});

it('every op of networks is written, or says why not, and has its case above', () => {
  const tested = new Set(TAIL_CASES.flatMap(({ tail }) => tail.nodes.map((node) => node.kind)));
  const network = (Object.values(OPS) as unknown as OpDef[]).filter((def) => def.role === 'network');
  const written = network.filter((def) => !isUnsupported(def.toTfjsGraph)).map((def) => def.kind);
  expect(written.filter((kind) => !tested.has(kind) && kind !== 'dequantize')).toEqual([]);
  expect(network.length - written.length).toBe(1);
});
