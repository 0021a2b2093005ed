/** The way of a graph-model through TensorFlow.js's converter: what is checked before, what is read of its inside, what it leaves. */
import { GraphModel, version_converter } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { readModel } from '../../../converters/index.js';
import { checkGraphDef } from '../../../converters/tfjs/graph-check.js';
import { loadConverterGraph, viewConverterGraph } from '../../../converters/tfjs/graph-model-loader.js';
import { IsplitError } from '../../../src/core/errors.js';
import { createTfjsEngine } from '../../../src/engines/tfjs.js';
import type { Json, JsonObject } from '../../../src/passes/keras/index.js';
import { GraphModelWriter, type JsonNode, tfjsFile } from '../../formats/tfjs-files.js';

const graph = (...nodes: object[]): JsonObject => ({ node: nodes }) as unknown as JsonObject;
const named = (name: string, ...input: string[]) => ({ name, op: input.length > 0 ? 'Relu' : 'Placeholder', input });

async function errorOf(work: () => unknown): Promise<IsplitError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof IsplitError) return error;
    throw error;
  }
  throw new Error('there was no error');
}

/** A convolution with what its reader wants of the converter. */
function convolution(): GraphModelWriter {
  const g = new GraphModelWriter();
  const x = g.placeholder('image', [-1, 5, 4, 3]);
  g.node('conv', 'Conv2D', [x, g.weight('w', [3, 3, 3, 2])], g.window([1, 2], 'SAME'));
  g.node('act', 'Relu', ['conv', '^image']);
  g.node('own', 'SomethingOfOurs', ['act:1'], { rate: { f: 0.25 } });
  return g;
}

describe('what is read of the inside of tfjs-converter', () => {
  it('is there in the version that is installed', async () => {
    expect(version_converter).toBe('4.22.0');
    const g = convolution();
    const json = g.json(['act', 'own'], ['image']);
    const def = checkGraphDef(json.modelTopology as JsonObject, json.signature as Json, 'model.json');
    const { nodes, inputs, outputs } = await loadConverterGraph(def, 'model.json');
    expect([...nodes.keys()]).toEqual(['image', 'w', 'conv', 'act', 'own']);
    expect(inputs.map((n) => n.name)).toEqual(['image']);
    expect(outputs.map((n) => n.name)).toEqual(['act', 'own']);
    const conv = nodes.get('conv');
    expect(conv?.op).toBe('Conv2D');
    expect(conv?.inputNames).toEqual(['image', 'w']);
    expect(conv?.inputs.map((n) => n.name)).toEqual(['image', 'w']);
    expect(conv?.children.map((n) => n.name)).toEqual(['act']);
    expect(conv?.attrParams).toMatchObject({
      strides: { value: [1, 1, 2, 1] },
      dilations: { value: [1, 1, 1, 1] },
      pad: { value: 'same' },
      dataFormat: { value: 'nhwc' },
      explicitPaddings: { value: [] },
    });
    expect(conv?.rawAttrs.padding).toEqual({ s: 'U0FNRQ==' });
    expect(nodes.get('image')?.attrParams.shape?.value).toEqual([-1, 5, 4, 3]);
    // An op that TF.js does not know survives with its attributes; the control dependency is gone.
    expect(nodes.get('own')).toMatchObject({
      inputNames: ['act:1'],
      attrParams: {},
      rawAttrs: { rate: { f: 0.25 } },
    });
    expect(nodes.get('act')?.inputNames).toEqual(['conv']);
  });

  const node = { name: 'a', op: 'Relu', inputNames: [], inputs: [], children: [], attrParams: {}, rawAttrs: {} };
  const withNode = (change: object) => ({
    executor: { graph: { nodes: { a: { ...node, ...change } }, inputs: [], outputs: [] } },
  });
  it.each<[string, object, RegExp]>([
    ['no executor', {}, /executor\.graph/],
    ['no graph', { executor: { plan: {} } }, /executor\.graph/],
    ['no nodes', { executor: { graph: { ops: {} } } }, /nodes is no object/],
    ['other names of inputs', withNode({ inputNames: undefined, inputNodes: [] }), /fields name,op,.*inputNodes/],
    ['undecoded parameters', withNode({ attrParams: { pad: 'same' } }), /fields/],
    ['no attributes', withNode({ rawAttrs: undefined }), /fields/],
    ['no outputs', { executor: { graph: { nodes: { a: node }, inputs: [] } } }, /inputs or outputs/],
  ])('another version of the package is recognised: %s', async (_, model, message) => {
    const error = await errorOf(() => viewConverterGraph(model, '9.9.9'));
    expect(error.code).toBe('E_INTERNAL');
    expect(error.message).toMatch(/tfjs-converter 9\.9\.9 is not built like 4\.22\.0/);
    expect(error.message).toMatch(message);
    expect(error.hint).toContain('@tensorflow/tfjs-converter@4.22.0');
  });

  it('a GraphModel that never loaded is none', async () => {
    const error = await errorOf(() => viewConverterGraph(new GraphModel('file://nowhere'), '4.22.0'));
    expect(error.message).toMatch(/executor\.graph/);
  });
});

describe('what reading leaves behind', () => {
  const model = () => {
    const g = convolution();
    return tfjsFile(g.json(['act'], ['image']), g.weights);
  };

  it('no tensors, no backend, and a running engine does not notice', async () => {
    await readModel(model());
    expect(tf.getBackend()).toBeUndefined();
    expect(tf.engine().state.numTensors).toBe(0);

    const { graph } = await readModel(model());
    const engine = await createTfjsEngine('tfjs-wasm');
    const compiled = await engine.compile(graph, {});
    const feeds = { image: Float32Array.from({ length: 60 }, (_, i) => Math.sin(i)) };
    const alone = await compiled.run(feeds);
    const tensors = tf.memory().numTensors;
    const [beside] = await Promise.all([compiled.run(feeds), readModel(model()), compiled.run(feeds)]);
    expect(beside).toEqual(alone);
    expect(tf.getBackend()).toBe('wasm');
    expect(tf.memory().numTensors).toBe(tensors);
    await compiled.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
});

describe('graphs that the converter must not see', () => {
  const signature = (outputs: object): Json => ({ outputs }) as unknown as Json;
  it.each<[string, JsonObject, Json | undefined, RegExp]>([
    ['the prototype as a node', graph(named('__proto__')), undefined, /called "__proto__"/],
    ['a node without a name', graph(named('')), undefined, /called ""/],
    ['a name that reads as an output', graph(named('a:1')), undefined, /called "a:1"/],
    ['a node that is a list', graph([]), undefined, /no object/],
    [
      'an output of the prototype',
      graph(named('a')),
      signature({ o: { name: '__proto__:0' } }),
      /"__proto__" does not exist/,
    ],
    [
      'an inherited name as output',
      graph(named('a')),
      signature({ o: { name: 'toString' } }),
      /"toString" does not exist/,
    ],
    ['an inherited name as input', graph(named('a', 'valueOf')), undefined, /"valueOf" does not exist/],
    ['a node that reads itself', graph(named('a', 'a')), undefined, /circle: a/],
    [
      'a circle that no output needs',
      graph(named('x'), named('a', 'b'), named('b', 'a'), named('o', 'x')),
      signature({ o: { name: 'o' } }),
      /circle: a ← b/,
    ],
    [
      'an attribute that is text',
      graph({ ...named('a'), attr: { T: 'DT_FLOAT' } }),
      undefined,
      /attribute T of node "a"/,
    ],
    [
      'integers that are none',
      graph({ ...named('a'), attr: { n: { list: { i: ['1', '2x'] } } } }),
      undefined,
      /attribute n of node "a"/,
    ],
    [
      'a list that is text',
      graph({ ...named('a'), attr: { n: { list: { s: 'U0FNRQ==' } } } }),
      undefined,
      /attribute n/,
    ],
    [
      'a shape of text',
      graph({ ...named('a'), attr: { shape: { shape: { dim: ['3'] } } } }),
      undefined,
      /attribute shape/,
    ],
    [
      'text as endless codes',
      graph({ ...named('a'), attr: { p: { s: new Array(2000).fill(65) } } }),
      undefined,
      /attribute p/,
    ],
  ])('%s', async (_, topology, sign, message) => {
    const error = await errorOf(() => checkGraphDef(topology, sign, 'model.json'));
    expect(error.code).toBe('E_MODEL_CORRUPT');
    expect(error.message).toMatch(message);
  });

  it('an input of the signature that is inherited is ignored and taints nothing', async () => {
    const sign = JSON.parse('{"inputs": {"__proto__": {"name": "__proto__:0"}, "x": {"name": "constructor"}}}') as Json;
    const def = checkGraphDef(graph(named('a'), named('toString', 'a')), sign, 'model.json');
    expect(Object.keys(def.inputs)).toEqual([]);
    const { outputs } = await loadConverterGraph(def, 'model.json');
    expect(outputs.map((n) => n.name)).toEqual(['toString']);
    expect('signatureKey' in {}).toBe(false);
    expect(Object.hasOwn(Object.prototype.toString, 'signatureKey')).toBe(false);
  });

  it('50 000 nodes in a row are loaded, in a circle refused', async () => {
    const row = Array.from({ length: 50_000 }, (_, i) => named(`n${i}`, ...(i > 0 ? [`n${i - 1}`] : [])));
    const { nodes } = await loadConverterGraph(checkGraphDef(graph(...row.reverse()), undefined, 'm'), 'm');
    expect(nodes.size).toBe(50_000);
    const circle = row.map((n) => (n.name === 'n0' ? named('n0', 'n49999') : n));
    expect((await errorOf(() => checkGraphDef(graph(...circle), undefined, 'm'))).message).toMatch(/circle/);
  });
});

describe('graph-models', () => {
  const read = async (change: (nodes: JsonNode[]) => void, signed = true) => {
    const g = convolution();
    g.nodes.splice(-1);
    change(g.nodes);
    const { signature, ...unsigned } = g.json(['act'], ['image']);
    return readModel(tfjsFile(signed ? { ...unsigned, signature } : unsigned, g.weights));
  };
  const conv = (nodes: JsonNode[]) => nodes.find((n) => n.name === 'conv') as JsonNode;

  it('without a signature give what nobody reads', async () => {
    const { graph } = await read(() => undefined, false);
    expect(graph.inputs).toEqual(['image']);
    expect(graph.outputs).toEqual(['act']);
  });

  it('without versions and with attributes left out have what TF.js takes for them', async () => {
    const { graph } = await read((nodes) => {
      const { strides, padding } = conv(nodes).attr;
      conv(nodes).attr = { strides, padding };
    });
    expect(graph.nodes[0]).toMatchObject({ kind: 'conv2d', attrs: { strides: [1, 2], dilations: [1, 1] } });
  });

  it('that make the library throw are corrupt', async () => {
    const error = await errorOf(() => read((nodes) => Object.assign(conv(nodes).attr, { strides: { i: '1' } })));
    expect(error.code).toBe('E_MODEL_CORRUPT');
    expect(error.message).toMatch(/^model\.json: TensorFlow\.js cannot load the graph: Cannot read properties/);
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  it('with a constant that cannot take its new shape are corrupt', async () => {
    const g = new GraphModelWriter();
    const x = g.placeholder('x', [-1, 6]);
    g.node('flat', 'Reshape', [g.weight('w', [2, 9]), g.ints('to', [6, -1])]);
    g.node('y', 'MatMul', [x, 'flat']);
    const { graph } = await readModel(tfjsFile(g.json(['y'], ['x']), g.weights));
    expect(graph.tensors.get('y')?.shape).toEqual([1, 3]);
    g.weights.push({ name: 'to', shape: [2], dtype: 'int32', values: [6, 4] });
    const weights = g.weights.filter((w) => w.name !== 'to' || w.values[1] === 4);
    const error = await errorOf(() => readModel(tfjsFile(g.json(['y'], ['x']), weights)));
    expect(error.code).toBe('E_MODEL_CORRUPT');
    expect(error.message).toMatch(/"flat" \(Reshape\): 18 values cannot take the shape \[6,4\]/);
  });
});
