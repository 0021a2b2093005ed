/** docs/study.md and its charts, from docs/evidence/study.json. */

import { formatCount } from '../src/core/units.js';
import type { CellResult, Study } from '../src/evaluate/study.js';
import { concludeStudy } from '../src/report/study-phrases.js';
import { drawStudyCharts } from '../src/report/study-report.js';
import { type StudyTable, studyTables } from '../src/report/study-tables.js';
import { readStudy } from './study.js';

/** Page and pictures; pictures only where there are figures to draw. */
export function studyPages(study = readStudy()): { readonly path: string; render(): string | Promise<string> }[] {
  const charts = (study?.results ?? []).flatMap((result) =>
    (['cuts', 'predictors'] as const).map((chart) => ({
      path: chartPath(result, chart),
      render: async () => (await drawStudyCharts(result, { onPaper: true }))[chart],
    })),
  );
  return [{ path: 'docs/study.md', render: () => renderStudyPage(study) }, ...charts];
}

function chartPath({ model }: CellResult, chart: string): string {
  return `docs/images/study-${model}-${chart}.svg`;
}

export function renderStudyPage(study: Study | undefined): string {
  return `# Which predictor finds the best cut

<!-- Generated from docs/evidence/study.json by \`npm run docs\`; do not edit. -->

I-SPLIT's claim is that the importance of a cut says how accurate the network will be once a bottleneck has been put there and trained.
\`isplit-edge study\` tests it on a network and data set of yours: it trains a split at every cut, several times, all at the same
coded bytes, and compares the accuracies with what each predictor said before anything was trained.

## How it is measured

- **Cuts**: every [single-tensor cut](importance.md). Each gets the [bottleneck](bottleneck.md) whose shape keeps most at the target bytes, by the
  rule that \`build\` has; shapes are judged on validation samples. What the encoder costs counts among the head's MACs.
- **Training**: recipe \`quick\`, the same for all. The rate is held to the target in the loss; when the coded bytes of validation samples, with rANS
  tables learnt on training samples, are more than 3 % beside it, the aim is moved and the split is trained again, at most twice. Bytes reported are those of test samples.
  A cut that holds less than the target even at its finest is trained with the finest code and marked.
- **Seeds** change the start, the order of the samples and, in colour, which are mirrored. The head stays float32; the encoder's weights and the wire are quantized, and all of it
  runs simulated in the engine, not on a board.
- **Predictors** see training samples only: CUI, size-free CUI (times the number of elements), margin and Taylor
  ([what they are](importance.md)), depth, size (smaller is better), and the training-free [probe](bottleneck.md) at the target bytes. The test samples are seen by trained splits and by nothing else.
- **ρ** is Spearman's rank correlation over the cuts. Intervals are 95 %, from resampled *test samples*; the cuts are all there are, and are never resampled. So that they say
  nothing of other networks. Partial ρ holds the ranks of size and depth constant.
- **The ceiling**: the order of the cuts does not repeat perfectly from seed to seed, and no predictor can be expected to correlate with the accuracies by more than the root of their reliability.
- **Regret** is the accuracy lost by going where a predictor points instead of to the best cut among those that the head's MACs allow. The best is chosen on
  one half of the test samples and compared on the other, both ways, so that luck does not count as loss; the interval is of paired differences per sample.
- **Class subsets**: for random sets of classes, whether the best cut is another one, and what going there gains on the subset's samples, again
  chosen on one half and judged on the other; and whether predictors that look at these classes alone gain anything.

## Running it

\`\`\`bash
isplit-edge study model.h5 --data train/ --test-data test/ --wire 220B --seeds 3
\`\`\`

A run takes about a minute on two cores for networks of the size below, a few minutes at the first cuts. Every finished run is kept: an interrupted study goes on, and
more seeds or cuts train only what is new. \`--cuts\` names some, \`--train-samples\` and \`--test-samples\` make it quicker and less sure.
[study-json.md](study-json.md) describes the document field by field.

${study && study.results.length > 0 ? renderFigures(study) : 'Figures: none are stored. `npm run evidence -- study` makes them in a few hours, goes on where it was stopped, and `npm run docs` puts them here.'}
`;
}

function renderFigures({ results, engine }: Study): string {
  return [
    `\`npm run evidence -- study\` · ${engine}, seeded; every figure below is from \`docs/evidence/study.json\`.`,
    ...results.map(renderCell),
  ].join('\n\n');
}

function renderCell(result: CellResult): string {
  const { model, data, targetBytes, seeds, testSamples } = result;
  const image = (chart: string, text: string): string => `![${text}](images/study-${model}-${chart}.svg)`;
  const [cuts, ...others] = studyTables(result).map(renderTable);
  return [
    `## ${model} on ${data}, ${formatCount(targetBytes)} B`,
    `${seeds} seeds, ${formatCount(testSamples)} test samples.`,
    concludeStudy(result)
      .map((sentence) => `- ${sentence}`)
      .join('\n'),
    image('cuts', `Accuracy of ${model} at every cut with intervals; the dashed line is the whole network`),
    cuts as string,
    '\\* not at the target bytes; hollow in the picture.',
    image('predictors', `Rank correlation and regret of each predictor on ${model}; the dashed line is the ceiling`),
    ...others,
  ].join('\n\n');
}

function renderTable({ title, headers, rows }: StudyTable): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('*', '\\*')).join(' | ')} |`;
  return [
    `${title.slice(0, 1).toUpperCase()}${title.slice(1)}:`,
    '',
    line(headers),
    `|${headers.map((_, c) => (c === 0 ? '---' : '--:')).join('|')}|`,
    ...rows.map(line),
  ].join('\n');
}
