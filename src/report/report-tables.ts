/** Tables of the HTML report. */
import { formatBytes, formatBytesShort, formatDurationUs } from '../core/units.js';
import type { Analysis, AnalyzedCut, LayerImportance } from '../plan/analysis.js';
import { drawHtmlTable, type HtmlColumn, html, type Markup, NOTHING } from './html.js';
import {
  describeReasonShort,
  firstByPredictor,
  formatLog10,
  formatPercent,
  formatShape,
  keepTogether,
  log10CuiSum,
  PREDICTOR_NAMES,
  type Predictor,
  predictorsOf,
} from './phrases.js';

const formatScore = (value: number | null): string => (value === null ? '–' : value.toExponential(2));

/** Every cut: those that fit by rank, then those that do not, in order of depth, each with all its reasons. */
export function drawRankingTable(analysis: Analysis): Markup {
  const rank = new Map(analysis.ranking.map((id, i) => [id, i + 1]));
  const front = new Set(analysis.pareto);
  const byId = new Map(analysis.cuts.map((cut) => [cut.id, cut]));
  const ranked = analysis.ranking.flatMap((id) => byId.get(id) ?? []);
  const rows = [...ranked, ...analysis.cuts.filter((cut) => !rank.has(cut.id))];
  const some = (has: (cut: AnalyzedCut) => boolean, column: HtmlColumn<AnalyzedCut>): HtmlColumn<AnalyzedCut>[] =>
    rows.some(has) ? [column] : [];
  const columns: HtmlColumn<AnalyzedCut>[] = [
    { header: '#', cell: (cut) => String(rank.get(cut.id) ?? '–') },
    { header: 'cut', className: 'l id', cell: (cut) => html`<code>${cut.id}</code>` },
    { header: '', className: 'l', cell: (cut) => `${cut.localMaximum ? '◆' : ''}${front.has(cut.id) ? ' P' : ''}` },
    { header: 'shape', className: 'wrap', cell: (cut) => cut.shapes.map(formatShape).join(' + ') },
    { header: 'log10 CUI', cell: (cut) => formatLog10(cut.log10Cui) },
    { header: 'size-free', cell: (cut) => formatLog10(log10CuiSum(cut)) },
    { header: 'margin', cell: (cut) => formatScore(cut.margin) },
    { header: 'Taylor', cell: (cut) => formatScore(cut.taylor) },
    ...some((cut) => cut.probeAccuracy !== null, {
      header: 'probe',
      cell: (cut) => (cut.probeAccuracy === null ? '–' : `${(100 * cut.probeAccuracy).toFixed(1)} %`),
    }),
    { header: 'head MACs', cell: (cut) => formatPercent(cut.headMacs, analysis.model.macs) },
    { header: 'flash', cell: (cut) => formatBytesShort(cut.flashBytes) },
    { header: 'RAM', cell: (cut) => formatBytesShort(cut.arenaBytes) },
    { header: 'wire', cell: (cut) => formatBytes(cut.wireBytes) },
    ...some((cut) => cut.wireBytesPlanned !== null, {
      header: 'planned',
      cell: (cut) => (cut.wireBytesPlanned === null ? '–' : formatBytes(cut.wireBytesPlanned)),
    }),
    ...some((cut) => cut.latencyUs !== null, {
      header: 'latency',
      cell: (cut) => (cut.latencyUs === null ? '–' : formatDurationUs(cut.latencyUs.total)),
    }),
    ...some((cut) => cut.energyJ !== null, {
      header: 'energy',
      cell: (cut) => (cut.energyJ === null ? '–' : `${(1000 * cut.energyJ).toPrecision(3)} mJ`),
    }),
    { header: 'fits', className: 'l why', cell: describeFit },
  ];
  return drawHtmlTable(columns, rows, (cut) => (cut.id === analysis.ranking[0] ? 'first' : cut.feasible ? '' : 'no'));
}

function describeFit(cut: AnalyzedCut): Markup {
  if (cut.feasible) return html`yes`;
  const [first, ...more] = cut.reasons.map((reason) => keepTogether(describeReasonShort(reason)));
  return html`no: ${first ?? ''}${more.map((reason) => html`;<br>${reason}`)}`;
}

/** What each predictor would choose, and how much its order agrees with CUI's. */
export function drawPredictorTable(analysis: Analysis): Markup {
  const fitting = new Map(firstByPredictor(analysis).map((row) => [row.predictor, row.id]));
  const columns: HtmlColumn<Predictor>[] = [
    { header: 'ranked by', className: 'l', cell: (p) => PREDICTOR_NAMES[p] },
    { header: 'what it says', className: 'l why', cell: (p) => PREDICTOR_MEANING[p] },
    { header: 'ρ with CUI', cell: (p) => (p === 'cui' ? '1' : (analysis.agreement[p]?.toFixed(3) ?? '–')) },
    { header: 'first that fits', className: 'l id', cell: (p) => html`<code>${fitting.get(p) ?? '–'}</code>` },
    {
      header: 'first three of all cuts',
      className: 'l why',
      cell: (p) => html`<code>${(analysis.baselines[p] ?? []).slice(0, 3).join(', ')}</code>`,
    },
  ];
  return drawHtmlTable(columns, predictorsOf(analysis), (p) => (p === analysis.rankBy ? 'first' : ''));
}

const PREDICTOR_MEANING: Readonly<Record<Predictor, string>> = {
  cui: 'mean Grad-CAM response of the correct class (I-SPLIT)',
  cuiSum: 'CUI times the number of values: without the division by size',
  margin: 'CUI of the correct class against all others',
  taylor: 'first-order effect of removing a channel',
  depth: 'the deepest first: a baseline that looks at nothing',
  size: 'the smallest activation first: a baseline that looks at no data',
  probe: 'accuracy behind an untrained bottleneck of the wire budget',
};

/** Rank of every single-tensor cut under each predictor; ranks far from CUI's stand out. */
export function drawRankMatrix(analysis: Analysis): Markup {
  const single = analysis.cuts.filter((cut) => cut.tensors.length === 1);
  const place = new Map(
    predictorsOf(analysis).map((p) => [p, new Map(analysis.baselines[p]?.map((id, i) => [id, i + 1]))] as const),
  );
  const rankOf = (p: Predictor, cut: AnalyzedCut): number => place.get(p)?.get(cut.id) ?? 0;
  const far = Math.max(3, Math.ceil(single.length / 4));
  const cell = (p: Predictor, cut: AnalyzedCut): Markup => {
    const own = rankOf(p, cut);
    return Math.abs(own - rankOf('cui', cut)) >= far ? html`<b>${own}</b>` : html`${own}`;
  };
  const columns: HtmlColumn<AnalyzedCut>[] = [
    { header: 'cut', className: 'l id', cell: (cut) => html`<code>${cut.id}</code>` },
    ...predictorsOf(analysis).map((p) => ({ header: PREDICTOR_NAMES[p], cell: (cut: AnalyzedCut) => cell(p, cut) })),
  ];
  return html`<p class="note">Rank of each cut by each predictor, 1 = best; bold where it is ${far} places or more from CUI's.</p>${drawHtmlTable(columns, single)}`;
}

/** Layers whose output alone does not separate input from result. */
export function drawOtherLayers(analysis: Analysis): Markup {
  const cuttable = new Set(analysis.cuts.flatMap((cut) => (cut.tensors.length === 1 ? cut.tensors : [])));
  const others = analysis.layers.filter((layer) => !cuttable.has(layer.id));
  if (others.length === 0) return NOTHING;
  const columns: HtmlColumn<LayerImportance>[] = [
    { header: 'layer', className: 'l id', cell: (layer) => html`<code>${layer.id}</code>` },
    { header: 'shape', cell: (layer) => formatShape(layer.shape) },
    { header: 'log10 CUI', cell: (layer) => formatLog10(layer.log10Cui) },
    { header: 'size-free', cell: (layer) => formatLog10(log10CuiSum(layer)) },
    { header: 'margin', cell: (layer) => formatScore(layer.margin) },
    { header: 'Taylor', cell: (layer) => formatScore(layer.taylor) },
  ];
  return html`<h2>Layers that are no cuts</h2>
<p>Their importance is measured too, but other values pass around them: cutting there alone would lose those.</p>
${drawHtmlTable(columns, others)}`;
}
