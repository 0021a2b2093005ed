/** Candidate ranges of a group: of all the values that its members bring in. */
import { type Graph, tensorOf } from '../ir/graph.js';
import { LOWEST_FLOAT32 } from '../passes/legalise-tflite.js';
import { distinctRanges, type RangeCandidate, rangesOf } from './choose-range.js';
import type { RangeMethod } from './quantized-model.js';
import { type QuantGroup, rangeSources } from './shared-quantization.js';
import { ValueHistogram } from './value-histogram.js';

/**
 * One union of its members' ranges a method; constants and paddings count with their own values in each.
 */
export function groupCandidates(
  graph: Graph,
  group: QuantGroup,
  histograms: ReadonlyMap<string, ValueHistogram>,
  methods: ReadonlySet<RangeMethod>,
): RangeCandidate[] {
  const lists: RangeCandidate[][] = [];
  const always = { low: 0, high: 0 };
  for (const id of rangeSources(graph, group)) {
    const { data } = tensorOf(graph, id);
    if (!data) lists.push(rangesOf(histograms.get(id) ?? new ValueHistogram(), methods));
    else {
      for (const v of data) {
        always.low = Math.min(always.low, v);
        always.high = Math.max(always.high, v);
      }
    }
  }
  for (const node of graph.nodes) {
    if (node.kind !== 'pad' || !group.members.includes(node.outputs[0] as string)) continue;
    const value = node.attrs.value as number;
    if (value === LOWEST_FLOAT32) continue;
    always.low = Math.min(always.low, value);
    always.high = Math.max(always.high, value);
  }
  const first = lists[0] ?? [{ method: 'minmax', low: 0, high: 0 } as const];
  const unions = first.map(({ method }, k) => {
    const members = lists.map((list) => list[k] as RangeCandidate);
    return {
      method,
      low: Math.min(always.low, ...members.map((m) => m.low)),
      high: Math.max(always.high, ...members.map((m) => m.high)),
    };
  });
  return distinctRanges(unions);
}
