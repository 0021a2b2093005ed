/** The section of docs/evidence.md about networks trained from scratch. */
import { formatCount } from '../src/core/units.js';
import type { TrainedNetworks } from './trained-networks.js';

type Table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) => string;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

export function renderTrainedNetworks({ rows }: TrainedNetworks, table: Table): string {
  return `## Networks trained from scratch

\`npm run evidence -- trained-networks [NAME…]\` · architectures of models/ from random weights, by \`train\` ([train.md](train.md)). Accuracy is on
pictures held out before training, measured once; the epoch was chosen on a validation part apart from them.

${table(
  [
    'network and data',
    'input',
    'parameters',
    'MACs',
    'pictures trained on',
    'test accuracy, 95 % interval',
    'validation',
    'epochs',
    'minutes an epoch',
  ],
  rows.map((r) => [
    r.id,
    r.inputShape.join('×'),
    formatCount(r.parameters),
    formatCount(r.macs),
    formatCount(r.samples.train),
    `${percent(r.accuracy.test)} (${percent(r.accuracy.testInterval[0])} to ${percent(r.accuracy.testInterval[1])}) of ${formatCount(r.samples.test)}`,
    percent(r.accuracy.validation),
    r.epochs,
    r.minutesPerEpoch ?? '–',
  ]),
)}`;
}
