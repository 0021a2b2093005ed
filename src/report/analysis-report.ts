import { formatCount } from '../core/units.js';
import type { Analysis } from '../plan/analysis.js';
import { chartOverDepth, chartTradeOff } from './analysis-charts.js';
import { CLASSES_SHOWN, chooseClasses, LATENCY_PARTS } from './chart-panels.js';
import { drawPage, html, Markup, NOTHING } from './html.js';
import { lightColour } from './palette.js';
import {
  describeAccuracy,
  describeBudgets,
  describeClassSubset,
  describeDevice,
  describeModel,
  describeOtherRankings,
  explainSize,
  isSingle,
  keepTogether,
  nameData,
  plainText,
} from './phrases.js';
import { renderChart } from './render-chart.js';
import { drawOtherLayers, drawPredictorTable, drawRankingTable, drawRankMatrix } from './report-tables.js';

/**
 * The analysis as one HTML file: no script, nothing to load, legible on paper and in dark mode. The same analysis gives the
 * same bytes. Importing it is cheap; the chart library is loaded by the first call.
 * @throws IsplitError E_INTERNAL when a chart cannot be drawn
 */
export async function renderAnalysisReport(analysis: Analysis): Promise<string> {
  const sections = [drawSummary(analysis), ...(await drawAnalysisSections(analysis)), drawFooter(analysis)];
  return drawPage(`${analysis.model.name}: where to cut`, html`${sections.map((s) => html`${s}\n`)}`);
}

/** Everything between summary and footer; a build's report has it too. @throws IsplitError E_INTERNAL when a chart cannot be drawn */
export async function drawAnalysisSections(analysis: Analysis): Promise<Markup[]> {
  const single = analysis.cuts.filter(isSingle);
  const sections: Markup[] = [];
  if (analysis.layers.length + single.length > 0) sections.push(await drawCurve(analysis));
  if (analysis.cuts.length > 0) sections.push(drawRanking(analysis));
  if (single.some((cut) => cut.log10Cui !== null)) sections.push(await drawTradeOff(analysis));
  if (single.length > 0) sections.push(drawPredictors(analysis));
  sections.push(drawOtherLayers(analysis), drawWarnings(analysis), drawReading());
  return sections;
}

function drawSummary(analysis: Analysis): Markup {
  const budgets = describeBudgets(analysis.budgets);
  const facts: [string, string][] = [
    ['model', describeModel(analysis)],
    ['data', `${nameData(analysis)} (${analysis.data.format}) · ${formatCount(analysis.samples)} samples`],
    ['importance of', describeClassSubset(analysis)],
    ['device', describeDevice(analysis)],
    ['budgets', budgets ?? (analysis.device === null ? 'none' : "none beside the board's own limits")],
    ['accuracy', `whole network, float32: ${describeAccuracy(analysis)}`],
  ];
  const rows = facts.map(([name, value]) => html`<dt>${name}</dt><dd>${keepTogether(value)}</dd>\n`);
  return html`<h1>${analysis.model.name}</h1>
<p class="kind">Where to cut, by isplit-edge analyze</p>
<p class="advice${analysis.ranking.length === 0 ? ' none' : ''}">${keepTogether(analysis.advice)}</p>
<dl>
${rows}</dl>`;
}

async function drawCurve(analysis: Analysis): Promise<Markup> {
  const shown = chooseClasses(analysis);
  const hidden = analysis.perClass.length - shown.length;
  const overlay =
    shown.length === 0
      ? ''
      : hidden > 0
        ? `Thin lines: the ${CLASSES_SHOWN} classes with the most samples (${shown.map((c) => c.name).join(', ')}); ${formatCount(hidden)} more are in analysis.json.`
        : `Thin lines: one a class (${shown.map((c) => c.name).join(', ')}).`;
  const svg = await renderChart(
    chartOverDepth(analysis),
    'Importance, costs and latency of every cut in order of depth',
  );
  return html`<h2 class="curve">Importance and cost, in order of depth</h2>
<p>${keepTogether(`${explainSize(analysis)} ${describeOtherRankings(analysis)}`)}</p>
${drawKey(analysis)}
<figure>${new Markup(svg)}<figcaption>${overlay} Left is the input, right the result. Bars under the curve belong to the cut above them.</figcaption></figure>`;
}

function drawKey(analysis: Analysis): Markup {
  const swatch = (shape: string): Markup => new Markup(`<svg width="18" height="14" aria-hidden="true">${shape}</svg>`);
  const accent = lightColour('accent');
  const box = (fill: string, stroke: string, dash = ''): Markup =>
    swatch(`<rect x="3" y="2" width="11" height="11" fill="${fill}" stroke="${stroke}"${dash}/>`);
  const item = (picture: Markup, text: string): Markup => html`<li>${picture}${text}</li>`;
  const items = [
    item(swatch(`<path d="M9 1L14 7L9 13L4 7Z" fill="${accent}"/>`), 'candidate: local maximum'),
    item(swatch(`<circle cx="9" cy="7" r="3.2" fill="${accent}"/>`), 'other cut'),
    item(
      swatch(
        `<circle cx="9" cy="7" r="3" fill="${lightColour('paper')}" stroke="${lightColour('rejected')}" stroke-width="1.5"/>`,
      ),
      'layer that is no cut',
    ),
    item(box(accent, accent), 'fits'),
    item(box(lightColour('paper'), lightColour('rejected'), ' stroke-dasharray="3 2"'), 'does not fit'),
    item(swatch(`<path d="M1 7H17" stroke="${lightColour('limit')}" stroke-width="2"/>`), 'limit'),
  ];
  if (analysis.ranking.length > 0)
    items.push(item(box(lightColour('chosen'), lightColour('grid')), 'first in the ranking'));
  if (analysis.cuts.some((cut) => cut.latencyUs !== null)) {
    items.push(...LATENCY_PARTS.map((part) => item(box(lightColour(part), lightColour(part)), `latency: ${part}`)));
  }
  return html`<ul class="key">${items}</ul>`;
}

function drawRanking(analysis: Analysis): Markup {
  const fits = analysis.ranking.length;
  const of = analysis.cuts.length;
  const lead =
    fits === 0
      ? `None of the ${formatCount(of)} cuts fits.`
      : `${formatCount(fits)} of ${formatCount(of)} cuts fit, best by ${analysis.rankBy} first; the others follow in order of depth with every limit they break.`;
  const joined = analysis.cuts.some((cut) => !isSingle(cut))
    ? ' Cuts through several tensors have no importance yet and rank behind the others, those that send less first.'
    : '';
  const source = analysis.cuts.find((cut) => cut.latencyUs !== null)?.latencyUs?.source;
  return html`<h2>Ranking</h2>
<p>${lead}${joined}</p>
<p class="note">◆ candidate · P on the Pareto front · flash = weights and code estimate · RAM = arena of the head, a peak over all layers up to the cut, so it never shrinks with depth · wire = int8 values of one inference before a bottleneck and coding.${source === undefined ? '' : ` Latency: ${source}.`}</p>
${drawRankingTable(analysis)}`;
}

async function drawTradeOff(analysis: Analysis): Promise<Markup> {
  const cost = analysis.device === null ? 'head MACs' : 'latency, head MACs';
  const front =
    analysis.pareto.length === 0
      ? 'It is empty: no cut fits.'
      : `It holds ${analysis.pareto.map(plainText).join(', ')}.`;
  const svg = await renderChart(
    chartTradeOff(analysis),
    'Importance against cost; the Pareto front is filled and named',
  );
  return html`<h2>Pareto front</h2>
<p>Cuts that fit and that no other cut beats in importance, ${cost} and bytes on the wire at once. ${front}</p>
<figure>${new Markup(svg)}<figcaption>Filled and named: on the front. Open: fits. Cross: does not fit.</figcaption></figure>`;
}

function drawPredictors(analysis: Analysis): Markup {
  return html`<h2>How else they could be ranked</h2>
<p>No predictor is a measurement of accuracy after training. ${explainSize(analysis)} Where depth or size alone gives the same order, the gradient has added nothing.</p>
${drawPredictorTable(analysis)}
${drawRankMatrix(analysis)}`;
}

function drawWarnings(analysis: Analysis): Markup {
  if (analysis.warnings.length === 0) return NOTHING;
  return html`<h2>Notes of this run</h2>
<ul>${analysis.warnings.map((warning) => html`<li>${warning}</li>`)}</ul>`;
}

function drawReading(): Markup {
  return html`<h2>How to read this</h2>
<p><b>CUI</b> (I-SPLIT) weighs each channel of an activation by the gradient of the correct class's logit, keeps what speaks for the class, and takes the mean over positions, channels and images. The three means divide by about H·W·C, so a smaller activation has a larger CUI for no other reason; the <b>size-free</b> curve takes that division back.</p>
<p>A peak of the curve is a candidate to put a bottleneck at and train. What accuracy it reaches is known only after that.</p>`;
}

function drawFooter(analysis: Analysis): Markup {
  return html`<footer>${analysis.tool.name} ${analysis.tool.version} · seed ${analysis.seed} · engine ${analysis.engine} · model sha256 <code>${analysis.model.sha256}</code> · all figures in analysis.json</footer>`;
}
