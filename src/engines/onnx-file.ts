import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { fail } from '../core/errors.js';
import type { Shape } from '../ir/graph.js';
import { loadOnnxruntime, sessionOptions } from './onnxruntime.js';

/** One input of a run: its int8 values and their shape, batch first. */
export interface Int8Feed {
  readonly data: Int8Array;
  readonly shape: Shape;
}

/** An ONNX file as it is, in onnxruntime: a tail that was built, not a graph of ours. */
export interface OnnxFile {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /**
   * @param feeds in the order of `inputs`
   * @returns float32 values of every output, in the order of `outputs`
   * @throws IsplitError E_ENGINE
   */
  run(feeds: readonly Int8Feed[]): Promise<Float32Array[]>;
  dispose(): Promise<void>;
}

/** @throws IsplitError E_ENGINE_MISSING, E_ENGINE when onnxruntime refuses the file */
export async function openOnnxFile(
  name: string,
  bytes: Uint8Array,
  options: { readonly threads?: number } = {},
): Promise<OnnxFile> {
  const ort = await loadOnnxruntime();
  const failed = (cause: unknown): never =>
    fail('E_ENGINE', `onnxruntime on ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      engine: 'onnx',
      file: name,
    });
  const session: InferenceSession = await ort.InferenceSession.create(bytes, sessionOptions(options.threads)).catch(
    failed,
  );
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    async run(feeds) {
      const tensors: Record<string, OrtTensor> = {};
      session.inputNames.forEach((input, i) => {
        const feed = feeds[i];
        if (!feed) throw new RangeError(`no values for input "${input}"`);
        tensors[input] = new ort.Tensor('int8', feed.data, [...feed.shape]);
      });
      const result = await session.run(tensors).catch(failed);
      return session.outputNames.map((output) => (result[output] as OrtTensor).data as Float32Array);
    },
    dispose: () => session.release(),
  };
}
