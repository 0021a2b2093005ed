import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Attrs, tensorOf } from '../src/ir/graph.js';
import { neededFor } from '../src/ir/walk.js';
import { type BenchProblem, TEMPERATURE } from './train-problem.js';

/** A problem as the other programs of the benchmark read it: NHWC, weights beside it as little-endian float32. */
export interface TrainFile {
  readonly input: string;
  readonly inputShape: readonly number[];
  readonly logits: string;
  readonly cut: string;
  readonly temperature: number;
  /** From the picture to the logits; the loss is each program's own. */
  readonly nodes: readonly { kind: string; output: string; inputs: readonly string[]; attrs: Attrs }[];
  /** Offsets in elements. */
  readonly constants: readonly { id: string; shape: readonly number[]; offset: number }[];
  /** Constants that are learnt. */
  readonly parameters: readonly string[];
}

export interface TrainPaths {
  readonly graph: string;
  readonly weights: string;
  readonly feeds: string;
}

/** Writes graph.json, weights.f32 and feeds.f32 (pictures, one-hot labels, teacher's logits) into `folder`. */
export function writeProblem(
  folder: string,
  { problem, inputs, logits }: BenchProblem,
  cut: string,
  feeds: readonly Float32Array[],
): TrainPaths {
  const { graph, parameters } = problem;
  const paths = {
    graph: path.join(folder, 'graph.json'),
    weights: path.join(folder, 'weights.f32'),
    feeds: path.join(folder, 'feeds.f32'),
  };
  const needed = neededFor(graph, [logits]);
  const nodes = graph.nodes
    .filter((node) => needed.has(node.outputs[0] as string))
    .map((node) => ({ kind: node.kind, output: node.outputs[0] as string, inputs: node.inputs, attrs: node.attrs }));
  const constants: TrainFile['constants'][number][] = [];
  const weights: Float32Array[] = [];
  let offset = 0;
  for (const id of new Set(nodes.flatMap((node) => node.inputs))) {
    const { shape, data } = tensorOf(graph, id);
    if (!(data instanceof Float32Array)) continue;
    constants.push({ id, shape, offset });
    weights.push(data);
    offset += data.length;
  }
  writeFloats(paths.weights, weights);
  writeFloats(paths.feeds, feeds);
  const file: TrainFile = {
    input: inputs.picture,
    inputShape: tensorOf(graph, inputs.picture).shape,
    logits,
    cut,
    temperature: TEMPERATURE,
    nodes,
    constants,
    parameters,
  };
  writeFileSync(paths.graph, JSON.stringify(file));
  return paths;
}

function writeFloats(file: string, arrays: readonly Float32Array[]): void {
  writeFileSync(file, Buffer.concat(arrays.map((a) => new Uint8Array(a.buffer, a.byteOffset, a.byteLength))));
}
