import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { writeTflite } from '../../../converters/tflite/write.js';
import { createRandom } from '../../../src/core/random.js';
import { loadDevice } from '../../../src/devices/index.js';
import type { Graph } from '../../../src/ir/graph.js';
import { executor } from '../../../src/verify/runtimes/executor.js';
import { perChannelDense } from '../../../src/verify/runtimes/known-defects.js';
import type { ModelRun, RunOutcome, Runtime } from '../../../src/verify/runtimes/runtime.js';
import { verifyHead } from '../../../src/verify/verify-head.js';
import { convThenDense } from './int8-graph.js';

const COUNT = 10;
const random = createRandom(1);
const samples = Int8Array.from({ length: COUNT * 32 }, () => random.int(256) - 128);

/** A runtime that computes as we do and then does something else. */
function runtimeThat(change: (run: ModelRun, outputs: Uint8Array) => RunOutcome, rest: Partial<Runtime> = {}): Runtime {
  return {
    ...executor,
    id: 'other',
    ...rest,
    open: async (options) => {
      const ours = await executor.open(options);
      if ('missing' in ours) throw new Error('our executor is always there');
      return {
        ...ours,
        version: '9',
        run: async (run) => {
          const outcome = await ours.run(run);
          return 'outputs' in outcome ? change(run, outcome.outputs) : outcome;
        },
      };
    },
  };
}

function verify(graph: Graph, runtimes: readonly Runtime[], rest: object = {}) {
  const head = { bytes: writeTflite(graph), graph };
  return verifyHead(head, samples, COUNT, { seed: 3, runtimes, ...rest });
}

const equal = runtimeThat((_, outputs) => ({ outputs }));
const oneOff = runtimeThat((_, outputs) => ({ outputs: outputs.map((q, i) => (i === 7 ? q - 2 : q)) }));

describe('verifyHead', () => {
  it('compares end to end and op by op, and passes when all reference runtimes agree', async () => {
    const graph = convThenDense(true);
    const report = await verify(graph, [executor, equal]);
    expect(report).toMatchObject({ schemaVersion: 1, samples: COUNT, seed: 3, passed: true, warnings: [] });
    expect(report.headSha256).toBe(createHash('sha256').update(writeTflite(graph)).digest('hex'));
    const [ours, other] = report.runtimes;
    expect(ours).toMatchObject({ id: 'executor', status: 'compared', sameTop1: COUNT, samples: COUNT });
    expect(ours?.endToEnd).toEqual({ bytes: 50, equalBytes: 50, maxLsb: 0 });
    expect(other?.ops).toEqual([
      { node: 'conv', kind: 'conv2d', bytes: 4 * 27, equalBytes: 4 * 27, maxLsb: 0 },
      { node: 'flat', kind: 'reshape', bytes: 4 * 27, equalBytes: 4 * 27, maxLsb: 0 },
      { node: 'scores', kind: 'dense', bytes: 4 * 5, equalBytes: 4 * 5, maxLsb: 0 },
    ]);
  });

  it('does not pass when a reference runtime differs in one byte, and says by how much and where', async () => {
    const report = await verify(convThenDense(true), [executor, oneOff]);
    expect(report.passed).toBe(false);
    const other = report.runtimes[1];
    expect(other?.endToEnd).toEqual({ bytes: 50, equalBytes: 49, maxLsb: 2 });
    expect(other?.ops?.map((op) => op.maxLsb)).toEqual([2, 2, 2]);
  });

  it('passes when only optimised kernels differ, and counts the samples with the same largest value', async () => {
    const shuffled = runtimeThat((_, outputs) => ({ outputs: Uint8Array.from(outputs).reverse() }), {
      kernels: 'optimised',
    });
    const report = await verify(convThenDense(true), [executor, shuffled]);
    expect(report.passed).toBe(true);
    expect(report.runtimes[1]?.sameTop1).toBeLessThan(COUNT);
  });

  it('does not pass without our executor', async () => {
    expect((await verify(convThenDense(true), [equal])).passed).toBe(false);
  });

  it('lists a runtime that is missing, with what to type, and one that refuses, crashes or gives too little', async () => {
    const missing: Runtime = { ...equal, id: 'gone', install: 'pip install it', open: async () => ({ missing: 'no' }) };
    const crash = runtimeThat(() => ({ failure: 'crashed with SIGSEGV' }));
    const short = runtimeThat((_, outputs) => ({ outputs: outputs.subarray(1) }));
    const report = await verify(convThenDense(true), [executor, missing, crash, short]);
    expect(report.passed).toBe(true);
    expect(report.runtimes.slice(1)).toMatchObject([
      { status: 'missing', reason: 'no', install: 'pip install it', endToEnd: null },
      { status: 'failed', reason: 'crashed with SIGSEGV', version: '9', ops: null },
      { status: 'failed', reason: 'gave 49 B where the head has 50 B' },
    ]);
  });

  it('tells an old runtime that gives the zero point for per-channel fully connected weights from one that differs', async () => {
    const zeroPoint = 4;
    const mute = runtimeThat(
      (_, outputs) => ({ outputs: outputs.length % 5 === 0 ? outputs.map(() => zeroPoint) : outputs }),
      { defects: [perChannelDense] },
    );
    const perChannel = await verify(convThenDense(true), [executor, mute]);
    expect(perChannel.runtimes[1]).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching(/gives the zero point.*\("scores"\)/),
    });
    expect(perChannel.passed).toBe(true);
    const perTensor = await verify(convThenDense(false), [executor, mute]);
    expect(perTensor.runtimes[1]).toMatchObject({ status: 'compared', reason: null });
    expect(perTensor.passed).toBe(false);
  });

  it('names the op that could not be run alone', async () => {
    const noReshape = runtimeThat((run, outputs) =>
      run.count === 4 && outputs.length === 4 * 27 && run.inputs.length === 4 * 27
        ? { failure: 'refused: RESHAPE' }
        : { outputs },
    );
    const report = await verify(convThenDense(true), [executor, noReshape]);
    expect(report.runtimes[1]?.reason).toBe('"flat" could not be run alone: refused: RESHAPE');
    expect(report.runtimes[1]?.ops?.map((op) => op.node)).toEqual(['conv', 'scores']);
  });

  it('lists what runs on the board only as unverified', async () => {
    const onS3 = await verify(convThenDense(true), [executor], { device: loadDevice('esp32-s3'), opSamples: 0 });
    expect(onS3.runtimes.slice(1)).toMatchObject([
      { id: 'esp-nn', status: 'unverified', reason: expect.stringContaining('selftest.bin') },
    ]);
    const onCoral = await verify(convThenDense(true), [executor], { device: loadDevice('coral-micro') });
    expect(onCoral.runtimes.slice(1).map((row) => row.id)).toEqual(['cmsis-nn', 'edgetpu']);
    const onRv32 = await verify(convThenDense(true), [executor], { device: loadDevice('rv32-virt') });
    expect(onRv32.runtimes).toHaveLength(1);
  });

  it('refuses samples that do not fill their records', async () => {
    const graph = convThenDense(true);
    const head = { bytes: writeTflite(graph), graph };
    await expect(verifyHead(head, samples.subarray(1), COUNT, { seed: 0, runtimes: [] })).rejects.toThrow(RangeError);
  });

  it('can be stopped', async () => {
    const stop = new AbortController();
    const graph = convThenDense(true);
    stop.abort();
    const head = { bytes: writeTflite(graph), graph };
    const run = verifyHead(head, samples, COUNT, { seed: 0, runtimes: [] }, { signal: stop.signal });
    await expect(run).rejects.toMatchObject({ code: 'E_INTERRUPTED' });
  });
});
