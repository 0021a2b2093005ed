/** Sections of docs/evidence.md on tails and on the C preprocessing. */
import { formatCount } from '../src/core/units.js';
import type { TailRow } from './tails.js';

export interface TailsFigures {
  readonly calibrationSamples: number;
  readonly rows: readonly TailRow[];
}

export interface PreprocessFigures {
  readonly flags: string;
  readonly compilers: readonly {
    readonly compiler: string;
    readonly specs: number;
    readonly cases: number;
    readonly refused: number;
    readonly bytes: number;
    readonly differing: number;
  }[];
}

type Table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string;

export function renderTails({ calibrationSamples, rows }: TailsFigures, table: Table): string {
  const runtimes = [...new Set(rows.flatMap((row) => Object.keys(row.runtimes)))];
  return `## Tails in other runtimes

\`npm run evidence -- tails\` · int8 heads (${calibrationSamples} calibration samples) on ${formatCount(rows[0]?.samples ?? 0)} test samples, their bytes into \`tail.onnx\` and
\`tail-tfjs/\` in runtimes that know nothing of us. Samples whose top-1 differs from our engine's (onnx, float tail on the same dequantized values), and
the largest difference of an output:

${table(
  ['model', 'cut', 'bytes a sample', ...runtimes],
  rows.map((row) => [
    row.model,
    row.cut,
    formatCount(row.wireBytes),
    ...runtimes.map((name) => {
      const found = row.runtimes[name];
      if (!found) return '–';
      const { differentTop1, largestDifference: d } = found;
      return `${differentTop1} · ${d === 0 ? '0' : d.toExponential(0)}`;
    }),
  ]),
)}`;
}

export function renderPreprocessC({ flags, compilers }: PreprocessFigures, table: Table): string {
  return `## Preprocessing in C

\`npm run evidence -- preprocess-c\` · generated C99 against the TypeScript definition on random pictures through random preprocessings, compiled with
\`${flags}\`.

${table(
  ['compiler', 'preprocessings', 'pictures', 'refused by both', 'bytes compared', 'pictures that differ'],
  compilers.map((c) => [c.compiler, c.specs, formatCount(c.cases), c.refused, formatCount(c.bytes), c.differing]),
)}`;
}
