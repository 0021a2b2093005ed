import { describe, expect, it } from 'vitest';
import { parseTflite } from '../../converters/tflite/parse.js';
import { writeTflite } from '../../converters/tflite/write.js';
import { IsplitError } from '../../src/core/errors.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { Attrs, Graph, QuantParams } from '../../src/ir/graph.js';
import { SHAPES } from '../../src/ops/index.js';

function refusalOf(graph: Graph): IsplitError {
  try {
    writeTflite(graph);
  } catch (error) {
    if (error instanceof IsplitError) return error;
    throw error;
  }
  throw new Error('it was written');
}

const quant = (scale: number, zeroPoint: number): QuantParams => ({
  scale: Float32Array.of(scale),
  zeroPoint: Int32Array.of(zeroPoint),
  axis: 0,
});

/** One op on [1, 6, 6, 2] with a 3×3 filter where it wants one. */
function graphOf(kind: string, attrs: Attrs): Graph {
  const b = new GraphBuilder('refused', SHAPES);
  const x = b.input('image', [1, 6, 6, 2]);
  const filter = kind.startsWith('conv') ? [b.constant('filter', [2, 3, 3, 2], new Float32Array(36))] : [];
  return b.build([b.op(kind, [x, ...filter], attrs, { id: 'y' })]);
}

const square = { strides: [1, 1], dilations: [1, 1] };

describe('graphs that no TFLite operator expresses', () => {
  it.each<[string, string, Attrs, RegExp]>([
    [
      'pads of its own',
      'conv2d',
      { ...square, pads: [2, 0, 1, 1] },
      /conv2d: pads \[2,0,1,1\] are neither SAME nor VALID/,
    ],
    ['pads of its own', 'max_pool2d', { kernelSize: [3, 3], strides: [1, 1], pads: [1, 1, 2, 0] }, /max_pool2d: pads/],
    [
      'padding that counts',
      'avg_pool2d',
      { kernelSize: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], countIncludePad: true },
      /avg_pool2d: the padding counts in the mean/,
    ],
    [
      'dilation',
      'conv2d_transpose',
      { strides: [1, 1], dilations: [2, 2], pads: [0, 0, 0, 0], outputSize: [10, 10] },
      /conv2d_transpose: dilations \[2,2\]/,
    ],
    [
      'a crop of its own',
      'conv2d_transpose',
      { ...square, pads: [2, 0, 0, 2], outputSize: [6, 6] },
      /conv2d_transpose: pads \[2,0,0,2\] are neither SAME nor VALID/,
    ],
    ['another axis', 'softmax', { axis: 1 }, /softmax: softmax over axis 1 of 4/],
    ['no hook', 'sqrt', {}, /sqrt: runs in the float tail/],
    ['a pass is missing', 'identity', {}, /identity: passes remove it/],
  ])('%s: %s', (_, kind, attrs, message) => {
    const error = refusalOf(graphOf(kind, attrs));
    expect(error.code).toBe('E_HOOK_UNSUPPORTED');
    expect(error.message).toMatch(message);
    expect(error.message).toContain('operator 0 "y"');
    expect(error.hint).toMatch(/docs\/supported-ops\.md/);
  });

  it('names all of them at once', () => {
    const b = new GraphBuilder('many', SHAPES);
    let x = b.input('image', [1, 4]);
    for (const kind of ['sqrt', 'relu', 'exp', 'sqrt']) x = b.op(kind, [x], {});
    const error = refusalOf(b.build([x]));
    expect(error.message).toMatch(/"many" has 3 operators that cannot be written as TFLite/);
    expect(error.context.operators).toMatchObject([{ index: 0 }, { index: 2 }, { index: 3 }]);
  });

  it('int8 without quantization', () => {
    const b = new GraphBuilder('int8', SHAPES);
    const x = b.input('image', [1, 4], 'int8');
    expect(refusalOf(b.build([b.op('relu', [x], {})])).message).toMatch(/relu: "image" is int8 without quantization/);
  });

  it('an output that is a constant', () => {
    const b = new GraphBuilder('constant', SHAPES);
    b.input('image', [1, 4]);
    expect(refusalOf(b.build([b.constant('c', [1], Float32Array.of(1))])).message).toMatch(/output: it is a constant/);
  });

  it('attributes of quantize and dequantize that the tensors do not carry', () => {
    const b = new GraphBuilder('quantize', SHAPES);
    const x = b.input('image', [1, 4]);
    const attrs = { scale: 0.5, zeroPoint: 3, dtype: 'int8' };
    const q = b.op('quantize', [x], attrs, { id: 'q', quant: quant(0.25, 3) });
    const y = b.op('dequantize', [q], { scale: 0.5, zeroPoint: 3 }, { id: 'y' });
    expect(refusalOf(b.build([y])).message).toMatch(/quantize: "q" does not carry the scale 0\.5.*dequantize: "q"/);
  });
});

describe('graphs with quantize and dequantize', () => {
  it('are written with the tensors’ quantization and the lowest versions', () => {
    const b = new GraphBuilder('borders', SHAPES);
    const x = b.input('image', [1, 4]);
    const q = b.op('quantize', [x], { scale: 0.5, zeroPoint: 3, dtype: 'int8' }, { id: 'q', quant: quant(0.5, 3) });
    const again = { scale: 0.25, zeroPoint: -1, dtype: 'int8', inputScale: 0.5, inputZeroPoint: 3 };
    const r = b.op('quantize', [q], again, { id: 'r', quant: quant(0.25, -1) });
    const y = b.op('dequantize', [r], { scale: 0.25, zeroPoint: -1 }, { id: 'y' });
    const model = parseTflite(writeTflite(b.build([y])));
    expect(model.operators.map((op) => [op.builtin, op.version])).toEqual([
      ['QUANTIZE', 1],
      ['QUANTIZE', 1],
      ['DEQUANTIZE', 2],
    ]);
    expect(model.tensors.map((t) => [t.name, t.type, t.quant?.scale[0], t.quant?.zeroPoint[0]])).toEqual([
      ['image', 'FLOAT32', undefined, undefined],
      ['q', 'INT8', 0.5, 3],
      ['r', 'INT8', 0.25, -1],
      ['y', 'FLOAT32', undefined, undefined],
    ]);
  });
});
