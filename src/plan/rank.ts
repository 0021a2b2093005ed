import type { AnalyzedCut, RankBy } from './analysis.js';

/** The value a predictor gives a cut; larger = predicted better. null = not defined for this cut. */
export function predictorValue(cut: AnalyzedCut, rankBy: RankBy | 'depth' | 'size', position: number): number | null {
  switch (rankBy) {
    case 'cui':
      return cut.cui;
    case 'cuiSum':
      return cut.cuiSum;
    case 'margin':
      return cut.margin;
    case 'taylor':
      return cut.taylor;
    case 'probe':
      return cut.probeAccuracy;
    case 'depth':
      return position;
    case 'size':
      return -cut.elements;
  }
}

/**
 * Ids from best to worst. Single-tensor cuts come first; cuts without a value follow, those that send less first.
 * @param only when given, cuts for which it is false are left out
 */
export function rankCuts(
  cuts: readonly AnalyzedCut[],
  rankBy: RankBy | 'depth' | 'size',
  only: (cut: AnalyzedCut) => boolean = () => true,
): string[] {
  const rows = cuts.map((cut, position) => ({
    cut,
    value: predictorValue(cut, rankBy, position),
    single: cut.tensors.length === 1,
  }));
  rows.sort((a, b) => {
    if (a.single !== b.single) return a.single ? -1 : 1;
    if (a.single && a.value !== null && b.value !== null && a.value !== b.value) return b.value - a.value;
    if ((a.value === null) !== (b.value === null)) return a.value === null ? 1 : -1;
    return a.single ? 0 : a.cut.wireBytes - b.cut.wireBytes;
  });
  return rows.filter((row) => only(row.cut)).map((row) => row.cut.id);
}

/** What the Pareto front weighs against one another. */
function objectives(cut: AnalyzedCut): number[] {
  return [-(cut.cui ?? Number.NEGATIVE_INFINITY), cut.latencyUs?.total ?? cut.headMacs, cut.headMacs, cut.wireBytes];
}

/**
 * Feasible single-tensor cuts that no other one beats in importance, total latency, head MACs and wire bytes at once.
 * Without a device the head's MACs stand for the latency.
 */
export function paretoFront(cuts: readonly AnalyzedCut[]): string[] {
  const rows = cuts
    .filter((cut) => cut.feasible && cut.tensors.length === 1)
    .map((cut) => ({ id: cut.id, values: objectives(cut) }));
  const dominates = (a: readonly number[], b: readonly number[]): boolean =>
    a.every((v, i) => v <= (b[i] as number)) && a.some((v, i) => v < (b[i] as number));
  return rows.filter((row) => !rows.some((other) => dominates(other.values, row.values))).map((row) => row.id);
}
