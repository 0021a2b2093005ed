import { localMaxima, pearson, spearman } from '../analyze/curve.js';
import { type CutPoint, findCutPoints, findLayerOutputs } from '../analyze/cut-points.js';
import { type ImportanceCheckpoints, type LabelledBatch, measureImportance } from '../analyze/importance.js';
import { type ImportanceTable, meanScores } from '../analyze/importance-table.js';
import type { BottleneckSpec } from '../bottleneck/bottleneck.js';
import { cutShape, insertBottleneck } from '../bottleneck/insert.js';
import { emptyWeights } from '../bottleneck/parameters.js';
import { type CutProbe, type ProbeRequest, type Probes, probeCuts } from '../bottleneck/probe.js';
import { fitToCut, formatBottleneck, packedWireBytes, takesCut } from '../bottleneck/spec.js';
import type { RunContext } from '../core/context.js';
import { wilsonInterval } from '../core/statistics.js';
import { estimateCodeBytes } from '../cost/code-size.js';
import { type CutCost, countMacs, countParameters, measureCutCosts, measureSplitCost } from '../cost/cut-cost.js';
import { estimateCutLatency } from '../cost/cut-latency.js';
import { foreseeArenaBytes } from '../cost/runtime-arena.js';
import type { DeviceProfile, GatewayProfile } from '../devices/device-schema.js';
import type { LinkProfile } from '../devices/link-schema.js';
import { checkMemory } from '../devices/memory.js';
import type { Engine } from '../engines/engine.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { findLogits, type Logits } from '../passes/logits.js';
import { adviseNextStep } from '../plan/advice.js';
import type { Analysis, AnalyzedCut, LayerImportance, RankBy } from '../plan/analysis.js';
import { type Budgets, checkBudgets } from '../plan/budgets.js';
import { findReasons } from '../plan/feasibility.js';
import { paretoFront, rankCuts } from '../plan/rank.js';

/** With fewer samples even a good network may look like guessing. */
const MIN_SAMPLES_TO_DOUBT = 50;

/** A board with the link and the gateway it talks to. */
export interface Deployment {
  readonly device: DeviceProfile;
  readonly link: LinkProfile;
  readonly gateway: GatewayProfile;
}

/** A look at every single-tensor cut behind an untrained bottleneck. */
export interface ProbeWish {
  readonly budgetWireBytes: number;
  readonly samples: ProbeRequest['samples'];
  /** Where a finished probe is kept; undefined when there is none. */
  readonly kept?: { load(): Promise<Probes | undefined>; save(probes: Probes): Promise<void> };
}

export interface AnalyzeRequest {
  /** Normalised float32 network, batch size 1. */
  readonly network: Graph;
  readonly model: Omit<Analysis['model'], 'classes' | 'parameters' | 'macs' | 'inputShape'> & {
    /** Parameters of the file as its own framework counts them; default: of the normalised network. */
    readonly parameters?: number;
  };
  readonly data: Analysis['data'];
  /** Samples from this one on. */
  readonly samples: (first: number) => AsyncIterable<LabelledBatch>;
  readonly checkpoints?: ImportanceCheckpoints;
  /** Number of samples, for progress. */
  readonly sampleCount?: number;
  readonly engine: Engine;
  readonly threads?: number;
  readonly batchSize?: number;
  /** Class numbers importance is restricted to. */
  readonly classes?: readonly number[];
  readonly deployment?: Deployment;
  readonly budgets?: Budgets;
  readonly rankBy?: RankBy;
  /** Default: none. */
  readonly probe?: ProbeWish;
  /**
   * Bottlenecks will be built: as probed, or all like this one. Costs and limits are judged with them. Default: with the raw
   * activation.
   */
  readonly planBottlenecks?: 'probed' | BottleneckSpec;
  readonly seed?: number;
  readonly toolVersion: string;
  readonly warnings?: readonly string[];
}

/**
 * From a network and labelled samples to the ranked list of cuts. Accuracy is over all samples, importance over those of the
 * chosen classes.
 * @throws IsplitError E_NO_CLASSES, E_LABEL_RANGE, E_DATA_EMPTY, E_BUDGET_CONTRADICTION, E_HOOK_UNSUPPORTED, E_ENGINE
 */
export async function analyze(request: AnalyzeRequest, ctx: RunContext): Promise<Analysis> {
  const { network, deployment } = request;
  const budgets = request.budgets ?? {};
  const rankBy = request.rankBy ?? 'cui';
  checkBudgets(budgets);
  const logits = findLogits(network);
  const layerIds = findLayerOutputs(network, logits.id);
  const points = findCutPoints(network, logits.id);
  const costs = measureCutCosts(
    network,
    points.map((p) => p.tensors),
    (head) => foreseeArenaBytes(head, deployment?.device),
  );

  const table = await measureImportance(request.engine, network, logits, layerIds, request.samples, ctx, {
    ...(request.sampleCount === undefined ? {} : { total: request.sampleCount }),
    ...(request.threads === undefined ? {} : { threads: request.threads }),
    ...(request.batchSize === undefined ? {} : { batchSize: request.batchSize }),
    ...(request.checkpoints ? { checkpoints: request.checkpoints } : {}),
  });
  const layers = describeLayers(network, table, layerIds, request.classes);
  const byId = new Map(layers.map((layer) => [layer.id, layer]));
  const probes = request.probe && (await probe(request, request.probe, points, ctx));
  const cuts = markLocalMaxima(
    points.map((point, i) => {
      const probed = probes?.cuts.find(({ cut }) => cut === point.id);
      const planned = planBottleneck(request, point, probed);
      return describeCut(point, costs[i] as CutCost, { layers: byId, budgets, deployment, probed, planned });
    }),
  );

  const single = cuts.filter((cut) => cut.tensors.length === 1);
  const correct = table.labels.reduce((n, label, i) => n + (label === table.predictions[i] ? 1 : 0), 0);
  const draft: Omit<Analysis, 'advice'> = {
    schemaVersion: 1,
    tool: { name: 'isplit-edge', version: request.toolVersion },
    seed: request.seed ?? 0,
    engine: request.engine.description,
    model: {
      name: request.model.name,
      format: request.model.format,
      description: request.model.description,
      sha256: request.model.sha256,
      inputShape: tensorOf(network, network.inputs[0] as string).shape.slice(1),
      classes: logits.classes,
      classNames: request.model.classNames,
      parameters: request.model.parameters ?? countParameters(network),
      macs: countMacs(network),
    },
    data: request.data,
    samples: table.labels.length,
    accuracy: { full: correct / table.labels.length, interval: wilsonInterval(correct, table.labels.length) },
    classes: request.classes ?? null,
    device: deployment
      ? {
          id: deployment.device.id,
          name: deployment.device.name,
          link: deployment.link.id,
          gateway: deployment.gateway.id,
        }
      : null,
    budgets,
    rankBy,
    cuts,
    layers,
    perClass: describeClasses(table, single, logits, request.model.classNames),
    ranking: rankCuts(cuts, rankBy, (cut) => cut.feasible),
    pareto: paretoFront(cuts),
    baselines: {
      depth: rankCuts(single, 'depth'),
      size: rankCuts(single, 'size'),
      cui: rankCuts(single, 'cui'),
      cuiSum: rankCuts(single, 'cuiSum'),
      margin: rankCuts(single, 'margin'),
      taylor: rankCuts(single, 'taylor'),
      ...(probes ? { probe: rankCuts(single, 'probe') } : {}),
    },
    probe:
      probes && request.probe
        ? {
            wireBytes: request.probe.budgetWireBytes,
            fittedOn: probes.fittedOn,
            measuredOn: probes.measuredOn,
            full: probes.full,
          }
        : null,
    sizeExplains: finiteOrNull(
      pearson(
        single.map((c) => c.log10Cui ?? Number.NaN),
        single.map((c) => -Math.log10(c.elements)),
      ),
    ),
    agreement: describeAgreement(single),
    warnings: [...(request.warnings ?? []), ...doubtAccuracy(correct, table.labels.length, logits.classes)],
  };
  return { ...draft, advice: adviseNextStep(draft) };
}

/** Accuracy that guessing would reach is most often a wrong input range or wrong labels, and makes the curve worthless. */
function doubtAccuracy(correct: number, samples: number, classes: number): string[] {
  const [, high] = wilsonInterval(correct, samples);
  if (samples < MIN_SAMPLES_TO_DOUBT || high > 2 / classes) return [];
  return [
    `accuracy ${((100 * correct) / samples).toFixed(1)} % is about what guessing among ${classes} classes gives: check --input-range, --colour and --label-map`,
  ];
}

function describeLayers(
  network: Graph,
  table: ImportanceTable,
  ids: readonly string[],
  classes?: readonly number[],
): LayerImportance[] {
  const cui = meanScores(table, 'cui', classes);
  const margin = meanScores(table, 'margin', classes);
  const taylor = meanScores(table, 'taylor', classes);
  return ids.map((id) => {
    const shape = tensorOf(network, id).shape.slice(1);
    const elements = elementCount(shape);
    const t = table.taps.indexOf(id);
    const value = finiteOrNull(cui[t]);
    return {
      id,
      shape,
      elements,
      cui: value,
      log10Cui: log10OrNull(value),
      cuiSum: value === null ? null : value * elements,
      margin: finiteOrNull(margin[t]),
      taylor: finiteOrNull(taylor[t]),
    };
  });
}

async function probe(
  { network, engine, threads, seed = 0 }: AnalyzeRequest,
  { budgetWireBytes, samples, kept }: ProbeWish,
  cuts: readonly CutPoint[],
  ctx: RunContext,
): Promise<Probes> {
  const known = await kept?.load();
  if (known) return known;
  const options = { engine, seed, ...(threads === undefined ? {} : { threads }) };
  const probes = await probeCuts({ network, cuts, samples, budgetWireBytes, ...options }, ctx);
  await kept?.save(probes);
  return probes;
}

/** The bottleneck that is going to be built at a cut, with head and tail as they will be but for their weights. */
interface PlannedBottleneck {
  readonly spec: BottleneckSpec;
  readonly cost: CutCost;
}

/** Costs do not depend on weights, so they are zero. */
function planBottleneck(
  request: Pick<AnalyzeRequest, 'network' | 'planBottlenecks' | 'deployment' | 'budgets'>,
  { id, tensors }: CutPoint,
  probed: CutProbe | undefined,
): PlannedBottleneck | undefined {
  const { network, planBottlenecks, deployment, budgets } = request;
  if (!planBottlenecks || tensors.length > 1) return undefined;
  const shape = cutShape(network, id);
  const wanted = planBottlenecks === 'probed' ? probed?.bottleneck : planBottlenecks;
  if (!wanted || !takesCut(wanted, shape)) return undefined;
  const spec = fitToCut(wanted, shape);
  const { head, tail } = insertBottleneck(network, id, spec, emptyWeights(spec, shape));
  const estimate = planBottlenecks === 'probed' ? probed?.codedBytes : undefined;
  const arenaBytes = foreseeArenaBytes(head, deployment?.device);
  const packed = packedWireBytes(spec, shape);
  // Training holds entropy-coded bytes to a budget; without one, codes are at most packed.
  const wireBytes = estimate ?? Math.min(packed, budgets?.wireBytes ?? packed);
  return { spec, cost: measureSplitCost(head, tail, { arenaBytes, wireBytes }) };
}

/** What a cut is judged by besides its own costs. */
export interface CutContext {
  readonly layers?: ReadonlyMap<string, LayerImportance>;
  readonly budgets: Budgets;
  readonly deployment: Deployment | undefined;
  readonly probed?: CutProbe | undefined;
  readonly planned?: PlannedBottleneck | undefined;
}

/** Costs, importance and limits of one cut, before anything is built. */
export function describeCut(
  point: CutPoint,
  cost: CutCost,
  { layers, budgets, deployment, probed, planned }: CutContext,
): AnalyzedCut {
  const layer = point.tensors.length === 1 ? layers?.get(point.tensors[0] as string) : undefined;
  const code = estimateCodeBytes(deployment?.device);
  const { headWeightBytes, arenaBytes, plannedArenaBytes, headMacs, wireBytes } = planned?.cost ?? cost;
  const flashBytes = headWeightBytes + code.bytes;
  const memory = deployment
    ? checkMemory(deployment.device, { arenaBytes, weightBytes: headWeightBytes }, { link: deployment.link })
    : undefined;
  const estimate = deployment ? estimateCutLatency(planned?.cost ?? cost, deployment, memory) : undefined;
  const reasons = findReasons(
    {
      flashBytes,
      arenaBytes,
      headMacs,
      wireBytes,
      ...(estimate ? { latencyUs: estimate.latencyUs.total } : {}),
    },
    budgets,
    memory,
  );
  return {
    id: point.id,
    tensors: point.tensors,
    shapes: point.shapes,
    elements: point.elements,
    cui: layer?.cui ?? null,
    log10Cui: layer?.log10Cui ?? null,
    localMaximum: false,
    cuiSum: layer?.cuiSum ?? null,
    margin: layer?.margin ?? null,
    taylor: layer?.taylor ?? null,
    probeAccuracy: probed?.accuracy ?? null,
    probeInterval: probed?.interval ?? null,
    probeSamples: probed?.samples ?? 0,
    headMacs: cost.headMacs,
    tailMacs: cost.tailMacs,
    headParameters: cost.headParameters,
    headWeightBytes: cost.headWeightBytes,
    headWeightBytesFloat32: cost.headWeightBytesFloat32,
    arenaBytes,
    arenaPlannedBytes: plannedArenaBytes,
    flashBytes,
    wireBytes: cost.wireBytes,
    wireBytesPlanned: planned?.cost.wireBytes ?? roundUp(probed?.codedBytes ?? null),
    bottleneck: formatOrNull(planned?.spec ?? probed?.bottleneck ?? null),
    encoderMacs: planned ? planned.cost.headMacs - cost.headMacs : 0,
    latencyUs: estimate?.latencyUs ?? null,
    energyJ: estimate?.energyJ ?? null,
    feasible: reasons.length === 0,
    reasons,
  };
}

function roundUp(bytes: number | null): number | null {
  return bytes === null ? null : Math.ceil(bytes);
}

function formatOrNull(spec: BottleneckSpec | null): string | null {
  return spec === null ? null : formatBottleneck(spec);
}

/** Candidates of I-SPLIT, on the curve over single-tensor cuts in order of depth. */
function markLocalMaxima(cuts: readonly AnalyzedCut[]): AnalyzedCut[] {
  const single = cuts.filter((cut) => cut.tensors.length === 1);
  const peaks = localMaxima(single.map((cut) => cut.cui ?? Number.NaN));
  const ids = new Set(single.filter((_, i) => peaks[i]).map((cut) => cut.id));
  return cuts.map((cut) => ({ ...cut, localMaximum: ids.has(cut.id) }));
}

function describeClasses(
  table: ImportanceTable,
  single: readonly AnalyzedCut[],
  logits: Logits,
  names: readonly string[] | null,
): Analysis['perClass'] {
  const rows: Analysis['perClass'][number][] = [];
  for (let c = 0; c < logits.classes; c++) {
    const samples = table.labels.reduce((n, label) => n + (label === c ? 1 : 0), 0);
    if (samples === 0) continue;
    const cui = meanScores(table, 'cui', [c]);
    const log10Cui = single.map((cut) => log10OrNull(finiteOrNull(cui[table.taps.indexOf(cut.id)])));
    rows.push({ class: c, name: names?.[c] ?? String(c), samples, log10Cui });
  }
  return rows;
}

function describeAgreement(single: readonly AnalyzedCut[]): Record<string, number | null> {
  const cui = single.map((c) => c.cui ?? Number.NaN);
  const others: Record<string, number[]> = {
    cuiSum: single.map((c) => c.cuiSum ?? Number.NaN),
    margin: single.map((c) => c.margin ?? Number.NaN),
    taylor: single.map((c) => c.taylor ?? Number.NaN),
    depth: single.map((_, i) => i),
    size: single.map((c) => -c.elements),
    ...(single.some((c) => c.probeAccuracy !== null)
      ? { probe: single.map((c) => c.probeAccuracy ?? Number.NaN) }
      : {}),
  };
  return Object.fromEntries(
    Object.entries(others).map(([name, values]) => [name, finiteOrNull(spearman(cui, values))]),
  );
}

function finiteOrNull(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

function log10OrNull(value: number | null): number | null {
  return value !== null && value > 0 ? Math.log10(value) : null;
}
