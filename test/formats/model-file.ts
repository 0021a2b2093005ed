import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ModelFile, ReadModel } from '../../converters/format.js';
import { readModel } from '../../converters/index.js';
import { IsplitError } from '../../src/core/errors.js';
import { createOnnxEngine } from '../../src/engines/onnx.js';
import type { Graph } from '../../src/ir/graph.js';

/** A model in memory; siblings by name. */
export function memoryFile(
  bytes: Uint8Array,
  name: string,
  siblings: Readonly<Record<string, Uint8Array>> = {},
): ModelFile {
  const sibling = async (wanted: string): Promise<Uint8Array> => {
    const found = siblings[wanted];
    if (!found) throw new IsplitError({ code: 'E_MODEL_READ', message: `${wanted} does not exist` });
    return found;
  };
  return { name, bytes, sibling };
}

export function diskFile(file: string): ModelFile {
  const sibling = async (name: string) => new Uint8Array(readFileSync(path.join(path.dirname(file), name)));
  return { name: path.basename(file), bytes: new Uint8Array(readFileSync(file)), sibling };
}

/** The error reading gives; fails when there is none or it is not ours. */
export async function readError(file: ModelFile): Promise<IsplitError> {
  try {
    await readModel(file);
  } catch (error) {
    if (error instanceof IsplitError) return error;
    throw error;
  }
  throw new Error(`${file.name} was read without an error`);
}

export async function runGraph(graph: Graph, inputs: readonly ArrayLike<number>[]): Promise<Float32Array[]> {
  const engine = await createOnnxEngine();
  const compiled = await engine.compile(graph, { threads: 1 });
  const feeds = Object.fromEntries(
    graph.inputs.map((id, i) => [id, Float32Array.from(inputs[i] as ArrayLike<number>)]),
  );
  const values = await compiled.run(feeds);
  await compiled.dispose();
  return graph.outputs.map((id) => values[id] as Float32Array);
}

export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs((a[i] as number) - (b[i] as number)));
  return worst;
}

/** Values in constants that come from the file: those the reader made up (ones for a missing gamma) are named. */
export function parameterCount(model: ReadModel, madeUp: readonly string[] = []): number {
  let count = 0;
  for (const { id, data } of model.graph.tensors.values()) if (data && !madeUp.includes(id)) count += data.length;
  return count;
}
