/** Section of docs/evidence.md on the entropy codec. */
import { formatCount } from '../src/core/units.js';
import type { EntropyRow } from './entropy-codec.js';

export interface EntropyFigures {
  readonly calibrationSamples: number;
  readonly trainingSamples: number;
  readonly testSamples: number;
  readonly rows: readonly EntropyRow[];
}

type Table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string;

export function renderEntropy({ trainingSamples, testSamples, rows }: EntropyFigures, table: Table): string {
  const worst = Math.max(...rows.map(({ ratio }) => ratio));
  return `## Coded bytes against entropy

\`npm run evidence -- entropy-codec\` · rANS ([wire-codecs.md](wire-codecs.md)) on the activations of int8 heads: tables learnt on ${formatCount(trainingSamples)} training samples, bytes an inference
and zero-order entropy per channel of ${formatCount(testSamples)} test samples. Payloads are whole, check and rounding included; at 4 and 2 bits the largest 1 % of the training codes are clamped, as a bottleneck does it. Worst ratio: ${worst.toFixed(3)}.

${table(
  [
    'model',
    'cut',
    'shape',
    'bits',
    'packed',
    'entropy',
    'coded',
    'coded / entropy',
    'largest',
    'tables',
    'bytes of tables',
  ],
  rows.map((r) => [
    r.model,
    r.cut,
    r.shape.join('×'),
    r.bits,
    formatCount(r.packedBytes),
    formatCount(Math.round(r.entropyBytes)),
    formatCount(Math.round(r.payloadBytes)),
    r.ratio.toFixed(3),
    formatCount(r.largestPayloadBytes),
    r.tables,
    formatCount(r.tableBytes),
  ]),
)}`;
}
