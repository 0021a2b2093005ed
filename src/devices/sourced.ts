import { z } from 'zod';

/** Where a number comes from: a document, a measurement, or "estimate: …" with its derivation. */
export const sourceText = z
  .string()
  .trim()
  .min(8, 'a source names a document, a measurement, or says "estimate:" with its derivation')
  .describe('Where the number comes from. Start with "estimate:" when nobody measured it, and give the derivation.');

/**
 * A number with its source. Nothing enters a profile without one.
 * @param number what the value must be, e.g. `z.number().int().nonnegative()`
 */
export function sourced<T extends z.ZodNumber>(number: T) {
  return z.strictObject({
    value: number,
    source: sourceText,
    estimate: z.boolean().optional().describe('true when the value was derived or assumed, not measured or specified'),
    note: z.string().optional(),
  });
}

/** A count of bytes with its source. */
export const sourcedBytes = sourced(z.number().int().nonnegative());
/** A positive real with its source. */
export const sourcedPositive = sourced(z.number().positive());
/** A duration in microseconds, zero allowed, with its source. */
export const sourcedUs = sourced(z.number().nonnegative());

export interface Sourced {
  readonly value: number;
  readonly source: string;
  readonly estimate?: boolean | undefined;
  readonly note?: string | undefined;
}

/**
 * JSON paths of numbers that have no `source` in their own object. A second line of defence behind the schemas: it looks
 * at the raw document, so that a field added to a schema without a source is caught too. `schemaVersion` is exempt.
 */
export function findUnsourcedNumbers(document: unknown, path = '$'): string[] {
  if (Array.isArray(document)) {
    return document.flatMap((item, i) =>
      typeof item === 'number' ? [`${path}[${i}]`] : findUnsourcedNumbers(item, `${path}[${i}]`),
    );
  }
  if (document === null || typeof document !== 'object') return [];
  const object = document as Readonly<Record<string, unknown>>;
  const hasSource = typeof object.source === 'string' && object.source.trim().length > 0;
  return Object.entries(object).flatMap(([key, value]) => {
    if (typeof value === 'number') return hasSource || key === 'schemaVersion' ? [] : [`${path}.${key}`];
    return findUnsourcedNumbers(value, `${path}.${key}`);
  });
}
