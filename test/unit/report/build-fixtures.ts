import type { ArtifactManifest } from '../../../src/artifact/manifest.js';
import type { Evaluation, Prediction } from '../../../src/evaluate/evaluation.js';
import { tally } from '../../../src/evaluate/tally.js';
import type { HeadSize, SplitPlan } from '../../../src/plan/split-plan.js';
import type { QuantizationReport, TensorError } from '../../../src/quantize/quantized-model.js';
import type { BuildReportInput } from '../../../src/report/build-report.js';
import type { RuntimeResult, VerifyReport } from '../../../src/verify/verify-report.js';
import { deployedAnalysis } from './fixtures.js';

const size: HeadSize = {
  flashBytes: 61_204,
  weightBytes: 21_204,
  codeBytesEstimate: 40_000,
  ramBytes: 48_912,
  macs: 420_000,
  wireBytes: 1568,
  latencyUsEstimate: 24_200,
};

function planOf(): SplitPlan {
  const analysis = deployedAnalysis();
  return {
    schemaVersion: 1,
    tool: { name: 'isplit-edge', version: '9.9.9' },
    seed: 0,
    model: { name: analysis.model.name, sha256: analysis.model.sha256 },
    device: analysis.device,
    budgets: { totalBytes: 300_000, flashBytes: 80_000 },
    rankBy: 'cui',
    asked: null,
    chosen: {
      id: 'pool2',
      tensors: ['pool2'],
      shapes: [[7, 7, 32]],
      why: 'highest cui of those that fit',
      bottleneck: null,
      planned: { ...size, weightBytes: 20_000, flashBytes: 60_000 },
      built: size,
    },
    ranking: ['pool2'],
    rejected: [{ id: 'conv3_1', stage: 'built', reasons: [], problem: null, by: null }],
    nearest: 'conv3_1',
    remedies: [],
    warnings: ['a note of the plan'],
  };
}

function tensorError(id: string, sqnrDb: number | null, more: Partial<TensorError> = {}): TensorError {
  return {
    id,
    kind: 'conv2d',
    scale: 0.023_529_411_764,
    zeroPoint: -128,
    min: 0,
    max: 6.012,
    method: 'percentile',
    sqnrDb,
    saturated: 0.0125,
    ...more,
  };
}

const quantization: QuantizationReport = {
  samples: 500,
  perChannelDense: false,
  equalised: true,
  biasCorrected: false,
  tensors: [
    tensorError('input', null, { kind: 'input', method: 'input', saturated: 0 }),
    tensorError('conv1_1', 41.23),
    tensorError('conv2_1', 22.37),
    tensorError('pool2', 30.56, { kind: 'max_pool2d', method: 'as-inputs' }),
  ],
  worst: ['conv2_1'],
  outputSqnrDb: 30.56,
  warnings: ['a note of the quantizer'],
};

function runtime(id: string, name: string, more: Partial<RuntimeResult> = {}): RuntimeResult {
  return {
    id,
    name,
    version: '1.2.3',
    kernels: 'reference',
    status: 'compared',
    reason: null,
    install: null,
    samples: 20,
    endToEnd: { bytes: 31_360, equalBytes: 31_360, maxLsb: 0 },
    sameTop1: 20,
    ops: null,
    ...more,
  };
}

const absent = { version: null, samples: 0, endToEnd: null, sameTop1: null } as const;

export function verifyReport(): VerifyReport {
  return {
    schemaVersion: 1,
    headSha256: '1'.repeat(64),
    samples: 20,
    seed: 0,
    runtimes: [
      runtime('executor', 'our executor'),
      runtime('tflite-micro', 'TensorFlow Lite Micro', {
        ops: [{ node: 'conv1_1', kind: 'conv2d', bytes: 10, equalBytes: 10, maxLsb: 0 }],
      }),
      runtime('tfjs-tflite', 'tfjs-tflite', {
        kernels: 'optimised',
        endToEnd: { bytes: 31_360, equalBytes: 31_100, maxLsb: 3 },
        sameTop1: 19,
        ops: [
          { node: 'conv1_1', kind: 'conv2d', bytes: 10, equalBytes: 9, maxLsb: 1 },
          { node: 'conv2_1', kind: 'conv2d', bytes: 10, equalBytes: 10, maxLsb: 0 },
        ],
      }),
      runtime('node-tflite', 'node-tflite', { ...absent, status: 'failed', reason: 'crashed with SIGSEGV' }),
      runtime('litert', 'LiteRT', { ...absent, status: 'missing', install: '.venv/bin/pip install ai-edge-litert' }),
      runtime('esp-nn', 'ESP-NN assembly', { ...absent, status: 'unverified', reason: 'runs on the board only' }),
    ],
    warnings: [
      { kernelLibrary: 'ESP-NN', upstream: 'esp-nn#31', nodes: ['conv2_1'], message: 'last row may be wrong' },
    ],
    passed: true,
  };
}

/** 40 samples of 4 classes; the float network errs on 2 of them, int8 on 3 others too. */
export function buildEvaluation(classNames: readonly string[] = ['cat', 'dog', 'eel', 'fox']): Evaluation {
  const predictions = Array.from({ length: 40 }, (_, index): Prediction => {
    const label = index % 4;
    const full = index < 2 ? 3 : label;
    const splitInt8 = index < 2 ? 3 : index > 36 ? 0 : label;
    return { index, label, full, splitFloat: full, splitInt8, wireBytes: 1568 };
  });
  const data = { name: 'fashion', format: 'idx', part: 'test', sha256: '2'.repeat(64) };
  return tally({ splitId: '3'.repeat(64), data, classNames }, predictions);
}

export function manifestOf(): ArtifactManifest {
  const analysis = deployedAnalysis();
  return {
    schemaVersion: 1,
    tool: { name: 'isplit-edge', version: '9.9.9' },
    seed: 0,
    splitId: '3'.repeat(64),
    model: {
      name: analysis.model.name,
      format: analysis.model.format,
      description: analysis.model.description,
      sha256: analysis.model.sha256,
    },
    cut: 'pool2',
    bottleneck: null,
    classes: ['cat', 'dog', 'eel', 'fox'],
    preprocessing: {
      version: 1,
      crop: { kind: 'none' },
      resize: 'none',
      colour: 'grey',
      height: 28,
      width: 28,
      channels: 1,
      mean: [0],
      std: [255],
    },
    input: { shape: [28, 28, 1], scale: 1 / 255, zeroPoint: -128 },
    wire: [
      {
        id: 'pool2',
        shape: [7, 7, 32],
        dtype: 'int8',
        scale: 0.0471,
        zeroPoint: -128,
        codec: { id: 'raw' },
        bits: 8,
        bytes: 1568,
      },
    ],
    device: { id: 'esp32-s3', link: 'wifi-mqtt', template: 'esp-idf', kernelLibrary: 'esp-nn' },
    budgets: { asked: { totalBytes: 300_000 }, met: {} },
    arena: { plannedBytes: 47_000, tfliteMicroBytes: [48_000, 48_912] },
    operators: ['CONV_2D', 'MAX_POOL_2D'],
    accuracy: null,
    calibration: { samples: 500, data: { name: 'fashion-train', sha256: '4'.repeat(64) } },
    files: { 'tail.onnx': '5'.repeat(64), 'head.tflite': '6'.repeat(64), 'report.html': '7'.repeat(64) },
  };
}

export function buildReportInput(): BuildReportInput {
  return {
    analysis: deployedAnalysis(),
    plan: planOf(),
    quantization,
    verify: verifyReport(),
    evaluation: buildEvaluation(),
    manifest: manifestOf(),
  };
}
