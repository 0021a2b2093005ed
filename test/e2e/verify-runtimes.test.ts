/** The real runtimes: TFLite-Micro's outputs as recorded elsewhere, and the heads of the demo network byte by byte. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type HeadRow, measureAgreement } from '../../evidence/runtimes.js';
import { RUNTIMES } from '../../src/verify/runtimes/index.js';
import type { RunOutcome, RuntimeSession } from '../../src/verify/runtimes/runtime.js';
import { describeNeeding, pythonOracle, sharedData, sharedTestData } from '../support/shared-data.js';
import { nodeTfliteAddon, tfjsTfliteNodeAddon } from '../support/tflite-runtimes.js';

const everything = [pythonOracle, nodeTfliteAddon, tfjsTfliteNodeAddon];
const ids = RUNTIMES.map(({ id }) => id);

interface Golden {
  readonly model: string;
  readonly count: number;
}

describeNeeding([...everything, sharedTestData], 'outputs of TFLite-Micro recorded on another machine', () => {
  const sessions = new Map<string, RuntimeSession>();
  beforeAll(async () => {
    for (const runtime of RUNTIMES) {
      const session = await runtime.open({ timeoutMs: 60_000, ctx: {} });
      if ('missing' in session) throw new Error(`${runtime.id}: ${session.missing}`);
      sessions.set(runtime.id, session);
    }
  });
  afterAll(() => {
    for (const session of sessions.values()) session.close();
  });

  async function ask(id: string, name: string): Promise<{ outcome: RunOutcome; wanted: Uint8Array }> {
    const folder = sharedData(`golden/${name}`);
    const { model, count } = JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8')) as Golden;
    const read = (file: string): Uint8Array => new Uint8Array(readFileSync(file));
    const inputs = read(`${folder}/inputs.bin`);
    const session = sessions.get(id) as RuntimeSession;
    const outcome = await session.run({ model: read(sharedData(model)), inputs, count, arenaBytes: 1 << 24 });
    return { outcome, wanted: read(`${folder}/outputs.bin`) };
  }

  it.each(['executor', 'tflite-micro', 'node-tflite'])(
    '%s gives every byte of ic_resnet8 and hello_world',
    async (id) => {
      for (const name of ['ic_resnet8_int8', 'hello_world_int8']) {
        const { outcome, wanted } = await ask(id, name);
        expect('outputs' in outcome ? Buffer.compare(outcome.outputs, wanted) : outcome, `${id} ${name}`).toBe(0);
      }
    },
  );

  it.each(['tfjs-tflite-node', 'tfjs-tflite', 'litert', 'litert-reference'])(
    '%s gives as many bytes, most of them equal: its kernels round otherwise',
    async (id) => {
      const { outcome, wanted } = await ask(id, 'hello_world_int8');
      if (!('outputs' in outcome)) throw new Error(outcome.failure);
      const different = wanted.filter((byte, i) => byte !== outcome.outputs[i]).length;
      expect(outcome.outputs).toHaveLength(wanted.length);
      expect(different).toBeLessThan(wanted.length / 8);
    },
  );

  it('a runtime that refuses a file says why, and goes on', async () => {
    const { outcome } = await ask('node-tflite', 'person_detect');
    expect(outcome).toEqual({ failure: expect.stringMatching(/^refused: .*quantized_dimension must be in range/) });
    expect('outputs' in (await ask('node-tflite', 'hello_world_int8')).outcome).toBe(true);
  });
});

describeNeeding(everything, 'heads of fashion-cnn at every third cut, in every runtime', () => {
  let heads: readonly HeadRow[] = [];
  beforeAll(async () => {
    const options = { every: 3, samples: 4, opSamples: 2 };
    ({ heads } = await measureAgreement(['fashion-cnn'], options, () => {}));
  }, 240_000);

  it('covers the network', () => {
    expect(heads.length).toBeGreaterThan(3);
    expect(heads.at(-1)?.cut).toBe('output');
    for (const { runtimes } of heads) expect(Object.keys(runtimes)).toEqual(ids);
  });

  it.each(['executor', 'tflite-micro', 'node-tflite'])('%s: every byte equal', (id) => {
    for (const { cut, runtimes } of heads) {
      expect(runtimes[id], `${id} at ${cut}`).toMatchObject({ status: 'compared', maxLsb: 0 });
      expect(runtimes[id]?.equalBytes).toBe(runtimes[id]?.bytes);
      expect(runtimes[id]?.bytes).toBeGreaterThan(0);
    }
  });

  it.each(['tfjs-tflite', 'litert', 'tfjs-tflite-node', 'litert-reference'])('%s: each op within one LSB', (id) => {
    for (const { cut, runtimes } of heads) {
      expect(runtimes[id], `${id} at ${cut}`).toMatchObject({ status: 'compared', exceptions: [] });
      expect(runtimes[id]?.ops).toBeGreaterThan(0);
    }
  });
});
