import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.js';
import { createOnnxEngine } from '../../src/engines/onnx.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { elementCount, type Graph, type Shape } from '../../src/ir/graph.js';
import { SHAPES } from '../../src/ops/index.js';
import { runReference } from '../../src/ops/reference.js';
import type { Pads } from '../../src/ops/window.js';
import { planWinograd } from '../../src/ops/winograd.js';

/** Channels of which the float64 loops compute the result: all would take seconds. */
const CHECKED = 3;
const CHANNELS = [160, 168] as const;

interface Case {
  readonly name: string;
  readonly tile: 2 | 4;
  readonly input: readonly [number, number, number];
  readonly pads: Pads;
}

const CASES: readonly Case[] = [
  { name: 'tiles of 4, same padding', tile: 4, input: [16, 8, 16], pads: [1, 1, 1, 1] },
  { name: 'tiles of 2, same padding', tile: 2, input: [16, 4, 8], pads: [1, 1, 1, 1] },
  { name: 'tiles of 2, unequal padding', tile: 2, input: [32, 4, 6], pads: [2, 0, 0, 2] },
  { name: 'tiles of 2, no padding', tile: 2, input: [32, 6, 6], pads: [0, 0, 0, 0] },
  { name: 'tiles of 4, more padding than a kernel', tile: 4, input: [32, 6, 7], pads: [3, 1, 2, 1] },
];

const random = createRandom(11);
const normal = (shape: Shape, scale: number): Float32Array =>
  Float32Array.from({ length: elementCount(shape) }, () => scale * random.normal());

/** First `count` entries of the first axis. */
const firstRows = (data: Float32Array, shape: Shape, count: number): Float32Array =>
  data.slice(0, (count * data.length) / (shape[0] as number));
/** First `count` entries of the last axis. */
const firstChannels = (data: Float32Array, shape: Shape, count: number): Float32Array =>
  data.filter((_, i) => i % (shape.at(-1) as number) < count);

function oneNode(kind: string, shapes: Readonly<Record<string, Shape>>, attrs: object): Graph {
  const b = new GraphBuilder(kind, SHAPES);
  const inputs = Object.entries(shapes).map(([id, shape]) => b.input(id, shape));
  return b.build([b.op(kind, inputs, attrs as Record<string, never>, { id: 'y' })]);
}

async function onEngine(graph: Graph, feeds: Readonly<Record<string, Float32Array>>): Promise<Float32Array> {
  const compiled = await (await createOnnxEngine()).compile(graph);
  const { y } = await compiled.run(feeds);
  await compiled.dispose();
  return y as Float32Array;
}

function expectNear(actual: Float32Array, expected: Float64Array): void {
  expect(actual.length).toBe(expected.length);
  const size = expected.reduce((top, v) => Math.max(top, Math.abs(v)), 0);
  const error = expected.reduce((top, v, i) => Math.max(top, Math.abs(v - (actual[i] as number))), 0);
  expect(error / size).toBeLessThan(3e-5);
  expect(size).toBeGreaterThan(0.1);
}

describe.each(CASES)('learnt 3×3 convolutions in $name', ({ tile, input: [n, h, w], pads }) => {
  const [i, o] = CHANNELS;
  const [oh, ow] = [h + pads[0] + pads[1] - 2, w + pads[2] + pads[3] - 2];
  const shapes = { x: [n, h, w, i], filter: [o, 3, 3, i], bias: [o], dy: [n, oh, ow, o] };
  const conv = { strides: [1, 1], dilations: [1, 1], pads } as const;
  const x = normal(shapes.x, 1);
  const filter = normal(shapes.filter, 0.03);
  const bias = normal(shapes.bias, 1);
  const dy = normal(shapes.dy, 1);

  it('forward, with bias and activation', async () => {
    expect(planWinograd(conv, [3, 3], [n, h, w, i], [n, oh, ow, o])?.tile).toBe(tile);
    const attrs = { ...conv, activation: 'relu' };
    const { x: xShape, filter: filterShape, bias: biasShape } = shapes;
    const y = await onEngine(oneNode('conv2d', { x: xShape, filter: filterShape, bias: biasShape }, attrs), {
      x,
      filter,
      bias,
    });
    const few = oneNode('conv2d', { x: xShape, filter: [CHECKED, 3, 3, i], bias: [CHECKED] }, attrs);
    const expected = runReference(few, {
      x,
      filter: firstRows(filter, filterShape, CHECKED),
      bias: bias.slice(0, CHECKED),
    });
    expectNear(firstChannels(y, shapes.dy, CHECKED), expected.y as Float64Array);
  });

  it('gradient of the input', async () => {
    const attrs = { ...conv, inputSize: [h, w] };
    const y = await onEngine(oneNode('conv2d_input_grad', { dy: shapes.dy, filter: shapes.filter }, attrs), {
      dy,
      filter,
    });
    const few = oneNode('conv2d_input_grad', { dy: shapes.dy, filter: [o, 3, 3, CHECKED] }, attrs);
    const expected = runReference(few, { dy, filter: firstChannels(filter, shapes.filter, CHECKED) });
    expectNear(firstChannels(y, shapes.x, CHECKED), expected.y as Float64Array);
  });

  it('gradient of the filter', async () => {
    const attrs = { ...conv, kernelSize: [3, 3] };
    const y = await onEngine(oneNode('conv2d_filter_grad', { x: shapes.x, dy: shapes.dy }, attrs), { x, dy });
    const few = oneNode('conv2d_filter_grad', { x: shapes.x, dy: [n, oh, ow, CHECKED] }, attrs);
    const expected = runReference(few, { x, dy: firstChannels(dy, shapes.dy, CHECKED) });
    expectNear(firstRows(y, shapes.filter, CHECKED), expected.y as Float64Array);
  });
});

describe('planWinograd', () => {
  const conv = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] } as const;
  const size = (c: number): [number, number, number, number] => [32, 8, 8, c];

  it.each([
    ['strides', { ...conv, strides: [2, 2] as const }, [3, 3], size(256)],
    ['dilations', { ...conv, dilations: [2, 2] as const }, [3, 3], size(256)],
    ['other kernels', conv, [5, 5], size(256)],
    ['few channels', conv, [3, 3], size(64)],
    ['odd sizes', conv, [3, 3], [32, 7, 7, 256]],
    ['few tiles', conv, [3, 3], [1, 8, 8, 256]],
  ] as const)('leaves %s alone', (_, attrs, kernel, shape) => {
    expect(planWinograd(attrs, kernel, shape, shape)).toBeUndefined();
  });
});
