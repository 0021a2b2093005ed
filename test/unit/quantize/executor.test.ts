import { describe, expect, it } from 'vitest';
import { IsplitError } from '../../../src/core/errors.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import type { Graph, QuantParams } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';
import { prepareInt8 } from '../../../src/quantize/executor.js';

const quant = (scale: number, zeroPoint: number): QuantParams => ({
  scale: Float32Array.of(scale),
  zeroPoint: Int32Array.of(zeroPoint),
  axis: 0,
});

/** x → dense (weights 2 and −3) → relu, which rescales when the scales differ. */
function denseRelu(reluScale: number): Graph {
  const b = new GraphBuilder('tiny', SHAPES);
  const x = b.input('x', [1, 1], 'int8', quant(1, 0));
  const w = b.constant('w', [2, 1], Int8Array.of(2, -3), 'int8', quant(1, 0));
  const bias = b.constant('b', [2], Int32Array.of(1, 1), 'int32', quant(1, 0));
  const linear = b.op('dense', [x, w, bias], {}, { id: 'y/linear', quant: quant(1, 5) });
  return b.build([b.op('relu', [linear], {}, { id: 'y', quant: quant(reluScale, 5) })]);
}

describe('prepareInt8', () => {
  it('fuses an activation that only clamps, and keeps one that rescales', () => {
    const clamps = prepareInt8(denseRelu(1));
    // 2 · 10 + 1 = 21 and −3 · 10 + 1 = −29, with zero point 5.
    expect([...(clamps.run([Int8Array.of(10)])[0] ?? [])]).toEqual([26, 5]);
    expect([...clamps.trace([Int8Array.of(-1)]).keys()]).toEqual(['x', 'y']);
    const rescales = prepareInt8(denseRelu(0.5));
    expect([...(rescales.run([Int8Array.of(10)])[0] ?? [])]).toEqual([47, 5]);
    const trace = rescales.trace([Int8Array.of(10)]);
    expect([...(trace.get('y/linear') ?? [])]).toEqual([26, -24]);
  });

  it('does not change its inputs and reuses its outputs', () => {
    const program = prepareInt8(denseRelu(1));
    const input = Int8Array.of(3);
    const first = program.run([input])[0];
    expect(program.run([Int8Array.of(4)])[0]).toBe(first);
    expect([...input]).toEqual([3]);
  });

  it('wants inputs of the right dtype and size', () => {
    const program = prepareInt8(denseRelu(1));
    expect(() => program.run([new Int8Array(2)])).toThrow(/"x" takes 1 values of int8, got 2/);
    expect(() => program.run([new Float32Array(1)])).toThrow(/int8/);
    expect(() => program.run([])).toThrow(/got none/);
  });

  it('names every node that it cannot run', () => {
    const b = new GraphBuilder('float', SHAPES);
    const x = b.input('x', [1, 4]);
    const w = b.constant('w', [2, 4], new Float32Array(8));
    const y = b.op('relu', [b.op('dense', [x, w], {}, { id: 'fc' })], {}, { id: 'act' });
    const root = b.op('sqrt', [y], {}, { id: 'root' });
    const error = catchError(() => prepareInt8(b.build([root])));
    expect(error.all.map(({ context }) => context?.node)).toEqual(['act', 'root']);
    expect(error.code).toBe('E_INT8_UNSUPPORTED');
    expect(error.all[0]?.message).toMatch(/"act" \(dense\): "x": float32/);
  });

  it.each([
    ['int8 without quantization', undefined, /without quantization/],
    ['scale 0', quant(0, 0), /scale 0/],
    ['an endless scale', quant(Number.POSITIVE_INFINITY, 0), /scale Infinity/],
    ['a scale that is no number', quant(Number.NaN, 0), /scale NaN/],
    ['a zero point outside int8', quant(1, 300), /zero point 300/],
  ])('refuses %s', (_name, input, message) => {
    const b = new GraphBuilder('bad', SHAPES);
    const x = b.input('x', [1, 4], 'int8', input);
    const y = b.op('hard_swish', [x], {}, { id: 'y', quant: quant(1, 0) });
    expect(catchError(() => prepareInt8(b.build([y]))).message).toMatch(message);
  });

  it('refuses kernels that would have to rescale', () => {
    const b = new GraphBuilder('pool', SHAPES);
    const x = b.input('x', [1, 4, 4, 1], 'int8', quant(1, 0));
    const attrs = { kernelSize: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] };
    const y = b.op('max_pool2d', [x], attrs, { id: 'y', quant: quant(2, 0) });
    expect(catchError(() => prepareInt8(b.build([y]))).message).toMatch(/does not rescale/);
  });

  it('refuses sizes that no device has before it takes the memory', () => {
    const b = new GraphBuilder('huge', SHAPES);
    const x = b.input('x', [1, 40_000, 40_000, 1], 'int8', quant(1, 0));
    const y = b.op('relu6', [x], {}, { id: 'y', quant: quant(1, 0) });
    expect(catchError(() => prepareInt8(b.build([y]))).message).toMatch(/3200000000 B.*"x" alone/s);
  });

  it('refuses padding without end', () => {
    const b = new GraphBuilder('dilated', SHAPES);
    const x = b.input('x', [1, 4, 4, 1], 'int8', quant(1, 0));
    const w = b.constant('w', [1, 3, 3, 1], new Int8Array(9), 'int8', quant(1, 0));
    const far = 500_000_000;
    const attrs = { strides: [1, 1], dilations: [far, far], pads: [far, far, far, far] };
    const y = b.op('conv2d', [x, w], attrs, { id: 'y', quant: quant(1, 0) });
    expect(catchError(() => prepareInt8(b.build([y]))).message).toMatch(/too much memory/);
  });
});

function catchError(run: () => unknown): IsplitError {
  try {
    run();
  } catch (error) {
    if (error instanceof IsplitError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
