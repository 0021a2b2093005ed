import { describe, expect, it } from 'vitest';
import { IsplitError } from '../../../src/core/errors.js';
import { createRandom } from '../../../src/core/random.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { type Graph, tensorOf } from '../../../src/ir/graph.js';
import { verifyGraph } from '../../../src/ir/verify.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';
import { legaliseTflite } from '../../../src/passes/legalise-tflite.js';
import { normaliseGraph } from '../../../src/passes/normalise.js';
import { expectClose } from '../../ops/harness.js';
import { normal, randomNetwork } from './random-network.js';

const random = createRandom(7);
const VALID = { strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };

function network(body: (b: GraphBuilder, x: string) => string): Graph {
  const b = new GraphBuilder('net', SHAPES);
  return b.build([body(b, b.input('x', [1, 6, 5, 3]))]);
}

/** Legalised, verified and with unchanged outputs (float64 reference). */
function legalise(graph: Graph): { graph: Graph; kinds: string[] } {
  const legal = legaliseTflite(graph);
  verifyGraph(legal, SHAPES);
  expect(legal.outputs).toEqual(graph.outputs);
  const feeds = { x: normal(createRandom(5), tensorOf(graph, 'x').shape) };
  const [before, after] = [runReference(graph, feeds), runReference(legal, feeds)];
  for (const id of graph.outputs) expectClose(after[id] as Float64Array, before[id] as Float64Array, 1e-5, id);
  return { graph: legal, kinds: legal.nodes.map((n) => n.kind) };
}

const weights = (b: GraphBuilder, shape: number[]): string => b.constant('w', shape, normal(random, shape));

describe('legaliseTflite', () => {
  it('takes explicit padding out of convolutions and gives them a bias', () => {
    const { graph, kinds } = legalise(
      network((b, x) => b.op('conv2d', [x, weights(b, [4, 3, 3, 3])], { ...VALID, pads: [2, 0, 1, 2] }, { id: 'y' })),
    );
    expect(kinds).toEqual(['pad', 'conv2d']);
    expect(graph.nodes[1]?.attrs.pads).toEqual([0, 0, 0, 0]);
    expect(graph.nodes[1]?.inputs).toHaveLength(3);
  });

  it('leaves SAME padding, of even strides too, where it is', () => {
    const attrs = { ...VALID, strides: [2, 2], pads: [0, 1, 1, 1] };
    const { kinds } = legalise(network((b, x) => b.op('depthwise_conv2d', [x, weights(b, [1, 3, 3, 6])], attrs)));
    expect(kinds).toEqual(['depthwise_conv2d']);
  });

  it('pads max pools with what loses against negative values', () => {
    const attrs = { kernelSize: [3, 3], strides: [2, 2], pads: [1, 0, 1, 1] };
    const { kinds } = legalise(
      network((b, x) => b.op('max_pool2d', [b.op('sub', [x, b.constant('nine', [1], Float32Array.of(9))])], attrs)),
    );
    expect(kinds).toEqual(['sub', 'pad', 'max_pool2d']);
  });

  it('average pools: padding that counts, and explicit padding that does not', () => {
    const pool = (countIncludePad: boolean) =>
      legalise(
        network((b, x) =>
          b.op('avg_pool2d', [x], { kernelSize: [3, 3], strides: [1, 2], pads: [1, 1, 0, 2], countIncludePad }),
        ),
      ).kinds;
    expect(pool(true)).toEqual(['pad', 'avg_pool2d']);
    expect(pool(false)).toEqual(['pad', 'avg_pool2d', 'mul']);
  });

  it('means over height and width are average pools of the whole map, other means stay', () => {
    const over = (axes: number[], keepDims: boolean) =>
      legalise(network((b, x) => b.op('mean', [x], { axes, keepDims }, { id: 'y' }))).kinds;
    expect(over([1, 2], true)).toEqual(['avg_pool2d']);
    expect(over([-2, 1], false)).toEqual(['avg_pool2d', 'reshape']);
    expect(over([1], true)).toEqual(['mean']);
    expect(over([1, 2, 3], false)).toEqual(['mean']);
  });

  it('runs softmax along the last axis', () => {
    const { kinds } = legalise(network((b, x) => b.op('softmax', [x], { axis: 1 }, { id: 'y' })));
    expect(kinds).toEqual(['transpose', 'softmax', 'transpose']);
  });

  it('makes scale and shift of channels a depthwise convolution, with the activation behind it', () => {
    const { graph, kinds } = legalise(
      network((b, x) => {
        const scaled = b.op('mul', [x, weights(b, [3])]);
        return b.op('relu', [b.op('add', [scaled, weights(b, [3])])], {}, { id: 'y' });
      }),
    );
    expect(kinds).toEqual(['depthwise_conv2d']);
    expect(graph.nodes[0]?.attrs.activation).toBe('relu');
  });

  it('does the same with a batch norm that could not be folded', () => {
    const { kinds } = legalise(
      network((b, x) => {
        const positive = b.constant('p', [3], Float32Array.of(0.5, 1, 2));
        return b.op('batch_norm', [x, weights(b, [3]), weights(b, [3]), weights(b, [3]), positive], { epsilon: 1e-3 });
      }),
    );
    expect(kinds).toEqual(['depthwise_conv2d']);
  });

  it('multiplies instead of dividing by a constant', () => {
    const { kinds } = legalise(
      network((b, x) => b.op('div', [x, b.constant('d', [1], Float32Array.of(4))], {}, { id: 'y' })),
    );
    expect(kinds).toEqual(['mul']);
  });

  it('names every node that no operator expresses', () => {
    const graph = network((b, x) => b.op('exp', [b.op('log', [b.op('relu', [x])], {}, { id: 'a' })], {}, { id: 'b' }));
    let caught: unknown;
    try {
      legaliseTflite(graph);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(IsplitError);
    const { code, all } = caught as IsplitError;
    expect(code).toBe('E_HOOK_UNSUPPORTED');
    expect(all.map((p) => p.context?.node)).toEqual(['a', 'b']);
  });

  it('refuses weights that are computed', () => {
    const graph = network((b, x) => {
      const w = b.op('reshape', [b.op('mean', [x], { axes: [1, 2], keepDims: false })], { shape: [1, 1, 1, 3] });
      return b.op('conv2d', [x, w], VALID, { id: 'y' });
    });
    expect(() => legaliseTflite(graph)).toThrow(/computed/);
  });

  it('keeps the function and the ids of random networks', () => {
    let legalised = 0;
    for (let seed = 0; seed < 60; seed++) {
      const graph = normaliseGraph(randomNetwork(seed));
      try {
        legalise(graph);
        legalised++;
      } catch (error) {
        if (!(error instanceof IsplitError) || error.code !== 'E_HOOK_UNSUPPORTED') throw error;
      }
    }
    expect(legalised).toBeGreaterThan(30);
  });
});
