import { describe, expect, it } from 'vitest';
import { tfliteReader } from '../../converters/tflite/index.js';
import type { ErrorCode } from '../../src/core/error-codes.js';
import { IsplitError } from '../../src/core/errors.js';
import { createRandom } from '../../src/core/random.js';
import type { Graph } from '../../src/ir/graph.js';
import { buildTflite, type FileSpec, floats, type OperatorSpec } from './tflite-file.js';

const ADD = 0;
const CONV_2D = 3;
const FULLY_CONNECTED = 9;
const RELU = 19;

/** relu(dense(x)): honest, and the base of every damaged case. */
const HONEST: FileSpec = {
  builtins: [FULLY_CONNECTED, RELU],
  buffers: [floats(1, 2, 3, 4), floats(0.5, -0.5)],
  tensors: [
    { name: 'x', shape: [1, 2] },
    { name: 'w', shape: [2, 2], buffer: 1 },
    { name: 'b', shape: [2], buffer: 2 },
    { name: 'dense', shape: [1, 2] },
    { name: 'relu', shape: [1, 2] },
  ],
  operators: [
    { code: 0, inputs: [0, 1, 2], outputs: [3], options: { union: 8 } },
    { code: 1, inputs: [3], outputs: [4] },
  ],
};

const tensors = (changes: Record<number, object>): FileSpec => ({
  ...HONEST,
  tensors: HONEST.tensors.map((t, i) => ({ ...t, ...changes[i] })),
});
const operators = (...list: OperatorSpec[]): FileSpec => ({ ...HONEST, operators: list });
const [DENSE, RELU_OP] = HONEST.operators as [OperatorSpec, OperatorSpec];

/** relu(conv2d(x)) with the given options. */
const convolution = (options: OperatorSpec['options']): FileSpec => ({
  builtins: [CONV_2D],
  buffers: [floats(1, 2, 3, 4)],
  tensors: [
    { name: 'x', shape: [1, 4, 4, 1] },
    { name: 'w', shape: [1, 2, 2, 1], buffer: 1 },
    { name: 'y', shape: [1, 3, 3, 1] },
  ],
  operators: [{ inputs: [0, 1], outputs: [2], ...(options ? { options } : {}) }],
});

async function read(bytes: Uint8Array): Promise<Graph | IsplitError> {
  const sibling = () => Promise.reject(new Error('a TFLite file has no siblings'));
  try {
    return (await tfliteReader.read({ name: 'damaged.tflite', bytes, sibling }, {})).graph;
  } catch (error) {
    if (!(error instanceof IsplitError)) throw error;
    return error;
  }
}

const patched = (patch: (view: DataView) => void): Uint8Array => {
  const bytes = buildTflite(HONEST);
  patch(new DataView(bytes.buffer));
  return bytes;
};

const CASES: readonly (readonly [string, Uint8Array, ErrorCode, RegExp])[] = [
  ['an empty file', new Uint8Array(0), 'E_MODEL_CORRUPT', /root needs bytes 0 to 4, the file has 0/],
  ['only a header', buildTflite(HONEST).slice(0, 8), 'E_MODEL_CORRUPT', /the offset of root leaves the file/],
  ['half a file', buildTflite(HONEST).slice(0, 200), 'E_MODEL_CORRUPT', /at byte \d+/],
  ['a root offset past the end', patched((v) => v.setUint32(0, 1e6, true)), 'E_MODEL_CORRUPT', /leaves the file/],
  ['a root offset of zero', patched((v) => v.setUint32(0, 0, true)), 'E_MODEL_CORRUPT', /leaves the file/],
  [
    'a field table before the file',
    patched((v) => v.setInt32(v.getUint32(0, true), 1e6, true)),
    'E_MODEL_CORRUPT',
    /the field table of root needs bytes -/,
  ],
  [
    'another schema version',
    buildTflite({ ...HONEST, version: 4 }),
    'E_MODEL_CORRUPT',
    /schema version 4 instead of 3/,
  ],
  ['no subgraph', buildTflite({ ...HONEST, subgraphs: 0 }), 'E_MODEL_CORRUPT', /no subgraph/],
  ['no input', buildTflite({ ...HONEST, inputs: [] }), 'E_MODEL_CORRUPT', /has no input/],
  [
    'an input listed twice',
    buildTflite({ ...HONEST, inputs: [0, 0] }),
    'E_MODEL_CORRUPT',
    /"x" is a constant or is listed/,
  ],
  [
    'an input that does not exist',
    buildTflite({ ...HONEST, inputs: [9] }),
    'E_MODEL_CORRUPT',
    /tensor 9 in inputs, there are 5/,
  ],
  [
    'an output that does not exist',
    buildTflite({ ...HONEST, outputs: [-1] }),
    'E_MODEL_CORRUPT',
    /tensor -1 in outputs/,
  ],
  [
    'an output nothing computes',
    buildTflite(operators(DENSE)),
    'E_MODEL_CORRUPT',
    /"relu" is read before it is computed/,
  ],
  [
    'an operator input that does not exist',
    buildTflite(operators({ ...DENSE, inputs: [0, 1, 77] })),
    'E_MODEL_CORRUPT',
    /tensor 77 in inputs/,
  ],
  ['operators in the wrong order', buildTflite(operators(RELU_OP, DENSE)), 'E_MODEL_CORRUPT', /"dense" is read before/],
  [
    'a tensor computed twice',
    buildTflite(operators(DENSE, DENSE, RELU_OP)),
    'E_MODEL_CORRUPT',
    /"dense" is computed twice/,
  ],
  [
    'a constant that is computed',
    buildTflite(operators({ ...DENSE, outputs: [1] })),
    'E_MODEL_CORRUPT',
    /"w" is computed twice, or is a constant/,
  ],
  [
    'an operator code that does not exist',
    buildTflite(operators({ ...DENSE, code: 5 })),
    'E_MODEL_CORRUPT',
    /operator code 5, there are 2/,
  ],
  ['a buffer that does not exist', buildTflite(tensors({ 1: { buffer: 8 } })), 'E_MODEL_CORRUPT', /names buffer 8/],
  [
    'a constant of the wrong size',
    buildTflite(tensors({ 1: { shape: [2, 3] } })),
    'E_MODEL_CORRUPT',
    /"w" has 16 B; FLOAT32 \[2,3\] takes 24 B/,
  ],
  [
    'a negative dimension',
    buildTflite(tensors({ 3: { shape: [1, -2] } })),
    'E_MODEL_CORRUPT',
    /impossible shape \[1,-2\]/,
  ],
  [
    'dimensions whose product overflows',
    buildTflite(tensors({ 0: { shape: [1, 2e9, 2e9] } })),
    'E_MODEL_CORRUPT',
    /impossible shape/,
  ],
  [
    'a rank of 9',
    buildTflite(tensors({ 0: { shape: [1, 1, 1, 1, 1, 1, 1, 1, 2] } })),
    'E_MODEL_CORRUPT',
    /has 9 shape, at most 8/,
  ],
  ['an unknown tensor type', buildTflite(tensors({ 0: { type: 99 } })), 'E_MODEL_CORRUPT', /unknown type 99/],
  ['a scale of zero', buildTflite(tensors({ 0: { scale: [0] } })), 'E_MODEL_CORRUPT', /scale that is not positive/],
  [
    'more zero points than scales',
    buildTflite(tensors({ 0: { scale: [1], zeroPoint: [0, 0] } })),
    'E_MODEL_CORRUPT',
    /1 scales and 2 zero points/,
  ],
  [
    'scales that do not fit their axis',
    buildTflite(tensors({ 1: { scale: [1, 1, 1], axis: 1 } })),
    'E_MODEL_CORRUPT',
    /3 scales along axis 1 of the shape \[2,2\]/,
  ],
  [
    'options of another operator',
    buildTflite(operators({ ...DENSE, options: { union: 1 } }, RELU_OP)),
    'E_MODEL_CORRUPT',
    /FULLY_CONNECTED but carries options of type 1 instead of 8/,
  ],
  [
    'an unknown activation',
    buildTflite(operators({ ...DENSE, options: { union: 8, int8: { 0: 77 } } }, RELU_OP)),
    'E_MODEL_CORRUPT',
    /unknown fused_activation_function 77/,
  ],
  [
    'a recorded shape that is wrong',
    buildTflite(tensors({ 4: { shape: [1, 3] } })),
    'E_SHAPE',
    /operator 1 RELU "relu": the file records float32 1x3, relu gives float32 1x2/,
  ],
  [
    'a convolution without strides',
    buildTflite(convolution(undefined)),
    'E_SHAPE',
    /operator 0 CONV_2D "y": conv2d: attribute strides/,
  ],
  [
    'a convolution of the wrong size',
    buildTflite(convolution({ union: 1, int8: { 0: 1 }, int32: { 1: 2, 2: 2 } })),
    'E_SHAPE',
    /records float32 1x3x3x1, conv2d gives float32 1x2x2x1/,
  ],
  [
    'a convolution of a matrix',
    buildTflite({ ...HONEST, builtins: [CONV_2D, RELU], operators: [{ ...DENSE, options: { union: 1 } }, RELU_OP] }),
    'E_MODEL_CORRUPT',
    /operator 0 CONV_2D "dense": its tensors do not fit: expected rank 4/,
  ],
  [
    'a batch of 8',
    buildTflite(tensors({ 0: { shape: [8, 2] }, 3: { shape: [8, 2] }, 4: { shape: [8, 2] } })),
    'E_SHAPE',
    /input "x" has 8 samples baked in/,
  ],
  [
    'an addition of one input',
    buildTflite({ ...HONEST, builtins: [FULLY_CONNECTED, ADD] }),
    'E_SHAPE',
    /operator 1 ADD "relu"/,
  ],
  ['two subgraphs', buildTflite({ ...HONEST, subgraphs: 2 }), 'E_OP_UNSUPPORTED', /2 subgraphs \(control flow\)/],
  [
    'a variable tensor',
    buildTflite(tensors({ 3: { variable: true } })),
    'E_OP_UNSUPPORTED',
    /FULLY_CONNECTED: variable tensor \("dense"\).*RELU: variable/,
  ],
  ['a string tensor', buildTflite(tensors({ 3: { type: 5 } })), 'E_OP_UNSUPPORTED', /tensor type STRING \("dense"\)/],
  [
    'int8 without a scale',
    buildTflite(tensors({ 0: { type: 9 } })),
    'E_OP_UNSUPPORTED',
    /int8 tensor "x" has no quantization/,
  ],
  [
    'an operator from the future',
    buildTflite({ ...HONEST, builtins: [FULLY_CONNECTED, 4000] }),
    'E_OP_UNSUPPORTED',
    /BUILTIN_4000: operator not supported \(operator 1 "relu"\)/,
  ],
];

describe('malformed TFLite files', () => {
  it('reads the honest file', async () => {
    const graph = await read(buildTflite(HONEST));
    if (graph instanceof Error) throw graph;
    expect(graph.nodes.map((n) => [n.kind, n.id])).toEqual([
      ['dense', 'dense'],
      ['relu', 'relu'],
    ]);
    expect(graph.tensors.get('w')?.data).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  it('takes a free batch as 1', async () => {
    const graph = await read(
      buildTflite(
        tensors({
          0: { shape: [5, 2], signature: [-1, 2] },
          3: { shape: [5, 2], signature: [-1, 2] },
          4: { shape: [5, 2], signature: [-1, 2] },
        }),
      ),
    );
    if (graph instanceof Error) throw graph;
    expect(graph.tensors.get('relu')?.shape).toEqual([1, 2]);
  });

  it('makes names unique and clean', async () => {
    const graph = await read(
      buildTflite(
        tensors({ 0: { name: 'a b+c' }, 3: { name: 'a,b\u0000c;rest' }, 4: { name: ';;' }, 1: { name: '' } }),
      ),
    );
    if (graph instanceof Error) throw graph;
    expect([...graph.tensors.keys()].sort()).toEqual(['a_b_c', 'a_b_c_1', 'b', 'tensor_1', 'tensor_4']);
  });

  it.each(CASES)('%s', async (_, bytes, code, message) => {
    const error = await read(bytes);
    expect(error).toBeInstanceOf(IsplitError);
    expect({ code: (error as IsplitError).code }).toEqual({ code });
    expect((error as IsplitError).message).toMatch(message);
  });

  it('does not follow tables that overlap a hundred thousand times', async () => {
    const inputs = new Array<number>(50_000).fill(0);
    const bytes = buildTflite({ ...operators({ ...DENSE, inputs }), repeatFirstOperator: 90_000 });
    const start = performance.now();
    const error = await read(bytes);
    expect((error as IsplitError).code).toBe('E_MODEL_CORRUPT');
    expect((error as IsplitError).message).toMatch(/tables overlap so often/);
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  it('answers 3000 seeded damages with a graph or a coded error', async () => {
    const random = createRandom(11);
    const honest = buildTflite(HONEST);
    const codes = new Set<string>();
    for (let i = 0; i < 3000; i++) {
      const bytes = honest.slice(0, random.int(10) === 0 ? random.int(honest.length) : honest.length);
      for (let k = 0; k <= random.int(4) && bytes.length > 0; k++) bytes[random.int(bytes.length)] = random.int(256);
      const result = await read(bytes);
      codes.add(result instanceof IsplitError ? result.code : 'graph');
    }
    expect([...codes].sort()).toEqual(['E_MODEL_CORRUPT', 'E_OP_UNSUPPORTED', 'E_SHAPE', 'graph']);
  });
});

describe('claims', () => {
  const claims = (bytes: Uint8Array) =>
    tfliteReader.claims({ name: 'anything', bytes, sibling: () => Promise.reject(new Error('none')) });
  it('looks at the file identifier only', () => {
    expect(claims(buildTflite(HONEST))).toBe(true);
    expect(claims(new Uint8Array(0))).toBe(false);
    expect(claims(new TextEncoder().encode('{"TFL3": 1}'))).toBe(false);
  });
});
