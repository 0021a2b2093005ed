import { describe, expect, it } from 'vitest';
import { writeTflite } from '../../../converters/tflite/write.js';
import { createRandom } from '../../../src/core/random.js';
import { createEngine } from '../../../src/engines/index.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { elementCount, type Graph, tensorOf } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';
import { normaliseGraph } from '../../../src/passes/normalise.js';
import { quantizeToInt8 } from '../../../src/preprocess/normalise.js';
import { prepareInt8 } from '../../../src/quantize/executor.js';
import { quantizeGraph } from '../../../src/quantize/quantize.js';
import type { QuantizedModel, QuantizeRequest } from '../../../src/quantize/quantized-model.js';
import { normal } from '../passes/random-network.js';

const CONV = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };
const POOL = { kernelSize: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] };
const engine = await createEngine('onnx');

type Body = (b: GraphBuilder, x: string, weights: (shape: number[]) => string) => string | string[];

function network(body: Body, shape = [1, 8, 8, 3]): Graph {
  const random = createRandom(21);
  const b = new GraphBuilder('net', SHAPES);
  const weights = (dims: number[]): string =>
    b.constant('w', dims, normal(random, dims, dims.length === 1 ? 0.1 : 1 / Math.sqrt(elementCount(dims.slice(1)))));
  const outputs = body(b, b.input('x', shape), weights);
  return normaliseGraph(b.build(Array.isArray(outputs) ? outputs : [outputs]));
}

function samplesFor(graph: Graph, count: number, seed = 1): Float32Array {
  const { shape } = tensorOf(graph, graph.inputs[0] as string);
  return normal(createRandom(seed), [count, ...shape.slice(1)]);
}

function quantize(graph: Graph, options: Partial<QuantizeRequest> = {}, ctx = {}): Promise<QuantizedModel> {
  const inputs = samplesFor(graph, 48);
  return quantizeGraph(
    {
      network: graph,
      samples: async function* () {
        // In pieces that fit no batch.
        const elements = inputs.length / 48;
        for (let at = 0; at < 48; at += 7) {
          const count = Math.min(7, 48 - at);
          yield { count, inputs: inputs.subarray(at * elements, (at + count) * elements) };
        }
      },
      sampleCount: 48,
      engine,
      threads: 1,
      perChannelDense: true,
      ...options,
    },
    ctx,
  );
}

/** Smallest SQNR of the outputs on samples that were not used, executor against the float64 reference of the network that was given. */
function heldOutSqnr(network: Graph, { graph }: QuantizedModel, count = 6): number {
  const program = prepareInt8(graph);
  const [x, y] = [graph.inputs[0] as string, graph.outputs];
  const quantOf = (id: string) => {
    const quant = tensorOf(graph, id).quant;
    return { scale: quant?.scale[0] as number, zeroPoint: quant?.zeroPoint[0] as number };
  };
  const samples = samplesFor(network, count, 99);
  const signal = y.map(() => 0);
  const error = y.map(() => 0);
  for (let i = 0; i < count; i++) {
    const elements = samples.length / count;
    const sample = samples.subarray(i * elements, (i + 1) * elements);
    const expected = runReference(network, { [x]: sample });
    const got = program.run([Int8Array.from(sample, (v) => quantizeToInt8(v, quantOf(x)))]);
    y.forEach((id, k) => {
      const { scale, zeroPoint } = quantOf(id);
      expected[id]?.forEach((v, j) => {
        signal[k] = (signal[k] as number) + v * v;
        error[k] = (error[k] as number) + (v - scale * ((got[k]?.[j] as number) - zeroPoint)) ** 2;
      });
    });
  }
  return Math.min(...y.map((_, k) => 10 * Math.log10((signal[k] as number) / (error[k] as number))));
}

const classifier: Body = (b, x, w) => {
  let y = b.op('relu', [b.op('conv2d', [x, w([8, 3, 3, 3]), w([8])], CONV)], {}, { id: 'c1' });
  y = b.op(
    'relu6',
    [b.op('depthwise_conv2d', [y, w([1, 3, 3, 8])], { ...CONV, strides: [2, 2], pads: [0, 1, 0, 1] })],
    {},
    { id: 'c2' },
  );
  const left = b.op('conv2d', [y, w([8, 1, 1, 8])], { ...CONV, pads: [0, 0, 0, 0] }, { id: 'c3' });
  y = b.op('relu', [b.op('add', [left, y])], {}, { id: 'sum' });
  y = b.op('reshape', [b.op('max_pool2d', [y], POOL)], { shape: [-1, 32] }, { id: 'flat' });
  y = b.op('dense', [y, w([5, 32]), w([5])], {}, { id: 'logits' });
  return b.op('softmax', [y], { axis: -1 }, { id: 'y' });
};

describe('quantizeGraph', () => {
  it('gives an int8 graph that the executor runs within 30 dB of the float network', async () => {
    const graph = network(classifier);
    const model = await quantize(graph);
    expect(heldOutSqnr(graph, model)).toBeGreaterThan(30);
    for (const node of model.graph.nodes) {
      for (const id of node.outputs) expect(tensorOf(model.graph, id).dtype).toBe('int8');
    }
    expect(model.graph.outputs).toEqual(graph.outputs);
    expect(model.float.nodes.map((n) => n.outputs)).toEqual(model.graph.nodes.map((n) => n.outputs));
  });

  it('is within TFLite’s specification', async () => {
    const { graph } = await quantize(network(classifier));
    const softmax = tensorOf(graph, 'y').quant;
    expect([softmax?.scale[0], softmax?.zeroPoint[0]]).toEqual([1 / 256, -128]);
    // What only moves or selects values has the quantization of its input.
    expect(tensorOf(graph, 'flat').quant).toEqual(tensorOf(graph, 'sum').quant);
    for (const node of graph.nodes) {
      if (!['conv2d', 'depthwise_conv2d', 'dense'].includes(node.kind)) continue;
      const [x, w, b] = node.inputs.map((id) => tensorOf(graph, id));
      const channels = tensorOf(graph, node.outputs[0] as string).shape.at(-1) as number;
      expect(w?.dtype).toBe('int8');
      expect(w?.quant?.axis).toBe(node.kind === 'depthwise_conv2d' ? 3 : 0);
      expect(w?.quant?.scale).toHaveLength(channels);
      expect(w?.quant?.zeroPoint.every((z) => z === 0)).toBe(true);
      expect(w?.data?.every((v: number) => v >= -127)).toBe(true);
      expect(b?.dtype).toBe('int32');
      b?.quant?.scale.forEach((s, c) => {
        expect(s).toBe(Math.fround((x?.quant?.scale[0] as number) * (w?.quant?.scale[c] as number)));
      });
    }
  });

  it('dense weights get one scale where the target wants it, convolutions keep theirs', async () => {
    const { graph } = await quantize(network(classifier), { perChannelDense: false });
    const scales = (kind: string) => {
      const node = graph.nodes.find((n) => n.kind === kind);
      return tensorOf(graph, node?.inputs[1] as string).quant?.scale.length;
    };
    expect(scales('dense')).toBe(1);
    expect(scales('conv2d')).toBe(8);
  });

  it('the input is quantized as the preprocessing says', async () => {
    const input = { scale: Math.fround(1 / 32), zeroPoint: -5 };
    const { graph, report } = await quantize(network(classifier), { input });
    const quant = tensorOf(graph, 'x').quant;
    expect([quant?.scale[0], quant?.zeroPoint[0]]).toEqual([input.scale, -5]);
    expect(report.tensors[0]).toMatchObject({ id: 'x', method: 'input' });
  });

  it('concatenated tensors share the union of their ranges', async () => {
    const graph = network((b, x, w) => {
      const small = b.op('relu', [b.op('conv2d', [x, w([4, 3, 3, 3])], CONV)], {}, { id: 'small' });
      const ten = b.constant('ten', [1], Float32Array.of(10));
      const large = b.op(
        'mul',
        [b.op('conv2d', [x, w([4, 1, 1, 3])], { ...CONV, pads: [0, 0, 0, 0] }), ten],
        {},
        { id: 'large' },
      );
      return b.op('concat', [small, large], { axis: 3 }, { id: 'y' });
    });
    const model = await quantize(graph);
    expect(tensorOf(model.graph, 'small').quant).toEqual(tensorOf(model.graph, 'y').quant);
    expect(tensorOf(model.graph, 'large').quant).toEqual(tensorOf(model.graph, 'y').quant);
    expect(heldOutSqnr(graph, model)).toBeGreaterThan(25);
  });

  it('requantizes where two fixed quantizations meet', async () => {
    const graph = network((b, x) => {
      const parts = [b.op('sigmoid', [x], {}, { id: 's' }), b.op('tanh', [x], {}, { id: 't' })];
      return b.op('concat', parts, { axis: 3 }, { id: 'y' });
    });
    const model = await quantize(graph);
    expect(model.graph.nodes.filter((n) => n.kind === 'quantize')).toHaveLength(2);
    expect(heldOutSqnr(graph, model)).toBeGreaterThan(30);
  });

  it('constants beside activations, pads with a value, several outputs, shared weights', async () => {
    const graph = network((b, x, w) => {
      const shared = w([3, 1, 1, 3]);
      const plain = { ...CONV, pads: [0, 0, 0, 0] };
      const first = b.op('conv2d', [x, shared], plain, { id: 'first' });
      const second = b.op('conv2d', [first, shared], plain, { id: 'second' });
      const shifted = b.op('add', [second, b.constant('map', [1, 8, 8, 1], normal(createRandom(2), [1, 8, 8, 1]))]);
      const padded = b.op('pad', [shifted], { paddings: [0, 0, 1, 1, 0, 2, 0, 0], value: 7 }, { id: 'y' });
      return [padded, first];
    });
    const model = await quantize(graph);
    expect(heldOutSqnr(graph, model)).toBeGreaterThan(28);
    const quant = tensorOf(model.graph, 'y').quant;
    expect((quant?.scale[0] as number) * (127 - (quant?.zeroPoint[0] as number))).toBeGreaterThan(6.9);
  });

  it('the report names method, range, error and the worst layers', async () => {
    const { report } = await quantize(network(classifier));
    expect(report.samples).toBe(48);
    expect(report.tensors.map((t) => t.id)).toEqual([
      'x',
      'c1',
      'c2',
      'c3',
      'sum',
      expect.any(String),
      'flat',
      'logits',
      'y',
    ]);
    const byId = new Map(report.tensors.map((t) => [t.id, t]));
    expect(byId.get('flat')?.method).toBe('as-inputs');
    expect(byId.get('y')?.method).toBe('fixed');
    expect(byId.get('c1')?.min).toBe(0);
    expect(byId.get('c1')?.saturated).toBeGreaterThan(0.2);
    expect(report.outputSqnrDb).toBe(byId.get('y')?.sqnrDb);
    expect(report.worst.length).toBe(5);
    const worst = report.worst.map((id) => byId.get(id)?.sqnrDb as number);
    expect(worst).toEqual(worst.toSorted((a, b) => a - b));
    expect(report.warnings).toEqual([]);
  });

  it('one method for all where it is asked for', async () => {
    const { report } = await quantize(network(classifier), {
      rangeMethod: 'minmax',
      equalise: false,
      correctBias: false,
    });
    const methods = new Set(report.tensors.map((t) => t.method));
    expect(methods).toEqual(new Set(['minmax', 'fixed', 'as-inputs']));
    expect([report.equalised, report.biasCorrected]).toEqual([false, false]);
  });

  it('what was asked for is done even where it does not help', async () => {
    const { report } = await quantize(network(classifier), { rangeMethod: 'mse', equalise: true, correctBias: true });
    expect([report.equalised, report.biasCorrected]).toEqual([true, true]);
    expect(report.tensors.every((t) => t.method !== 'minmax' && t.method !== 'percentile')).toBe(true);
  });

  it('corrects the shift that coarse weights leave', async () => {
    // Two channels of one dense layer share a scale: the small one's weights all round to zero or one step.
    const graph = network((b, x, w) => {
      const y = b.op('reshape', [b.op('relu', [b.op('conv2d', [x, w([4, 3, 3, 3])], CONV)])], { shape: [-1, 256] });
      const weights = normal(createRandom(4), [2, 256], 0.004).map((v, i) => (i < 256 ? 100 * v : v + 0.002));
      return b.op('dense', [y, b.constant('w', [2, 256], weights)], {}, { id: 'y' });
    });
    const shift = async (correctBias: boolean): Promise<number> => {
      const model = await quantize(graph, {
        perChannelDense: false,
        correctBias,
        equalise: false,
        rangeMethod: 'minmax',
      });
      const program = prepareInt8(model.graph);
      const quant = tensorOf(model.graph, 'x').quant;
      const out = tensorOf(model.graph, 'y').quant;
      const samples = samplesFor(graph, 40, 50);
      let sum = 0;
      for (let i = 0; i < 40; i++) {
        const sample = samples.subarray(i * 192, (i + 1) * 192);
        const expected = runReference(graph, { x: sample }).y as Float64Array;
        const codes = program.run([
          Int8Array.from(sample, (v) =>
            quantizeToInt8(v, { scale: quant?.scale[0] as number, zeroPoint: quant?.zeroPoint[0] as number }),
          ),
        ])[0] as Int8Array;
        const real = (out?.scale[0] as number) * ((codes[1] as number) - (out?.zeroPoint[0] as number));
        sum += real - (expected[1] as number);
      }
      return Math.abs(sum / 40);
    };
    const [without, corrected] = [await shift(false), await shift(true)];
    expect(corrected).toBeLessThan(without / 2);
  });

  it('equal inputs give equal bytes', async () => {
    const graph = network(classifier);
    const [a, b] = [await quantize(graph), await quantize(graph)];
    expect(Buffer.from(writeTflite(a.graph)).equals(writeTflite(b.graph))).toBe(true);
    expect(JSON.stringify(a.report)).toBe(JSON.stringify(b.report));
  });

  it('stops on request, reports progress', async () => {
    const stop = new AbortController();
    const stages = new Set<string>();
    const onProgress = (event: { stage: string }): void => {
      stages.add(event.stage);
      if (event.stage === 'choose ranges') stop.abort();
    };
    await expect(quantize(network(classifier), {}, { signal: stop.signal, onProgress })).rejects.toMatchObject({
      code: 'E_INTERRUPTED',
    });
    expect(stages).toEqual(new Set(['calibrate', 'choose ranges']));
  });

  it('no samples, activations without end and several inputs are errors', async () => {
    const graph = network(classifier);
    const none = quantize(graph, { samples: async function* () {}, sampleCount: 0 });
    await expect(none).rejects.toMatchObject({ code: 'E_DATA_EMPTY' });
    const infinite = network((b, x) =>
      b.op('mul', [x, b.constant('big', [1], Float32Array.of(3e38))], {}, { id: 'y' }),
    );
    await expect(quantize(infinite)).rejects.toMatchObject({ code: 'E_QUANTIZE' });
    const b = new GraphBuilder('two', SHAPES);
    const two = b.build([b.op('add', [b.input('x', [1, 4]), b.input('z', [1, 4])])]);
    await expect(quantize(two)).rejects.toThrow(/2 inputs, x, z/);
  });
});
