import { beforeAll, expect, it } from 'vitest';
import type { CompiledGraph, Engine } from '../../../src/engines/engine.js';
import { createOnnxEngine } from '../../../src/engines/onnx.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import type { Graph } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';

const SIZE = 256;
/** So many products of matrices that a run takes many turns of an idle event loop. */
const LAYERS = 60;
let engine: Engine;
let graph: Graph;
let feeds: { a: Float32Array; scale: Float32Array };

beforeAll(async () => {
  engine = await createOnnxEngine();
  const b = new GraphBuilder('products', SHAPES);
  const identity = new Float32Array(SIZE * SIZE);
  for (let i = 0; i < SIZE; i++) identity[i * (SIZE + 1)] = 1;
  const w = b.constant('w', [SIZE, SIZE], identity);
  const zero = b.constant('zero', [SIZE], new Float32Array(SIZE));
  let y = b.op('mul', [b.input('a', [SIZE, SIZE]), b.input('scale', [])], {}, { id: 'scaled' });
  for (let i = 0; i < LAYERS; i++) y = b.op('relu', [b.op('dense', [y, w, zero])]);
  const sum = b.op('sum', [y], { axes: [0, 1], keepDims: false }, { id: 'sum' });
  graph = b.build(['scaled', sum]);
  feeds = { a: Float32Array.from({ length: SIZE * SIZE }, (_, i) => i % 7), scale: Float32Array.of(2) };
});

async function apart(): Promise<CompiledGraph> {
  const compiled = await engine.compileApart?.(graph, { threads: 1 });
  if (!compiled) throw new Error('the engine has no threads');
  return compiled;
}

it('gives what compile gives, into given arrays too, while the caller’s thread goes on', async () => {
  const here = await engine.compile(graph, { threads: 1 });
  const there = await apart();
  try {
    const scaled = new Float32Array(SIZE * SIZE);
    let turns = 0;
    let running = true;
    const count = (): void => {
      turns++;
      if (running) setImmediate(count);
    };
    const result = there.run(feeds, { scaled }).finally(() => {
      running = false;
    });
    setImmediate(count);
    const values = await result;
    expect(values.scaled).toBe(scaled);
    expect(values).toEqual(await here.run(feeds));
    expect(scaled[5]).toBe(10);
    expect(turns).toBeGreaterThan(5);
  } finally {
    await there.dispose();
    await here.dispose();
  }
});

it('runs that are asked for at once do not mix, and wrong arrays are refused', async () => {
  const there = await apart();
  try {
    const runs = [1, 2, 3].map((factor) => there.run({ ...feeds, scale: Float32Array.of(factor) }));
    const sums = (await Promise.all(runs)).map(({ sum }) => sum?.[0] as number);
    const total = feeds.a.reduce((s, v) => s + v, 0);
    expect(sums.map((sum) => sum / total)).toEqual([1, 2, 3].map((factor) => expect.closeTo(factor, 4)));
    await expect(there.run({ a: feeds.a })).rejects.toThrow('feed "scale" needs 1 values');
  } finally {
    await there.dispose();
  }
});

it('a thread that has ended is an error of the engine', async () => {
  const there = await apart();
  const running = there.run(feeds);
  const ended = expect(running).rejects.toMatchObject({
    code: 'E_ENGINE',
    message: 'onnxruntime failed on "products": its thread has ended',
  });
  await there.dispose();
  await ended;
  await expect(there.run(feeds)).rejects.toMatchObject({ code: 'E_ENGINE' });
  const broken: Graph = {
    ...graph,
    tensors: new Map(
      [...graph.tensors].map(([id, t]) => [id, id === 'w' ? { ...t, shape: [2, 2], data: new Float32Array(4) } : t]),
    ),
  };
  await expect(engine.compileApart?.(broken)).rejects.toMatchObject({ code: 'E_ENGINE' });
});
