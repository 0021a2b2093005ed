import { readFileSync } from 'node:fs';
import { formatCount } from '../src/core/units.js';
import { type ArenaFigures, renderArena } from './arena-section.js';
import type { BitExactEvidence, FileComparison } from './bit-exact-files.js';
import { renderBuilds, renderReproducibility } from './build-sections.js';
import type { BuildsEvidence } from './builds.js';
import { type EntropyFigures, renderEntropy } from './codec-section.js';
import { type QuantizationFigures, renderQuantization } from './quantization-section.js';
import type { Reproducibility } from './reproducible-builds.js';
import { type PreprocessFigures, renderPreprocessC, renderTails, type TailsFigures } from './tail-sections.js';
import type { TrainedNetworks } from './trained-networks.js';
import { renderTrainedNetworks } from './trained-section.js';
import { type FuzzRunFigures, type RuntimeFigures, renderFuzzRun, renderRuntimes } from './verify-sections.js';

interface CountsEvidence {
  readonly oracle: Readonly<Record<string, string>>;
  readonly models: readonly { name: string; ours: Counts; keras: Counts }[];
}
interface Counts {
  readonly parameters: number;
  readonly macs: number;
}
interface EnginesEvidence {
  readonly engines: readonly {
    engine: string;
    accuracy: number;
    samples: number;
    largestRelativeCuiDifference: number;
  }[];
  readonly sizeExplains: number;
  readonly rankings: Readonly<Record<string, readonly string[]>>;
}
interface LinksEvidence {
  readonly links: Readonly<Record<string, readonly { id: string; latencyUs: Readonly<Record<string, number>> }[]>>;
}
interface SampleCountEvidence {
  readonly reference: number;
  readonly rows: readonly {
    pictures: number;
    draws: number;
    largestLog10CuiDifference: number;
    sameRanking: number;
    sameCandidates: number;
  }[];
}
interface FuzzEvidence {
  readonly mutants: number;
  readonly structureAware: number;
  readonly seeds: number;
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly failures: readonly unknown[];
  readonly slowestSeconds: number;
  readonly peakRssMiB: number;
}
interface AccuracyEvidence {
  readonly samples: number;
  readonly accuracy: { full: number; interval: readonly [number, number] };
}

function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../docs/evidence/${name}.json`, import.meta.url), 'utf8')) as T;
}

const percent = (x: number): string => `${(100 * x).toFixed(2)} %`;
const ms = (us: number | undefined): string => ((us ?? 0) / 1000).toFixed(1);

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function comparisonRow(file: FileComparison): (string | number)[] {
  if ('refused' in file) return [file.name, '', '', 'TensorFlow Lite Micro does not run it'];
  return [file.name, formatCount(file.records), formatCount(file.bytes), file.differing];
}

/** docs/evidence.md: every figure comes from docs/evidence/*.json, made by the command in its heading. */
export function renderEvidencePage(): string {
  const accuracy = load<AccuracyEvidence>('fashion-cnn-accuracy');
  const counts = load<CountsEvidence>('model-counts');
  const engines = load<EnginesEvidence>('engines');
  const { links } = load<LinksEvidence>('two-links');
  const sampleCount = load<SampleCountEvidence>('sample-count');
  const fuzz = load<FuzzEvidence>('fuzz-readers');
  const bitExact = load<BitExactEvidence>('bit-exact-files');
  const fuzzCodes = [...new Set(Object.values(fuzz.outcomes).flatMap((counts) => Object.keys(counts)))].sort();
  const fastest = Object.entries(links).map(([link, cuts]) => [link, cuts[0]?.id ?? ''] as const);
  return `# Measured

<!-- Generated from docs/evidence/*.json by \`npm run docs\`; do not edit. -->

Every figure on this page was made by the command under its heading and is stored beside it as JSON.

## Accuracy of the demo model

\`npm run evidence -- fashion-cnn-accuracy\` · fashion-cnn on the ${formatCount(accuracy.samples)} test images of Fashion-MNIST:
${percent(accuracy.accuracy.full)}, 95 % interval ${percent(accuracy.accuracy.interval[0])} to ${percent(accuracy.accuracy.interval[1])}.

## One network, three engines

\`npm run evidence -- engines\` · ic_resnet8 on ${formatCount(engines.engines[0]?.samples ?? 0)} CIFAR-10 test pictures.

${table(
  ['engine', 'accuracy', 'largest relative difference of CUI at any cut'],
  engines.engines.map((e) => [
    e.engine,
    percent(e.accuracy),
    e.largestRelativeCuiDifference === 0 ? 'reference' : e.largestRelativeCuiDifference.toExponential(1),
  ]),
)}

Activation size alone explains r = ${engines.sizeExplains.toFixed(3)} of log10 CUI. The cuts in the order of each predictor:

${table(
  ['predictor', 'best to worst'],
  Object.entries(engines.rankings).map(([name, ids]) => [name, ids.join(' > ')]),
)}

## How many pictures

\`npm run evidence -- sample-count\` · fashion-cnn, draws of n pictures from the ${formatCount(sampleCount.reference)} calibration pictures, against all of them.

${table(
  ['pictures', 'largest difference of log10 CUI at any cut', 'draws with the same candidates', 'with the same ranking'],
  sampleCount.rows.map((r) => [
    formatCount(r.pictures),
    r.largestLog10CuiDifference.toFixed(2),
    `${r.sameCandidates} of ${r.draws}`,
    `${r.sameRanking} of ${r.draws}`,
  ]),
)}

## Parameters and multiply-accumulates

\`npm run evidence -- model-counts\` · ours beside a count over Keras' own layers (test/oracles/model_counts.py, Keras ${counts.oracle.keras}).

${table(
  ['model', 'parameters', 'Keras', 'MACs', 'Keras'],
  counts.models.map((m) => [
    m.name,
    formatCount(m.ours.parameters),
    formatCount(m.keras.parameters),
    formatCount(m.ours.macs),
    formatCount(m.keras.macs),
  ]),
)}

## The best cut depends on the link

\`npm run evidence -- two-links\` · fashion-cnn on an ESP32, predicted time of one inference (estimates; sources in devices/).
Fastest: ${fastest.map(([link, id]) => `**${id}** over ${link}`).join(', ')}.

${Object.entries(links)
  .map(
    ([link, cuts]) =>
      `${table(
        [link, 'head ms', 'encode ms', 'link ms', 'tail ms', 'total ms'],
        cuts.map((c) => [
          c.id,
          ms(c.latencyUs.head),
          ms(c.latencyUs.encode),
          ms(c.latencyUs.link),
          ms(c.latencyUs.tail),
          ms(c.latencyUs.total),
        ]),
      )}`,
  )
  .join('\n\n')}

${renderQuantization(load<QuantizationFigures>('quantization'), table)}

## int8 files, byte by byte

\`npm run evidence -- bit-exact-files\` · our executor against outputs recorded from TensorFlow Lite Micro's C++ sources, and against its wheel
(\`${bitExact.runtime}\`, reference kernels) on random records of every int8 file.

${table(['file', 'records', 'bytes', 'differing'], [...bitExact.goldens, ...bitExact.files].map(comparisonRow))}

${renderRuntimes(load<RuntimeFigures>('runtimes'), table)}

${renderBuilds(load<BuildsEvidence>('builds'), table)}

${renderReproducibility(load<Reproducibility>('reproducible-builds'), table)}

${renderArena(load<ArenaFigures>('arena'), table)}

${renderTails(load<TailsFigures>('tails'), table)}

${renderPreprocessC(load<PreprocessFigures>('preprocess-c'), table)}

${renderEntropy(load<EntropyFigures>('entropy-codec'), table)}

${renderTrainedNetworks(load<TrainedNetworks>('trained-networks'), table)}

## Mutated model files

\`npm run evidence -- fuzz-readers\` · ${formatCount(fuzz.mutants)} mutants of ${fuzz.seeds} model files, ${formatCount(fuzz.structureAware)} of them structure-aware (offsets, lengths,
counts, shapes, types, configurations, archives), each read in a watched process. Crashes, hangs past 5 s, more than 1 GiB, uncoded errors
and invalid graphs: ${fuzz.failures.length}. The slowest file took ${fuzz.slowestSeconds} s; no process passed ${fuzz.peakRssMiB} MiB. How reading ended (\`graph\` = a valid graph):

${table(
  ['reader', ...fuzzCodes],
  Object.entries(fuzz.outcomes).map(([reader, counts]) => [reader, ...fuzzCodes.map((code) => counts[code] ?? 0)]),
)}

${renderFuzzRun(load<FuzzRunFigures>('fuzz-run'), table)}
`;
}
