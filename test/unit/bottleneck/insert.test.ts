/** Bottlenecks at every single-tensor cut: shapes, and with all channels and 8 bits the network itself. */
import { beforeAll, describe, expect, it } from 'vitest';
import { findCutPoints } from '../../../src/analyze/cut-points.js';
import { type ActivationSample, collectActivations } from '../../../src/bottleneck/activations.js';
import { type BottleneckedNetwork, wireScale } from '../../../src/bottleneck/bottleneck.js';
import { initialWeights } from '../../../src/bottleneck/initial-weights.js';
import { clampOf, cutShape, insertBottleneck } from '../../../src/bottleneck/insert.js';
import { bottleneckParameters } from '../../../src/bottleneck/parameters.js';
import { fitToCut, parseBottleneck, wireShapeOf } from '../../../src/bottleneck/spec.js';
import { createRandom } from '../../../src/core/random.js';
import type { Engine } from '../../../src/engines/engine.js';
import { createEngine } from '../../../src/engines/index.js';
import { elementCount, type Graph, tensorOf } from '../../../src/ir/graph.js';
import { verifyGraph } from '../../../src/ir/verify.js';
import { SHAPES } from '../../../src/ops/index.js';
import { findLogits } from '../../../src/passes/logits.js';
import { demoPaths, openModel } from '../../../src/sdk.js';
import { runGraph } from './run-graph.js';

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine('onnx');
});

const run = (graph: Graph, values: Float32Array): Promise<Float32Array> => runGraph(engine, graph, values);

function drawInputs(network: Graph, count: number): Float32Array {
  const random = createRandom(4);
  const { shape } = tensorOf(network, network.inputs[0] as string);
  return Float32Array.from({ length: count * elementCount(shape) }, () => random.next());
}

async function* once(inputs: Float32Array, count: number): AsyncGenerator<{ count: number; inputs: Float32Array }> {
  yield { count, inputs };
}

function singleCuts(network: Graph): string[] {
  return findCutPoints(network, findLogits(network).id)
    .filter((cut) => cut.tensors.length === 1)
    .map((cut) => cut.id);
}

/** Zeros everywhere: shapes alone. */
function insertZeros(network: Graph, cut: string, text: string, decoder: 'linear' | 'residual'): BottleneckedNetwork {
  const spec = fitToCut(parseBottleneck(text), cutShape(network, cut));
  const values = new Map(
    bottleneckParameters(spec, cutShape(network, cut), decoder).map(({ name, shape }) => [
      name,
      new Float32Array(elementCount(shape)),
    ]),
  );
  return insertBottleneck(network, cut, spec, { decoder, values });
}

describe.each([
  ['fashion-cnn', () => openModel(demoPaths().model)],
  ['resnet8', () => openModel('resnet8')],
  ['ds-cnn', () => openModel('ds-cnn')],
  ['mobilenet_v1 96', () => openModel('mobilenet_v1', { inputShape: [96, 96, 3] })],
  ['vgg16 32', () => openModel('vgg16', { inputShape: [32, 32, 3] })],
] as const)('at every single-tensor cut of %s', (_name, open) => {
  it('head and tail fit together', async () => {
    const { network } = await open();
    const output = tensorOf(network, network.outputs[0] as string).shape;
    const cuts = singleCuts(network);
    expect(cuts.length).toBeGreaterThan(3);
    for (const cut of cuts) {
      const shape = cutShape(network, cut);
      const texts =
        shape.length === 1
          ? ['dense-c3-b4']
          : [
              'conv1x1-s1-c3-b4',
              'conv1x1-s2-c3-b2',
              'conv1x1-s4-c3-b1',
              'conv3x3-s1-c2-b8',
              'conv3x3-s2-c3-b4',
              'separable3x3-s2-c3-b4',
              'i-split',
            ];
      for (const text of texts) {
        for (const decoder of ['linear', 'residual'] as const) {
          const { head, tail, wire, spec, encoderParameters, decoderParameters } = insertZeros(
            network,
            cut,
            text,
            decoder,
          );
          verifyGraph(head, SHAPES);
          verifyGraph(tail, SHAPES);
          expect(head.outputs).toEqual([wire]);
          expect(tail.inputs).toEqual([wire]);
          expect(tensorOf(head, wire).shape).toEqual([1, ...wireShapeOf(spec, shape)]);
          expect(tensorOf(tail, `${cut}/decoder`).shape).toEqual([1, ...shape]);
          expect(tensorOf(tail, tail.outputs[0] as string).shape).toEqual(output);
          for (const id of encoderParameters) expect(tensorOf(head, id).data).toBeDefined();
          for (const id of decoderParameters) expect(tensorOf(tail, id).data).toBeDefined();
        }
      }
    }
  });
});

describe('with all channels and 8 bits', () => {
  it('tail(head(x)) is the network, but for quantization', async () => {
    const { network } = await openModel('resnet8');
    const count = 6;
    const inputs = drawInputs(network, count);
    const first = inputs.subarray(0, inputs.length / count);
    const expected = await run(network, first);
    for (const cut of singleCuts(network)) {
      const sample = await collectActivations(network, cut, once(inputs, count), { engine });
      const channels = sample.shape.at(-1) as number;
      const texts =
        sample.shape.length === 1
          ? [`dense-c${channels}-b8`]
          : ['conv1x1', 'conv3x3', 'separable3x3'].map((encoder) => `${encoder}-s1-c${channels}-b8`);
      if (channels <= 16 && sample.shape.length > 1)
        texts.push(`conv3x3-s2-c${4 * channels}-b8`, `conv1x1-s2-c${4 * channels}-b8`);
      for (const text of texts) {
        const spec = parseBottleneck(text);
        const { head, tail } = insertBottleneck(network, cut, spec, initialWeights(spec, sample));
        const step = wireScale(8);
        const codes = (await run(head, first)).map((w) => Math.round(w / step));
        expect(Math.max(...codes)).toBeLessThanOrEqual(255);
        expect(Math.min(...codes)).toBeGreaterThanOrEqual(0);
        const got = await run(
          tail,
          codes.map((code) => code * step),
        );
        const apart = Math.max(...got.map((v, i) => Math.abs(v - (expected[i] as number))));
        expect(apart, `${cut} ${text}`).toBeLessThan(0.01);
      }
    }
  });

  it('loses what lies beyond the channels: the linear decoder gives back the rest', async () => {
    // Four channels of which two repeat the others: two on the wire are enough.
    const random = createRandom(9);
    const values = new Float32Array(200 * 5 * 5 * 4);
    for (let i = 0; i < values.length; i += 4) {
      const [a, b] = [random.normal(), random.normal()];
      values.set([a, b, a + b, a - b], i);
    }
    const sample: ActivationSample = { shape: [5, 5, 4], count: 200, values };
    const weights = initialWeights(parseBottleneck('conv1x1-s1-c2-b8'), sample, { decoder: 'linear' });
    const [e, d] = ['encoder', 'decoder'].map((part) => weights.values.get(`${part}/kernel`) as Float32Array) as [
      Float32Array,
      Float32Array,
    ];
    const [eb, db] = ['encoder', 'decoder'].map((part) => weights.values.get(`${part}/bias`) as Float32Array) as [
      Float32Array,
      Float32Array,
    ];
    for (let i = 0; i < 400; i += 4) {
      const x = values.subarray(i, i + 4);
      const w = [0, 1].map((k) => x.reduce((sum, v, c) => sum + v * (e[k * 4 + c] as number), eb[k] as number));
      x.forEach((v, c) => {
        const back = w.reduce((sum, u, k) => sum + u * (d[c * 2 + k] as number), db[c] as number);
        expect(back).toBeCloseTo(v, 4);
      });
    }
  });
});

describe('clampOf', () => {
  it('sees through pools and sums', async () => {
    const { network } = await openModel('resnet8');
    expect(clampOf(network, 'stack1_out')).toBe('relu');
    expect(clampOf(network, 'avg_pool')).toBe('relu');
    expect(clampOf(network, network.inputs[0] as string)).toBe('none');
  });
});
