import type { Analysis, AnalyzedCut, LatencyUs, LayerImportance } from '../../../src/plan/analysis.js';
import type { Reason } from '../../../src/plan/feasibility.js';

interface CutRow {
  readonly id: string;
  readonly shape: readonly number[];
  readonly cui: number | null;
  readonly margin?: number;
  readonly taylor?: number;
  readonly localMaximum?: boolean;
  readonly headMacs: number;
  readonly flashBytes: number;
  readonly arenaBytes: number;
  readonly latencyUs?: Omit<LatencyUs, 'total' | 'source'>;
  readonly reasons?: readonly Reason[];
  readonly tensors?: readonly string[];
}

const TOTAL_MACS = 1_000_000;

export function makeCut(row: CutRow): AnalyzedCut {
  const elements = row.shape.reduce((n, d) => n * d, 1);
  const tensors = row.tensors ?? [row.id];
  const latency = row.latencyUs;
  return {
    id: row.id,
    tensors,
    shapes: tensors.map(() => row.shape),
    elements,
    cui: row.cui,
    log10Cui: row.cui === null ? null : Math.log10(row.cui),
    cuiSum: row.cui === null ? null : row.cui * elements,
    margin: row.margin ?? null,
    taylor: row.taylor ?? null,
    localMaximum: row.localMaximum ?? false,
    probeAccuracy: null,
    probeInterval: null,
    probeSamples: 0,
    headMacs: row.headMacs,
    tailMacs: TOTAL_MACS - row.headMacs,
    headParameters: row.flashBytes,
    headWeightBytes: row.flashBytes,
    headWeightBytesFloat32: row.flashBytes * 4,
    arenaBytes: row.arenaBytes,
    arenaPlannedBytes: row.arenaBytes,
    flashBytes: row.flashBytes,
    wireBytes: elements * tensors.length,
    wireBytesPlanned: null,
    bottleneck: null,
    encoderMacs: 0,
    latencyUs:
      latency === undefined
        ? null
        : {
            ...latency,
            total: latency.head + latency.encode + latency.link + latency.tail,
            source: 'estimate: reference kernels',
          },
    energyJ: null,
    feasible: (row.reasons ?? []).length === 0,
    reasons: row.reasons ?? [],
  };
}

function layerOf(cut: AnalyzedCut): LayerImportance {
  return {
    id: cut.id,
    shape: cut.shapes[0] ?? [],
    elements: cut.elements,
    cui: cut.cui,
    log10Cui: cut.log10Cui,
    cuiSum: cut.cuiSum,
    margin: cut.margin,
    taylor: cut.taylor,
  };
}

const latency: Reason = { code: 'budget-latency', needs: 900_000, has: 500_000, unit: 'us' };
const arena: Reason = { code: 'arena-block', needs: 91_304, has: 65_536, unit: 'B' };
const flash: Reason = { code: 'flash', needs: 2_400_000, has: 1_900_000, unit: 'B' };

/** A board, budgets, two candidates, three rejected cuts of which one has two reasons, one cut of two tensors. */
export function deployedAnalysis(): Analysis {
  const cuts = [
    makeCut({
      id: 'conv1_1',
      shape: [28, 28, 16],
      cui: 1e-5,
      margin: 2e-5,
      taylor: 0.01,
      headMacs: 10_000,
      flashBytes: 4_096,
      arenaBytes: 13_312,
      latencyUs: { head: 2_000, encode: 100, link: 890_000, tail: 7_900 },
      reasons: [latency],
    }),
    makeCut({
      id: 'conv1_2',
      shape: [28, 28, 16],
      cui: 8e-5,
      margin: 5e-5,
      taylor: 0.02,
      localMaximum: true,
      headMacs: 140_000,
      flashBytes: 8_192,
      arenaBytes: 26_624,
      latencyUs: { head: 20_000, encode: 100, link: 390_000, tail: 6_000 },
    }),
    makeCut({
      id: 'pool1',
      shape: [14, 14, 16],
      cui: 5e-5,
      margin: 6e-5,
      taylor: 0.04,
      headMacs: 145_000,
      flashBytes: 8_192,
      arenaBytes: 26_624,
      latencyUs: { head: 21_000, encode: 90, link: 98_000, tail: 6_000 },
    }),
    makeCut({
      id: 'conv2_2',
      shape: [14, 14, 32],
      cui: 3.2e-4,
      margin: 7e-4,
      taylor: 0.08,
      headMacs: 410_000,
      flashBytes: 20_480,
      arenaBytes: 61_440,
      latencyUs: { head: 60_000, encode: 100, link: 196_000, tail: 4_000 },
    }),
    makeCut({
      id: 'pool2',
      shape: [7, 7, 32],
      cui: 4.9e-4,
      margin: 9e-4,
      taylor: 0.16,
      localMaximum: true,
      headMacs: 420_000,
      flashBytes: 20_480,
      arenaBytes: 61_440,
      latencyUs: { head: 61_000, encode: 80, link: 49_000, tail: 4_000 },
    }),
    makeCut({
      id: 'conv3_1',
      shape: [7, 7, 64],
      cui: 4e-4,
      margin: 1e-3,
      taylor: 0.12,
      headMacs: 700_000,
      flashBytes: 73_728,
      arenaBytes: 91_304,
      latencyUs: { head: 98_000, encode: 90, link: 98_000, tail: 2_000 },
      reasons: [arena],
    }),
    makeCut({
      id: 'dense1',
      shape: [128],
      cui: 6e-4,
      margin: 2e-3,
      taylor: 0.3,
      localMaximum: true,
      headMacs: 990_000,
      flashBytes: 2_400_000,
      arenaBytes: 91_304,
      latencyUs: { head: 140_000, encode: 10, link: 3_000, tail: 100 },
      reasons: [arena, flash],
    }),
    makeCut({
      id: 'conv1_2+pool1',
      tensors: ['conv1_2', 'pool1'],
      shape: [14, 14, 16],
      cui: null,
      headMacs: 145_000,
      flashBytes: 8_192,
      arenaBytes: 39_936,
      latencyUs: { head: 21_000, encode: 180, link: 196_000, tail: 6_000 },
    }),
  ];
  const single = cuts.filter((cut) => cut.tensors.length === 1);
  const [first, ...others] = single.map(layerOf) as [LayerImportance, ...LayerImportance[]];
  return {
    schemaVersion: 1,
    tool: { name: 'isplit-edge', version: '0.1.0' },
    seed: 0,
    engine: 'onnxruntime-node 1.30.0, 2 threads',
    model: {
      name: 'vgg-like.h5',
      format: 'keras',
      description: 'Keras 2.15',
      sha256: '0123456789abcdef'.repeat(4),
      inputShape: [28, 28, 1],
      classes: 4,
      classNames: ['shirt', 'shoe', 'bag', 'coat'],
      parameters: 98_765,
      macs: TOTAL_MACS,
    },
    data: { name: 'fashion', format: 'idx', part: 'test' },
    samples: 2_000,
    accuracy: { full: 0.9125, interval: [0.8993, 0.9241] },
    classes: null,
    device: { id: 'esp32-s3', name: 'ESP32-S3', link: 'wifi-mqtt', gateway: 'raspberry-pi-4' },
    budgets: { latencyUs: 500_000, totalBytes: 4_000_000 },
    rankBy: 'cui',
    cuts,
    layers: [
      first,
      {
        id: 'branch/conv',
        shape: [28, 28, 8],
        elements: 6_272,
        cui: 3e-5,
        log10Cui: Math.log10(3e-5),
        cuiSum: 3e-5 * 6_272,
        margin: 4e-5,
        taylor: 0.03,
      },
      ...others,
    ],
    perClass: [0, 1, 2].map((c) => ({
      class: c,
      name: ['shirt', 'shoe', 'bag'][c] as string,
      samples: 600 + c,
      log10Cui: single.map((cut, i) => (c === 2 && i === 1 ? null : (cut.log10Cui as number) + (c - 1) * 0.2)),
    })),
    ranking: ['pool2', 'conv2_2', 'conv1_2', 'pool1', 'conv1_2+pool1'],
    pareto: ['conv1_2', 'pool1', 'pool2'],
    probe: null,
    baselines: {
      depth: ['dense1', 'conv3_1', 'pool2', 'conv2_2', 'pool1', 'conv1_2', 'conv1_1'],
      size: ['dense1', 'pool2', 'pool1', 'conv3_1', 'conv2_2', 'conv1_1', 'conv1_2'],
      cui: ['dense1', 'pool2', 'conv3_1', 'conv2_2', 'conv1_2', 'pool1', 'conv1_1'],
      cuiSum: ['conv2_2', 'conv3_1', 'conv1_2', 'pool2', 'pool1', 'conv1_1', 'dense1'],
      margin: ['dense1', 'conv3_1', 'pool2', 'conv2_2', 'pool1', 'conv1_2', 'conv1_1'],
      taylor: ['dense1', 'pool2', 'conv3_1', 'conv2_2', 'pool1', 'conv1_2', 'conv1_1'],
    },
    sizeExplains: 0.812,
    agreement: { cuiSum: 0.143, margin: 0.929, taylor: 0.964, depth: 0.893, size: 0.857 },
    advice:
      'Cut after pool2: the candidate with the highest cui that fits on esp32-s3 over wifi-mqtt; it sends 1 568 B raw and runs 42 % of the MACs on the device. Worth training beside it: conv1_2.',
    warnings: ['no preprocessing was given: bytes become 0..1'],
  };
}

/** Nothing fits: every cut is over a budget of RAM, some over the flash too. */
export function infeasibleAnalysis(): Analysis {
  const base = deployedAnalysis();
  const cuts = base.cuts.map((cut) => ({
    ...cut,
    feasible: false,
    reasons: [
      { code: 'budget-ram', needs: cut.arenaBytes, has: 8_000, unit: 'B' },
      ...(cut.flashBytes > 10_000
        ? [{ code: 'budget-flash', needs: cut.flashBytes, has: 10_000, unit: 'B' } as const]
        : []),
    ] satisfies Reason[],
  }));
  return {
    ...base,
    cuts,
    budgets: { ramBytes: 8_000, flashBytes: 10_000 },
    ranking: [],
    pareto: [],
    advice:
      'No cut fits on esp32-s3 over wifi-mqtt. Nearest is conv1_1, which needs 13 312 B of RAM, budget 8 000 B. Raise that limit, or take a board with more.',
  };
}

/** No board named: no latency, everything fits. */
export function boardlessAnalysis(): Analysis {
  const base = deployedAnalysis();
  const cuts = base.cuts.map((cut) => ({ ...cut, feasible: true, reasons: [], latencyUs: null }));
  return {
    ...base,
    cuts,
    device: null,
    budgets: {},
    ranking: ['dense1', 'pool2', 'conv3_1', 'conv2_2', 'conv1_2', 'pool1', 'conv1_1', 'conv1_2+pool1'],
    pareto: ['conv1_1', 'conv1_2', 'pool1', 'pool2', 'dense1'],
    advice:
      'Cut after dense1: the candidate with the highest cui that fits; it sends 128 B raw and runs 99 % of the MACs on the device.',
    warnings: [],
  };
}

/** As large as analyses get: `cutCount` single-tensor cuts, `classCount` classes on each. */
export function largeAnalysis(cutCount: number, classCount: number): Analysis {
  const base = deployedAnalysis();
  const cuts = Array.from({ length: cutCount }, (_, i) =>
    makeCut({
      id: `block_${Math.floor(i / 4)}_stage_with_a_long_name_${i}_relu`,
      shape: [Math.max(1, 112 - Math.floor(i / 4)), Math.max(1, 112 - Math.floor(i / 4)), 16 + i],
      cui: 1e-7 * 1.05 ** i * (1 + 0.5 * Math.sin(i)),
      margin: 1e-6 * (i + 1),
      taylor: 1e-3 * (i + 1),
      localMaximum: i % 7 === 3,
      headMacs: Math.round((TOTAL_MACS * (i + 1)) / cutCount),
      flashBytes: 10_000 * (i + 1),
      arenaBytes: 1_000 * (i + 1),
      latencyUs: { head: 500 * i, encode: 50, link: 20_000, tail: 500 * (cutCount - i) },
      reasons: i > cutCount / 2 ? [arena, flash] : [],
    }),
  );
  const ids = cuts.map((cut) => cut.id);
  return {
    ...base,
    model: { ...base.model, classes: classCount, classNames: null },
    cuts,
    layers: cuts.map(layerOf),
    perClass: Array.from({ length: classCount }, (_, c) => ({
      class: c,
      name: `class ${c}`,
      samples: 1 + (c % 5),
      log10Cui: cuts.map((cut) => (cut.log10Cui as number) + Math.sin(c) / 10),
    })),
    ranking: cuts
      .filter((cut) => cut.feasible)
      .map((cut) => cut.id)
      .reverse(),
    pareto: ids.slice(0, 5),
    baselines: { depth: ids, size: ids, cui: ids, cuiSum: ids, margin: ids, taylor: ids },
  };
}
