import { type RunContext, throwIfAborted } from '../core/context.js';
import { type Graph, tensorOf } from '../ir/graph.js';
import { verifyGraph } from '../ir/verify.js';
import { SHAPES } from '../ops/index.js';
import { LOWEST_FLOAT32, legaliseTflite } from '../passes/legalise-tflite.js';
import { fullRange, type Range } from './choose-range.js';
import { lowerGraph, quantizedIds } from './lower.js';
import { observeActivations } from './observe.js';
import { type ActivationQuant, chooseActivationQuant } from './quant-params.js';
import type { QuantizedModel, QuantizeRequest } from './quantized-model.js';
import { type QuantGroup, rangeSources, shareQuantization } from './shared-quantization.js';

/** Samples kept for the measurements that need them again. */
const KEPT_SAMPLES = 64;

/**
 * The int8 network: legalise, calibrate, choose ranges, lower, measure.
 * @throws IsplitError E_HOOK_UNSUPPORTED naming every node without an int8 operator, E_DATA_EMPTY, E_QUANTIZE, E_ENGINE, E_INTERRUPTED
 */
export async function quantizeGraph(request: QuantizeRequest, ctx: RunContext): Promise<QuantizedModel> {
  const shared = shareQuantization(legaliseTflite(request.network), request.input);
  const { graph, groups } = shared;
  const taps = quantizedIds(graph).filter((id) => !tensorOf(graph, id).data);
  const observation = await observeActivations(graph, request, { taps, channels: new Set(), keep: KEPT_SAMPLES }, ctx);
  throwIfAborted(ctx);
  const quants = new Map<string, ActivationQuant>();
  for (const group of groups) {
    const quant =
      group.fixed?.quant ??
      toQuant(groupRange(graph, group, (id) => fullRange(observation.histograms.get(id) ?? { min: 0, max: 0 })));
    for (const id of group.members) quants.set(id, quant);
  }
  const lowered = lowerGraph(graph, quants, request);
  verifyGraph(lowered.graph, SHAPES);
  return {
    graph: lowered.graph,
    float: graph,
    report: {
      samples: observation.samples,
      perChannelDense: request.perChannelDense,
      equalised: false,
      biasCorrected: false,
      tensors: [],
      worst: [],
      outputSqnrDb: null,
      warnings: lowered.warnings,
    },
  };
}

function toQuant({ low, high }: Range): ActivationQuant {
  return chooseActivationQuant(low, high);
}

/** Union of the members' ranges; constants and paddings count with their own values. */
function groupRange(graph: Graph, group: QuantGroup, rangeOf: (id: string) => Range): Range {
  let low = 0;
  let high = 0;
  const include = (range: Range): void => {
    low = Math.min(low, range.low);
    high = Math.max(high, range.high);
  };
  for (const id of rangeSources(graph, group)) {
    const { data } = tensorOf(graph, id);
    if (data) for (const v of data) include({ low: v, high: v });
    else include(rangeOf(id));
  }
  for (const node of graph.nodes) {
    if (node.kind !== 'pad' || !group.members.includes(node.outputs[0] as string)) continue;
    const value = node.attrs.value as number;
    if (value !== LOWEST_FLOAT32) include({ low: value, high: value });
  }
  return { low, high };
}
