import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readTflmModel } from '../converters/tflite/tflm-model.js';
import { writeTflite } from '../converters/tflite/write.js';
import { findCutPoints } from '../src/analyze/cut-points.js';
import { packageRoot } from '../src/core/package-root.js';
import type { Graph } from '../src/ir/graph.js';
import { partitionGraph } from '../src/ir/partition.js';
import { describeGraphForTflm } from '../src/memory/describe-graph.js';
import { planArena } from '../src/memory/plan-arena.js';
import { predictTflmArena, TFLM_TARGETS } from '../src/memory/tflm-arena.js';
import { legaliseTflite } from '../src/passes/legalise-tflite.js';
import { findLogits } from '../src/passes/logits.js';
import { lowerGraph, quantizedIds } from '../src/quantize/lower.js';
import { chooseActivationQuant } from '../src/quantize/quant-params.js';
import { shareQuantization } from '../src/quantize/shared-quantization.js';
import { demoPaths, openModel } from '../src/sdk.js';
import type { Evidence } from './evidence.js';
import { missingSharedData, sharedData } from './shared-data.js';

/** Networks whose heads are measured. */
export const ARENA_MODELS: Readonly<Record<string, () => string>> = {
  ic_resnet8: () => sharedData('models/mlperf-tiny/ic_resnet8.h5'),
  'fashion-cnn': () => demoPaths().model,
  vww_96: () => sharedData('models/mlperf-tiny/vww_96.h5'),
  mobilenet_v1_025_224: () => sharedData('models/mobilenet_v1_025_224_tfjs/model.json'),
};

/** Published .tflite files that TFLite-Micro runs, int8 and float32. */
export const ARENA_FILES = [
  'mlperf-tiny/ad01_fp32',
  'mlperf-tiny/ic_resnet8_float',
  'mlperf-tiny/ic_resnet8_int8',
  'mlperf-tiny/vww_96_float',
  'mlperf-tiny/vww_96_int8',
  'tflm/hello_world_float',
  'tflm/hello_world_int8',
  'tflm/micro_speech_quantized',
  'tflm/person_detect',
];

export interface FileArena {
  readonly file: string;
  readonly wheelPredictedBytes: number;
  readonly wheelPredictedUsedBytes: number;
  readonly wheelBytes: number;
  readonly wheelUsedBytes: number;
}

export interface HeadArena {
  readonly model: string;
  readonly cut: string;
  /** Prediction for a build without recorder: the arena it must be given, and what it will report as used. */
  readonly predictedBytes: number;
  readonly predictedUsedBytes: number;
  /** The same from the float graph, before quantization. */
  readonly foreseenBytes: number;
  /** Prediction for the wheel itself, recorder and all. */
  readonly wheelPredictedBytes: number;
  readonly wheelPredictedUsedBytes: number;
  /** Smallest arena that the wheel accepts, and the total it prints. */
  readonly wheelBytes: number;
  readonly wheelUsedBytes: number;
  /** Our own planner: activations, and the lower bound of any plan. */
  readonly plannedBytes: number;
  readonly plannedLowerBoundBytes: number;
  /** The part of the prediction that corresponds to it. */
  readonly tflmPlanBytes: number;
}

/** Ranges do not matter for memory: every activation gets the same one. */
export function quantizeRoughly(network: Graph): Graph {
  const { graph, groups } = shareQuantization(legaliseTflite(network), undefined);
  const quant = chooseActivationQuant(-6, 6);
  const quants = new Map(quantizedIds(graph).map((id) => [id, quant]));
  for (const { members, fixed } of groups) if (fixed) for (const id of members) quants.set(id, fixed.quant);
  return lowerGraph(graph, quants, { perChannelDense: true }).graph;
}

/** Heads at every `every`-th single-tensor cut of a network, and the whole network. */
export async function openHeads(model: string, every: number): Promise<{ cut: string; head: Graph }[]> {
  const { network } = await openModel((ARENA_MODELS[model] as () => string)());
  const cuts = findCutPoints(network, findLogits(network).id, 1);
  const chosen = cuts.filter((_, i) => i % every === 0);
  return [
    ...chosen.map(({ id, tensors }) => ({ cut: id, head: partitionGraph(network, tensors).head })),
    { cut: 'output', head: network },
  ];
}

/** Our predictions for one head and, written to `file`, what the wheel will be asked about. */
function predictHead(
  model: string,
  cut: string,
  head: Graph,
  file: string,
): Omit<HeadArena, 'wheelBytes' | 'wheelUsedBytes'> {
  const int8 = quantizeRoughly(head);
  const bytes = writeTflite(int8);
  writeFileSync(file, bytes);
  const described = readTflmModel(bytes);
  const plain = predictTflmArena(described, TFLM_TARGETS['x86-64']);
  const wheel = predictTflmArena(described, TFLM_TARGETS.wheel);
  const own = planArena(int8);
  return {
    model,
    cut,
    predictedBytes: plain.minimumBytes,
    predictedUsedBytes: plain.highBytes,
    foreseenBytes: predictTflmArena(describeGraphForTflm(legaliseTflite(head)), TFLM_TARGETS['x86-64']).minimumBytes,
    wheelPredictedBytes: wheel.minimumBytes,
    wheelPredictedUsedBytes: wheel.highBytes,
    plannedBytes: own.arenaBytes,
    plannedLowerBoundBytes: own.lowerBoundBytes,
    tflmPlanBytes: plain.parts.planBytes,
  };
}

/** @param every 1 = all single-tensor cuts */
export async function measureHeads(
  models: readonly string[],
  every: number,
  python: string,
  report: (line: string) => void,
): Promise<HeadArena[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-arena-'));
  try {
    const rows = [];
    for (const model of models) {
      const heads = await openHeads(model, every);
      report(`${model}: ${heads.length} heads`);
      for (const { cut, head } of heads) {
        const file = path.join(folder, `${rows.length}.tflite`);
        rows.push({ file, predicted: predictHead(model, cut, head, file) });
      }
    }
    const measured = measureInWheel(
      python,
      rows.map(({ file }) => file),
    );
    return rows.map(({ predicted }, i) => {
      const { smallestBytes, recordedBytes } = measured[i] as WheelMemory;
      return { ...predicted, wheelBytes: smallestBytes, wheelUsedBytes: recordedBytes };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface WheelMemory {
  readonly smallestBytes: number;
  readonly recordedBytes: number;
}

/** Asks test/oracles/tflm_arena.py. */
export function measureInWheel(python: string, files: readonly string[]): WheelMemory[] {
  const script = path.join(packageRoot(), 'test/oracles/tflm_arena.py');
  const { status, stdout, stderr } = spawnSync(python, [script], {
    input: JSON.stringify(files),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`tflm_arena.py ended with ${status}: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout) as WheelMemory[];
}

/** Published files in the wheel, beside what is predicted for it. */
export function measureFiles(python: string): FileArena[] {
  const paths = ARENA_FILES.map((name) => sharedData(`models/${name}.tflite`));
  const measured = measureInWheel(python, paths);
  return paths.map((file, i) => {
    const { minimumBytes, highBytes } = predictTflmArena(readTflmModel(readFileSync(file)), TFLM_TARGETS.wheel);
    const { smallestBytes, recordedBytes } = measured[i] as WheelMemory;
    return {
      file: `${ARENA_FILES[i]}.tflite`,
      wheelPredictedBytes: minimumBytes,
      wheelPredictedUsedBytes: highBytes,
      wheelBytes: smallestBytes,
      wheelUsedBytes: recordedBytes,
    };
  });
}

/** Predictions for the goldens beside what TFLite-Micro reported. */
export function predictGoldens(): { model: string; arenaUsedBytes: number; predictedBytes: number }[] {
  return ['hello_world_int8', 'ic_resnet8_int8', 'person_detect'].map((name) => {
    const golden = JSON.parse(readFileSync(sharedData(`golden/${name}/golden.json`), 'utf8')) as {
      model: string;
      arenaUsedBytes: number;
    };
    const model = readTflmModel(readFileSync(sharedData(golden.model)));
    const { highBytes } = predictTflmArena(model, TFLM_TARGETS['x86-64']);
    return { model: name, arenaUsedBytes: golden.arenaUsedBytes, predictedBytes: highBytes };
  });
}

const venvPython = (): string => path.join(packageRoot(), '.venv/bin/python');

export const arena: Evidence = {
  name: 'arena',
  summary: 'predicted and real arena of TFLite-Micro at every single-tensor cut of four networks',
  missing: () =>
    missingSharedData() ?? (existsSync(venvPython()) ? undefined : 'needs .venv with tflite-micro: run npm test once'),
  async run(report) {
    return {
      oracle: { 'tflite-micro': '0.dev20261023182759' },
      goldens: predictGoldens(),
      files: measureFiles(venvPython()),
      heads: await measureHeads(Object.keys(ARENA_MODELS), 1, venvPython(), report),
    };
  },
};
