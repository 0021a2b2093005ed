/** Section of docs/evidence.md on TFLite-Micro's arena. */
import { formatCount } from '../src/core/units.js';
import type { FileArena, HeadArena } from './arena.js';

export interface ArenaFigures {
  readonly oracle: Readonly<Record<string, string>>;
  readonly goldens: readonly {
    readonly model: string;
    readonly arenaUsedBytes: number;
    readonly predictedBytes: number;
  }[];
  readonly files: readonly FileArena[];
  readonly heads: readonly HeadArena[];
}

type Table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string;

export function renderArena({ oracle, goldens, files, heads }: ArenaFigures, table: Table): string {
  const countExact = (rows: readonly FileArena[] | readonly HeadArena[]): number =>
    rows.filter((r) => r.wheelPredictedBytes === r.wheelBytes && r.wheelPredictedUsedBytes === r.wheelUsedBytes).length;
  const models = [...new Set(heads.map((h) => h.model))];
  return `## Arena of TFLite-Micro

\`npm run evidence -- arena\` · predicted by running its allocator on sizes ([memory.md](memory.md)). What TensorFlow Lite Micro, built from its
sources, reported as used, and what is predicted for that build:

${table(
  ['model', 'reported', 'predicted'],
  goldens.map((g) => [g.model, formatCount(g.arenaUsedBytes), formatCount(g.predictedBytes)]),
)}

Every single-tensor head of four networks, and the whole networks, as int8 files: the smallest arena with which the wheel (tflite-micro
${oracle['tflite-micro']}) starts and runs, found by bisection. Predicted for the wheel itself, that and the total it prints are equal to the byte for
**${countExact(heads)} of ${heads.length}** heads, and for ${countExact(files)} of ${files.length} published int8 and float32 files. The wheel is built with a recorder and support for compressed tensors; predicted for a build without them, its
arena is smaller by the bytes in the fourth column. Bytes:

${table(
  ['model', 'heads', 'smallest arena of the wheel', 'less without recorder', 'of it activations', 'planned by us'],
  models.map((model) => {
    const rows = heads.filter((h) => h.model === model);
    const span = (of: (h: HeadArena) => number): string => {
      const values = rows.map(of);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      return low === high ? formatCount(low) : `${formatCount(low)} … ${formatCount(high)}`;
    };
    return [
      model,
      rows.length,
      span((h) => h.wheelBytes),
      span((h) => h.wheelBytes - h.predictedBytes),
      span((h) => h.tflmPlanBytes),
      span((h) => h.plannedBytes),
    ];
  }),
)}

Our plan is the lower bound of any plan for ${heads.filter((h) => h.plannedBytes === h.plannedLowerBoundBytes).length} of ${heads.length} heads; it is smaller than
TFLite-Micro's plan of the activations for ${heads.filter((h) => h.plannedBytes < h.tflmPlanBytes).length}, and never larger.`;
}
