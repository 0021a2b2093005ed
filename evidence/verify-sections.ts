/** Sections of docs/evidence.md on verification: agreement of runtimes, mutated files. */
import { formatCount } from '../src/core/units.js';
import type { HeadAgreement, HeadRow } from './runtimes.js';

export interface RuntimeFigures {
  readonly calibrationSamples: number;
  readonly samples: number;
  readonly opSamples: number;
  readonly runtimes: Readonly<Record<string, string>>;
  readonly heads: readonly HeadRow[];
}

export interface FuzzRunFigures {
  readonly run: {
    readonly mutants: number;
    readonly structureAware: number;
    readonly seeds: number;
    readonly outcomes: Readonly<Record<string, number>>;
    readonly failures: readonly unknown[];
    readonly slowestSeconds: number;
    readonly peakRssMiB: number;
  };
  readonly verify: {
    readonly mutants: number;
    readonly verified: number;
    readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
    readonly failures: readonly unknown[];
  };
}

type Table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string;

const isEqual = (row: HeadAgreement): boolean => row.status === 'compared' && row.equalBytes === row.bytes;

export function renderRuntimes(figures: RuntimeFigures, table: Table): string {
  const { heads, runtimes, samples, opSamples, calibrationSamples } = figures;
  const models = [...new Set(heads.map((head) => head.model))];
  const ids = Object.keys(runtimes);
  const rows = models.flatMap((model) => {
    const ofModel = heads.filter((head) => head.model === model);
    return ids.map((id) => [
      model,
      id,
      ...describeRuntime(
        ofModel.map(({ runtimes: r }) => r[id] as HeadAgreement),
        samples,
      ),
    ]);
  });
  const exceptions = heads.flatMap(({ model, cut, runtimes: all }) =>
    Object.entries(all).flatMap(([id, { status, reason, exceptions: ops }]) => [
      ...(status === 'compared' ? [] : [`- ${id}, ${model} at ${cut}: ${reason ?? status}`]),
      ...ops.map((op) => `- ${id}, ${model} at ${cut}: ${op.kind} "${op.node}" alone ${op.maxLsb} LSB`),
    ]),
  );
  return `## Heads in every runtime

\`npm run evidence -- runtimes\` · the head at every single-tensor cut of four networks, and the whole networks: ${heads.length} int8 files, calibrated on ${calibrationSamples}
pictures and run on ${samples} in ${ids.map((id) => runtimes[id]).join(', ')}. Ops: each one as a model of its own, on our executor's inputs of ${opSamples} pictures
([verification.md](verification.md)). LSB: largest difference of two int8 values.

${table(['network', 'runtime', 'heads with equal bytes', 'bytes equal', 'whole head, LSB', 'one op, LSB', 'same top-1'], rows)}

${exceptions.length === 0 ? 'No op differs by more than one LSB alone, and no runtime failed.' : `Exceptions:\n\n${exceptions.join('\n')}`}`;
}

function describeRuntime(rows: readonly HeadAgreement[], samples: number): (string | number)[] {
  const sum = (of: (row: HeadAgreement) => number): number => rows.reduce((n, row) => n + of(row), 0);
  const largest = (of: (row: HeadAgreement) => number): number => Math.max(...rows.map(of));
  const bytes = sum((row) => row.bytes);
  const different = bytes - sum((row) => row.equalBytes);
  const pictures = samples * rows.filter((row) => row.bytes > 0).length;
  return [
    `${rows.filter(isEqual).length} of ${rows.length}`,
    different === 0 ? 'all' : `all but ${formatCount(different)} of ${formatCount(bytes)}`,
    largest((row) => row.maxLsb),
    largest((row) => row.worstOp?.maxLsb ?? 0),
    `${sum((row) => row.sameTop1)} of ${pictures}`,
  ];
}

export function renderFuzzRun({ run, verify }: FuzzRunFigures, table: Table): string {
  const outcomes = [...new Set(Object.values(verify.outcomes).flatMap((counts) => Object.keys(counts)))].sort();
  return `## Mutated .tflite files, run

\`npm run evidence -- fuzz-run\` · ${formatCount(run.mutants)} mutants of ${run.seeds} files, ${formatCount(run.structureAware)} of them structure-aware, read and run as \`isplit-edge run\` does it, in a watched
process. Crashes, hangs past 5 s, more than 1 GiB and uncoded errors: ${run.failures.length}. The slowest took ${run.slowestSeconds} s; no process passed ${run.peakRssMiB} MiB. How it
ended: ${Object.entries(run.outcomes)
    .map(([outcome, count]) => `${outcome} ${formatCount(count)}`)
    .join(', ')}.

${formatCount(verify.mutants)} of them went to the runtimes of \`verify\`, ${formatCount(verify.verified)} through \`verify\` itself (the others we refuse to read or run). Uncoded errors of ours: ${verify.failures.length}. Of
the runtimes' processes:

${table(
  ['runtime', ...outcomes],
  Object.entries(verify.outcomes).map(([id, counts]) => [id, ...outcomes.map((outcome) => counts[outcome] ?? 0)]),
)}`;
}
