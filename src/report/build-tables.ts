/** Tables of a build's report. */
import type { ArtifactManifest } from '../artifact/manifest.js';
import { formatBytes, formatCount, formatDurationUs } from '../core/units.js';
import type { Evaluation } from '../evaluate/evaluation.js';
import { VARIANTS } from '../evaluate/tally.js';
import type { Budgets } from '../plan/budgets.js';
import type { HeadSize } from '../plan/split-plan.js';
import type { QuantizationReport, TensorError } from '../quantize/quantized-model.js';
import type { RuntimeResult } from '../verify/verify-report.js';
import { describeCodec } from '../wire/codecs/create-codec.js';
import { describeDeviation, formatAccuracy, nameVariant } from './build-phrases.js';
import { listConfusions } from './build-text.js';
import { drawHtmlTable, type HtmlColumn, html, type Markup, NOTHING } from './html.js';
import { formatShape } from './phrases.js';

/** Classes whose confusion is shown as a matrix; of more, the most frequent confusions. */
const MATRIX_CLASSES = 20;
const CONFUSIONS_LISTED = 12;
/** Off the diagonal, a share of a class that stands out. */
const CONFUSED_SHARE = 0.05;

interface SizeRow {
  readonly what: string;
  readonly needs: string;
  readonly limit: string;
  readonly source: string;
}

/** What the head takes, against what was allowed. */
export function drawSizeTable(
  size: HeadSize,
  budgets: Budgets,
  arena: ArtifactManifest['arena'],
  built: boolean,
): Markup {
  const limit = (value: number | undefined, format: (n: number) => string): string =>
    value === undefined ? '' : format(value);
  const [low, high] = arena.tfliteMicroBytes ?? [];
  const rows: SizeRow[] = [
    { what: 'head.tflite', needs: formatBytes(size.weightBytes), limit: '', source: built ? 'the file' : 'planned' },
    {
      what: 'code',
      needs: formatBytes(size.codeBytesEstimate),
      limit: '',
      source: 'estimate: interpreter and kernels',
    },
    {
      what: 'flash',
      needs: formatBytes(size.flashBytes),
      limit: limit(budgets.flashBytes, formatBytes),
      source: 'head.tflite and code',
    },
    { what: 'arena, planned offline', needs: formatBytes(arena.plannedBytes), limit: '', source: 'our planner' },
    ...(low === undefined || high === undefined
      ? []
      : [
          {
            what: 'arena, TensorFlow Lite Micro',
            needs: low === high ? formatBytes(low) : `${formatCount(low)} – ${formatBytes(high)}`,
            limit: '',
            source: 'prediction of what it reports as used',
          },
        ]),
    {
      what: 'RAM',
      needs: formatBytes(size.ramBytes),
      limit: limit(budgets.ramBytes, formatBytes),
      source: 'what the head is counted with',
    },
    {
      what: 'flash and RAM together',
      needs: formatBytes(size.flashBytes + size.ramBytes),
      limit: limit(budgets.totalBytes, formatBytes),
      source: '',
    },
    { what: 'MACs', needs: formatCount(size.macs), limit: limit(budgets.macs, formatCount), source: 'of the head' },
    {
      what: 'wire',
      needs: formatBytes(size.wireBytes),
      limit: limit(budgets.wireBytes, formatBytes),
      source: 'payload of one inference',
    },
    ...(size.latencyUsEstimate === null
      ? []
      : [
          {
            what: 'latency',
            needs: formatDurationUs(size.latencyUsEstimate),
            limit: limit(budgets.latencyUs, formatDurationUs),
            source: 'estimate: head, encode, link, tail',
          },
        ]),
  ];
  const columns: HtmlColumn<SizeRow>[] = [
    { header: '', className: 'l', cell: (row) => row.what },
    { header: 'takes', cell: (row) => row.needs },
    { header: 'asked: at most', cell: (row) => row.limit },
    { header: 'from', className: 'l why', cell: (row) => row.source },
  ];
  return drawHtmlTable(columns, rows);
}

export function drawVariantTable(evaluation: Evaluation): Markup {
  const ran = VARIANTS.filter((variant) => evaluation.accuracy[variant] !== null);
  return drawHtmlTable(
    [
      { header: '', className: 'l', cell: (variant) => nameVariant(variant, evaluation.wireBytes) },
      {
        header: 'accuracy [95 % interval]',
        cell: (variant) => formatAccuracy(evaluation.accuracy[variant], evaluation.intervals[variant]),
      },
    ],
    ran,
    (variant) => (variant === 'splitInt8' ? 'first' : ''),
  );
}

export function drawClassTable(evaluation: Evaluation): Markup {
  type Row = Evaluation['perClass'][number];
  const ran = VARIANTS.filter((variant) => evaluation.accuracy[variant] !== null);
  const heads = { full: 'float', splitFloat: 'split, float', splitInt8: 'split, int8' };
  const columns: HtmlColumn<Row>[] = [
    { header: 'class', className: 'l id', cell: (row) => row.name },
    { header: 'samples', cell: (row) => formatCount(row.samples) },
    ...ran.map(
      (variant): HtmlColumn<Row> => ({
        header: heads[variant],
        cell: (row) => formatAccuracy(row.accuracy[variant], null),
      }),
    ),
  ];
  return drawHtmlTable(
    columns,
    evaluation.perClass.filter((row) => row.samples > 0),
  );
}

/** The int8 split's matrix, or, of many classes, its most frequent confusions. */
export function drawConfusion(evaluation: Evaluation): Markup {
  const classes = evaluation.perClass;
  if (classes.length > MATRIX_CLASSES) return drawConfusionList(evaluation);
  const columns: HtmlColumn<(typeof classes)[number]>[] = [
    { header: 'class', className: 'l id', cell: (row) => row.name },
    ...classes.map(
      (predicted): HtmlColumn<(typeof classes)[number]> => ({
        header: predicted.name,
        className: 'wrap',
        cell: (row) => {
          const count = evaluation.confusion[row.class]?.[predicted.class] ?? 0;
          if (count === 0) return '·';
          const stands = row.class === predicted.class || count > CONFUSED_SHARE * row.samples;
          return stands ? html`<b>${formatCount(count)}</b>` : formatCount(count);
        },
      }),
    ),
  ];
  return html`<p class="note">Samples by class (row) and by what the int8 split said (column); bold on the diagonal and where more than ${formatCount(100 * CONFUSED_SHARE)} % of a class went.</p>
${drawHtmlTable(
  columns,
  classes.filter((row) => row.samples > 0),
)}`;
}

function drawConfusionList(evaluation: Evaluation): Markup {
  const confusions = listConfusions(evaluation).slice(0, CONFUSIONS_LISTED);
  if (confusions.length === 0) return NOTHING;
  return html`<p class="note">The most frequent confusions of the int8 split; all in the JSON of isplit-edge evaluate.</p>
${drawHtmlTable(
  [
    { header: 'class', className: 'l id', cell: (row) => row.label },
    { header: 'taken for', className: 'l id', cell: (row) => row.predicted },
    { header: 'samples', cell: (row) => formatCount(row.count) },
  ],
  confusions,
)}`;
}

export function drawQuantizationTable(report: QuantizationReport): Markup {
  const worst = new Set(report.worst);
  const columns: HtmlColumn<TensorError>[] = [
    { header: 'tensor', className: 'l id', cell: (t) => html`<code>${t.id}</code>` },
    { header: 'op', className: 'l', cell: (t) => t.kind },
    {
      header: 'SQNR',
      cell: (t) => {
        const text = t.sqnrDb === null ? 'exact' : `${t.sqnrDb.toFixed(1)} dB`;
        return worst.has(t.id) ? html`<b>${text}</b>` : text;
      },
    },
    { header: 'range seen', cell: (t) => `${formatReal(t.min)} … ${formatReal(t.max)}` },
    { header: 'scale', cell: (t) => formatReal(t.scale) },
    { header: 'zero point', cell: (t) => String(t.zeroPoint) },
    { header: 'range by', className: 'l', cell: (t) => t.method },
    { header: 'saturated', cell: (t) => `${(100 * t.saturated).toFixed(2)} %` },
  ];
  return drawHtmlTable(columns, report.tensors);
}

const formatReal = (value: number): string => (value === 0 ? '0' : value.toPrecision(4));

export function drawRuntimeTable(runtimes: readonly RuntimeResult[]): Markup {
  const columns: HtmlColumn<RuntimeResult>[] = [
    { header: 'runtime', className: 'l', cell: (r) => r.name },
    { header: 'version', className: 'l', cell: (r) => r.version ?? '–' },
    { header: 'kernels', className: 'l', cell: (r) => r.kernels },
    { header: 'outcome', className: 'l', cell: (r) => (r.status === 'unverified' ? 'not verified here' : r.status) },
    { header: 'samples', cell: (r) => (r.status === 'compared' ? formatCount(r.samples) : '–') },
    {
      header: 'bytes equal',
      cell: (r) => (r.endToEnd ? `${formatCount(r.endToEnd.equalBytes)} of ${formatCount(r.endToEnd.bytes)}` : '–'),
    },
    { header: 'most LSB', cell: (r) => (r.endToEnd ? String(r.endToEnd.maxLsb) : '–') },
    { header: 'same top-1', cell: (r) => (r.sameTop1 === null ? '–' : formatCount(r.sameTop1)) },
    {
      header: 'remarks',
      className: 'l why',
      cell: (r) => (r.status === 'compared' ? describeDeviation(r) : [r.reason, r.install].filter(Boolean).join('; ')),
    },
  ];
  return drawHtmlTable(columns, runtimes, (r) => (r.status === 'compared' ? '' : 'no'));
}

export function drawWireTable(manifest: ArtifactManifest): Markup {
  return drawHtmlTable(
    [
      { header: 'tensor', className: 'l id', cell: (t) => html`<code>${t.id}</code>` },
      { header: 'shape', cell: (t) => formatShape(t.shape) },
      { header: 'type', className: 'l', cell: (t) => t.dtype },
      { header: 'bytes', cell: (t) => formatBytes(t.bytes) },
      { header: 'codec', className: 'l', cell: (t) => describeCodec(t.codec) },
      { header: 'scale', cell: (t) => t.scale.toPrecision(6) },
      { header: 'zero point', cell: (t) => String(t.zeroPoint) },
    ],
    manifest.wire,
  );
}

/** The report cannot hold its own hash. */
const REPORT_FILE = 'report.html';

export function drawFileTable(files: ArtifactManifest['files']): Markup {
  const rows = Object.entries(files)
    .filter(([name]) => name !== REPORT_FILE)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return drawHtmlTable(
    [
      { header: 'file', className: 'l id', cell: ([name]) => html`<code>${name}</code>` },
      { header: 'sha256', className: 'l', cell: ([, sha256]) => html`<code>${sha256}</code>` },
    ],
    rows,
  );
}
