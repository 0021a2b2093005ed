import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { elementCount, type Graph, type Node, tensorOf } from '../../../src/ir/graph.js';
import { verifyGraph } from '../../../src/ir/verify.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';
import { foldBatchNorm } from '../../../src/passes/fold-batch-norm.js';
import { foldConstants } from '../../../src/passes/fold-constants.js';
import { foldPad } from '../../../src/passes/fold-pad.js';
import { fuseActivation } from '../../../src/passes/fuse-activation.js';
import { normaliseGraph } from '../../../src/passes/normalise.js';
import { removeDeadCode } from '../../../src/passes/remove-dead-code.js';
import { removeIdentity } from '../../../src/passes/remove-identity.js';
import { setBatch } from '../../../src/passes/set-batch.js';
import { expectClose } from '../../ops/harness.js';
import { normal, randomNetwork } from './random-network.js';

const PASSES = {
  foldBatchNorm,
  foldConstants,
  foldPad,
  fuseActivation,
  normaliseGraph,
  removeDeadCode,
  removeIdentity,
};
const CONV = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };
const random = createRandom(11);
const kinds = (graph: Graph): string[] => graph.nodes.map((n) => n.kind);
const node = (graph: Graph, id: string): Node => graph.nodes.find((n) => n.id === id) as Node;

/** The pass's result, verified and with unchanged outputs. */
function apply(pass: (graph: Graph) => Graph, graph: Graph, tolerance = 1e-6): Graph {
  verifyGraph(graph, SHAPES);
  const frozen = JSON.stringify([graph.nodes, graph.inputs, graph.outputs, [...graph.tensors.keys()]]);
  const after = pass(graph);
  expect(JSON.stringify([graph.nodes, graph.inputs, graph.outputs, [...graph.tensors.keys()]])).toBe(frozen);
  verifyGraph(after, SHAPES);
  expect(after.outputs).toEqual(graph.outputs);
  expect(after.inputs).toEqual(graph.inputs);
  const feeds = Object.fromEntries(
    graph.inputs.map((id) => [id, normal(createRandom(5), tensorOf(graph, id).shape)] as const),
  );
  const before = runReference(graph, feeds);
  const now = runReference(after, feeds);
  for (const id of graph.outputs) expectClose(now[id] as Float64Array, before[id] as Float64Array, tolerance, id);
  return after;
}

/** x → body → outputs, on a 5x5x2 picture. */
function network(body: (b: GraphBuilder, x: string) => string[]): Graph {
  const b = new GraphBuilder('net', SHAPES);
  return b.build(body(b, b.input('x', [1, 5, 5, 2])));
}

const constant = (b: GraphBuilder, id: string, shape: number[]): string => b.constant(id, shape, normal(random, shape));

function statistics(b: GraphBuilder, channels: number): string[] {
  const variance = b.constant(
    'variance',
    [channels],
    Float32Array.from({ length: channels }, () => 0.5 + random.next()),
  );
  return [...['gamma', 'beta', 'mean'].map((id) => constant(b, id, [channels])), variance];
}

describe.each(Object.entries(PASSES))('%s', (name, pass) => {
  it('keeps the outputs of random networks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), (seed) => {
        apply(pass, randomNetwork(seed));
      }),
      { numRuns: name === 'normaliseGraph' ? 150 : 60, seed: 1 },
    );
  });

  it('changes nothing the second time', () => {
    for (let seed = 0; seed < 20; seed++) {
      const once = pass(randomNetwork(seed));
      expect(pass(once).nodes).toEqual(once.nodes);
    }
  });
});

describe('foldBatchNorm', () => {
  const layers: [string, (b: GraphBuilder, x: string) => string][] = [
    ['conv2d', (b, x) => b.op('conv2d', [x, constant(b, 'w', [3, 2, 2, 2])], CONV, { id: 'layer' })],
    [
      'conv2d',
      (b, x) => b.op('conv2d', [x, constant(b, 'w', [3, 2, 2, 2]), constant(b, 'b', [3])], CONV, { id: 'layer' }),
    ],
    [
      'depthwise_conv2d',
      (b, x) => b.op('depthwise_conv2d', [x, constant(b, 'w', [1, 2, 2, 6])], CONV, { id: 'layer' }),
    ],
    [
      'conv2d_transpose',
      (b, x) =>
        b.op(
          'conv2d_transpose',
          [x, constant(b, 'w', [3, 2, 2, 2])],
          { ...CONV, strides: [2, 2], outputSize: [10, 10] },
          { id: 'layer' },
        ),
    ],
    ['dense', (b, x) => b.op('dense', [x, constant(b, 'w', [4, 2]), constant(b, 'b', [4])], {}, { id: 'layer' })],
  ];
  it.each(layers)('goes into %s under its own id', (kind, layer) => {
    const graph = network((b, x) => {
      const y = layer(b, x);
      const c = b.type(y).shape.at(-1) as number;
      return [b.op('batch_norm', [y, ...statistics(b, c)], { epsilon: 1e-3 }, { id: 'bn' })];
    });
    const after = apply(foldBatchNorm, graph);
    expect(after.nodes.map((n) => [n.kind, n.id])).toEqual([[kind, 'bn']]);
    expect(after.tensors.has('w') || after.tensors.has('gamma') || after.tensors.has('layer')).toBe(false);
  });

  it.each([
    ['the layer is an output', (_b: GraphBuilder, conv: string, bn: string) => [bn, conv]],
    ['something else reads the layer', (b: GraphBuilder, conv: string, bn: string) => [b.op('add', [conv, bn])]],
  ])('becomes a product and a sum when %s', (_name, outputs) => {
    const graph = network((b, x) => {
      const conv = b.op('conv2d', [x, constant(b, 'w', [3, 2, 2, 2])], CONV);
      const bn = b.op('batch_norm', [conv, ...statistics(b, 3)], { epsilon: 1e-3 }, { id: 'bn' });
      return outputs(b, conv, bn);
    });
    const after = apply(foldBatchNorm, graph);
    expect(kinds(after).slice(0, 3)).toEqual(['conv2d', 'mul', 'add']);
    expect(node(after, 'bn').kind).toBe('add');
  });

  it('does not pass an activation', () => {
    const graph = network((b, x) => {
      const conv = b.op('conv2d', [x, constant(b, 'w', [3, 2, 2, 2])], { ...CONV, activation: 'relu' });
      return [b.op('batch_norm', [conv, ...statistics(b, 3)], { epsilon: 1e-3 })];
    });
    expect(kinds(apply(foldBatchNorm, graph))).toEqual(['conv2d', 'mul', 'add']);
  });

  it('leaves shared weights of another layer alone', () => {
    const graph = network((b, x) => {
      const w = constant(b, 'w', [2, 1, 1, 2]);
      const first = b.op('conv2d', [x, w], CONV);
      const bn = b.op('batch_norm', [first, ...statistics(b, 2)], { epsilon: 1e-3 });
      return [b.op('conv2d', [bn, w], CONV)];
    });
    expect(kinds(apply(foldBatchNorm, graph))).toEqual(['conv2d', 'conv2d']);
  });

  it('leaves computed statistics alone', () => {
    const graph = network((b, x) => {
      const mean = b.op('mean', [x], { axes: [0, 1, 2], keepDims: false });
      const [gamma, beta, , variance] = statistics(b, 2) as [string, string, string, string];
      return [b.op('batch_norm', [x, gamma, beta, mean, variance], { epsilon: 1e-3 })];
    });
    expect(kinds(apply(foldBatchNorm, graph))).toEqual(['mean', 'batch_norm']);
  });
});

describe('fuseActivation', () => {
  it('keeps the id of the activation', () => {
    const graph = network((b, x) => {
      const conv = b.op('conv2d', [x, constant(b, 'w', [3, 2, 2, 2])], CONV, { id: 'conv/linear' });
      return [b.op('relu6', [conv], {}, { id: 'conv' })];
    });
    const after = apply(fuseActivation, graph);
    expect(after.nodes).toHaveLength(1);
    expect(after.nodes[0]).toMatchObject({ id: 'conv', outputs: ['conv'], attrs: { activation: 'relu6' } });
    expect(after.tensors.has('conv/linear')).toBe(false);
  });

  it.each([
    [['relu', 'relu6'], 'relu6'],
    [['relu6', 'relu'], 'relu6'],
    [['relu', 'relu'], 'relu'],
  ])('composes %j to %s', (activations, expected) => {
    const graph = network((b, x) => {
      const start = b.op('mul', [x, b.scalar(10)]);
      return [activations.reduce((v, kind) => b.op(kind, [v]), start)];
    });
    const after = apply(fuseActivation, graph);
    expect(after.nodes.map((n) => n.attrs.activation)).toEqual([expected]);
  });

  it('leaves alone what is read elsewhere, is an output, or cannot carry it', () => {
    const graph = network((b, x) => {
      const sum = b.op('add', [x, x], {}, { id: 'sum' });
      const seen = b.op('mul', [x, x], {}, { id: 'seen' });
      const pooled = b.op('max_pool2d', [x], { kernelSize: [2, 2], strides: [1, 1], pads: [0, 0, 0, 0] });
      return [b.op('add', [b.op('relu', [sum]), sum]), b.op('relu', [seen]), seen, b.op('relu', [pooled])];
    });
    expect(apply(fuseActivation, graph).nodes).toEqual(graph.nodes);
  });
});

describe('removeIdentity', () => {
  it('keeps the id of the layer that computed the value', () => {
    const graph = network((b, x) => {
      const active = b.op('relu', [x], {}, { id: 'active' });
      const drop = b.op('identity', [active], {}, { id: 'drop' });
      return [b.op('sigmoid', [b.op('identity', [drop], {}, { id: 'drop2' })], {}, { id: 'y' })];
    });
    const after = apply(removeIdentity, graph);
    expect(after.nodes.map((n) => [n.kind, n.id, ...n.inputs])).toEqual([
      ['relu', 'active', 'x'],
      ['sigmoid', 'y', 'active'],
    ]);
  });

  it('keeps a node between two ids that the graph promises', () => {
    const graph = network((b, x) => {
      const active = b.op('relu', [x], {}, { id: 'active' });
      const one = b.op('identity', [active], {}, { id: 'one' });
      return [active, one, b.op('identity', [active], {}, { id: 'two' }), b.op('identity', [x], {}, { id: 'three' })];
    });
    expect(kinds(apply(removeIdentity, graph))).toEqual(['relu', 'identity', 'identity', 'identity']);
  });

  it('lets an output keep its id when its source has readers of its own', () => {
    const graph = network((b, x) => {
      const active = b.op('relu', [x], {}, { id: 'active' });
      const copy = b.op('identity', [active], {}, { id: 'copy' });
      return [copy, b.op('sigmoid', [active], {}, { id: 'y' })];
    });
    const after = apply(removeIdentity, graph);
    expect(after.nodes.map((n) => [n.id, ...n.inputs])).toEqual([
      ['copy', 'x'],
      ['y', 'copy'],
    ]);
  });
});

describe('foldConstants', () => {
  it('computes chains of constants', () => {
    const graph = network((b, x) => {
      const c = b.constant('c', [2], Float32Array.of(1, 4));
      const root = b.op('sqrt', [c], {}, { id: 'root' });
      return [b.op('mul', [x, b.op('add', [root, c], {}, { id: 'sum' })], {}, { id: 'y' })];
    });
    const after = apply(foldConstants, graph);
    expect(kinds(after)).toEqual(['mul']);
    expect(tensorOf(after, 'sum').data).toEqual(Float32Array.of(2, 6));
    expect(after.tensors.has('root') || after.tensors.has('c')).toBe(false);
  });

  it('does not blow constants up, nor take an output away', () => {
    const graph = network((b, x) => {
      const big = b.op('broadcast_to', [constant(b, 'c', [2])], { shape: [1, 50, 50, 2] }, { id: 'big' });
      const small = b.op('abs', [constant(b, 'd', [2])], {}, { id: 'small' });
      return [b.op('add', [big, b.op('mean', [x], { axes: [1, 2], keepDims: true })]), small];
    });
    expect(elementCount([1, 50, 50, 2])).toBeGreaterThan(4096);
    expect(kinds(apply(foldConstants, graph))).toEqual(kinds(graph));
  });
});

describe('foldPad', () => {
  const pad = (b: GraphBuilder, x: string, value: number, paddings = [0, 0, 1, 2, 0, 1, 0, 0]): string =>
    b.op('pad', [x], { paddings, value });
  const pool = (b: GraphBuilder, x: string): string =>
    b.op('max_pool2d', [x], { kernelSize: [3, 3], strides: [2, 2], pads: [0, 0, 0, 0] });

  it('adds zeros to the padding of convolutions', () => {
    const graph = network((b, x) => {
      const conv = b.op('conv2d', [pad(b, x, 0), constant(b, 'w', [3, 2, 2, 2])], { ...CONV, pads: [1, 0, 0, 1] });
      return [b.op('depthwise_conv2d', [pad(b, conv, 0), constant(b, 'v', [1, 2, 2, 3])], CONV)];
    });
    const after = apply(foldPad, graph);
    expect(after.nodes.map((n) => n.attrs.pads)).toEqual([
      [2, 2, 0, 2],
      [1, 2, 0, 1],
    ]);
  });

  it.each([
    ['another value', (b: GraphBuilder, x: string) => pad(b, x, 1)],
    ['channels', (b: GraphBuilder, x: string) => pad(b, x, 0, [0, 0, 0, 0, 0, 0, 0, 1])],
  ])('leaves %s alone', (_name, make) => {
    const graph = network((b, x) => {
      const padded = make(b, x);
      return [b.op('conv2d', [padded, constant(b, 'w', [3, 2, 2, b.type(padded).shape[3] as number])], CONV)];
    });
    expect(kinds(apply(foldPad, graph))).toEqual(['pad', 'conv2d']);
  });

  it('goes into max pools where zeros cannot win', () => {
    const relu = network((b, x) => [
      pool(b, pad(b, b.op('concat', [b.op('relu', [x]), b.op('sigmoid', [x])], { axis: 3 }), 0)),
    ]);
    expect(kinds(apply(foldPad, relu))).toEqual(['relu', 'sigmoid', 'concat', 'max_pool2d']);
    const lowest = network((b, x) => [pool(b, pad(b, x, -3.4028234663852886e38))]);
    expect(kinds(apply(foldPad, lowest))).toEqual(['max_pool2d']);
  });

  it('stays before max pools where zeros can win', () => {
    const signed = network((b, x) => [pool(b, pad(b, x, 0))]);
    expect(kinds(apply(foldPad, signed))).toEqual(['pad', 'max_pool2d']);
    const wide = network((b, x) => [pool(b, pad(b, b.op('relu', [x]), 0, [0, 0, 3, 3, 0, 0, 0, 0]))]);
    expect(kinds(apply(foldPad, wide))).toEqual(['relu', 'pad', 'max_pool2d']);
  });

  it('stays for its other readers', () => {
    const graph = network((b, x) => {
      const padded = pad(b, x, 0);
      return [b.op('conv2d', [padded, constant(b, 'w', [3, 2, 2, 2])], CONV), b.op('relu', [padded])];
    });
    expect(kinds(apply(foldPad, graph))).toEqual(['pad', 'conv2d', 'relu']);
    const output = network((b, x) => {
      const padded = pad(b, x, 0);
      return [b.op('conv2d', [padded, constant(b, 'w', [3, 2, 2, 2])], CONV), padded];
    });
    expect(apply(foldPad, output).nodes).toEqual(output.nodes);
  });
});

describe('normaliseGraph', () => {
  it('turns pad, convolution, dropout, batch norm and relu into one node with the id of the relu', () => {
    const graph = network((b, x) => {
      const padded = b.op('pad', [x], { paddings: [0, 0, 1, 1, 1, 1, 0, 0], value: 0 }, { id: 'pad' });
      const conv = b.op('conv2d', [padded, constant(b, 'w', [3, 3, 3, 2])], CONV, { id: 'conv' });
      const drop = b.op('identity', [conv], {}, { id: 'drop' });
      const bn = b.op('batch_norm', [drop, ...statistics(b, 3)], { epsilon: 1e-3 }, { id: 'bn' });
      b.op('sigmoid', [bn], {}, { id: 'unread' });
      return [b.op('relu', [bn], {}, { id: 'act' })];
    });
    // The unread sigmoid would keep the relu apart if dead code did not go first.
    const after = apply(normaliseGraph, graph);
    expect(after.nodes.map((n) => [n.kind, n.id])).toEqual([['conv2d', 'act']]);
    expect(after.nodes[0]?.attrs).toMatchObject({ pads: [1, 1, 1, 1], activation: 'relu' });
  });

  it('leaves a graph that still takes another batch size', () => {
    for (let seed = 0; seed < 10; seed++) {
      const graph = setBatch(normaliseGraph(randomNetwork(seed)), 3);
      verifyGraph(graph, SHAPES);
    }
  });
});
