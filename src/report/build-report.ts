import type { ArtifactManifest } from '../artifact/manifest.js';
import { formatBytes, formatCount } from '../core/units.js';
import type { Evaluation } from '../evaluate/evaluation.js';
import type { Analysis } from '../plan/analysis.js';
import { CUT_INPUT, CUT_OUTPUT, type HeadSize, type SplitPlan } from '../plan/split-plan.js';
import type { QuantizationReport } from '../quantize/quantized-model.js';
import type { VerifyReport } from '../verify/verify-report.js';
import { drawAnalysisSections } from './analysis-report.js';
import { drawBaselines } from './baseline-section.js';
import { chartAccuracy, chartQuantization, chartSizes } from './build-charts.js';
import { describeAgreement, describeDifference, describeEvaluationData, formatAccuracy } from './build-phrases.js';
import {
  drawClassTable,
  drawConfusion,
  drawFileTable,
  drawQuantizationTable,
  drawRuntimeTable,
  drawSizeTable,
  drawVariantTable,
  drawWireTable,
} from './build-tables.js';
import { drawPage, html, Markup, NOTHING } from './html.js';
import { lightColour } from './palette.js';
import { describeBudgets, describeDevice, describeModel, keepTogether } from './phrases.js';
import { renderChart } from './render-chart.js';

/** What a build knows of itself when its report is drawn. */
export interface BuildReportInput {
  readonly analysis: Analysis;
  readonly plan: SplitPlan;
  /** null with `--cut input`: there is no head. */
  readonly quantization: QuantizationReport | null;
  readonly verify: VerifyReport | null;
  readonly evaluation: Evaluation | null;
  /** With the hashes of the files written so far; report.html itself is left out. */
  readonly manifest: ArtifactManifest;
}

/**
 * A build as one HTML file: no script, nothing to load, legible on paper and in dark mode. What was built and how well it does
 * first, then why this cut. The same input gives the same bytes.
 * @throws IsplitError E_INTERNAL when a chart cannot be drawn
 */
export async function renderBuildReport(input: BuildReportInput): Promise<string> {
  const sections = [
    drawSummary(input),
    await drawAccuracy(input.evaluation),
    input.evaluation ? await drawBaselines(input.evaluation) : NOTHING,
    await drawSizes(input),
    await drawQuantization(input.quantization),
    drawRuntimes(input.verify),
    drawWire(input.manifest),
    drawReason(input.plan),
    ...(await drawAnalysisSections(input.analysis)),
    drawNotes(input),
    drawFiles(input),
  ];
  return drawPage(
    `${input.manifest.model.name}: ${nameCut(input.manifest)}`,
    html`${sections.map((s) => html`${s}\n`)}`,
  );
}

function nameCut({ cut }: ArtifactManifest): string {
  if (cut === CUT_OUTPUT) return 'everything on the device';
  return cut === CUT_INPUT ? 'nothing on the device' : `cut at ${cut}`;
}

/** What the head takes: as built, or as planned where nothing was built. */
function sizeOf({ plan }: BuildReportInput): HeadSize | undefined {
  return plan.chosen?.built ?? plan.chosen?.planned;
}

function describeHeadline(input: BuildReportInput): string {
  const { evaluation, manifest, plan } = input;
  const largest = manifest.wire.reduce((sum, tensor) => sum + tensor.bytes, 0);
  const wire = formatBytes(Math.ceil(evaluation?.wireBytes.mean ?? largest));
  const size = sizeOf(input);
  const on = manifest.device === null ? '' : ` on ${manifest.device.id}`;
  if (manifest.cut === CUT_INPUT || plan.chosen?.built === null || size === undefined) {
    return manifest.cut === CUT_INPUT
      ? `Nothing on the device: the quantized input is sent, ${wire} an inference.`
      : `Cut at ${manifest.cut}: ${wire} an inference on the wire.`;
  }
  const takes = `${formatBytes(size.flashBytes)} of flash and ${formatBytes(size.ramBytes)} of RAM${on}`;
  return manifest.cut === CUT_OUTPUT
    ? `Everything on the device: ${takes}, ${wire} of scores an inference.`
    : `Cut at ${manifest.cut}: ${takes}, ${wire} an inference on the wire.`;
}

function drawSummary(input: BuildReportInput): Markup {
  const { analysis, evaluation, manifest, verify, quantization } = input;
  const budgets = describeBudgets(input.plan.budgets);
  const facts: [string, string][] = [
    ['model', describeModel(analysis)],
    ['calibration', `${manifest.calibration.data.name} · ${formatCount(manifest.calibration.samples)} samples`],
    ['device', describeDevice(analysis)],
    ['budgets', budgets ?? (analysis.device === null ? 'none' : "none beside the board's own limits")],
  ];
  if (evaluation) {
    const { accuracy, intervals } = evaluation;
    const float = accuracy.full === null ? '' : `whole network ${formatAccuracy(accuracy.full, intervals.full)} · `;
    const int8 = `int8 split ${formatAccuracy(accuracy.splitInt8, intervals.splitInt8)}`;
    facts.push(['accuracy', `${float}${int8} · ${describeEvaluationData(evaluation)}`]);
  }
  const worst = quantization?.tensors.find((tensor) => tensor.id === quantization.worst[0]);
  if (worst && worst.sqnrDb !== null) {
    facts.push(['quantization', `int8 · worst layer ${worst.id}, SQNR ${worst.sqnrDb.toFixed(1)} dB`]);
  }
  if (manifest.bottleneck !== null) facts.push(['bottleneck', `${manifest.bottleneck} at ${manifest.cut}`]);
  if (verify) facts.push(['verified', describeAgreement(verify)]);
  facts.push(['split id', manifest.splitId]);
  const rows = facts.map(([name, value]) => html`<dt>${name}</dt><dd>${keepTogether(value)}</dd>\n`);
  const doubtful = verify !== null && !verify.passed;
  return html`<h1>${manifest.model.name}</h1>
<p class="kind">A build, by isplit-edge build</p>
<p class="advice${doubtful ? ' none' : ''}">${keepTogether(describeHeadline(input))}${doubtful ? ' A reference runtime does not agree with it: see Runtimes.' : ''}</p>
<dl>
${rows}</dl>`;
}

/** What every variant gives; nothing without an evaluation. */
export async function drawAccuracy(evaluation: Evaluation | null): Promise<Markup> {
  if (!evaluation) return NOTHING;
  const svg = await renderChart(chartAccuracy(evaluation), 'Accuracy of each variant with its interval');
  const difference = evaluation.difference ? `${describeDifference(evaluation.difference)}.` : '';
  const agreement =
    evaluation.agreement === null
      ? 'The float model was not there: only the int8 split was run.'
      : `Both say the same class on ${(100 * evaluation.agreement).toFixed(1)} % of the samples.`;
  return html`<h2>Accuracy</h2>
<p>${keepTogether(`${describeEvaluationData(evaluation)}. ${difference} ${agreement}`)}</p>
<figure>${new Markup(svg)}</figure>
${drawVariantTable(evaluation)}
${drawClassTable(evaluation)}
${drawConfusion(evaluation)}
<p class="note">Intervals: Wilson; of the difference, on the same samples: Tango's score interval. Of equal largest scores the lowest class counts.</p>`;
}

async function drawSizes(input: BuildReportInput): Promise<Markup> {
  const size = sizeOf(input);
  const built = input.plan.chosen?.built !== null;
  if (size === undefined || input.manifest.cut === CUT_INPUT) return NOTHING;
  const svg = await renderChart(chartSizes(size, input.plan.budgets), 'Flash and RAM of the head');
  const swatch = (colour: 'head' | 'encode' | 'link'): Markup =>
    new Markup(
      `<svg width="18" height="14" aria-hidden="true"><rect x="3" y="2" width="11" height="11" fill="${lightColour(colour)}"/></svg>`,
    );
  const limit = new Markup(
    `<svg width="18" height="14" aria-hidden="true"><path d="M9 1V13" stroke="${lightColour('limit')}" stroke-width="2"/></svg>`,
  );
  return html`<h2>Sizes</h2>
<ul class="key"><li>${swatch('head')}weights</li><li>${swatch('encode')}code (estimate)</li><li>${swatch('link')}RAM</li><li>${limit}asked: at most</li></ul>
<figure>${new Markup(svg)}</figure>
${drawSizeTable(size, input.plan.budgets, input.manifest.arena, built)}`;
}

async function drawQuantization(report: QuantizationReport | null): Promise<Markup> {
  if (!report) return NOTHING;
  const passes = [
    report.equalised ? 'cross-layer equalisation' : '',
    report.biasCorrected ? 'bias correction' : '',
  ].filter((pass) => pass !== '');
  const kept = passes.length > 0 ? `Kept, since they lower the measured error: ${passes.join(', ')}.` : '';
  const dense = `Weights of convolutions per output channel, of fully connected layers per ${report.perChannelDense ? 'output channel' : 'tensor'}.`;
  const output = report.outputSqnrDb === null ? '' : `SQNR of the head's output: ${report.outputSqnrDb.toFixed(1)} dB.`;
  const chart =
    report.tensors.length === 0
      ? NOTHING
      : html`<figure>${new Markup(await renderChart(chartQuantization(report), 'Quantization error of every tensor'))}<figcaption>Int8 executor against the float network on ${formatCount(report.samples)} calibration samples, everything before a tensor in int8 too. The worst stand out.</figcaption></figure>`;
  return html`<h2>Quantization</h2>
<p>${keepTogether([output, kept, dense].filter((s) => s !== '').join(' '))}</p>
${chart}
${report.tensors.length === 0 ? NOTHING : drawQuantizationTable(report)}`;
}

function drawRuntimes(verify: VerifyReport | null): Markup {
  if (!verify) return NOTHING;
  const warnings = verify.warnings.map(
    (warning) =>
      html`<li>${warning.kernelLibrary}, ${warning.upstream}: ${warning.message} (${warning.nodes.join(', ')})</li>`,
  );
  return html`<h2>Runtimes</h2>
<p>${keepTogether(describeAgreement(verify))}. Only reference kernels claim every byte; optimised ones are compared operator by operator on equal inputs, and by the class they give.</p>
${drawRuntimeTable(verify.runtimes)}
${warnings.length === 0 ? NOTHING : html`<p>Patterns in the head with bugs known upstream:</p>\n<ul>${warnings}</ul>`}`;
}

function drawWire(manifest: ArtifactManifest): Markup {
  return html`<h2>On the wire</h2>
<p>real = scale · (q − zero point), row-major, channels last. Head and tail share these figures; the split id stands for them.</p>
${drawWireTable(manifest)}`;
}

function drawReason({ chosen, asked, rejected }: SplitPlan): Markup {
  const why = asked === null ? `Chosen by the ranking: ${chosen?.why ?? ''}.` : 'Asked for with --cut.';
  const others =
    rejected.length === 0
      ? 'No cut was rejected.'
      : `${formatCount(rejected.length)} rejected cuts stand in plan.json with every reason.`;
  return html`<h2>Why this cut</h2>
<p>${keepTogether(`${why} ${others} What follows is the analysis of the network as it came, before quantization.`)}</p>`;
}

function drawNotes({ plan, quantization, analysis }: BuildReportInput): Markup {
  const shown = new Set(analysis.warnings);
  const notes = [...plan.warnings, ...(quantization?.warnings ?? [])].filter((note) => !shown.has(note));
  if (notes.length === 0) return NOTHING;
  return html`<h2>Notes of this build</h2>
<ul>${notes.map((note) => html`<li>${note}</li>`)}</ul>`;
}

function drawFiles({ manifest, analysis }: BuildReportInput): Markup {
  return html`<h2>Files</h2>
${drawFileTable(manifest.files)}
<footer>${manifest.tool.name} ${manifest.tool.version} · seed ${manifest.seed} · engine ${analysis.engine} · model sha256 <code>${manifest.model.sha256}</code> · split id <code>${manifest.splitId}</code></footer>`;
}
