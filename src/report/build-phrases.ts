/** Sentences about a build that terminal and HTML report share. */
import { formatBytes, formatCount, formatDurationUs } from '../core/units.js';
import type { Evaluation, Interval, PairedDifference, Variant } from '../evaluate/evaluation.js';
import type { RuntimeResult, VerifyReport } from '../verify/verify-report.js';
import { plainText } from './phrases.js';

const percent = (share: number, digits = 1): string => (100 * share).toFixed(digits);

/** `87.5 % [82.2 – 91.4]`. */
export function formatAccuracy(share: number | null, interval: Interval | null): string {
  if (share === null) return '–';
  return interval === null
    ? `${percent(share)} %`
    : `${percent(share)} % [${percent(interval[0])} – ${percent(interval[1])}]`;
}

/** Signed percentage points with an ASCII minus: `-0.25`. */
export function formatPoints(share: number): string {
  const text = percent(share, 2);
  return share > 0 && Number(text) > 0 ? `+${text}` : text.replace(/^-0\.00$/, '0.00');
}

/** `int8 split minus whole network: -0.25 points [-0.70 … +0.18]; right only in float32: 12, only in int8: 7`. */
export function describeDifference(difference: PairedDifference): string {
  const [low, high] = difference.interval;
  const { onlyFirst, onlySecond } = difference;
  return `int8 split minus whole network: ${formatPoints(difference.value)} points [${formatPoints(low)} … ${formatPoints(high)}]; right only in float32: ${formatCount(onlySecond)}, only in int8: ${formatCount(onlyFirst)}`;
}

/** `1 568 B`, or mean and 99th percentile where samples differ. */
export function describeWireBytes({ mean, p99 }: Evaluation['wireBytes']): string {
  return mean === p99 ? `${formatCount(mean)} B` : `${formatCount(mean)} B mean, ${formatCount(p99)} B p99`;
}

/** What each variant is, for a row of a table. */
export function nameVariant(variant: Variant, wireBytes: Evaluation['wireBytes']): string {
  const names: Record<Variant, string> = {
    full: 'whole network, float32',
    splitFloat: 'split, float32',
    splitInt8: `split, int8 head, ${describeWireBytes(wireBytes)} on the wire`,
  };
  return names[variant];
}

/** Data of an evaluation: `fashion, test part, 10 000 samples`. */
export function describeEvaluationData({ data, samples }: Evaluation): string {
  return plainText(`${data.name}${data.part === null ? '' : `, ${data.part} part`} · ${formatCount(samples)} samples`);
}

/** Names often say which kernels they are; optimised ones that do not are marked. */
export function nameRuntime({ name, kernels }: RuntimeResult): string {
  const marked = kernels === 'reference' || /kernel|XNNPACK/i.test(name);
  if (marked) return plainText(name);
  return plainText(name.endsWith(')') ? `${name.slice(0, -1)}, optimised kernels)` : `${name} (optimised kernels)`);
}

/** Ran and gave every byte as our executor did. */
export function agreesFully({ status, endToEnd }: RuntimeResult): boolean {
  return status === 'compared' && endToEnd !== null && endToEnd.equalBytes === endToEnd.bytes;
}

/** The operator of a one-op comparison that differs most; undefined when none was run alone or none differs. */
export function worstOperator({ ops }: RuntimeResult): { node: string; kind: string; maxLsb: number } | undefined {
  const sorted = [...(ops ?? [])].sort((a, b) => b.maxLsb - a.maxLsb);
  return sorted[0] !== undefined && sorted[0].maxLsb > 0 ? sorted[0] : undefined;
}

/** `up to 3 LSB in 120 of 2 000 bytes, top-1 equal on 199 of 200; worst op conv1 1 LSB`. */
export function describeDeviation(result: RuntimeResult): string {
  const { endToEnd, sameTop1, samples } = result;
  const parts: string[] = [];
  if (endToEnd) {
    const different = endToEnd.bytes - endToEnd.equalBytes;
    parts.push(
      different === 0
        ? `${formatCount(endToEnd.bytes)} of ${formatCount(endToEnd.bytes)} bytes equal`
        : `up to ${endToEnd.maxLsb} LSB in ${formatCount(different)} of ${formatCount(endToEnd.bytes)} bytes`,
    );
  }
  if (sameTop1 !== null && !agreesFully(result)) {
    parts.push(`top-1 equal on ${formatCount(sameTop1)} of ${formatCount(samples)}`);
  }
  const worst = worstOperator(result);
  if (worst) parts.push(`single operators within ${worst.maxLsb} LSB (most: ${plainText(worst.node)})`);
  else if (result.ops && result.ops.length > 0) parts.push('every operator alone equal');
  return parts.join(', ');
}

/** `our executor = TensorFlow Lite Micro = node-tflite: 2 560 of 2 560 bytes equal`. */
export function describeAgreement(report: VerifyReport): string {
  const equal = report.runtimes.filter(agreesFully);
  const bytes = equal.find((result) => result.endToEnd)?.endToEnd?.bytes;
  const names = equal.map(nameRuntime);
  if (names.length === 0) return 'no runtime gave the bytes of our executor';
  if (names.length === 1 && report.runtimes.some((r) => r.id === 'executor')) {
    return `${names[0]} ran; no other runtime confirms its bytes`;
  }
  return `${names.join(' = ')}: ${formatCount(bytes ?? 0)} of ${formatCount(bytes ?? 0)} bytes equal`;
}

/** What the split costs besides accuracy, label and words. */
export function describeCosts(evaluation: Evaluation): [string, string][] {
  const { headMacs, latencyUs, linkOverheadBytes, wireBytes } = evaluation;
  const facts: [string, string][] = [];
  const overhead = linkOverheadBytes === null ? '' : `; the link adds ${formatBytes(linkOverheadBytes)}`;
  facts.push(['wire', `${describeWireBytes(wireBytes)}${overhead}`]);
  if (headMacs !== null) facts.push(['head', `${formatCount(headMacs)} MACs on the device`]);
  if (latencyUs !== null) {
    const { head, encode, link, tail, total } = latencyUs;
    const parts = `${formatDurationUs(head)} head + ${formatDurationUs(encode)} encode + ${formatDurationUs(link)} link + ${formatDurationUs(tail)} tail`;
    facts.push(['time', `${parts} = ${formatDurationUs(total)} (estimate)`]);
  }
  return facts;
}
