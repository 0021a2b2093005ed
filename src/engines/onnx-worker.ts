/** Worker thread of onnx-apart: one session; runs it when told to. */
import { parentPort, workerData } from 'node:worker_threads';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { ApartJob, ApartMessage, SharedValue } from './onnx-apart.js';
import { loadOnnxruntime, type Ort, sessionOptions } from './onnxruntime.js';

const port = parentPort;
if (port === null) throw new Error('onnx-worker runs in a worker thread only');
const post = (message: ApartMessage): void => port.postMessage(message);
const { model, options, inputs, outputs } = workerData as ApartJob;

/** onnxruntime takes no shared memory: its tensors have their own, which is copied from and to. */
interface Value {
  readonly shared: Float32Array;
  readonly own: Float32Array;
  readonly name: string;
  readonly tensor: OrtTensor;
}

function makeValue(ort: Ort, { name, shape, memory }: SharedValue): Value {
  const shared = new Float32Array(memory);
  const own = new Float32Array(shared.length);
  return { name, shared, own, tensor: new ort.Tensor('float32', own, [...shape]) };
}

async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
    post('ok');
  } catch (error) {
    post({ failed: error instanceof Error ? error.message : String(error) });
  }
}

await attempt(async () => {
  const ort = await loadOnnxruntime();
  const session: InferenceSession = await ort.InferenceSession.create(
    model,
    sessionOptions(options.threads, options.optimise),
  );
  const [fed, fetched] = [inputs, outputs].map((values) => values.map((value) => makeValue(ort, value)));
  const named = (values: readonly Value[]) => Object.fromEntries(values.map(({ name, tensor }) => [name, tensor]));
  const [feeds, fetches] = [named(fed ?? []), named(fetched ?? [])];
  port.on('message', () =>
    attempt(async () => {
      for (const { own, shared } of fed ?? []) own.set(shared);
      await session.run(feeds, fetches);
      for (const { own, shared } of fetched ?? []) shared.set(own);
    }),
  );
});
