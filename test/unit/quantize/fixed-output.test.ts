/** Heads that end in a bottleneck: the wire's codes are given, the kernels must give exactly them. */
import { describe, expect, it } from 'vitest';
import { tfliteReader } from '../../../converters/tflite/index.js';
import { writeTflite } from '../../../converters/tflite/write.js';
import { WIRE_BITS, type WireBits, wireScale } from '../../../src/bottleneck/bottleneck.js';
import { createRandom } from '../../../src/core/random.js';
import { createEngine } from '../../../src/engines/index.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { type Graph, tensorOf } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runReference } from '../../../src/ops/reference.js';
import { normaliseGraph } from '../../../src/passes/normalise.js';
import { setBatch } from '../../../src/passes/set-batch.js';
import { quantizeToInt8 } from '../../../src/preprocess/normalise.js';
import { prepareInt8 } from '../../../src/quantize/executor.js';
import { quantizeGraph } from '../../../src/quantize/quantize.js';
import type { QuantizedModel, QuantizeRequest } from '../../../src/quantize/quantized-model.js';
import { simulatedGraph } from '../../../src/quantize/simulated-graph.js';
import { RUNTIMES } from '../../../src/verify/runtimes/index.js';
import { verifyHead } from '../../../src/verify/verify-head.js';
import { describeNeeding, itNeeding, pythonOracle } from '../../support/shared-data.js';
import { nodeTfliteAddon } from '../../support/tflite-runtimes.js';
import { normal } from '../passes/random-network.js';

const engine = await createEngine('onnx');
const CONV = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };

function head(clamp = 'relu6', weights = 0.16): Graph {
  const random = createRandom(5);
  const b = new GraphBuilder('head', SHAPES);
  const w = (shape: number[], size: number) => b.constant('w', shape, normal(random, shape, size));
  const x = b.input('x', [1, 8, 8, 3]);
  const cut = b.op('relu', [b.op('conv2d', [x, w([24, 3, 3, 3], 0.3), w([24], 0.1)], CONV)], {}, { id: 'cut' });
  const bias = b.constant('b', [5], Float32Array.of(3, 1, 5, 0, 2.5));
  const strided = { strides: [2, 2], dilations: [1, 1], pads: [0, 1, 0, 1] };
  const linear = b.op('conv2d', [cut, w([5, 3, 3, 24], weights), bias], strided, { id: 'linear' });
  return normaliseGraph(b.build([b.op(clamp, [linear], {}, { id: 'cut/wire' })]));
}

const samples = (count: number, seed: number) => normal(createRandom(seed), [count, 8, 8, 3]);

function quantize(network: Graph, bits: WireBits, options: Partial<QuantizeRequest> = {}): Promise<QuantizedModel> {
  return quantizeGraph(
    {
      network,
      samples: async function* () {
        yield { count: 32, inputs: samples(32, 1) };
      },
      sampleCount: 32,
      engine,
      threads: 1,
      perChannelDense: true,
      output: { scale: wireScale(bits), zeroPoint: -128 },
      ...options,
    },
    {},
  );
}

const quantOf = (graph: Graph, id: string) => {
  const quant = tensorOf(graph, id).quant;
  return { scale: quant?.scale[0] as number, zeroPoint: quant?.zeroPoint[0] as number };
};

/** int8 codes of `count` held-out samples. */
function runCodes(graph: Graph, count: number): Int8Array[] {
  const program = prepareInt8(graph);
  const inputs = samples(count, 9);
  const quant = quantOf(graph, graph.inputs[0] as string);
  return Array.from({ length: count }, (_, i) => {
    const sample = inputs.subarray(i * 192, (i + 1) * 192);
    const [codes] = program.run([Int8Array.from(sample, (v) => quantizeToInt8(v, quant))]);
    return Int8Array.from(codes as Int8Array);
  });
}

describe('an output whose codes are given', () => {
  const network = head();
  const expected = Array.from({ length: 12 }, (_, i) => {
    const sample = samples(12, 9).subarray(i * 192, (i + 1) * 192);
    return runReference(network, { x: sample })['cut/wire'] as Float64Array;
  });

  it.each(WIRE_BITS)('%i bits: exactly its codes, near the float network’s', async (bits) => {
    const { graph, report } = await quantize(network, bits);
    expect(quantOf(graph, 'cut/wire')).toEqual({ scale: Math.fround(6 / (2 ** bits - 1)), zeroPoint: -128 });
    const codes = runCodes(graph, 12);
    const seen = new Set(codes.flatMap((c) => [...c]));
    expect(Math.min(...seen)).toBe(-128);
    expect(Math.max(...seen)).toBe(-129 + 2 ** bits);
    if (bits <= 4) expect(seen.size).toBe(2 ** bits);
    // Where the value is not half-way between two codes, int8 arithmetic may not change the code; its error is about 1 % of the range.
    let differing = 0;
    let clear = 0;
    codes.forEach((row, i) => {
      row.forEach((code, j) => {
        const steps = (expected[i]?.[j] as number) / wireScale(bits);
        const wanted = Math.round(steps) - 128;
        if (Math.abs(steps - Math.floor(steps) - 0.5) * wireScale(bits) < 0.15) return;
        clear++;
        if (code !== wanted) differing++;
      });
    });
    if (bits <= 4) expect(clear).toBeGreaterThan(200);
    expect(differing).toBeLessThanOrEqual(0.005 * clear);
    const wire = report.tensors.find((t) => t.id === 'cut/wire');
    expect(wire?.method).toBe('fixed');
    // Against the codes of the float network: flips only, not the coarseness that was asked for.
    expect(report.outputSqnrDb).toBeGreaterThan(18);
    expect(report.warnings).toEqual([]);
  });

  it('choices are made by the real values before rounding: the same for every number of bits', async () => {
    const chosen = await Promise.all(
      ([4, 1] as const).map(async (bits) => {
        const { graph } = await quantize(network, bits);
        return quantOf(graph, 'cut');
      }),
    );
    expect(chosen[1]).toEqual(chosen[0]);
  });

  it('small weights keep their digits behind wide steps', async () => {
    const { graph } = await quantize(head('relu6', 0.003), 1, { correctBias: false, equalise: false });
    const filter = graph.nodes.at(-1)?.inputs[1] as string;
    const { data, shape } = tensorOf(graph, filter);
    const perChannel = (data?.length as number) / (shape[0] as number);
    for (let c = 0; c < (shape[0] as number); c++) {
      const row = [...(data as Int8Array).subarray(c * perChannel, (c + 1) * perChannel)].map(Math.abs);
      expect(Math.max(...row)).toBe(127);
    }
  });

  it('is refused where no clamp makes it, where there are several, and where one code would be left', async () => {
    await expect(quantize(head('tanh'), 4)).rejects.toMatchObject({ code: 'E_QUANTIZE', message: /without a clamp/ });
    const two = { ...network, outputs: ['cut', 'cut/wire'] };
    await expect(quantize(two, 4)).rejects.toMatchObject({ code: 'E_QUANTIZE', message: /2 outputs/ });
    const one = quantize(network, 4, { output: { scale: 13, zeroPoint: -128 } });
    await expect(one).rejects.toMatchObject({ code: 'E_QUANTIZE', message: /single code/ });
  });
});

describe('simulatedGraph', () => {
  it.each([8, 2] as const)('gives the executor’s codes but for near ties, %i bits', async (bits) => {
    const { graph } = await quantize(head(), bits);
    const simulated = simulatedGraph(graph, 4);
    expect([simulated.inputs, simulated.outputs]).toEqual([graph.inputs, graph.outputs]);
    expect(setBatch(simulated, 1).nodes.length).toBe(simulated.nodes.length);
    const compiled = await engine.compile(simulated, { threads: 1 });
    const codes = runCodes(graph, 12);
    let differing = 0;
    for (let at = 0; at < 12; at += 4) {
      const values = await compiled.run({ x: samples(12, 9).subarray(at * 192, (at + 4) * 192) });
      (values['cut/wire'] as Float32Array).forEach((v, k) => {
        const code = codes[at + Math.floor(k / 80)]?.[k % 80] as number;
        const steps = v / wireScale(bits);
        expect(steps).toBeCloseTo(Math.round(steps), 3);
        if (Math.round(steps) - 128 !== code) differing++;
        expect(Math.abs(Math.round(steps) - 128 - code)).toBeLessThanOrEqual(1);
      });
    }
    await compiled.dispose();
    expect(differing).toBeLessThanOrEqual((bits === 8 ? 0.06 : 0.01) * 12 * 80);
  });
});

describeNeeding([], 'the written head', () => {
  itNeeding(
    [pythonOracle, nodeTfliteAddon],
    'gives the executor’s bytes in TFLite-Micro and node-tflite, at every number of bits',
    async () => {
      for (const bits of WIRE_BITS) {
        const bytes = writeTflite((await quantize(head(), bits)).graph, { description: 'head' });
        const file = { name: 'head.tflite', bytes, sibling: () => Promise.reject(new Error('alone')) };
        const { graph } = await tfliteReader.read(file, {});
        const quant = quantOf(graph, graph.inputs[0] as string);
        const inputs = Int8Array.from(samples(16, 9), (v) => quantizeToInt8(v, quant));
        const report = await verifyHead({ bytes, graph }, inputs, 16, {
          seed: 0,
          opSamples: 0,
          threads: 1,
          runtimes: RUNTIMES.filter(({ id }) => ['executor', 'tflite-micro', 'node-tflite'].includes(id)),
        });
        expect(report.runtimes.map(({ id, status, endToEnd }) => [id, status, endToEnd?.equalBytes])).toEqual(
          ['executor', 'tflite-micro', 'node-tflite'].map((id) => [id, 'compared', 16 * 80]),
        );
      }
    },
    120_000,
  );
});
