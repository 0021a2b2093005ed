import { createHash } from 'node:crypto';
import { canonicalSpec, type PreprocessSpec } from '../preprocess/spec.js';
import type { WireTensor } from './manifest.js';

/** What head and tail must agree on. */
export interface SplitFacts {
  /** sha256 of head.tflite; null when the input itself is sent. */
  readonly headSha256: string | null;
  /** sha256 of tail.onnx. */
  readonly tailSha256: string | null;
  readonly wire: readonly WireTensor[];
  readonly classes: readonly string[];
  readonly preprocessing: PreprocessSpec;
}

/**
 * sha256 of the facts as canonical JSON, 64 hex digits: two builds with the same splitId understand one another's frames.
 * Wire tensors bring their codec with all its tables.
 */
export function computeSplitId(facts: SplitFacts): string {
  const document = {
    splitIdVersion: 1,
    head: facts.headSha256,
    tail: facts.tailSha256,
    wire: facts.wire,
    classes: facts.classes,
    preprocessing: canonicalSpec(facts.preprocessing),
  };
  return createHash('sha256').update(canonicalJson(document)).digest('hex');
}

/** JSON without blanks, keys of every object in ascending order of their UTF-16 code units, numbers as ECMAScript prints them. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
