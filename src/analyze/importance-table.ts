import { z } from 'zod';
import type { Score } from './importance-graph.js';

/** Per-image scores; class subsets and curves are means over its rows. */
export interface ImportanceTable {
  readonly taps: readonly string[];
  readonly labels: Int32Array;
  readonly predictions: Int32Array;
  /** Score → tap-major values: `values[tap * images + image]`, raw (not log). Absent scores are empty. */
  readonly scores: Readonly<Record<Score, Float64Array>>;
}

/**
 * Means over the images whose label is in `classes` (all images when absent).
 * @returns one value per tap; NaN when no image has such a label
 */
export function meanScores(table: ImportanceTable, score: Score, classes?: readonly number[]): Float64Array {
  const images = table.labels.length;
  const wanted = classes ? new Set(classes) : undefined;
  const rows = Array.from(table.labels.keys()).filter((i) => !wanted || wanted.has(table.labels[i] as number));
  return Float64Array.from(table.taps, (_, t) => {
    let sum = 0;
    for (const i of rows) sum += table.scores[score][t * images + i] as number;
    return sum / rows.length;
  });
}

const base64 = z.base64();
const tableSchema = z.strictObject({
  taps: z.array(z.string()),
  labels: base64,
  predictions: base64,
  scores: z.strictObject({ cui: base64, margin: base64, taylor: base64 }),
});

/** Text that parseTable reads back bit by bit (little-endian base64). */
export function serialiseTable(table: ImportanceTable): string {
  const encode = (a: Int32Array | Float64Array): string =>
    Buffer.from(a.buffer, a.byteOffset, a.byteLength).toString('base64');
  return JSON.stringify({
    taps: table.taps,
    labels: encode(table.labels),
    predictions: encode(table.predictions),
    scores: { cui: encode(table.scores.cui), margin: encode(table.scores.margin), taylor: encode(table.scores.taylor) },
  });
}

/** undefined when the text is no whole table: a damaged checkpoint costs time, never correctness. */
export function parseTable(text: string): ImportanceTable | undefined {
  let parsed: z.infer<typeof tableSchema>;
  try {
    parsed = tableSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
  const bytes = (encoded: string): ArrayBuffer => new Uint8Array(Buffer.from(encoded, 'base64')).buffer;
  const floats = (encoded: string): Float64Array | undefined => {
    const raw = bytes(encoded);
    return raw.byteLength % 8 === 0 ? new Float64Array(raw) : undefined;
  };
  const labels = bytes(parsed.labels);
  const images = labels.byteLength / 4;
  const [cui, margin, taylor] = [parsed.scores.cui, parsed.scores.margin, parsed.scores.taylor].map(floats);
  const whole = (values: Float64Array | undefined): values is Float64Array =>
    values !== undefined && (values.length === 0 || values.length === images * parsed.taps.length);
  const predictions = bytes(parsed.predictions);
  if (!Number.isInteger(images) || predictions.byteLength !== labels.byteLength) return undefined;
  if (!whole(cui) || !whole(margin) || !whole(taylor)) return undefined;
  return {
    taps: parsed.taps,
    labels: new Int32Array(labels),
    predictions: new Int32Array(predictions),
    scores: { cui, margin, taylor },
  };
}
