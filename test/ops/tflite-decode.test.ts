/** What TFLite operators become: the decoders of ops with options, constant operands or refusals. */
import { describe, expect, it } from 'vitest';
import type { Attrs, DType, QuantParams, Shape, Tensor, TypedArray } from '../../src/ir/graph.js';
import { OPS, opDef } from '../../src/ops/index.js';
import { isUnsupported, type TfliteDecode, type TfliteOperator, type TfliteSink } from '../../src/ops/op-def.js';

/** Every builtin that some op decodes. */
const DECODERS = new Map<string, TfliteDecode>();
for (const kind of Object.keys(OPS)) {
  const { decode } = opDef(kind).tflite;
  if (isUnsupported(decode)) continue;
  for (const [builtin, f] of Object.entries(decode)) {
    if (DECODERS.has(builtin)) throw new Error(`${builtin} is decoded twice`);
    DECODERS.set(builtin, f);
  }
}

function tensor(
  id: string,
  shape: Shape,
  more: { data?: TypedArray; dtype?: DType; quant?: QuantParams } = {},
): Tensor {
  return { id, shape, dtype: 'float32', ...more };
}

function quant(scale: number[], zeroPoint: number[], axis = 0): QuantParams {
  return { scale: Float32Array.from(scale), zeroPoint: Int32Array.from(zeroPoint), axis };
}

/** The emitted nodes as [kind, inputs, attrs]; constants and inner values show up as such. */
function decode(
  builtin: string,
  inputs: readonly (Tensor | undefined)[],
  options: TfliteOperator['options'] = {},
  output: Tensor = tensor('y', [1, 4]),
): unknown[] {
  const seen: unknown[] = [];
  const record = (kind: string, ids: readonly string[], attrs: Attrs): void => {
    seen.push([kind, [...ids], attrs]);
  };
  const sink: TfliteSink = {
    emit: record,
    emitFused: (kind, ids, attrs) => record(`${kind}+activation`, ids, attrs),
    inner: (kind, ids, attrs, suffix) => {
      record(kind, ids, attrs);
      return `y/${suffix}`;
    },
    constant: (suffix, shape, data) => {
      seen.push([suffix, shape, [...data]]);
      return `y/${suffix}`;
    },
    refuse: (why) => {
      throw new Error(`refused: ${why}`);
    },
  };
  const f = DECODERS.get(builtin);
  if (!f) throw new Error(`nothing decodes ${builtin}`);
  f({ builtin, version: 1, options, inputs, outputs: [output] }, sink);
  return seen;
}

const x = tensor('x', [1, 2, 2, 3]);
const int32 = (id: string, ...values: number[]): Tensor =>
  tensor(id, [values.length], { dtype: 'int32', data: Int32Array.from(values) });

describe('element-wise operators', () => {
  it.each([
    ['RELU', 'relu'],
    ['RELU6', 'relu6'],
    ['HARD_SWISH', 'hard_swish'],
    ['LOGISTIC', 'sigmoid'],
    ['TANH', 'tanh'],
    ['EXP', 'exp'],
    ['LOG', 'log'],
    ['SQRT', 'sqrt'],
    ['ABS', 'abs'],
  ])('%s', (builtin, kind) => {
    expect(decode(builtin, [x])).toEqual([[kind, ['x'], {}]]);
    expect(() => decode(builtin, [undefined])).toThrow(/lacks/);
  });

  it('LEAKY_RELU with its slope', () => {
    expect(decode('LEAKY_RELU', [x], { alpha: 0.25 })).toEqual([['leaky_relu', ['x'], { alpha: 0.25 }]]);
  });

  it.each(['SUB', 'DIV', 'ADD', 'MUL'])('%s with its fused activation', (builtin) => {
    expect(decode(builtin, [x, tensor('c', [3])])).toEqual([[`${builtin.toLowerCase()}+activation`, ['x', 'c'], {}]]);
  });

  it('refuses RELU_N1_TO_1 and softmax with another beta', () => {
    expect(() => decode('RELU_N1_TO_1', [x])).toThrow(/-1\.\.1/);
    expect(() => decode('SOFTMAX', [x], { beta: 0.5 })).toThrow(/beta 0\.5/);
    expect(decode('SOFTMAX', [x], { beta: 1 })).toEqual([['softmax', ['x'], { axis: -1 }]]);
  });
});

describe('reductions', () => {
  it.each([
    ['MEAN', 'mean'],
    ['REDUCE_MAX', 'reduce_max'],
  ])('%s takes its axes from a constant', (builtin, kind) => {
    const attrs = { axes: [1, 2], keepDims: true };
    expect(decode(builtin, [x, int32('axes', 1, 2)], { keep_dims: true })).toEqual([[kind, ['x'], attrs]]);
    expect(() => decode(builtin, [x, tensor('axes', [2], { dtype: 'int32' })])).toThrow(/run time/);
  });
});

describe('shapes', () => {
  it.each(['RESHAPE', 'SQUEEZE', 'EXPAND_DIMS'])('%s writes the batch as -1', (builtin) => {
    const flat = tensor('y', [1, 12]);
    expect(decode(builtin, [x], {}, flat)).toEqual([['reshape', ['x'], { shape: [-1, 12] }]]);
    expect(decode(builtin, [x], {}, tensor('y', [4, 3]))).toEqual([['reshape', ['x'], { shape: [4, 3] }]]);
  });

  it('TRANSPOSE takes its permutation from a constant', () => {
    expect(decode('TRANSPOSE', [x, int32('perm', 0, 3, 1, 2)])).toEqual([['transpose', ['x'], { perm: [0, 3, 1, 2] }]]);
    expect(() => decode('TRANSPOSE', [x, tensor('perm', [4])])).toThrow(/run time/);
  });

  it('CONCATENATION with its axis and fused activation', () => {
    expect(decode('CONCATENATION', [x, tensor('z', [1, 2, 2, 1])], { axis: 3 })).toEqual([
      ['concat+activation', ['x', 'z'], { axis: 3 }],
    ]);
  });
});

describe('quantization', () => {
  const int8 = (id: string, q: QuantParams, more: { data?: TypedArray } = {}): Tensor =>
    tensor(id, [1, 4], { dtype: 'int8', quant: q, ...more });

  it('QUANTIZE from float and from another quantization', () => {
    const to = int8('y', quant([0.5], [-3]));
    expect(decode('QUANTIZE', [tensor('x', [1, 4])], {}, to)).toEqual([
      ['quantize', ['x'], { scale: 0.5, zeroPoint: -3, dtype: 'int8' }],
    ]);
    const from = tensor('x', [1, 4], { dtype: 'uint8', quant: quant([0.25], [7]) });
    expect(decode('QUANTIZE', [from], {}, to)).toEqual([
      ['quantize', ['x'], { scale: 0.5, zeroPoint: -3, dtype: 'int8', inputScale: 0.25, inputZeroPoint: 7 }],
    ]);
    expect(() => decode('QUANTIZE', [x], {}, tensor('y', [1, 4], { dtype: 'int8' }))).toThrow(/without quantization/);
    expect(() => decode('QUANTIZE', [x], {}, int8('y', quant([1, 2, 3, 4], [0, 0, 0, 0], 1)))).toThrow(/per channel/);
  });

  it('DEQUANTIZE of activations, and of constants per channel at once', () => {
    expect(decode('DEQUANTIZE', [int8('x', quant([0.5], [-3]))])).toEqual([
      ['dequantize', ['x'], { scale: 0.5, zeroPoint: -3 }],
    ]);
    const perChannel = quant([1, 0.5, 0.25, 2], [0, 1, 0, -1], 1);
    const weights = int8('w', perChannel, { data: Int8Array.of(4, 5, 8, 2) });
    expect(decode('DEQUANTIZE', [weights])).toEqual([
      ['values', [1, 4], [4, 2, 2, 6]],
      ['identity', ['y/values'], {}],
    ]);
  });
});

describe('Edge TPU constraints', () => {
  const mapped = (kind: string, inputs: Shape[], output: Shape, attrs: Attrs = {}): boolean => {
    const { edgeTpu } = opDef(kind);
    if (isUnsupported(edgeTpu)) return false;
    const type = (shape: Shape) => ({ shape, dtype: 'int8' as const });
    return edgeTpu.every((c) => c.check(inputs.map(type), [type(output)], attrs));
  };
  it.each<[string, boolean, Shape[], Shape, Attrs]>([
    ['softmax', true, [[1, 1000]], [1, 1000], { axis: -1 }],
    ['softmax', false, [[1, 16_001]], [1, 16_001], { axis: -1 }],
    ['softmax', false, [[1, 2, 2, 4]], [1, 2, 2, 4], { axis: -1 }],
    ['mean', true, [[1, 4, 4, 8]], [1, 8], { axes: [1, 2], keepDims: false }],
    ['mean', false, [[1, 4, 4, 8]], [1, 4, 4], { axes: [-1], keepDims: false }],
    ['reduce_max', false, [[2, 4]], [4], { axes: [0], keepDims: false }],
    ['transpose', false, [[1, 4, 4, 8]], [1, 8, 4, 4], { perm: [0, 3, 1, 2] }],
    ['relu6', true, [[1, 8]], [1, 8], {}],
    ['hard_swish', false, [[1, 8]], [1, 8], {}],
  ])('%s mapped: %s', (kind, expected, inputs, output, attrs) => {
    expect(mapped(kind, inputs, output, attrs)).toBe(expected);
  });
});
