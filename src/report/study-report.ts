import { formatCount } from '../core/units.js';
import type { CellResult, Study } from '../evaluate/study.js';
import { drawHtmlTable, drawPage, html, Markup } from './html.js';
import { lightColour } from './palette.js';
import { keepTogether } from './phrases.js';
import { renderChart } from './render-chart.js';
import { chartCuts, chartPredictors } from './study-charts.js';
import { concludeStudy } from './study-phrases.js';
import { type StudyTable, studyTables } from './study-tables.js';

/** A study as one HTML file: no script, nothing to load. The same input gives the same bytes. @throws IsplitError E_INTERNAL */
export async function renderStudyReport(study: Study): Promise<string> {
  const sections = await Promise.all(study.results.map(drawCell));
  const body = html`<h1>Which predictor finds the best cut</h1>
<p class="kind">A study, by isplit-edge study</p>
${sections}<footer>${study.engine} · seed ${study.seed}</footer>`;
  return drawPage('isplit-edge study', body);
}

/**
 * The two charts of a cell as SVG.
 * @param onPaper with the light background, for pictures that stand alone; else that of the page shows through
 * @throws IsplitError E_INTERNAL
 */
export async function drawStudyCharts(
  result: CellResult,
  { onPaper }: { readonly onPaper: boolean },
): Promise<{ cuts: string; predictors: string }> {
  const of = `${result.model} on ${result.data}, ${result.targetBytes} B`;
  const paper = onPaper ? { background: lightColour('paper'), padding: 12 } : {};
  return {
    cuts: await renderChart({ ...chartCuts(result), ...paper }, `Accuracy at every cut: ${of}`),
    predictors: await renderChart({ ...chartPredictors(result), ...paper }, `Predictors: ${of}`),
  };
}

async function drawCell(result: CellResult): Promise<Markup> {
  const charts = await drawStudyCharts(result, { onPaper: false });
  const [cuts, ...others] = studyTables(result).map(drawTable);
  const { model, data, targetBytes, seeds, testSamples } = result;
  const sentences = concludeStudy(result).map((sentence) => html`<p>${keepTogether(sentence)}</p>\n`);
  const scope = `${formatCount(targetBytes)} B, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}, ${formatCount(testSamples)} test samples`;
  return html`<h2>${model} on ${data}</h2>
<p class="note">${keepTogether(scope)}. Head in float32, encoder weights and wire quantized, all simulated in the engine.</p>
${sentences}<figure>${new Markup(charts.cuts)}<figcaption>The dashed line is the whole network. Hollow: not at the target bytes.</figcaption></figure>
${cuts as Markup}<figure>${new Markup(charts.predictors)}<figcaption>95 % intervals over test samples; the dashed line is the most that noise between seeds lets a predictor correlate.</figcaption></figure>
${others}`;
}

function drawTable({ title, headers, rows }: StudyTable): Markup {
  const columns = headers.map((header, c) => ({
    header,
    cell: (row: readonly string[]) => row[c] ?? '',
    ...(c === 0 ? { className: 'l' } : {}),
  }));
  return html`<p class="note">${title}</p>\n${drawHtmlTable(columns, rows)}\n`;
}
