import { fail } from '../../src/core/errors.js';
import { halfToNumber } from '../../src/core/half-float.js';
import { formatBytes } from '../../src/core/units.js';
import { elementCount } from '../../src/ir/graph.js';
import { isObject, type Json, own } from '../../src/passes/keras/index.js';
import type { ModelFile } from '../format.js';

/** A weight as it lies in the shards. */
export interface TfjsWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** Element type in the network; quantized weights are float32 or int32 there. */
  readonly dtype: 'float32' | 'int32' | 'bool' | 'uint8';
  read(): Float32Array;
}

interface Quantization {
  readonly dtype: 'uint8' | 'uint16' | 'float16';
  readonly scale: number;
  readonly min: number;
}

interface Spec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: TfjsWeight['dtype'];
  readonly quantization?: Quantization;
}

const BYTES = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 } as const;
const MAX_WEIGHT_BYTES = 2 * 1024 ** 3;
const MAX_SHARDS = 100_000;

/**
 * Reads the shards of a weights manifest: groups of files whose bytes, one after the other, hold the weights of the group.
 * @throws IsplitError E_MODEL_CORRUPT, E_MODEL_READ, E_MODEL_TOO_LARGE, E_OP_UNSUPPORTED (string and complex weights)
 */
export async function readManifest(manifest: Json | undefined, file: ModelFile): Promise<Map<string, TfjsWeight>> {
  const corrupt = (why: string): never =>
    fail('E_MODEL_CORRUPT', `${file.name}: the weights manifest is broken: ${why}`, { file: file.name });
  const weights = new Map<string, TfjsWeight>();
  if (!Array.isArray(manifest)) return corrupt('it is no list');
  let total = 0;
  let shards = 0;
  for (const group of manifest as readonly Json[]) {
    if (!isObject(group)) return corrupt('a group is no object');
    const paths = own(group, 'paths');
    const specs = own(group, 'weights');
    if (!Array.isArray(paths) || !Array.isArray(specs)) return corrupt('a group lacks paths or weights');
    const parsed = (specs as readonly Json[]).map((spec) => parseSpec(spec, corrupt));
    const needed = parsed.reduce((n, spec) => n + byteLength(spec), 0);
    total += needed;
    if (!(total <= MAX_WEIGHT_BYTES)) {
      const message = `${file.name}: the weights take ${formatBytes(total)}, the limit is ${formatBytes(MAX_WEIGHT_BYTES)}`;
      fail('E_MODEL_TOO_LARGE', message, { file: file.name, bytes: total, limit: MAX_WEIGHT_BYTES });
    }
    const parts: Uint8Array[] = [];
    for (const path of paths as readonly Json[]) {
      if (typeof path !== 'string') return corrupt('a path is no string');
      if (++shards > MAX_SHARDS) return corrupt(`it names more than ${MAX_SHARDS} files`);
      parts.push(await file.sibling(path));
    }
    const has = parts.reduce((n, part) => n + part.length, 0);
    if (has !== needed) {
      return corrupt(`${(paths as string[]).join(', ')} should hold ${needed} bytes, there are ${has}`);
    }
    const bytes = concatBytes(parts, has);
    let at = 0;
    for (const spec of parsed) {
      if (weights.has(spec.name)) return corrupt(`"${spec.name}" is there twice`);
      const part = bytes.subarray(at, at + byteLength(spec));
      weights.set(spec.name, { name: spec.name, shape: spec.shape, dtype: spec.dtype, read: () => decode(part, spec) });
      at += part.length;
    }
  }
  return weights;
}

function concatBytes(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function parseSpec(json: Json, corrupt: (why: string) => never): Spec {
  if (!isObject(json)) return corrupt('a weight is no object');
  const name = own(json, 'name');
  const shape = own(json, 'shape');
  const dtype = own(json, 'dtype');
  if (typeof name !== 'string' || !Array.isArray(shape)) return corrupt('a weight lacks name or shape');
  const bad = (shape as readonly Json[]).some((d) => typeof d !== 'number' || !Number.isSafeInteger(d) || d < 0);
  if (bad) return corrupt(`"${name}" has the shape ${JSON.stringify(shape).slice(0, 80)}`);
  if (dtype === 'string' || dtype === 'complex64') {
    fail('E_OP_UNSUPPORTED', `weight "${name}" has the type ${dtype}, which is not read`, { weight: name, dtype });
  }
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool' && dtype !== 'uint8') {
    return corrupt(`"${name}" has the type ${JSON.stringify(dtype)}`);
  }
  const base = { name, shape: shape as readonly number[], dtype } as const;
  const q = own(json, 'quantization');
  if (!isObject(q)) return base;
  const stored = own(q, 'dtype');
  const scale = own(q, 'scale') ?? 1;
  const min = own(q, 'min') ?? 0;
  if (stored !== 'uint8' && stored !== 'uint16' && stored !== 'float16') {
    return corrupt(`"${name}" is quantized as ${JSON.stringify(stored)}`);
  }
  if (typeof scale !== 'number' || typeof min !== 'number') return corrupt(`"${name}" lacks scale or min`);
  return { ...base, quantization: { dtype: stored, scale, min } };
}

function byteLength(spec: Spec): number {
  return elementCount(spec.shape) * BYTES[spec.quantization?.dtype ?? spec.dtype];
}

/**
 * Values of a weight; quantized ones are min + scale · q, rounded for int32, float16 is widened. As tf.io.decodeWeights does,
 * which gives tensors of the active backend: an engine's, with its memory, or none.
 */
function decode(bytes: Uint8Array, spec: Spec): Float32Array {
  const count = elementCount(spec.shape);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float32Array(count);
  const q = spec.quantization;
  for (let i = 0; i < count; i++) {
    let value: number;
    if (q?.dtype === 'float16') value = halfToNumber(view.getUint16(2 * i, true));
    else if (q) value = (q.dtype === 'uint8' ? view.getUint8(i) : view.getUint16(2 * i, true)) * q.scale + q.min;
    else if (spec.dtype === 'float32') value = view.getFloat32(4 * i, true);
    else if (spec.dtype === 'int32') value = view.getInt32(4 * i, true);
    else value = view.getUint8(i);
    out[i] = q && spec.dtype === 'int32' ? Math.round(value) : value;
  }
  return out;
}
