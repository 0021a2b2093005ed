import { type RunContext, throwIfAborted } from '../core/context.js';
import { fail } from '../core/errors.js';
import { type Graph, tensorOf } from '../ir/graph.js';
import { verifyGraph } from '../ir/verify.js';
import { producers } from '../ir/walk.js';
import { SHAPES } from '../ops/index.js';
import type { FusedActivation } from '../ops/op-def.js';
import { legaliseTflite } from '../passes/legalise-tflite.js';
import { activationElements, chooseBatchSize } from './calibration-samples.js';
import type { RangeCandidate } from './choose-range.js';
import { correctBiases } from './correct-bias.js';
import { equalise, findEqualisablePairs } from './equalise.js';
import { groupCandidates } from './group-candidates.js';
import { lowerGraph, type QuantMap, quantizedIds } from './lower.js';
import { measureTensors } from './measure-error.js';
import { type Observation, observeActivations } from './observe.js';
import { createErrorMeter, type MeasuredError, type Reference, runReferenceNetwork } from './output-error.js';
import { type ActivationQuant, usedCodes } from './quant-params.js';
import { type QuantizedModel, type QuantizeRequest, RANGE_METHODS, type RangeMethod } from './quantized-model.js';
import { type GroupChoice, quantsOf, searchRanges } from './search-ranges.js';
import { int8Support, type QuantGroup, type SharedQuantization, shareQuantization } from './shared-quantization.js';
import { writeReport } from './write-report.js';

/** Samples kept for the measurements that need them again: so many that one run over them holds about this many activations. */
const KEPT_ACTIVATIONS = 2e7;
const FEWEST_KEPT = 16;
const MOST_KEPT = 128;

/**
 * The int8 network: legalise, calibrate, equalise, correct biases, choose ranges, lower, measure.
 * @throws IsplitError E_HOOK_UNSUPPORTED naming every node without an int8 operator, E_DATA_EMPTY, E_QUANTIZE, E_ENGINE, E_INTERRUPTED
 */
export async function quantizeGraph(request: QuantizeRequest, ctx: RunContext): Promise<QuantizedModel> {
  const { inputs } = request.network;
  if (inputs.length !== 1) {
    fail('E_QUANTIZE', `the network has ${inputs.length} inputs, ${inputs.join(', ')}: one can be calibrated`, {
      inputs,
    });
  }
  const legal = legaliseTflite(request.network);
  if (request.output) requireClampedOutput(legal, request.output);
  let best = await calibrateBest(legal, request, ctx);
  const chosenRanges = await withChosenRanges(best, request, ctx);
  // Other ranges clip otherwise: the biases are corrected for them again.
  best = chosenRanges === best ? best : await withCorrectedBiases(chosenRanges, request, ctx);
  const lowered = lowerGraph(best.shared.graph, best.quants, request);
  verifyGraph(lowered.graph, SHAPES);
  const { shared, observation, chosen, equalised, biasCorrected, float } = best;
  const { engine, threads, perChannelDense } = request;
  const coded = request.output ? float.outputs : [];
  const { tensors } = await measureTensors(float, lowered.graph, observation.kept, engine, threads, ctx, coded);
  const report = writeReport({
    samples: observation.samples,
    perChannelDense,
    equalised,
    biasCorrected,
    shared,
    chosen,
    histograms: observation.histograms,
    measured: tensors,
    warnings: lowered.warnings,
  });
  return { graph: lowered.graph, float, report };
}

/** @throws IsplitError E_QUANTIZE unless the one output is what a clamp of its own leaves, on two codes or more */
function requireClampedOutput(legal: Graph, output: ActivationQuant): void {
  const [id, ...others] = legal.outputs as [string, ...string[]];
  const node = producers(legal).get(id);
  const clamp = node?.attrs.activation as FusedActivation | undefined;
  if (others.length === 0 && node && int8Support(node).output === 'calibrated' && (clamp ?? 'none') !== 'none') {
    if (usedCodes(output, clamp) >= 2) return;
    const message = `scale ${output.scale} and zero point ${output.zeroPoint} leave "${id}" a single code`;
    fail('E_QUANTIZE', message, { tensor: id, ...output }, 'A zero point of -128 leaves all codes.');
  }
  const made = node ? `"${id}" is made by ${node.kind} without a clamp` : `"${id}" is the input`;
  const why = others.length > 0 ? `there are ${legal.outputs.length} outputs, ${legal.outputs.join(', ')}` : made;
  const hint =
    'The quantization of one output can be given, the output of a convolution, dense layer or sum with relu6.';
  fail('E_QUANTIZE', `the output's codes cannot be fixed: ${why}`, { outputs: legal.outputs }, hint);
}

/** A way to quantize the network, with the error it was measured to have. */
interface Draft {
  /** Its graph may have corrected biases. */
  readonly shared: SharedQuantization;
  readonly observation: Observation;
  readonly reference: Reference;
  readonly fixed: QuantMap;
  readonly choices: readonly GroupChoice[];
  readonly chosen: ReadonlyMap<QuantGroup, RangeCandidate>;
  readonly quants: QuantMap;
  readonly error: MeasuredError;
  readonly biasCorrected: boolean;
  readonly equalised: boolean;
  /** With the biases as they were. */
  readonly float: Graph;
}

/** Plain, with corrected biases, and equalised: whatever measures best of what the request leaves open. */
async function calibrateBest(legal: Graph, request: QuantizeRequest, ctx: RunContext): Promise<Draft> {
  const pairs = request.equalise === false ? [] : findEqualisablePairs(legal);
  const firsts = new Set(pairs.map(({ first }) => first.outputs[0] as string));
  const plain = await calibrate(legal, firsts, request, ctx);
  let best = await withCorrectedBiases(plain, request, ctx);
  if (pairs.length === 0) return best;
  const equalised = equalise(legal, pairs, plain.observation.channelPeaks);
  const draft = { ...(await calibrate(equalised, new Set(), request, ctx)), equalised: true };
  const corrected = await withCorrectedBiases(draft, request, ctx);
  if (request.equalise === true || corrected.error.total < best.error.total) best = corrected;
  return best;
}

/** Looks at the samples; starts from the first candidate of every range. */
async function calibrate(
  legal: Graph,
  channels: ReadonlySet<string>,
  request: QuantizeRequest,
  ctx: RunContext,
): Promise<Draft> {
  const { engine, threads } = request;
  const shared = shareQuantization(legal, request.input, request.output);
  const { graph, groups } = shared;
  const taps = quantizedIds(graph).filter((id) => !tensorOf(graph, id).data);
  const options = { taps, channels, keep: keptSamples(graph) };
  const observation = await observeActivations(graph, request, options, ctx);
  throwIfAborted(ctx);
  const fixed = new Map<string, ActivationQuant>();
  const choices: GroupChoice[] = [];
  const methods = methodsOf(request);
  for (const group of groups) {
    if (group.fixed) for (const id of group.members) fixed.set(id, group.fixed.quant);
    else choices.push({ group, candidates: groupCandidates(graph, group, observation.histograms, methods) });
  }
  const chosen = new Map(choices.map(({ group, candidates }) => [group, candidates[0] as RangeCandidate]));
  const quants = quantsOf(fixed, chosen);
  const batch = chooseBatchSize(graph, observation.kept.length);
  const judged = leavesChoices(request)
    ? await runReferenceNetwork(graph, observation.kept, batch, engine, threads)
    : undefined;
  const reference = judged ?? { taps: [], batches: [], batchSize: batch };
  const error = judged ? await measureError(shared, quants, judged, request) : { total: 0, halves: [0, 0] as const };
  return {
    shared,
    observation,
    reference,
    fixed,
    choices,
    chosen,
    quants,
    error,
    biasCorrected: false,
    equalised: false,
    float: graph,
  };
}

function keptSamples(graph: Graph): number {
  return Math.max(FEWEST_KEPT, Math.min(MOST_KEPT, Math.floor(KEPT_ACTIVATIONS / activationElements(graph))));
}

/** Without any, nothing has to be measured before the report. */
function leavesChoices({ rangeMethod = 'auto', equalise, correctBias }: QuantizeRequest): boolean {
  return equalise !== false || correctBias !== false || rangeMethod === 'auto' || rangeMethod === 'percentile';
}

function methodsOf({ rangeMethod = 'auto' }: QuantizeRequest): ReadonlySet<RangeMethod> {
  return new Set(rangeMethod === 'auto' ? RANGE_METHODS : [rangeMethod]);
}

async function measureError(
  shared: SharedQuantization,
  quants: QuantMap,
  reference: Reference,
  request: QuantizeRequest,
): Promise<MeasuredError> {
  const meter = await createErrorMeter(shared, quants, request, reference, request.engine, request.threads);
  try {
    return await meter.measure(quants);
  } finally {
    await meter.dispose();
  }
}

/** Kept when it lowers the error, or when it was asked for. */
async function withCorrectedBiases(draft: Draft, request: QuantizeRequest, ctx: RunContext): Promise<Draft> {
  if (request.correctBias === false) return draft;
  const { quants, reference } = draft;
  const { engine, threads } = request;
  const shared = { ...draft.shared, graph: draft.float };
  const graph = await correctBiases({ shared, quants, options: request, reference, engine, threads }, ctx);
  const corrected = { ...shared, graph };
  const error = await measureError(corrected, quants, reference, request);
  const keep = request.correctBias === true || error.total < draft.error.total;
  return keep ? { ...draft, shared: corrected, error, biasCorrected: true } : draft;
}

async function withChosenRanges(draft: Draft, request: QuantizeRequest, ctx: RunContext): Promise<Draft> {
  const { shared, quants, reference, choices, fixed } = draft;
  if (choices.every(({ candidates }) => candidates.length === 1)) return draft;
  const meter = await createErrorMeter(shared, quants, request, reference, request.engine, request.threads);
  try {
    const search = await searchRanges(choices, fixed, meter, ctx);
    return { ...draft, ...search };
  } finally {
    await meter.dispose();
  }
}
