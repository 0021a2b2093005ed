import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { READERS } from '../../converters/index.js';
import { onnxReader } from '../../converters/onnx/index.js';
import type { ErrorCode } from '../../src/core/error-codes.js';
import { fail, IsplitError } from '../../src/core/errors.js';
import { createRandom } from '../../src/core/random.js';
import type { Graph } from '../../src/ir/graph.js';

const { onnx } = onnxProto;
type Model = onnxProto.onnx.IModelProto;
type Node = onnxProto.onnx.INodeProto;
type Tensor = onnxProto.onnx.ITensorProto;
type Attribute = onnxProto.onnx.IAttributeProto;

const FLOAT = 1;

function value(name: string, dims: readonly (number | string)[], elemType = FLOAT): onnxProto.onnx.IValueInfoProto {
  const dim = dims.map((d) => (typeof d === 'string' ? { dimParam: d } : { dimValue: d }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

function floats(name: string, dims: number[], values: readonly number[]): Tensor {
  return { name, dims, dataType: FLOAT, rawData: new Uint8Array(Float32Array.from(values).buffer) };
}

function ints(name: string, values: number[]): Tensor {
  return { name, dims: [values.length], dataType: 7, int64Data: values };
}

const intsAttribute = (name: string, list: number[]): Attribute => ({ name, type: 7, ints: list });
const intAttribute = (name: string, i: number): Attribute => ({ name, type: 2, i });
const textAttribute = (name: string, s: string): Attribute => ({ name, type: 3, s: new TextEncoder().encode(s) });

interface Parts {
  readonly nodes?: Node[];
  readonly initializers?: Tensor[];
  readonly inputs?: onnxProto.onnx.IValueInfoProto[];
  readonly outputs?: onnxProto.onnx.IValueInfoProto[];
  readonly opset?: number;
}

const GEMM: Node = { opType: 'Gemm', input: ['x', 'w', 'b'], output: ['dense'], name: 'fc' };
const RELU: Node = { opType: 'Relu', input: ['dense'], output: ['y'] };
const W = floats('w', [2, 3], [1, 2, 3, 4, 5, 6]);
const B = floats('b', [3], [0.5, 0, -0.5]);

/** relu(gemm(x)) with parts exchanged. */
function model(parts: Parts = {}): Model {
  return {
    irVersion: 8,
    producerName: 'test',
    opsetImport: [{ domain: '', version: parts.opset ?? 17 }],
    graph: {
      name: 'g',
      node: parts.nodes ?? [GEMM, RELU],
      initializer: parts.initializers ?? [W, B],
      input: parts.inputs ?? [value('x', ['n', 2])],
      output: parts.outputs ?? [value('y', ['n', 3])],
    },
  };
}

const bytesOf = (m: Model): Uint8Array => new Uint8Array(onnx.ModelProto.encode(m).finish());
const built = (parts?: Parts): Uint8Array => bytesOf(model(parts));

/** One operator on an image [1, 2, 6, 4]. */
function imageNode(node: Node, initializers: Tensor[] = [], opset = 17): Uint8Array {
  return built({
    opset,
    nodes: [{ ...node, input: ['x', ...(node.input ?? [])], output: ['y'] }],
    initializers,
    inputs: [value('x', [1, 2, 6, 4])],
    outputs: [{ name: 'y' }],
  });
}

async function read(
  bytes: Uint8Array,
  siblings: Readonly<Record<string, Uint8Array>> = {},
): Promise<Graph | IsplitError> {
  const sibling = async (name: string) => siblings[name] ?? fail('E_MODEL_READ', `no file "${name}"`);
  try {
    return (await onnxReader.read({ name: 'damaged.onnx', bytes, sibling }, {})).graph;
  } catch (error) {
    if (!(error instanceof IsplitError)) throw error;
    return error;
  }
}

async function readGraph(bytes: Uint8Array, siblings?: Readonly<Record<string, Uint8Array>>): Promise<Graph> {
  const graph = await read(bytes, siblings);
  if (graph instanceof Error) throw graph;
  return graph;
}

/** A graph attribute inside a graph attribute, this many times. */
function nested(depth: number): Uint8Array {
  let inner = new Uint8Array(0);
  const wrap = (field: number, body: Uint8Array): Uint8Array<ArrayBuffer> => {
    const length: number[] = [];
    for (let n = body.length; ; n = Math.floor(n / 128)) {
      length.push(n < 128 ? n : (n % 128) + 128);
      if (n < 128) break;
    }
    return Uint8Array.from([field * 8 + 2, ...length, ...body]);
  };
  for (let i = 0; i < depth; i++) inner = wrap(1, wrap(5, wrap(6, inner)));
  const honest = built();
  return Uint8Array.from([...wrap(7, inner), ...honest.slice(0, 2), 0x42, 0x02, 0x10, 0x11]);
}

const conv = (attribute: Attribute[], dims = [3, 2, 3, 3]): Uint8Array =>
  imageNode({ opType: 'Conv', input: ['w'], attribute }, [
    floats('w', dims, new Array<number>(dims.reduce((a, b) => a * b, 1)).fill(1)),
  ]);

const external = (entries: Readonly<Record<string, string>>): Uint8Array =>
  built({
    initializers: [
      {
        name: 'w',
        dims: [2, 3],
        dataType: FLOAT,
        dataLocation: 1,
        externalData: Object.entries(entries).map(([key, v]) => ({ key, value: v })),
      },
      B,
    ],
  });

const CASES: readonly (readonly [string, Uint8Array, ErrorCode, RegExp])[] = [
  ['an empty file', new Uint8Array(0), 'E_MODEL_CORRUPT', /the model has no graph/],
  ['half a file', built().slice(0, 60), 'E_MODEL_CORRUPT', /a field that ends at byte \d+, past byte 60/],
  ['a file that ends inside a number', Uint8Array.of(8, 0x80), 'E_MODEL_CORRUPT', /ends inside a number \(at byte 1\)/],
  ['an endless number', new Uint8Array(20).fill(0x88), 'E_MODEL_CORRUPT', /a number of more than 10 bytes/],
  ['a group, which no file has', Uint8Array.of(8, 8, 0x0b), 'E_MODEL_CORRUPT', /wire type 3/],
  [
    'a field of negative length',
    Uint8Array.of(8, 8, 58, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1),
    'E_MODEL_CORRUPT',
    /a field of length -1/,
  ],
  ['a graph that is a number', Uint8Array.of(8, 8, 56, 1), 'E_MODEL_CORRUPT', /wire type 0 where a message belongs/],
  ['no opset', bytesOf({ ...model(), opsetImport: [] }), 'E_MODEL_CORRUPT', /no opset/],
  ['an opset that is too old', built({ opset: 6 }), 'E_OP_UNSUPPORTED', /uses opset 6; 9 to 22 are read/],
  ['an opset that is too new', built({ opset: 99 }), 'E_OP_UNSUPPORTED', /uses opset 99/],
  ['no output', built({ outputs: [] }), 'E_MODEL_CORRUPT', /has no output/],
  [
    'an output nothing computes',
    built({ outputs: [value('z', ['n', 3])] }),
    'E_MODEL_CORRUPT',
    /output "z" is never computed/,
  ],
  [
    'an output that is a constant',
    built({ outputs: [value('b', [3])] }),
    'E_MODEL_CORRUPT',
    /output "b" does not depend/,
  ],
  [
    'an output of another shape',
    built({ outputs: [value('y', ['n', 4])] }),
    'E_SHAPE',
    /output "y" is \[n,4\] in the file, its operators give \[1,3\]/,
  ],
  [
    'nodes in the wrong order',
    built({ nodes: [RELU, GEMM] }),
    'E_MODEL_CORRUPT',
    /"dense" is read before it is computed/,
  ],
  ['a value computed twice', built({ nodes: [GEMM, GEMM, RELU] }), 'E_MODEL_CORRUPT', /"dense" is computed twice/],
  [
    'a value nothing makes',
    built({ nodes: [{ ...GEMM, input: ['x', 'w', 'q'] }, RELU] }),
    'E_MODEL_CORRUPT',
    /"q" is read before/,
  ],
  [
    'two initializers of one name',
    built({ initializers: [W, B, W] }),
    'E_MODEL_CORRUPT',
    /two initializers are called "w"/,
  ],
  [
    'weights of the wrong size',
    built({ initializers: [{ ...W, dims: [2, 4] }, B] }),
    'E_MODEL_CORRUPT',
    /tensor "w" has 24 bytes; \[2,4\] takes 32/,
  ],
  [
    'weights without values',
    built({ initializers: [{ name: 'w', dims: [2, 3], dataType: FLOAT }, B] }),
    'E_MODEL_CORRUPT',
    /has 0 values at most/,
  ],
  [
    'weights that would fill the memory',
    built({ initializers: [{ name: 'w', dims: [60000, 60000], dataType: FLOAT, floatData: [1] }, B] }),
    'E_MODEL_CORRUPT',
    /takes 3600000000/,
  ],
  [
    'a negative dimension',
    built({ initializers: [{ ...W, dims: [-2, 3] }, B] }),
    'E_MODEL_CORRUPT',
    /impossible shape \[-2,3\]/,
  ],
  [
    'weights of strings',
    built({ initializers: [{ name: 'w', dims: [1], dataType: 8, stringData: [new Uint8Array(1)] }, B] }),
    'E_OP_UNSUPPORTED',
    /Gemm: "w" is of type STRING \(operator 0 "dense"\)/,
  ],
  [
    'weights that do not fit the input',
    built({ inputs: [value('x', ['n', 5])] }),
    'E_OP_UNSUPPORTED',
    /Gemm: its input has the shape \[1,5\], the weights want 2/,
  ],
  [
    'a bias that does not fit',
    built({ initializers: [W, floats('b', [2], [1, 2])] }),
    'E_OP_UNSUPPORTED',
    /the bias has the shape \[2\] for 3 outputs/,
  ],
  [
    'weights computed while running',
    built({ nodes: [{ ...GEMM, input: ['x', 'x', 'b'] }, RELU] }),
    'E_OP_UNSUPPORTED',
    /Gemm: the weights must be known when the file is read/,
  ],
  [
    'an open image size',
    built({ inputs: [value('x', ['n', 'width'])] }),
    'E_SHAPE',
    /input "x" leaves axis 1 \(width\) open/,
  ],
  ['a batch of 8', built({ inputs: [value('x', [8, 2])] }), 'E_SHAPE', /input "x" has 8 samples baked in/],
  [
    'integers as input',
    built({ inputs: [value('x', ['n', 2], 2)] }),
    'E_OP_UNSUPPORTED',
    /input: of type UINT8; only float inputs/,
  ],
  [
    'an input without a shape',
    built({ inputs: [{ name: 'x', type: { tensorType: { elemType: 1 } } }] }),
    'E_OP_UNSUPPORTED',
    /input: without a shape/,
  ],
  [
    'an operator of another domain',
    built({ nodes: [{ ...GEMM, domain: 'com.microsoft', opType: 'FusedGemm' }, RELU] }),
    'E_OP_UNSUPPORTED',
    /com\.microsoft\.FusedGemm: operator not supported \(operator 0 "dense"\)/,
  ],
  [
    'an operator called like a method',
    built({ nodes: [{ ...GEMM, opType: 'constructor' }, RELU] }),
    'E_OP_UNSUPPORTED',
    /constructor: operator not supported/,
  ],
  ['two thousand levels of nesting', nested(2000), 'E_MODEL_CORRUPT', /has no output/],
  ['a convolution in groups', conv([intAttribute('group', 3)]), 'E_OP_UNSUPPORTED', /3 groups of 2 channels/],
  ['negative padding', conv([intsAttribute('pads', [-1, 0, 0, 0])]), 'E_OP_UNSUPPORTED', /pads \[-1,0,0,0\]/],
  ['a window that does not fit', conv([], [3, 2, 9, 9]), 'E_SHAPE', /operator 0 Conv "y": conv2d: a window of 9/],
  ['strides of zero', conv([intsAttribute('strides', [0, 1])]), 'E_OP_UNSUPPORTED', /strides \[0,1\]/],
  [
    'a dilated pool',
    imageNode({
      opType: 'MaxPool',
      attribute: [intsAttribute('kernel_shape', [2, 2]), intsAttribute('dilations', [2, 2])],
    }),
    'E_OP_UNSUPPORTED',
    /dilated windows/,
  ],
  [
    'reflected padding',
    imageNode({ opType: 'Pad', input: ['p'], attribute: [textAttribute('mode', 'reflect')] }, [
      ints('p', [0, 0, 1, 1, 0, 0, 1, 1]),
    ]),
    'E_OP_UNSUPPORTED',
    /padding mode reflect/,
  ],
  [
    'a reshape that merges the batch',
    imageNode({ opType: 'Reshape', input: ['s'] }, [ints('s', [-1])]),
    'E_OP_UNSUPPORTED',
    /merges the batch/,
  ],
  [
    'a reshape that does not fit',
    imageNode({ opType: 'Reshape', input: ['s'] }, [ints('s', [1, 7])]),
    'E_OP_UNSUPPORTED',
    /\[1,2,6,4\] does not take the wanted shape/,
  ],
  [
    'a transpose of the batch',
    imageNode({ opType: 'Transpose', attribute: [intsAttribute('perm', [1, 0, 2, 3])] }),
    'E_OP_UNSUPPORTED',
    /moves the batch/,
  ],
  [
    'a transpose that is none',
    imageNode({ opType: 'Transpose', attribute: [intsAttribute('perm', [0, 0, 2, 3])] }),
    'E_OP_UNSUPPORTED',
    /perm \[0,0,2,3\] for rank 4/,
  ],
  [
    'a mean over samples',
    imageNode({ opType: 'ReduceMean', attribute: [intsAttribute('axes', [0])] }),
    'E_OP_UNSUPPORTED',
    /reduces the batch/,
  ],
  [
    'an axis outside',
    imageNode({ opType: 'Softmax', attribute: [intAttribute('axis', 7)] }),
    'E_OP_UNSUPPORTED',
    /axis 7 is outside rank 4/,
  ],
  [
    'cubic resizing',
    imageNode({ opType: 'Resize', input: ['', 's'], attribute: [textAttribute('mode', 'cubic')] }, [
      floats('s', [4], [1, 1, 2, 2]),
    ]),
    'E_OP_UNSUPPORTED',
    /resize mode cubic/,
  ],
  [
    'a resize to a huge picture',
    imageNode({ opType: 'Resize', input: ['', 's'] }, [floats('s', [4], [1, 1, 1e9, 1])]),
    'E_OP_UNSUPPORTED',
    /a resize to 6000000000/,
  ],
  [
    'other limits',
    imageNode({ opType: 'Clip', input: ['lo', 'hi'] }, [floats('lo', [], [-1]), floats('hi', [], [1])]),
    'E_OP_UNSUPPORTED',
    /limits -1 and 1/,
  ],
  [
    'a batch norm in training',
    imageNode(
      { opType: 'BatchNormalization', input: ['a', 'a', 'a', 'a'], attribute: [intAttribute('training_mode', 1)] },
      [floats('a', [2], [1, 1])],
    ),
    'E_OP_UNSUPPORTED',
    /training mode/,
  ],
  ['external data that is not there', external({ location: 'other.bin' }), 'E_MODEL_READ', /no file "other.bin"/],
  [
    'external data without a place',
    external({ offset: '0' }),
    'E_MODEL_CORRUPT',
    /lies in another file, which is not named/,
  ],
  [
    'external data past its file',
    external({ location: 'weights.bin', offset: '8' }),
    'E_MODEL_CORRUPT',
    /takes bytes 8 \+ 24 of "weights.bin", which has 24/,
  ],
];

const WEIGHTS_FILE = { 'weights.bin': new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer) };

describe('malformed ONNX files', () => {
  it('reads the honest file', async () => {
    const graph = await readGraph(built());
    expect(graph.nodes.map((n) => [n.kind, n.id])).toEqual([
      ['dense', 'dense'],
      ['relu', 'y'],
    ]);
    // Weights [in, out] become [out, in].
    expect(graph.tensors.get('w')?.data).toEqual(Float32Array.of(1, 4, 2, 5, 3, 6));
  });

  it.each(CASES)('%s', async (_, bytes, code, message) => {
    const error = await read(bytes, WEIGHTS_FILE);
    expect(error).toBeInstanceOf(IsplitError);
    expect({ code: (error as IsplitError).code }).toEqual({ code });
    expect((error as IsplitError).message).toMatch(message);
  });

  it('answers 3000 seeded damages with a graph or a coded error', async () => {
    const random = createRandom(12);
    const honest = [built(), conv([]), imageNode({ opType: 'Flatten' })];
    const codes = new Set<string>();
    for (let i = 0; i < 3000; i++) {
      const source = honest[i % honest.length] as Uint8Array;
      const bytes = source.slice(0, random.int(10) === 0 ? random.int(source.length) : source.length);
      for (let k = 0; k <= random.int(4) && bytes.length > 0; k++) bytes[random.int(bytes.length)] = random.int(256);
      const result = await read(bytes);
      codes.add(result instanceof IsplitError ? result.code : 'graph');
    }
    expect([...codes].sort()).toEqual(['E_MODEL_CORRUPT', 'E_OP_UNSUPPORTED', 'E_SHAPE', 'graph']);
  });
});

describe('how ONNX files hold weights', () => {
  const half = [0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600];
  const values = [1, 2, 3, 4, 5, 6];
  it.each<[string, Tensor]>([
    ['raw float16', { name: 'w', dims: [2, 3], dataType: 10, rawData: new Uint8Array(Uint16Array.from(half).buffer) }],
    ['float16 as int32_data', { name: 'w', dims: [2, 3], dataType: 10, int32Data: half }],
    [
      'raw double',
      { name: 'w', dims: [2, 3], dataType: 11, rawData: new Uint8Array(Float64Array.from(values).buffer) },
    ],
    ['double_data', { name: 'w', dims: [2, 3], dataType: 11, doubleData: values }],
    ['float_data', { name: 'w', dims: [2, 3], dataType: FLOAT, floatData: values }],
  ])('%s', async (_, weights) => {
    const graph = await readGraph(built({ initializers: [weights, B] }));
    expect(graph.tensors.get('w')?.data).toEqual(Float32Array.of(1, 4, 2, 5, 3, 6));
  });

  it('in another file', async () => {
    const graph = await readGraph(external({ location: 'weights.bin', offset: '0', length: '24' }), WEIGHTS_FILE);
    expect(graph.tensors.get('w')?.data).toEqual(Float32Array.of(1, 4, 2, 5, 3, 6));
  });

  it('in Constant nodes', async () => {
    const constant: Node = { opType: 'Constant', output: ['w'], attribute: [{ name: 'value', type: 4, t: W }] };
    const graph = await readGraph(built({ nodes: [constant, GEMM, RELU], initializers: [B] }));
    expect(graph.tensors.get('w')?.data).toEqual(Float32Array.of(1, 4, 2, 5, 3, 6));
  });

  it('as inputs too, as files before 2019 list them', async () => {
    const inputs = [value('x', ['n', 2]), value('w', [2, 3]), value('b', [3])];
    expect((await readGraph(built({ inputs }))).inputs).toEqual(['x']);
  });
});

describe('claims', () => {
  const file = (bytes: Uint8Array) => ({ name: 'anything', bytes, sibling: () => Promise.reject(new Error('none')) });
  const claimed = (bytes: Uint8Array) => READERS.filter((r) => r.claims(file(bytes))).map((r) => r.id);
  const text = (s: string) => new TextEncoder().encode(s);

  it('only ONNX claims ONNX files, damaged ones too', () => {
    expect(claimed(built())).toEqual(['onnx']);
    expect(claimed(built().slice(0, 60))).toEqual(['onnx']);
  });

  it('leaves other files alone', () => {
    expect(claimed(new Uint8Array(0))).toEqual([]);
    expect(claimed(text('\u0008\u0008hello, this is a text'))).toEqual([]);
    expect(onnxReader.claims(file(text('{"modelTopology": {}}')))).toBe(false);
    expect(onnxReader.claims(file(Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a)))).toBe(false);
  });
});
