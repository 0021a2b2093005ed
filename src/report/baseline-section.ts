/** Simpler ideas beside the split, for a report. */
import { formatCount } from '../core/units.js';
import type { BaselineCurve, BaselinePoint, Evaluation } from '../evaluate/evaluation.js';
import { type CurveStyle, chartBaselines, curveStyle, SPLIT_STYLE } from './baseline-charts.js';
import { describeSingle, divideCurves, nameCurve, nameTarget } from './baseline-text.js';
import { formatAccuracy, formatPoints } from './build-phrases.js';
import { drawHtmlTable, type HtmlColumn, html, Markup, NOTHING } from './html.js';
import { lightColour } from './palette.js';
import { keepTogether } from './phrases.js';
import { renderChart } from './render-chart.js';

/** Verdict, chart and table; nothing without baselines. @throws IsplitError E_INTERNAL when the chart cannot be drawn */
export async function drawBaselines(evaluation: Evaluation): Promise<Markup> {
  const { baselines, verdict } = evaluation;
  if (!baselines || baselines.length === 0) return NOTHING;
  const chart = chartBaselines(evaluation);
  const svg = chart && (await renderChart(chart, 'Accuracy against payload bytes, the split among simpler ideas'));
  const figure = svg
    ? html`<ul class="key">${drawKey('the split, int8', SPLIT_STYLE, false)}${baselines.map((curve) => drawKey(nameCurve(curve), curveStyle(curve), true))}</ul>
<figure>${new Markup(svg)}</figure>`
    : NOTHING;
  const { rated, single } = divideCurves(baselines);
  const rows = rated.flatMap((curve) => curve.points.map((point): PointRow => ({ curve, point })));
  const notes = [...new Map(baselines.map((curve) => [nameCurve(curve), curve.note])).entries()];
  const searched = rated[0]?.searchedOn;
  return html`<h2>Simpler ideas on the same samples</h2>
<p>${keepTogether(verdict ?? '')}</p>
${figure}
${rows.length === 0 ? NOTHING : drawHtmlTable(pointColumns(evaluation), rows, ({ point }) => (point.exists ? '' : 'no'))}
${single.length === 0 ? NOTHING : html`<ul>${single.flatMap((curve) => curve.points.map((point) => html`<li>${keepTogether(`${nameCurve(curve)}: ${describeSingle(point)}`)}</li>\n`))}</ul>`}
<p class="note">${searched ? `Settings were chosen on ${formatCount(searched.samples)} samples of ${searched.name}, none of which is among these. ` : ''}Bytes are payload, headers that both ends keep left out; pictures come back to full size by Lanczos' filter. Differences: the split minus the other on the same samples, Tango's score interval. * what the split sends.</p>
<ul class="note">${notes.map(([name, note]) => html`<li>${name}: ${note}</li>\n`)}</ul>`;
}

interface PointRow {
  readonly curve: BaselineCurve;
  readonly point: BaselinePoint;
}

function pointColumns(evaluation: Evaluation): HtmlColumn<PointRow>[] {
  const bytes = (count: number | null): string => (count === null ? '–' : formatCount(count));
  return [
    { header: 'sent', className: 'l', cell: ({ curve }) => nameCurve(curve) },
    { header: 'at most', cell: ({ point }) => nameTarget(point.targetBytes ?? 0, evaluation) },
    { header: 'payload, B', cell: ({ point }) => bytes(point.bytesMean) },
    { header: 'as files, B', cell: ({ point }) => bytes(point.bytesWithHeaders) },
    { header: 'accuracy', cell: ({ point }) => formatAccuracy(point.accuracy, point.interval) },
    {
      header: 'split − this, points',
      cell: ({ point: { difference } }) =>
        difference === null
          ? '–'
          : `${formatPoints(difference.value)} [${formatPoints(difference.interval[0])} … ${formatPoints(difference.interval[1])}]`,
    },
    { header: 'setting', className: 'l', cell: ({ point }) => point.setting },
  ];
}

/** What a curve looks like in the chart. */
function drawKey(name: string, style: CurveStyle, lined: boolean): Markup {
  const colour = lightColour(style.colour);
  const dash = style.dash.length === 0 ? '' : ` stroke-dasharray="${style.dash.join(' ')}"`;
  const line = lined ? `<path d="M1 7H29" stroke="${colour}" stroke-width="1.5"${dash}/>` : '';
  const shapes: Record<CurveStyle['shape'], string> = {
    circle: `<circle cx="15" cy="7" r="4" fill="${colour}"/>`,
    square: `<rect x="11" y="3" width="8" height="8" fill="${colour}"/>`,
    'triangle-up': `<path d="M15 2L20 11H10Z" fill="${colour}"/>`,
    diamond: `<path d="M15 0L21 7L15 14L9 7Z" fill="${colour}"/>`,
    cross: `<path d="M13 2H17V5H20V9H17V12H13V9H10V5H13Z" fill="${colour}"/>`,
  };
  return html`<li>${new Markup(`<svg width="30" height="14" aria-hidden="true">${line}${shapes[style.shape]}</svg>`)}${name}</li>`;
}
