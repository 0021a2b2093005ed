/** The encoder is part of the int8 head: its codes, and the same bytes in the runtimes that devices have. */
import { beforeAll, expect, it } from 'vitest';
import { tfliteReader } from '../../../converters/tflite/index.js';
import { writeTflite } from '../../../converters/tflite/write.js';
import { collectActivations } from '../../../src/bottleneck/activations.js';
import { wireScale } from '../../../src/bottleneck/bottleneck.js';
import { initialWeights } from '../../../src/bottleneck/initial-weights.js';
import { insertBottleneck } from '../../../src/bottleneck/insert.js';
import { parseBottleneck } from '../../../src/bottleneck/spec.js';
import { createRandom } from '../../../src/core/random.js';
import type { Engine } from '../../../src/engines/engine.js';
import { createEngine } from '../../../src/engines/index.js';
import { elementCount, tensorOf } from '../../../src/ir/graph.js';
import { quantizeGraph } from '../../../src/quantize/quantize.js';
import { runRecords } from '../../../src/quantize/run-records.js';
import { openModel } from '../../../src/sdk.js';
import { verifyHead } from '../../../src/verify/verify-head.js';
import { describeNeeding, pythonOracle } from '../../support/shared-data.js';
import { nodeTfliteAddon } from '../../support/tflite-runtimes.js';

const SAMPLES = 6;
const CUT = 'stack1_out';

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine('onnx');
});

async function buildHead(text: string) {
  const { network } = await openModel('resnet8');
  const spec = parseBottleneck(text);
  const random = createRandom(8);
  const elements = elementCount(tensorOf(network, network.inputs[0] as string).shape);
  const inputs = Float32Array.from({ length: SAMPLES * elements }, () => random.next());
  async function* samples() {
    yield { count: SAMPLES, inputs };
  }
  const sample = await collectActivations(network, CUT, samples(), { engine });
  const { head } = insertBottleneck(network, CUT, spec, initialWeights(spec, sample, { codedBytes: 200 }));
  const quantized = await quantizeGraph(
    {
      network: head,
      samples,
      sampleCount: SAMPLES,
      engine,
      output: { scale: wireScale(spec.bits), zeroPoint: -128 },
      perChannelDense: false,
      rangeMethod: 'minmax',
      equalise: false,
      correctBias: false,
    },
    {},
  );
  const bytes = writeTflite(quantized.graph, { description: 'test' });
  const file = { name: 'head.tflite', bytes, sibling: () => Promise.reject(new Error('none')) };
  const { graph } = await tfliteReader.read(file, {});
  const records = Int8Array.from({ length: SAMPLES * elements }, () => Math.floor(256 * random.next()) - 128);
  return { bytes, graph, records, spec };
}

describeNeeding([pythonOracle, nodeTfliteAddon], 'an int8 head that ends in an encoder', () => {
  it.each(['conv1x1-s4-c8-b4', 'conv3x3-s2-c4-b2', 'separable3x3-s2-c4-b1', 'i-split-c4-b8'])(
    'gives the codes of %s and no others, the same in every reference runtime',
    async (text) => {
      const { bytes, graph, records, spec } = await buildHead(text);
      const out = await runRecords(graph, records, SAMPLES, { threads: 1 });
      const codes = new Set(out as Int8Array);
      for (const code of codes) {
        expect(code).toBeGreaterThanOrEqual(-128);
        expect(code).toBeLessThan(-128 + 2 ** spec.bits);
      }
      expect(codes.size).toBeGreaterThan(1);
      const report = await verifyHead({ bytes, graph }, records, SAMPLES, { seed: 0, opSamples: 0, threads: 1 });
      const compared = report.runtimes.filter((row) => row.status === 'compared' && row.kernels === 'reference');
      expect(compared.map((row) => row.id)).toEqual(expect.arrayContaining(['executor', 'node-tflite']));
      expect(compared.some((row) => /micro|tflm/i.test(row.id))).toBe(true);
      for (const row of compared) expect(row.endToEnd?.equalBytes, row.id).toBe(row.endToEnd?.bytes);
      expect(report.passed).toBe(true);
    },
    60_000,
  );
});
