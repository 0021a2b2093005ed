/** Sections of docs/evidence.md about builds. */
import { formatBytes, formatCount, formatDurationUs } from '../src/core/units.js';
import type { BuildRow, BuildsEvidence } from './builds.js';
import type { KilledRun, Reproducibility } from './reproducible-builds.js';

type Table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export function renderBuilds({ builds, projectFileEqual }: BuildsEvidence, table: Table): string {
  const infeasible = builds.find(({ result }) => 'error' in result);
  return `## Builds

\`npm run evidence -- builds\` · builds for three boards and one that no ESP32 can hold. Flash holds a code estimate, times are estimates; accuracy on
samples that no choice was made on (tiny-imagenet's 64×64 pictures are enlarged to 224×224, which costs mobilenet most of its accuracy). The second build is the first one from an \`isplit.json\`: ${projectFileEqual ? 'every byte is the same' : '**the bytes differ**'}.

${table(
  [
    'build',
    'exit',
    'cut',
    'flash',
    'RAM',
    'wire',
    'a frame',
    'float',
    'int8 split',
    'samples',
    'same bytes as our executor',
  ],
  builds.flatMap(({ name, exitCode, result }) =>
    'error' in result ? [] : [[name, exitCode ?? '', ...describeBuilt(result)]],
  ),
)}

${builds.map(({ name, command }) => `- ${name}: \`${command}\``).join('\n')}
${infeasible ? `\n${describeInfeasible(infeasible)}\n` : ''}`.trimEnd();
}

function describeBuilt(result: Extract<BuildRow['result'], { cut: string }>): (string | number)[] {
  const { sizes, accuracy } = result;
  return [
    result.cut,
    formatBytes(sizes.flashBytes ?? 0),
    formatBytes(sizes.ramBytes ?? 0),
    formatBytes(sizes.wireBytes ?? 0),
    formatDurationUs(sizes.latencyUsEstimate ?? 0),
    percent(accuracy.full),
    percent(accuracy.splitInt8),
    `${formatCount(accuracy.samples)} ${accuracy.on}`,
    result.verified.filter((id) => id !== 'executor').join(', '),
  ];
}

function describeInfeasible({ name, exitCode, result }: BuildRow): string {
  if (!('error' in result)) return '';
  return `${name} ends with ${exitCode}, \`${result.error}\` and every reason of ${result.cuts.length} cuts as JSON. ${result.hint.replaceAll('--', '\\-\\-')}`;
}

export function renderReproducibility({ files, differing, kills }: Reproducibility, table: Table): string {
  const random = kills.filter(({ at }) => at !== 'temporary folder').length;
  return `## The same bytes, also after kill −9

\`npm run evidence -- reproducible-builds\` · fashion-cnn built twice in different folders: of ${files} files, ${differing.length} differ. Then killed with
signal 9 at ${random} random moments (shares of the time a whole run takes), and as soon as the folder that is written appeared; half of the
runs went over an earlier build of another cut. Each was run again to its end.

${table(
  ['killed at', 'over an earlier build', 'found at once', 'next run: every sha256 equal', 'left beside it'],
  kills.map(describeKill),
)}`;
}

function describeKill({ at, over, found, finishedEqual, leftovers }: KilledRun): (string | number)[] {
  return [
    at === 'temporary folder' ? 'writing the folder' : percent(at),
    over ? 'yes' : 'no',
    found,
    finishedEqual ? 'yes' : '**no**',
    leftovers.length === 0 ? 'nothing' : leftovers.length,
  ];
}
