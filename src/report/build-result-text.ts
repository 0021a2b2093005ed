import type { ArtifactManifest } from '../artifact/manifest.js';
import type { BottleneckReport } from '../bottleneck/report.js';
import { formatBytes, formatCount, formatDurationUs } from '../core/units.js';
import type { Evaluation } from '../evaluate/evaluation.js';
import type { Analysis } from '../plan/analysis.js';
import { CUT_INPUT, CUT_OUTPUT, type SplitPlan } from '../plan/split-plan.js';
import type { QuantizationReport } from '../quantize/quantized-model.js';
import type { VerifyReport } from '../verify/verify-report.js';
import { labelText, renderCutTable } from './analysis-text.js';
import { renderBaselinesText } from './baseline-text.js';
import { describeWireBytes } from './build-phrases.js';
import { renderAccuracyText, renderVerifyText } from './build-text.js';
import { describeBudgets, describeDevice, describeModel, nameData, plainText } from './phrases.js';

/** What `build` did. */
export interface BuildResult {
  readonly analysis: Analysis;
  readonly plan: SplitPlan;
  readonly manifest: ArtifactManifest;
  readonly quantization: QuantizationReport | null;
  readonly verify: VerifyReport | null;
  readonly evaluation: Evaluation;
  readonly training: BottleneckReport | null;
  readonly samples: {
    readonly importance: number;
    readonly calibration: number;
    readonly test: number;
    readonly on: 'test' | 'held-out';
    readonly testName: string;
    /** As it was typed; null when samples were held out. */
    readonly testPath: string | null;
  };
  readonly folder: string;
}

/** Share of the MACs above which a split is no split. */
const NEARLY_ALL = 0.95;

/** Digits of the splitId shown. */
const ID_DIGITS = 16;

/** The result of `build` for a terminal: the decision and its reasons, what was lost, who confirmed it, what it takes. */
export function renderBuildResultText(result: BuildResult, width: number): string {
  const { analysis, plan, manifest, samples } = result;
  const chosen = plan.chosen as NonNullable<SplitPlan['chosen']>;
  const labelled = (label: string, text: string): string[] => labelText(label, text, width);
  const budgets = describeBudgets(analysis.budgets);
  const header = [
    ...labelled('model', describeModel(analysis)),
    ...labelled('data', describeSamples(result)),
    ...labelled('device', describeDevice(analysis)),
    ...(budgets === undefined ? [] : labelled('budget', budgets)),
  ];
  const count = formatCount(result.evaluation.samples);
  const on = samples.on === 'test' ? `${count} samples of ${samples.testName}` : `${count} held-out samples`;
  const sections = [
    header.join('\n'),
    renderCutTable(applyPlan(analysis, plan), width, `chosen: ${chosen.why}`),
    [
      ...labelled('cut', describeCut(result)),
      ...labelled('encode', describeBottleneck(result)),
      ...labelled('train', describeTraining(result.training)),
      ...labelled('quantize', describeQuantization(result.quantization)),
    ].join('\n'),
    renderAccuracyText(result.evaluation, width, on),
    renderBaselinesText(result.evaluation, width),
    [...(result.verify ? [renderVerifyText(result.verify, width)] : []), ...labelled('fits', describeFit(result))].join(
      '\n',
    ),
    [
      ...labelled('wrote', `${plainText(result.folder)}/  (split ${manifest.splitId.slice(0, ID_DIGITS)}…)`),
      ...describeNext(result).flatMap((line, i) => labelled(i === 0 ? 'next' : '', line)),
    ].join('\n'),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/** The analysis as the plan left it: cuts that did not fit once built say so, and the chosen one comes first. */
function applyPlan(analysis: Analysis, plan: SplitPlan): Analysis {
  const rejected = new Map(plan.rejected.map((cut) => [cut.id, cut.reasons]));
  const chosen = plan.chosen?.id ?? '';
  return {
    ...analysis,
    cuts: analysis.cuts.map((cut) => {
      const reasons = rejected.get(cut.id);
      return reasons === undefined ? cut : { ...cut, feasible: false, reasons };
    }),
    ranking: [chosen, ...analysis.ranking.filter((id) => id !== chosen && !rejected.has(id))],
  };
}

/** `fashion · 1 000 samples for importance, 128 for calibration, 400 held out, seed 0`. */
function describeSamples({ analysis, samples }: BuildResult): string {
  const test =
    samples.on === 'test'
      ? `${formatCount(samples.test)} of ${samples.testName} for the accuracy`
      : `${formatCount(samples.test)} held out for the accuracy`;
  const parts = [
    nameData(analysis),
    `${formatCount(samples.importance)} samples for importance, ${formatCount(samples.calibration)} for calibration, ${test}`,
    `seed ${analysis.seed}`,
    `engine ${analysis.engine}`,
  ];
  return parts.map(plainText).join(' · ');
}

/** `pool2 7×7×32: 1 568 B on the wire, 42 % of the MACs on the device`. */
function describeCut({ analysis, plan }: BuildResult): string {
  const chosen = plan.chosen as NonNullable<SplitPlan['chosen']>;
  const { wireBytes, macs } = chosen.built ?? chosen.planned;
  const shapes = chosen.shapes.map((shape) => shape.join('×')).join(' + ');
  const where =
    chosen.id === CUT_INPUT
      ? 'nothing runs on the device'
      : chosen.id === CUT_OUTPUT
        ? 'everything runs on the device'
        : `${((100 * macs) / Math.max(analysis.model.macs, 1)).toFixed(0)} % of the MACs on the device`;
  const nearlyAll = chosen.built !== null && chosen.id !== CUT_OUTPUT && macs > NEARLY_ALL * analysis.model.macs;
  const doubt = nearlyAll
    ? '. That leaves almost nothing to the gateway: compare with --cut output, or set --budget-macs or --budget-latency to look for earlier cuts'
    : '';
  return plainText(`${chosen.id} ${shapes}: ${formatBytes(wireBytes)} on the wire, ${where}; ${chosen.why}${doubt}`);
}

/** `conv1x1-s2-c24-b4 to 4×4×24, 4 bit, entropy-coded: 96 B mean, 124 B p99, 192 B packed`. */
function describeBottleneck({ plan, manifest, evaluation, training }: BuildResult): string {
  const [wire] = manifest.wire;
  const spec = plan.chosen?.bottleneck ?? null;
  if (spec === null || !wire || !training) return '';
  const coding = wire.codec.id === 'rans' ? 'entropy-coded' : wire.codec.id;
  const packed = wire.codec.id === 'rans' ? `, ${formatBytes(training.bytes.packed)} packed` : '';
  return `bottleneck ${plainText(spec)} to ${wire.shape.join('×')}, ${wire.bits} bit, ${coding}: ${describeWireBytes(evaluation.wireBytes)}${packed}`;
}

/** `1 800 samples · reconstruct 6 epochs, fine-tune 28 · right on 200 validation samples: 66.9 % untrained, 90.1 % trained`. */
function describeTraining(training: BottleneckReport | null): string {
  if (training === null) return '';
  const { history, validation } = training;
  const stages = [
    ['reconstruct', history.reconstruct],
    ['fine-tune', history.fineTune],
    ['settle', history.settle],
  ] as const;
  const epochs = stages.flatMap(([name, records]) => (records.length > 0 ? [`${name} ${records.length}`] : []));
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  return `${formatCount(training.trainingSamples)} samples · epochs: ${epochs.join(', ')} · ${formatCount(training.validationSamples)} validation samples: ${percent(validation.initial)} untrained, ${percent(validation.afterSettle)} trained`;
}

function describeQuantization(report: QuantizationReport | null): string {
  if (report === null) return '';
  const worst = report.tensors.find(({ id }) => id === report.worst[0]);
  const parts = [
    `int8, weights per channel${report.perChannelDense ? '' : ', dense layers per tensor'}`,
    ...(report.equalised ? ['layers equalised'] : []),
    ...(report.biasCorrected ? ['biases corrected'] : []),
    ...(report.outputSqnrDb === null ? [] : [`output SQNR ${report.outputSqnrDb.toFixed(1)} dB`]),
    ...(worst && worst.sqnrDb !== null ? [`worst layer ${plainText(worst.id)} ${worst.sqnrDb.toFixed(1)} dB`] : []),
  ];
  return parts.join(' · ');
}

/** `flash 61 204 + RAM 48 912 = 110 116 of 300 000 B · a frame takes about 24 ms (estimate, sources in the report)`. */
function describeFit({ analysis, plan, manifest }: BuildResult): string {
  const chosen = plan.chosen as NonNullable<SplitPlan['chosen']>;
  const size = chosen.built;
  if (size === null) return `nothing to fit: ${formatBytes(chosen.planned.wireBytes)} are sent as they are`;
  const { totalBytes } = analysis.budgets;
  const total = formatCount(size.flashBytes + size.ramBytes);
  const of = totalBytes === undefined ? 'B' : `of ${formatBytes(totalBytes)}`;
  const range = manifest.arena.tfliteMicroBytes;
  const arena =
    range === null
      ? 'arena as planned'
      : `arena predicted for TFLite-Micro${range[0] === range[1] ? '' : `, at least ${formatBytes(range[0])}`}; planned offline it needs ${formatBytes(manifest.arena.plannedBytes)}`;
  const flash = `flash ${formatCount(size.flashBytes)} (head ${formatCount(size.weightBytes)}, code about ${formatCount(size.codeBytesEstimate)})`;
  const time =
    size.latencyUsEstimate === null
      ? []
      : [`a frame takes about ${formatDurationUs(size.latencyUsEstimate)} (estimate, sources in report.html)`];
  return [`${flash} + RAM ${formatCount(size.ramBytes)} = ${total} ${of}`, arena, ...time].join(' · ');
}

function describeNext({ folder, samples }: BuildResult): string[] {
  const dir = plainText(folder);
  return [
    `isplit-edge evaluate ${dir} --test-data ${plainText(samples.testPath ?? 'PATH')}`,
    `isplit-edge verify ${dir}`,
    `open ${dir}/report.html`,
  ];
}
