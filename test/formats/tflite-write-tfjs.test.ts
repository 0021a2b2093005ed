import { describe, it } from 'vitest';
import type { Runtime } from '../../src/verify/runtimes/runtime.js';
import { tfjsTflite } from '../../src/verify/runtimes/tfjs-tflite.js';
import { tfjsTfliteNode } from '../../src/verify/runtimes/tfjs-tflite-node.js';
import { checkAnswer, SAMPLES } from './tflite-samples.js';

/** All one-op files in one process of the runtime. */
async function runAll(runtime: Runtime, skip: (why: string) => void): Promise<void> {
  const session = await runtime.open({ timeoutMs: 30_000, ctx: {} });
  if ('missing' in session) {
    if (process.env.CI === 'true') throw new Error(`CI=true and ${runtime.name} is missing: ${session.missing}`);
    skip(`${runtime.name}: ${session.missing}`);
    return;
  }
  try {
    for (const sample of SAMPLES) {
      const inputs = Buffer.concat(sample.inputs.map((x) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength)));
      const outcome = await session.run({ model: sample.bytes, inputs, count: 1, arenaBytes: 1 << 20 });
      const answer = 'failure' in outcome ? { error: outcome.failure } : { outputs: [outcome.outputs.slice()] };
      checkAnswer(runtime.id, answer, sample);
    }
  } finally {
    session.close();
  }
}

describe('written files in the TensorFlow.js runtimes', () => {
  it('@tensorflow/tfjs-tflite, wasm', { timeout: 60_000 }, ({ skip }) => runAll(tfjsTflite, skip));
  it('tfjs-tflite-node, TFLite 2.9', { timeout: 60_000 }, ({ skip }) => runAll(tfjsTfliteNode, skip));
});
