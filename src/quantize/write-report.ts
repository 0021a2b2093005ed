/** The quantization report: what was chosen, what it costs, what to look at. */
import type { Graph } from '../ir/graph.js';
import { producers } from '../ir/walk.js';
import type { RangeCandidate } from './choose-range.js';
import type { MeasuredTensor } from './measure-error.js';
import type { QuantizationReport, TensorError } from './quantized-model.js';
import { type QuantGroup, rangeSources, type SharedQuantization } from './shared-quantization.js';
import type { ValueHistogram } from './value-histogram.js';

const WORST = 5;
/** Below it little more than the sign and the rough size of a value is left. */
const POOR_DB = 10;
/** Beyond it the clamp itself decides a good part of the values; fused activations reach one end by design. */
const MUCH_SATURATED = 0.02;

export interface ReportRequest {
  readonly samples: number;
  readonly perChannelDense: boolean;
  readonly equalised: boolean;
  readonly biasCorrected: boolean;
  readonly shared: SharedQuantization;
  readonly chosen: ReadonlyMap<QuantGroup, RangeCandidate>;
  readonly histograms: ReadonlyMap<string, ValueHistogram>;
  readonly measured: readonly MeasuredTensor[];
  readonly warnings: readonly string[];
}

export function writeReport(request: ReportRequest): QuantizationReport {
  const { samples, perChannelDense, equalised, biasCorrected, shared, measured } = request;
  const { graph } = shared;
  const sources = new Set(shared.groups.flatMap((group) => rangeSources(graph, group)));
  const tensors = measured.map((tensor): TensorError => {
    const group = shared.groupOf.get(tensor.id) as QuantGroup;
    const { min, max } = request.histograms.get(tensor.id) ?? { min: 0, max: 0 };
    const method = methodOf(tensor.id, group, sources, request.chosen);
    const { id, kind, scale, zeroPoint, sqnrDb, saturated } = tensor;
    return { id, kind, scale, zeroPoint, min, max, method, sqnrDb, saturated };
  });
  const computed = tensors.filter((t) => t.method !== 'as-inputs');
  const worst = computed
    .filter((t): t is TensorError & { sqnrDb: number } => t.sqnrDb !== null && !graph.inputs.includes(t.id))
    .sort((a, b) => a.sqnrDb - b.sqnrDb)
    .slice(0, WORST)
    .map((t) => t.id);
  return {
    samples,
    perChannelDense,
    equalised,
    biasCorrected,
    tensors,
    worst,
    outputSqnrDb: outputError(graph, tensors),
    warnings: [...request.warnings, ...doubts(graph, computed)],
  };
}

function methodOf(
  id: string,
  group: QuantGroup,
  sources: ReadonlySet<string>,
  chosen: ReadonlyMap<QuantGroup, RangeCandidate>,
): TensorError['method'] {
  if (!sources.has(id)) return 'as-inputs';
  // Its codes are the request's: a bottleneck's.
  if (group.fixed?.why === 'output') return 'fixed';
  return group.fixed?.why ?? chosen.get(group)?.method ?? 'minmax';
}

/** Of all outputs: the worst one's. */
function outputError(graph: Graph, tensors: readonly TensorError[]): number | null {
  const outputs = tensors.filter((t) => graph.outputs.includes(t.id) && t.sqnrDb !== null);
  return outputs.length === 0 ? null : Math.min(...outputs.map((t) => t.sqnrDb as number));
}

function doubts(graph: Graph, tensors: readonly TensorError[]): string[] {
  const producerOf = producers(graph);
  const warnings: string[] = [];
  const poor = tensors.filter((t) => t.sqnrDb !== null && t.sqnrDb < POOR_DB);
  if (poor.length > 0) {
    const named = poor.slice(0, WORST).map((t) => `${t.id} ${(t.sqnrDb as number).toFixed(1)} dB`);
    const more = poor.length > named.length ? ` and ${poor.length - named.length} more` : '';
    warnings.push(`int8 leaves less than ${POOR_DB} dB of signal over error in ${named.join(', ')}${more}`);
  }
  for (const { id, saturated, method } of tensors) {
    const node = producerOf.get(id);
    const clamps = node === undefined || (node.attrs.activation ?? 'none') !== 'none' || /relu/.test(node.kind);
    if (!clamps && method !== 'fixed' && saturated > MUCH_SATURATED)
      warnings.push(`${(100 * saturated).toFixed(1)} % of "${id}" lie at the ends of the int8 range`);
  }
  return warnings;
}
