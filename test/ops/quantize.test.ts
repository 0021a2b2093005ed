/** Quantize and dequantize against TFLite's definition: the harness feeds float32 only. */
import { describe, expect, it } from 'vitest';
import { gradientGraph } from '../../src/autodiff/gradients.js';
import { createEngine } from '../../src/engines/index.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { Graph } from '../../src/ir/graph.js';
import { verifyGraph } from '../../src/ir/verify.js';
import { SHAPES } from '../../src/ops/index.js';
import { runReference } from '../../src/ops/reference.js';

interface Affine {
  readonly scale: number;
  readonly zeroPoint: number;
}

function quantizeGraph(to: Affine, dtype: string, count: number): Graph {
  const b = new GraphBuilder('quantize', SHAPES);
  const q = b.op('quantize', [b.input('x', [count])], { ...to, dtype }, { id: 'q' });
  return b.build([b.op('dequantize', [q], { ...to }, { id: 'y' })]);
}

/** Codes by hand from round(x / scale) + zeroPoint with halves away from zero, clamped. */
const TABLE: readonly (readonly [string, Affine, string, readonly (readonly [number, number])[]])[] = [
  [
    'int8, halves and limits',
    { scale: 0.5, zeroPoint: -3 },
    'int8',
    [
      [0, -3],
      [0.25, -2],
      [-0.25, -4],
      [0.75, -1],
      [-0.75, -5],
      [1.25, 0],
      [-1.25, -6],
      [0.2499, -3],
      [-0.2499, -3],
      [1000, 127],
      [-1000, -128],
    ],
  ],
  [
    'uint8',
    { scale: 1 / 128, zeroPoint: 128 },
    'uint8',
    [
      [-1, 0],
      [0, 128],
      [1, 255],
      [0.5 / 128, 129],
      [-0.5 / 128, 127],
    ],
  ],
  [
    'int16',
    { scale: 0.001, zeroPoint: 0 },
    'int16',
    [
      [1, 1000],
      [-12.3454, -12345],
      [100, 32767],
    ],
  ],
];

describe.each(TABLE)('quantize to %s', (_name, to, dtype, rows) => {
  const x = Float32Array.from(rows, ([v]) => v);
  const graph = quantizeGraph(to, dtype, rows.length);
  const real = rows.map(([, q]) => Math.fround(to.scale) * (q - to.zeroPoint));

  it('reference', () => {
    verifyGraph(graph, SHAPES);
    expect([...(runReference(graph, { x }, ['q']).q as Float64Array)]).toEqual(rows.map(([, q]) => q));
    expect([...(runReference(graph, { x }).y as Float64Array)]).toEqual(real);
  });

  it.each(['onnx', 'tfjs-cpu', 'tfjs-wasm'] as const)('%s', async (id) => {
    const compiled = await (await createEngine(id)).compile(graph, { threads: 1 });
    const { y } = await compiled.run({ x });
    expect(y).toEqual(Float32Array.from(real));
    await compiled.dispose();
  });
});

describe('requantize', () => {
  it('goes through real values: uint8 to int8 with the same scale is a shift by 128', () => {
    const b = new GraphBuilder('requantize', SHAPES);
    const q = b.input('q', [4], 'uint8');
    const attrs = { scale: 0.02, zeroPoint: -128, dtype: 'int8', inputScale: 0.02, inputZeroPoint: 0 };
    const graph = b.build([b.op('quantize', [q], attrs, { id: 'y' })]);
    verifyGraph(graph, SHAPES);
    expect([...(runReference(graph, { q: [0, 1, 200, 255] }).y as Float64Array)]).toEqual([-128, -127, 72, 127]);
  });

  it('needs the quantization of the input', () => {
    const b = new GraphBuilder('requantize', SHAPES);
    const q = b.input('q', [4], 'uint8');
    expect(() => b.op('quantize', [q], { scale: 0.02, zeroPoint: 0, dtype: 'int8' })).toThrow(/inputScale/);
  });
});

describe('gradient', () => {
  it('passes straight through inside the range and is zero outside', () => {
    const graph = quantizeGraph({ scale: 0.5, zeroPoint: -3 }, 'int8', 4);
    const made = gradientGraph(graph, { of: 'y', wrt: ['x'] }, 'seed');
    verifyGraph(made.graph, SHAPES);
    const id = made.gradients.get('x') as string;
    const feeds = { x: [0.3, -7.1, 1000, -1000], seed: [2, 3, 4, 5] };
    expect([...(runReference(made.graph, feeds, [id])[id] as Float64Array)]).toEqual([2, 3, 0, 0]);
  });
});
