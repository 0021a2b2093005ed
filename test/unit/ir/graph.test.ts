import { describe, expect, it } from 'vitest';
import type { IsplitError } from '../../../src/core/errors.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import type { Graph, Tensor } from '../../../src/ir/graph.js';
import { enumerateCuts, parseCutId, partitionGraph } from '../../../src/ir/partition.js';
import { verifyGraph } from '../../../src/ir/verify.js';
import { SHAPES } from '../../../src/ops/index.js';
import { setBatch } from '../../../src/passes/set-batch.js';

/** x → a → b → (+ a) → y: a residual edge goes around b. */
function residual(): Graph {
  const g = new GraphBuilder('residual', SHAPES);
  const x = g.input('x', [1, 2, 2, 3]);
  const a = g.op('relu', [x], {}, { id: 'a' });
  const b = g.op('tanh', [a], {}, { id: 'b' });
  const sum = g.op('add', [b, a], {}, { id: 'sum' });
  return g.build([g.op('sigmoid', [sum], {}, { id: 'y' })]);
}

const withTensor = (graph: Graph, id: string, change: Partial<Tensor>): Graph => ({
  ...graph,
  tensors: new Map(graph.tensors).set(id, { ...(graph.tensors.get(id) as Tensor), ...change }),
});

const violations = (graph: Graph): string => {
  try {
    verifyGraph(graph, SHAPES);
    return '';
  } catch (error) {
    return (error as IsplitError).all.map((p) => p.message).join('\n');
  }
};

describe('verifyGraph', () => {
  const graph = residual();
  it('accepts what the builder makes', () => expect(violations(graph)).toBe(''));
  it.each<[string, Graph, RegExp]>([
    [
      'a wrong shape',
      withTensor(graph, 'b', { shape: [1, 2, 2, 4] }),
      /"b" is recorded as float32 1x2x2x4 but tanh gives float32 1x2x2x3/,
    ],
    ['a wrong dtype', withTensor(graph, 'b', { dtype: 'int8' }), /recorded as int8/],
    [
      'a dimension of zero',
      withTensor(graph, 'x', { shape: [1, 0, 2, 3] }),
      /every dimension must be a positive integer/,
    ],
    ['use before definition', { ...graph, nodes: [...graph.nodes].reverse() }, /reads "sum" before it is computed/],
    [
      'two writers',
      { ...graph, nodes: [...graph.nodes, { ...(graph.nodes[0] as Graph['nodes'][0]), id: 'again' }] },
      /"a" is computed twice/,
    ],
    [
      'an unknown kind',
      { ...graph, nodes: graph.nodes.map((n) => (n.id === 'b' ? { ...n, kind: 'swirl' } : n)) },
      /unknown kind "swirl"/,
    ],
    [
      'a missing tensor',
      { ...graph, nodes: graph.nodes.map((n) => (n.id === 'b' ? { ...n, inputs: ['nowhere'] } : n)) },
      /reads "nowhere", which does not exist/,
    ],
    ['no output', { ...graph, outputs: [] }, /no output/],
    [
      'a constant of the wrong size',
      withTensor(graph, 'x', { data: new Float32Array(3) }),
      /3 values for shape 1x2x2x3/,
    ],
    [
      'a scale of zero',
      withTensor(graph, 'x', { quant: { scale: Float32Array.of(0), zeroPoint: Int32Array.of(0), axis: 0 } }),
      /not positive and finite/,
    ],
  ])('names %s', (_name, broken, message) => expect(violations(broken)).toMatch(message));
  it('reports all violations at once', () => {
    const broken = withTensor(withTensor(graph, 'b', { shape: [9] }), 'sum', { shape: [8] });
    expect(violations(broken).split('\n').length).toBeGreaterThan(2);
  });
});

describe('cuts', () => {
  const graph = residual();
  it('are the sets of tensors alive between nodes', () => {
    expect(enumerateCuts(graph)).toEqual([['a'], ['a', 'b'], ['sum']]);
    expect(enumerateCuts(graph, 1)).toEqual([['a'], ['sum']]);
  });
  it('separate head from tail, or the missing edge is named', () => {
    const { head, tail } = partitionGraph(graph, ['a', 'b']);
    expect(head.nodes.map((n) => n.id)).toEqual(['a', 'b']);
    expect(tail.nodes.map((n) => n.id)).toEqual(['sum', 'y']);
    expect(() => partitionGraph(graph, ['b'])).toThrow(/the tail would also need "a"/);
    expect(() => partitionGraph(graph, ['nope'])).toThrow(/no tensor "nope"/);
  });
  it('are read back from their ids, also when a layer has a + in its name', () => {
    expect(parseCutId(graph, 'a+b')).toEqual(['a', 'b']);
    const g = new GraphBuilder('plus', SHAPES);
    const x = g.input('x', [1, 4]);
    const odd = g.build([g.op('relu', [g.op('tanh', [x], {}, { id: 'a+b' })], {}, { id: 'c' })]);
    expect(parseCutId(odd, 'a+b')).toEqual(['a+b']);
    expect(parseCutId(odd, 'a+b+c')).toEqual(['a+b', 'c']);
    expect(() => parseCutId(odd, 'a+q')).toThrow(expect.objectContaining({ code: 'E_CUT_UNKNOWN' }));
  });
  it.each([
    ['summ', '"summ" to cut at; did you mean "sum"?'],
    ['a+zzzzzz+b', 'no tensor "zzzzzz" to cut at'],
    ['a+b+a', 'names "a" twice'],
    ['x', '"x" is the input'],
    ['x+a', '"x" is the input'],
    ['', 'needs at least one tensor'],
  ])('say what is wrong with them: %j', (id, message) => {
    const cut = () => partitionGraph(graph, parseCutId(graph, id));
    expect(cut).toThrow(expect.objectContaining({ code: 'E_CUT_UNKNOWN' }));
    expect(cut).toThrow(message);
  });
});

describe('setBatch', () => {
  it('infers every shape anew and leaves the graph valid', () => {
    const wide = setBatch(residual(), 5);
    expect(violations(wide)).toBe('');
    expect(wide.tensors.get('y')?.shape).toEqual([5, 2, 2, 3]);
  });
});
