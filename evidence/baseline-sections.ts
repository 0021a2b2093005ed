/** Section of docs/evidence.md on pictures at given bytes. */
import { formatCount } from '../src/core/units.js';
import type { PictureBaselineRow } from './picture-baselines.js';

export interface PictureBaselineFigures {
  readonly rates: readonly number[];
  readonly epochs: Readonly<Record<string, number>>;
  readonly rows: readonly PictureBaselineRow[];
}

type Table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string;

export function renderPictureBaselines({ rates, epochs, rows }: PictureBaselineFigures, table: Table): string {
  const trained = rows.map((row) => `${row.model} ${epochs[row.model]} epochs of ${formatCount(row.trainingSamples)}`);
  return `## Pictures at given bytes

\`npm run evidence -- picture-baselines\` · accuracy on all test samples of the picture in at most so many payload bytes (shared headers left out, [baselines.md](baselines.md));
fine-tuned: ${trained.join(', ')} training samples. In brackets the bytes it really took.

${table(
  ['network', 'sent', ...rates.map((rate) => `${formatCount(rate)} B`)],
  rows.flatMap((row) =>
    row.curves
      .filter(({ id }) => id === 'jpeg' || id === 'webp')
      .map((curve) => [
        row.model,
        curve.name,
        ...rates.map((rate) => {
          const point = curve.points.find(({ targetBytes }) => targetBytes === rate);
          if (point?.accuracy == null || point.bytesMean === null) return '–';
          return `${(100 * point.accuracy).toFixed(1)} % (${Math.round(point.bytesMean)})`;
        }),
      ]),
  ),
)}`;
}
