/** TF.js models written by hand: model.json and one shard, and the same for TF.js itself to run. */
import type { io } from '@tensorflow/tfjs-core';
import type { ModelFile } from '../../converters/format.js';
import { createRandom } from '../../src/core/random.js';
import { memoryFile } from './model-file.js';

export interface WeightEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly values: readonly number[];
  readonly quantization?: {
    readonly dtype: 'uint8' | 'uint16' | 'float16';
    readonly scale?: number;
    readonly min?: number;
  };
}

export type JsonNode = { name: string; op: string; input: string[]; attr: Record<string, unknown> };

const list = (values: readonly number[]) => ({ list: { i: values.map(String) } });
const text = (value: string) => Buffer.from(value).toString('base64');

/** Writes nodes and weights of a graph-model. Weight values are seeded. */
export class GraphModelWriter {
  readonly nodes: JsonNode[] = [];
  readonly weights: WeightEntry[] = [];
  readonly #random = createRandom(7);
  #quantization: WeightEntry['quantization'];

  /** Weights after this call are stored quantized. */
  quantizeWith(quantization: WeightEntry['quantization']): this {
    this.#quantization = quantization;
    return this;
  }

  placeholder(name: string, shape: readonly number[]): string {
    const dim = shape.map((size) => ({ size: String(size) }));
    return this.node(name, 'Placeholder', [], { dtype: { type: 'DT_FLOAT' }, shape: { shape: { dim } } });
  }

  node(name: string, op: string, input: readonly string[], attr: Record<string, unknown> = {}): string {
    this.nodes.push({ name, op, input: [...input], attr: { T: { type: 'DT_FLOAT' }, ...attr } });
    return name;
  }

  /** Constant with seeded values around `center`. */
  weight(name: string, shape: readonly number[], spread = 0.4, center = 0): string {
    const count = shape.reduce((n, d) => n * d, 1);
    const values = Array.from({ length: count }, () => center + spread * (2 * this.#random.next() - 1));
    const entry: WeightEntry = { name, shape, dtype: 'float32', values };
    this.weights.push(this.#quantization ? { ...entry, quantization: this.#quantization } : entry);
    return this.node(name, 'Const', [], { dtype: { type: 'DT_FLOAT' } });
  }

  ints(name: string, values: readonly number[], scalar = false): string {
    this.weights.push({ name, shape: scalar ? [] : [values.length], dtype: 'int32', values });
    return this.node(name, 'Const', [], { dtype: { type: 'DT_INT32' } });
  }

  window(strides: readonly number[], padding: string, more: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      strides: list([1, ...strides, 1]),
      dilations: list([1, 1, 1, 1]),
      padding: { s: text(padding) },
      data_format: { s: text('NHWC') },
      ...more,
    };
  }

  pool(kernel: readonly number[], strides: readonly number[], padding: string): Record<string, unknown> {
    return this.window(strides, padding, { ksize: list([1, ...kernel, 1]) });
  }

  fused(ops: readonly string[], more: Record<string, unknown> = {}): Record<string, unknown> {
    return { fused_ops: { list: { s: ops.map(text) } }, num_args: { i: '1' }, epsilon: { f: 0.0001 }, ...more };
  }

  json(outputs: readonly string[], inputs: readonly string[]): Record<string, unknown> {
    const named = (names: readonly string[]) => Object.fromEntries(names.map((n) => [n, { name: `${n}:0` }]));
    return {
      format: 'graph-model',
      generatedBy: '2.15.0',
      convertedBy: 'TensorFlow.js Converter v4.22.0',
      signature: { inputs: named(inputs), outputs: named(outputs) },
      modelTopology: { node: this.nodes, library: {}, versions: { producer: 1087 } },
    };
  }
}

/** Bytes of one weight as the manifest says. */
function encodeWeight(weight: WeightEntry): Uint8Array {
  const q = weight.quantization;
  if (!q) {
    const array = weight.dtype === 'int32' ? Int32Array.from(weight.values) : Float32Array.from(weight.values);
    return new Uint8Array(array.buffer);
  }
  if (q.dtype === 'float16') return new Uint8Array(Uint16Array.from(weight.values, numberToHalf).buffer);
  const codes = weight.values.map((v) => Math.round((v - (q.min ?? 0)) / (q.scale ?? 1)));
  return new Uint8Array((q.dtype === 'uint8' ? Uint8Array.from(codes) : Uint16Array.from(codes)).buffer);
}

/** Truncating; good for numbers of ordinary size. */
function numberToHalf(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0] as number;
  const exponent = ((bits >>> 23) & 255) - 127 + 15;
  if (exponent <= 0) return (bits >>> 16) & 0x8000;
  return ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 1023);
}

export function manifestSpecs(weights: readonly WeightEntry[]): Record<string, unknown>[] {
  return weights.map(({ name, shape, dtype, quantization }) => ({
    name,
    shape,
    dtype,
    ...(quantization ? { quantization: { original_dtype: dtype, ...quantization } } : {}),
  }));
}

export function shardBytes(weights: readonly WeightEntry[]): Uint8Array {
  const parts = weights.map(encodeWeight);
  const bytes = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The model as files; the weights are cut into two shards in the middle of a weight. */
export function tfjsFile(json: Record<string, unknown>, weights: readonly WeightEntry[]): ModelFile {
  const bytes = shardBytes(weights);
  const middle = Math.floor(bytes.length / 2) + 1;
  const manifest = [{ paths: ['group1-shard1of2.bin', 'group1-shard2of2.bin'], weights: manifestSpecs(weights) }];
  const text = JSON.stringify({ ...json, weightsManifest: manifest });
  return memoryFile(new TextEncoder().encode(text), 'model.json', {
    'group1-shard1of2.bin': bytes.slice(0, middle),
    'group1-shard2of2.bin': bytes.slice(middle),
  });
}

/** The same model for TF.js. */
export function tfjsHandler(json: Record<string, unknown>, weights: readonly WeightEntry[]): io.IOHandler {
  const artifacts = {
    ...json,
    weightSpecs: manifestSpecs(weights) as unknown as io.WeightsManifestEntry[],
    weightData: shardBytes(weights).buffer as ArrayBuffer,
  } as io.ModelArtifacts;
  return { load: async () => artifacts };
}
