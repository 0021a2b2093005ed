import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Attrs, Graph } from '../src/ir/graph.js';

/** A network as the other programs of a benchmark read it: NHWC, weights beside it as little-endian float32. */
export interface NetworkFile {
  readonly input: string;
  readonly inputShape: readonly number[];
  readonly logits: string;
  readonly taps: readonly string[];
  readonly nodes: readonly { kind: string; output: string; inputs: readonly string[]; attrs: Attrs }[];
  /** Offsets in elements. */
  readonly constants: readonly { id: string; shape: readonly number[]; offset: number }[];
}

export interface NetworkPaths {
  readonly graph: string;
  readonly weights: string;
  readonly feeds: string;
}

/** Writes graph.json, weights.f32 and feeds.f32 (picture values, then the seed) into `folder`. */
export function writeNetwork(
  folder: string,
  network: Graph,
  file: Pick<NetworkFile, 'inputShape' | 'logits' | 'taps'>,
  feeds: readonly Float32Array[],
): NetworkPaths {
  const paths = {
    graph: path.join(folder, 'graph.json'),
    weights: path.join(folder, 'weights.f32'),
    feeds: path.join(folder, 'feeds.f32'),
  };
  const constants: NetworkFile['constants'][number][] = [];
  const output = openSync(paths.weights, 'w');
  let offset = 0;
  for (const { id, shape, data } of network.tensors.values()) {
    if (!(data instanceof Float32Array)) continue;
    writeWhole(output, data);
    constants.push({ id, shape, offset });
    offset += data.length;
  }
  closeSync(output);
  const feedFile = openSync(paths.feeds, 'w');
  for (const feed of feeds) writeWhole(feedFile, feed);
  closeSync(feedFile);
  const nodes = network.nodes.map(({ kind, inputs, outputs, attrs }) => ({
    kind,
    output: outputs[0] as string,
    inputs,
    attrs,
  }));
  const whole: NetworkFile = { input: network.inputs[0] as string, ...file, nodes, constants };
  writeFileSync(paths.graph, JSON.stringify(whole));
  return paths;
}

function writeWhole(file: number, data: Float32Array): void {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
