import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import type { Graph, QuantParams } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';
import { runRecords } from '../../../src/quantize/run-records.js';

const quant = (scale: number, zeroPoint: number): QuantParams => ({
  scale: Float32Array.of(scale),
  zeroPoint: Int32Array.of(zeroPoint),
  axis: 0,
});

/** A convolution heavy enough that threads are worth their start. */
function network(): Graph {
  const random = createRandom(7);
  const b = new GraphBuilder('heavy', SHAPES);
  const x = b.input('x', [1, 32, 32, 16], 'int8', quant(0.02, 3));
  const weights = Int8Array.from({ length: 32 * 9 * 16 }, () => random.int(255) - 127);
  const w = b.constant('w', [32, 3, 3, 16], weights, 'int8', quant(0.01, 0));
  const bias = b.constant('b', [32], new Int32Array(32), 'int32', quant(0.0002, 0));
  const window = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };
  const y = b.op('conv2d', [x, w, bias], window, { id: 'y', quant: quant(0.5, -5) });
  return b.build([y]);
}

const COUNT = 120;
const RECORD = 32 * 32 * 16;
const records = (() => {
  const random = createRandom(1);
  return Int8Array.from({ length: COUNT * RECORD }, () => random.int(256));
})();

describe('runRecords', () => {
  it('gives in threads what it gives in one, and reports every record once', async () => {
    const graph = network();
    let reported = 0;
    const one = await runRecords(graph, records, COUNT, { threads: 1 });
    const two = await runRecords(graph, records, COUNT, {
      threads: 2,
      ctx: { onProgress: ({ done }) => (reported = done) },
    });
    expect(one.length).toBe(COUNT * 32 * 32 * 32);
    expect(new Set(one).size).toBeGreaterThan(50);
    expect(Buffer.compare(Buffer.from(two.buffer), Buffer.from(one.buffer))).toBe(0);
    expect(reported).toBe(COUNT);
  });

  it('takes bytes from the middle of a buffer', async () => {
    const graph = network();
    const all = await runRecords(graph, records.subarray(0, 3 * RECORD), 3, { threads: 1 });
    const last = await runRecords(graph, records.subarray(2 * RECORD, 3 * RECORD), 1, { threads: 1 });
    expect([...last]).toEqual([...all.subarray(2 * 32 * 32 * 32)]);
  });

  it.each([1, 2])('stops on request (%s threads)', async (threads) => {
    const controller = new AbortController();
    const running = runRecords(network(), records, COUNT, { threads, ctx: { signal: controller.signal } });
    setTimeout(() => controller.abort(), 60);
    await expect(running).rejects.toMatchObject({ code: 'E_INTERRUPTED' });
  });

  it.each([1, 2])('refuses with a code what the executor cannot run (%s threads)', async (threads) => {
    const graph = network();
    const w = graph.tensors.get('w');
    if (!w) throw new Error('w is gone');
    const { quant: _, ...bare } = w;
    const broken = { ...graph, tensors: new Map(graph.tensors).set('w', bare) };
    await expect(runRecords(broken, records, COUNT, { threads })).rejects.toMatchObject({ code: 'E_INT8_UNSUPPORTED' });
  });

  it('wants exactly the bytes of its records', async () => {
    await expect(runRecords(network(), records, COUNT + 1)).rejects.toThrow(/take .* B, got/);
  });
});
