import type { CutPoint } from '../analyze/cut-points.js';
import type { BottleneckReport } from '../bottleneck/report.js';
import { type RunContext, throwIfAborted } from '../core/context.js';
import { IsplitError } from '../core/errors.js';
import { estimateCodeBytes } from '../cost/code-size.js';
import { type CutCost, measureCutCosts, measureSplitCost } from '../cost/cut-cost.js';
import { estimateCutLatency } from '../cost/cut-latency.js';
import { foreseeArenaBytes } from '../cost/runtime-arena.js';
import { checkMemory } from '../devices/memory.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { cutId, parseCutId, partitionGraph } from '../ir/partition.js';
import type { Analysis, AnalyzedCut } from '../plan/analysis.js';
import type { Budgets } from '../plan/budgets.js';
import { findReasons, type Reason } from '../plan/feasibility.js';
import { describeRemedy, raisableCuts } from '../plan/infeasible.js';
import {
  CUT_INPUT,
  CUT_OUTPUT,
  type HeadSize,
  inheritedReasons,
  nearestRejected,
  type RejectedCut,
  type Remedy,
  type SplitPlan,
} from '../plan/split-plan.js';
import { isInt8Refusal } from '../quantize/int8-refusals.js';
import { type Deployment, describeCut } from './analyze.js';
import type { BuiltHead } from './build-head.js';

export interface ChooseCutRequest {
  readonly network: Graph;
  readonly analysis: Analysis;
  readonly budgets: Budgets;
  readonly deployment: Deployment | undefined;
  /** --cut. */
  readonly asked: string | undefined;
  /**
   * Builds the head and the tail of a cut.
   * @param fits whether a head of such a size may be the one: what would be work for nothing can be left out otherwise
   */
  readonly build: (cut: AnalyzedCut, fits: (head: SizedSplit) => boolean) => Promise<BuiltSplit>;
}

/** What size, MACs and latency are judged by. */
export type SizedSplit = Pick<BuiltSplit, 'head' | 'headFloat' | 'tail'>;

/** A cut as it was built. */
export interface BuiltSplit {
  readonly head: BuiltHead;
  /** float32: head (with the encoder, if any) and tail (with the decoder). */
  readonly headFloat: Graph;
  readonly tail: Graph;
  /** null for the raw activation. */
  readonly bottleneck: { readonly spec: string; readonly report: BottleneckReport | null } | null;
}

export interface CutChoice {
  readonly plan: SplitPlan;
  /** undefined when nothing fits, and for `--cut input`. */
  readonly split: BuiltSplit | undefined;
}

/**
 * Goes through the cuts from the best on, builds each head and takes the first whose real sizes fit. A head that does not fit
 * rules out those that contain it.
 * @throws IsplitError E_CUT_UNKNOWN, and what building throws
 */
export async function chooseCut(request: ChooseCutRequest, ctx: RunContext): Promise<CutChoice> {
  const { analysis, asked } = request;
  if (asked === CUT_INPUT) return { plan: planWithoutHead(request), split: undefined };
  const candidates =
    asked === undefined
      ? analysis.ranking.map((id) => analysis.cuts.find((cut) => cut.id === id) as AnalyzedCut)
      : [describeAsked(request, asked)];
  const planned = asked === undefined ? analysis.cuts : candidates;
  const rejected: RejectedCut[] = planned
    .filter((cut) => !cut.feasible)
    .map(({ id, reasons }) => ({ id, stage: 'planned', reasons, problem: null, by: null }));
  const headNodes = new Map(candidates.map((cut) => [cut.id, nodesOfHead(request.network, cut.tensors)]));
  const ruledOut: { id: string; reasons: readonly Reason[]; problem: string | null }[] = [];
  let refusal: IsplitError | undefined;
  for (const cut of candidates) {
    throwIfAborted(ctx);
    if (!cut.feasible) continue;
    const nodes = headNodes.get(cut.id) as ReadonlySet<string>;
    const within = ruledOut.find(({ id }) => isWithin(headNodes.get(id) as ReadonlySet<string>, nodes));
    if (within) {
      const { reasons, problem } = within;
      rejected.push({ id: cut.id, stage: 'built', reasons, problem, by: within.id });
      continue;
    }
    const split = await buildUnlessRefused(request, cut);
    if (split instanceof IsplitError) {
      refusal ??= split;
      rejected.push({ id: cut.id, stage: 'built', reasons: [], problem: split.message, by: null });
      ruledOut.push({ id: cut.id, reasons: [], problem: split.message });
      continue;
    }
    const { size, reasons } = measureBuilt(request, split);
    if (reasons.length === 0) {
      const why = asked === undefined ? whyFirst(request, rejected) : 'asked for with --cut';
      const chosen = { id: cut.id, tensors: cut.tensors, shapes: cut.shapes, why, planned: plannedSize(request, cut) };
      const bottleneck = split.bottleneck?.spec ?? null;
      return { plan: { ...draftPlan(request, rejected), chosen: { ...chosen, bottleneck, built: size } }, split };
    }
    rejected.push({ id: cut.id, stage: 'built', reasons, problem: null, by: null });
    // An encoder is in no deeper head.
    const inherited = split.bottleneck ? [] : inheritedReasons(reasons);
    if (inherited.length > 0) ruledOut.push({ id: cut.id, reasons: inherited, problem: null });
  }
  // Nothing is too large: then it is not the budgets that are wrong.
  if (refusal && rejected.every(({ problem }) => problem !== null)) throw refusal;
  const remedies = await findRemedies(request, rejected);
  return { plan: { ...draftPlan(request, rejected), chosen: null, remedies }, split: undefined };
}

async function buildUnlessRefused(
  request: ChooseCutRequest,
  cut: AnalyzedCut,
  fits = (split: SizedSplit): boolean => isWorthTraining(measureBuilt(request, split).reasons),
): Promise<BuiltSplit | IsplitError> {
  try {
    return await request.build(cut, fits);
  } catch (error) {
    // A shallower cut may do without what this one holds.
    if (isInt8Refusal(error)) return error;
    throw error;
  }
}

function draftPlan(request: ChooseCutRequest, rejected: readonly RejectedCut[]): Omit<SplitPlan, 'chosen'> {
  const { analysis } = request;
  const depth = new Map(analysis.cuts.map((cut, i) => [cut.id, i]));
  const byDepth = [...rejected].sort((a, b) => (depth.get(a.id) ?? 0) - (depth.get(b.id) ?? 0));
  return {
    schemaVersion: 1,
    tool: analysis.tool,
    seed: analysis.seed,
    model: { name: analysis.model.name, sha256: analysis.model.sha256 },
    device: analysis.device,
    budgets: request.budgets,
    rankBy: analysis.rankBy,
    asked: request.asked ?? null,
    ranking: analysis.ranking,
    rejected: byDepth,
    nearest: nearestRejected(byDepth)?.id ?? null,
    remedies: [],
    warnings: [],
  };
}

function whyFirst({ analysis }: ChooseCutRequest, rejected: readonly RejectedCut[]): string {
  const before = (unbuildable: boolean): string =>
    rejected
      .filter(({ stage, problem }) => stage === 'built' && (problem !== null) === unbuildable)
      .map(({ id }) => id)
      .join(', ');
  return [
    `highest ${analysis.rankBy} of those that fit`,
    ...(before(false) ? [`${before(false)} came before it but did not fit once built`] : []),
    ...(before(true) ? [`${before(true)} came before it but cannot be made int8`] : []),
  ].join('; ');
}

function nodesOfHead(network: Graph, tensors: readonly string[]): ReadonlySet<string> {
  return new Set(partitionGraph(network, tensors).head.nodes.map((node) => node.id));
}

function isWithin(inner: ReadonlySet<string>, outer: ReadonlySet<string>): boolean {
  return inner.size < outer.size && [...inner].every((id) => outer.has(id));
}

/** A cut by hand: one of the analysis, the whole network, or any other set of tensors that separates head from tail. */
function describeAsked(request: ChooseCutRequest, asked: string): AnalyzedCut {
  const { analysis, network, budgets, deployment } = request;
  const known = analysis.cuts.find((cut) => cut.id === asked);
  if (known) return known;
  const tensors = asked === CUT_OUTPUT ? [network.outputs[0] as string] : parseCutId(network, asked);
  const [cost] = measureCutCosts(network, [tensors], (head) => foreseeArenaBytes(head, deployment?.device)) as [
    CutCost,
  ];
  const shapes = tensors.map((id) => tensorOf(network, id).shape.slice(1));
  const point: CutPoint = {
    id: asked === CUT_OUTPUT ? CUT_OUTPUT : cutId(tensors),
    tensors,
    shapes,
    elements: shapes.reduce((n, shape) => n + elementCount(shape), 0),
  };
  return describeCut(point, cost, { budgets, deployment });
}

function plannedSize({ deployment }: ChooseCutRequest, cut: AnalyzedCut): HeadSize {
  return {
    flashBytes: cut.flashBytes,
    weightBytes: cut.headWeightBytes,
    codeBytesEstimate: estimateCodeBytes(deployment?.device).bytes,
    ramBytes: cut.arenaBytes,
    macs: cut.headMacs,
    wireBytes: cut.wireBytesPlanned ?? cut.wireBytes,
    latencyUsEstimate: cut.latencyUs?.total ?? null,
  };
}

/** Training changes how well the codes can be coded, but not by more than this. */
const CODING_GAIN = 1.25;

/** Whether nothing but the wire is too much, and that so little that training may mend it. */
function isWorthTraining(reasons: readonly Reason[]): boolean {
  return reasons.every(({ code, needs, has }) => code === 'budget-wire' && needs <= CODING_GAIN * has);
}

/** The limits again, with the file's own size and the arena that the runtime is predicted to need. */
function measureBuilt(
  { budgets, deployment }: ChooseCutRequest,
  { head, headFloat, tail }: SizedSplit,
): { size: HeadSize; reasons: readonly Reason[] } {
  const weightBytes = head.bytes.length;
  const ramBytes = head.arena.neededBytes;
  const memory =
    deployment && checkMemory(deployment.device, { arenaBytes: ramBytes, weightBytes }, { link: deployment.link });
  const { wireBytes } = head;
  const cost = measureSplitCost(headFloat, tail, { wireBytes });
  const latencyUs = deployment && estimateCutLatency(cost, deployment, memory).latencyUs.total;
  const flashBytes = weightBytes + head.codeBytes;
  const demand = { flashBytes, arenaBytes: ramBytes, headMacs: head.macs, wireBytes };
  return {
    size: {
      flashBytes,
      weightBytes,
      codeBytesEstimate: head.codeBytes,
      ramBytes,
      macs: head.macs,
      wireBytes,
      latencyUsEstimate: latencyUs ?? null,
    },
    reasons: findReasons({ ...demand, ...(latencyUs === undefined ? {} : { latencyUs }) }, budgets, memory),
  };
}

/** Builds the cuts that raised budgets would let in, so that what is advised holds. */
async function findRemedies(request: ChooseCutRequest, rejected: readonly RejectedCut[]): Promise<readonly Remedy[]> {
  const remedies: Remedy[] = [];
  for (const { id } of raisableCuts(rejected)) {
    const cut = request.analysis.cuts.find((c) => c.id === id) ?? describeAsked(request, id);
    const split = await buildUnlessRefused(request, cut, () => false);
    if (split instanceof IsplitError) continue;
    const { reasons } = measureBuilt(request, split);
    const [remedy] = raisableCuts([{ id, stage: 'built', reasons, problem: null, by: null }]);
    if (remedy) remedies.push(describeRemedy(id, remedy.reasons, true));
  }
  return remedies;
}

/** `--cut input`: the quantized input is sent, nothing runs on the device. Only the wire and the latency can be too much. */
function planWithoutHead(request: ChooseCutRequest): SplitPlan {
  const { network, budgets, deployment } = request;
  const [cost] = measureCutCosts(network, [network.inputs]) as [CutCost];
  const shape = tensorOf(network, network.inputs[0] as string).shape.slice(1);
  const latencyUs = deployment && estimateCutLatency(cost, deployment).latencyUs.total;
  const { wireBytes } = cost;
  const planned: HeadSize = {
    flashBytes: 0,
    weightBytes: 0,
    codeBytesEstimate: 0,
    ramBytes: 0,
    macs: 0,
    wireBytes,
    latencyUsEstimate: latencyUs ?? null,
  };
  const demand = { flashBytes: 0, arenaBytes: 0, headMacs: 0, wireBytes };
  const reasons = findReasons({ ...demand, ...(latencyUs === undefined ? {} : { latencyUs }) }, budgets);
  if (reasons.length === 0) {
    const chosen = {
      id: CUT_INPUT,
      tensors: [...network.inputs],
      shapes: [shape],
      why: 'asked for with --cut',
      bottleneck: null,
    };
    return { ...draftPlan(request, []), chosen: { ...chosen, planned, built: null } };
  }
  const rejected: RejectedCut[] = [{ id: CUT_INPUT, stage: 'planned', reasons, problem: null, by: null }];
  const remedies = [describeRemedy(CUT_INPUT, reasons, false)];
  return { ...draftPlan(request, rejected), chosen: null, remedies };
}
