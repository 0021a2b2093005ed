import { listCodecProblems } from './check-codec.js';
import type { CodecSpec, WireCodec } from './codec.js';
import { createPacked } from './packed.js';
import { createRans } from './rans.js';
import { createRaw } from './raw.js';

/**
 * @param shape of the wire tensor without the batch, last axis channels
 * @throws RangeError naming what is wrong with the spec; manifests are checked when they are read
 */
export function createCodec(spec: CodecSpec, shape: readonly number[]): WireCodec {
  const problems = listCodecProblems(spec, shape);
  if (problems.length > 0) {
    throw new RangeError(problems.map(({ path, message }) => `codec ${path.join('.')}: ${message}`).join('; '));
  }
  const elements = shape.reduce((n, d) => n * d, 1);
  if (spec.id === 'raw') return createRaw(elements);
  if (spec.id === 'packed') return createPacked(elements, spec.bits);
  return createRans(elements, spec);
}

/** Longest payload of a tensor. */
export function maxPayloadBytes(spec: CodecSpec, shape: readonly number[]): number {
  const elements = shape.reduce((n, d) => n * d, 1);
  return spec.id === 'raw' ? elements : Math.ceil((elements * spec.bits) / 8);
}

/** `raw`, `packed 4 bit`, `rans 4 bit, 3 tables`. */
export function describeCodec(spec: CodecSpec): string {
  if (spec.id === 'raw') return 'raw';
  if (spec.id === 'packed') return `packed, ${spec.bits} bit`;
  return `rANS, ${spec.bits} bit, ${spec.tables.length} ${spec.tables.length === 1 ? 'table' : 'tables'}`;
}
