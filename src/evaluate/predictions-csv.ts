import type { Prediction } from './evaluation.js';

const COLUMNS = [
  'index',
  'label',
  'full',
  'splitFloat',
  'splitInt8',
  'wireBytes',
] as const satisfies (keyof Prediction)[];

/** A header and one line a sample; class numbers, empty where a variant was not run. */
export function formatPredictions(predictions: readonly Prediction[]): string {
  const lines = predictions.map((p) => COLUMNS.map((column) => p[column] ?? '').join(','));
  return `${[COLUMNS.join(','), ...lines].join('\n')}\n`;
}
