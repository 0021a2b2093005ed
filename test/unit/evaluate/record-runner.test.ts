import { describe, expect, it } from 'vitest';
import { createRecordRunner, hasIntegerActivations } from '../../../src/evaluate/record-runner.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import type { Graph } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';
import { referenceEngine } from './reference-engine.js';

const engine = async (): Promise<typeof referenceEngine> => referenceEngine;
const noEngine = (): Promise<never> => Promise.reject(new Error('an int8 network needs no engine'));
const quant = { scale: Float32Array.of(0.5), zeroPoint: Int32Array.of(-1), axis: 0 };

/** a [1, 2] and b [1, 1] → b − a[0..1], and a unchanged. */
function floatGraph(): Graph {
  const builder = new GraphBuilder('two-in-two-out', SHAPES);
  const a = builder.input('a', [1, 2]);
  const b = builder.input('b', [1, 1]);
  return builder.build([builder.op('sub', [b, a]), builder.op('relu', [a])]);
}

/** float [1, 2, 2, 1] → int8 → max-pool → float [1, 1, 1, 1]. */
function mixedGraph(): Graph {
  const builder = new GraphBuilder('mixed', SHAPES);
  const x = builder.input('x', [1, 2, 2, 1]);
  const q = builder.op('quantize', [x], { scale: 0.5, zeroPoint: -1, dtype: 'int8' }, { quant });
  const pool = builder.op('max_pool2d', [q], { kernelSize: [2, 2], strides: [1, 1], pads: [0, 0, 0, 0] }, { quant });
  return builder.build([builder.op('dequantize', [pool], { scale: 0.5, zeroPoint: -1 })]);
}

function bytesOf(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** At an odd address: records come out of files, nothing is aligned. */
function unaligned(bytes: Uint8Array): Uint8Array {
  const moved = new Uint8Array(bytes.length + 1);
  moved.set(bytes, 1);
  return moved.subarray(1);
}

const floatsOf = (bytes: Uint8Array): number[] => [...new Float32Array(bytes.slice().buffer)];

describe('createRecordRunner', () => {
  it('takes all inputs of a record after one another, and gives all outputs so', async () => {
    const runner = await createRecordRunner(floatGraph(), { engine });
    expect([runner.inputBytes, runner.outputBytes, runner.by]).toEqual([12, 16, 'reference loops']);
    const records = unaligned(bytesOf(1, -2, 10, 3, 4, 20, -5, 6, 30));
    expect(floatsOf(await runner.run(records, 3, {}))).toEqual([9, 12, 1, 0, 17, 16, 3, 4, 35, 24, 0, 6]);
  });

  it('runs an int8 network in the executor, also between float borders', async () => {
    expect(hasIntegerActivations(mixedGraph())).toBe(true);
    const runner = await createRecordRunner(mixedGraph(), { engine: noEngine, threads: 1 });
    expect([runner.inputBytes, runner.outputBytes, runner.by]).toEqual([16, 4, 'int8 executor']);
    // 3.3 / 0.5 = 6.6 → 7 steps = 3.5; 200 saturates at (127 + 1) · 0.5; −0.25 is half a step and rounds away from zero.
    const records = bytesOf(3.3, -1, 0, 2, 200, 1, 1, 1, -0.25, -9, -9, -9);
    expect(floatsOf(await runner.run(records, 3, {}))).toEqual([3.5, 64, -0.5]);
  });

  it('weights alone make no integer network', () => {
    const builder = new GraphBuilder('weights', SHAPES);
    const w = builder.constant('w', [1, 2], Int8Array.of(1, 2), 'int8', quant);
    const x = builder.input('x', [1, 2]);
    const graph = builder.build([builder.op('add', [x, x])]);
    expect(graph.tensors.get(w)?.dtype).toBe('int8');
    expect(hasIntegerActivations(graph)).toBe(false);
  });
});
