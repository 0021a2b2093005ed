/** Tails in runtimes that know nothing of us: onnxruntime in Python, and TensorFlow.js's own loader. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GraphModel } from '@tensorflow/tfjs-converter';
import type * as tfjs from '@tensorflow/tfjs-core';
import type { TfjsModelFiles } from '../../converters/tfjs/write.js';
import { importTfjsNode } from '../../src/engines/tfjs-node.js';
import { elementCount, type Graph, tensorOf } from '../../src/ir/graph.js';

export type Backend = 'cpu' | 'wasm' | 'tensorflow';

/** Whether the optional package @tensorflow/tfjs-node works here. */
export const hasTfjsNode = await importTfjsNode().then(
  () => true,
  () => false,
);

/** Loads tail-tfjs/ as a stranger would. Plain @tensorflow/tfjs-core and -converter; one backend at a time. */
export async function loadTfjsTail(
  files: TfjsModelFiles,
  backend: Backend,
): Promise<{ tf: typeof tfjs; model: GraphModel }> {
  const tf = await import('@tensorflow/tfjs-core');
  tf.enableProdMode();
  if (backend === 'tensorflow') await importTfjsNode();
  else if (backend === 'cpu') await import('@tensorflow/tfjs-backend-cpu');
  else {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
    if (tf.getBackend() !== 'wasm') setWasmPaths(`${path.dirname(main)}${path.sep}`);
  }
  await tf.setBackend(backend);
  const { loadGraphModel } = await import('@tensorflow/tfjs-converter');
  const json = JSON.parse(files['model.json']);
  const [group] = json.weightsManifest;
  const shard = Uint8Array.from(files[group.paths[0] as keyof TfjsModelFiles] as Uint8Array);
  const artifacts = { ...json, weightSpecs: group.weights, weightData: shard.buffer } as tfjs.io.ModelArtifacts;
  return { tf, model: await loadGraphModel(tf.io.fromMemory(artifacts)) };
}

/** First output for `count` samples, `batch` at a time. */
export async function runTfjsTail(
  files: TfjsModelFiles,
  backend: Backend,
  tail: Graph,
  values: readonly Int8Array[],
  batch: number,
): Promise<Float32Array> {
  const { tf, model } = await loadTfjsTail(files, backend);
  const parts: Float32Array[] = [];
  const sizes = tail.inputs.map((id) => elementCount(tensorOf(tail, id).shape));
  const count = (values[0] as Int8Array).length / (sizes[0] as number);
  for (let from = 0; from < count; from += batch) {
    const n = Math.min(batch, count - from);
    const inputs = tail.inputs.map((id, i) => {
      const size = sizes[i] as number;
      const part = Int32Array.from((values[i] as Int8Array).subarray(from * size, (from + n) * size));
      return tf.tensor(part, [n, ...tensorOf(tail, id).shape.slice(1)], 'int32');
    });
    const result = model.predict(inputs);
    const outputs = (Array.isArray(result) ? result : [result]) as tfjs.Tensor[];
    parts.push(Float32Array.from((outputs[0] as tfjs.Tensor).dataSync()));
    for (const tensor of [...inputs, ...outputs]) tensor.dispose();
  }
  model.dispose();
  return joinFloats(parts);
}

export interface PythonTail {
  readonly model: Uint8Array;
  readonly tail: Graph;
  readonly values: readonly Int8Array[];
  readonly batch: number;
}

export interface PythonAnswer {
  /** First output. */
  readonly values: Float32Array;
  readonly inputs: readonly {
    readonly name: string;
    readonly type: string;
    readonly shape: readonly (number | string)[];
  }[];
  readonly outputs: readonly {
    readonly name: string;
    readonly type: string;
    readonly shape: readonly (number | string)[];
  }[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly version: string;
}

/** tail.onnx in Python's onnxruntime (test/oracles/tail_outputs.py), several at once. */
export function runPythonTails(python: string, tails: readonly PythonTail[]): PythonAnswer[] {
  const script = fileURLToPath(new URL('../oracles/tail_outputs.py', import.meta.url));
  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-tails-'));
  try {
    const jobs = tails.map(({ model, tail, values, batch }, i) => {
      writeFileSync(path.join(folder, `${i}.onnx`), model);
      const wires = tail.inputs.map((id, k) => {
        const file = `${i}.${k}.bin`;
        writeFileSync(path.join(folder, file), values[k] as Int8Array);
        return { name: id, shape: tensorOf(tail, id).shape.slice(1), file };
      });
      return { model: `${i}.onnx`, wires, batch, out: `${i}.out` };
    });
    const stdout = execFileSync(python, [script, folder], { input: JSON.stringify(jobs), maxBuffer: 1 << 26 });
    const answers = JSON.parse(String(stdout)) as Omit<PythonAnswer, 'values'>[];
    return answers.map((answer, i) => {
      const bytes = Uint8Array.from(readFileSync(path.join(folder, `${i}.out`)));
      return { ...answer, values: new Float32Array(bytes.buffer) };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function joinFloats(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
