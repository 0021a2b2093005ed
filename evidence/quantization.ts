import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeTflite } from '../converters/tflite/write.js';
import { packageRoot } from '../src/core/package-root.js';
import type { Dataset } from '../src/data/dataset.js';
import { openDataset } from '../src/data/open-dataset.js';
import { drawStratified } from '../src/data/roles.js';
import type { Engine } from '../src/engines/engine.js';
import { createEngine } from '../src/engines/index.js';
import { type Graph, tensorOf } from '../src/ir/graph.js';
import { setBatch } from '../src/passes/set-batch.js';
import { chooseInputQuantization } from '../src/preprocess/choose-input-quantization.js';
import { quantizeToInt8 } from '../src/preprocess/normalise.js';
import type { PreprocessSpec } from '../src/preprocess/spec.js';
import { quantizeGraph } from '../src/quantize/quantize.js';
import type { QuantizedModel, QuantizeRequest } from '../src/quantize/quantized-model.js';
import { runRecords } from '../src/quantize/run-records.js';
import { choosePreprocess, demoPaths, openModel } from '../src/sdk.js';
import type { Evidence } from './evidence.js';
import { missingSharedData, sharedData } from './shared-data.js';

/** A network, what calibrates it, and what it is judged on. */
export interface QuantizationCase {
  readonly name: string;
  readonly model: string;
  readonly calibration: string;
  readonly calibrationSamples: number;
  readonly tests: readonly {
    readonly name: string;
    readonly path: string;
    readonly labels?: string;
    readonly recordShape?: string;
    /** All when left out. */
    readonly samples?: number;
    /** Whether the labels are classes of the model: else only agreement is measured. */
    readonly labelled: boolean;
  }[];
  readonly options: object;
}

const pictures = { resize: 'bilinear', colour: 'rgb' } as const;

export function quantizationCases(): readonly QuantizationCase[] {
  const tiny = (part: string): string => sharedData(`datasets/tiny-imagenet-200/${part}.tar.gz`);
  const demo = demoPaths();
  return [
    {
      name: 'ic_resnet8',
      model: sharedData('models/mlperf-tiny/ic_resnet8.h5'),
      calibration: sharedData('datasets/cifar10/train_10000.bin.gz'),
      calibrationSamples: 200,
      tests: [
        { name: 'test_2000', path: sharedData('datasets/cifar10/test_2000.bin.gz'), labelled: true },
        {
          name: 'ic01',
          path: sharedData('datasets/ic01/ic01_hwc_u8.bin'),
          labels: sharedData('datasets/ic01/y_labels.csv'),
          recordShape: '32,32,3',
          labelled: true,
        },
      ],
      options: { inputRange: '0..255' },
    },
    {
      name: 'fashion-cnn',
      model: demo.model,
      calibration: demo.calibration,
      calibrationSamples: 200,
      tests: [{ name: 'test', path: demo.test, labelled: true }],
      options: {},
    },
    {
      name: 'vww_96',
      model: sharedData('models/mlperf-tiny/vww_96.h5'),
      calibration: tiny('train_4000'),
      calibrationSamples: 200,
      tests: [{ name: 'tiny-imagenet val', path: tiny('val_2000'), samples: 500, labelled: false }],
      options: { inputRange: '0..1', ...pictures },
    },
    {
      name: 'mobilenet_v1_025_224',
      model: sharedData('models/mobilenet_v1_025_224_tfjs/model.json'),
      calibration: tiny('train_4000'),
      calibrationSamples: 200,
      tests: [{ name: 'tiny-imagenet val', path: tiny('val_2000'), samples: 500, labelled: false }],
      options: { inputRange: '-1..1', ...pictures },
    },
  ];
}

export interface Judged {
  /** Dequantized int8 output against the float network's, all samples. */
  readonly outputSqnrDb: number;
  readonly sameTop1: number;
  /** Share of right answers; null where the labels are not the model's. */
  readonly accuracy: number | null;
}

export interface QuantizationRow {
  readonly model: string;
  readonly calibrationSamples: number;
  readonly equalised: boolean;
  readonly biasCorrected: boolean;
  readonly worst: readonly string[];
  readonly bytes: { readonly ours: number; readonly official: number | null };
  readonly tests: readonly {
    readonly name: string;
    readonly samples: number;
    readonly floatAccuracy: number | null;
    readonly ours: Judged;
    readonly official: Judged | null;
  }[];
}

const PYTHON = path.join(packageRoot(), '.venv/bin/python');

export const quantization: Evidence = {
  name: 'quantization',
  summary: 'int8 against float and against the official converter on four networks',
  missing: () =>
    missingSharedData() ?? (existsSync(PYTHON) ? undefined : 'needs TensorFlow in .venv: run npm test once'),
  async run(report) {
    const engine = await createEngine('onnx');
    const rows: QuantizationRow[] = [];
    let converter = '';
    for (const row of quantizationCases()) {
      report(row.name);
      const { result, converter: version } = await compareQuantization(row, engine, convertOfficially);
      converter = version ?? converter;
      rows.push(result);
    }
    return { converter, rows };
  },
};

/** An int8 file made by TensorFlow from the same network and the same samples. */
export type OfficialConverter = (model: string, samples: Float32Array) => { bytes: Uint8Array; version: string };

export function convertOfficially(model: string, samples: Float32Array): { bytes: Uint8Array; version: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-official-'));
  try {
    const [data, out] = [path.join(folder, 'samples.f32'), path.join(folder, 'official.tflite')];
    writeFileSync(data, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    const script = path.join(packageRoot(), 'test/oracles/official_int8.py');
    const printed = execFileSync(PYTHON, [script, model, data, out], { stdio: ['ignore', 'pipe', 'ignore'] });
    const line = printed.toString().trim().split('\n').at(-1) as string;
    const { tensorflow } = JSON.parse(line) as { tensorflow: string };
    return { bytes: readFileSync(out), version: `tensorflow ${tensorflow}` };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param official absent: only ours is measured */
export async function compareQuantization(
  row: QuantizationCase,
  engine: Engine,
  official?: OfficialConverter,
  request: Partial<QuantizeRequest> = {},
): Promise<{ result: QuantizationRow; converter: string | undefined; quantized: QuantizedModel }> {
  const model = await openModel(row.model);
  const { spec } = choosePreprocess(model, row.options);
  const calibration = await spread(row.calibration, row.calibrationSamples);
  const inputs = await readInputs(calibration, spec);
  const input = chooseInputQuantization(spec);
  const quantized = await quantizeGraph(
    {
      network: model.network,
      samples: async function* () {
        yield { count: calibration.count, inputs };
      },
      sampleCount: calibration.count,
      engine,
      perChannelDense: true,
      ...(input ? { input } : {}),
      ...request,
    },
    {},
  );
  const converted = official?.(row.model, inputs);
  const officialGraph = converted && (await readTflite(converted.bytes));
  const tests: QuantizationRow['tests'][number][] = [];
  for (const test of row.tests) {
    const data = test.samples === undefined ? await openTest(test) : await spread(test.path, test.samples);
    const samples = await readInputs(data, spec);
    const float = await runFloat(engine, model.network, samples, data.count);
    const labels = test.labelled ? data.labels : undefined;
    tests.push({
      name: test.name,
      samples: data.count,
      floatAccuracy: labels ? share(data.count, (i) => top1(float, i, data.count) === labels[i]) : null,
      ours: await judge(quantized.graph, samples, data.count, float, labels),
      official: officialGraph ? await judge(officialGraph, samples, data.count, float, labels) : null,
    });
  }
  return {
    result: {
      model: row.name,
      calibrationSamples: calibration.count,
      equalised: quantized.report.equalised,
      biasCorrected: quantized.report.biasCorrected,
      worst: quantized.report.worst,
      bytes: { ours: writeTflite(quantized.graph).length, official: converted?.bytes.length ?? null },
      tests,
    },
    converter: converted?.version,
    quantized,
  };
}

async function readTflite(bytes: Uint8Array): Promise<Graph> {
  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-official-'));
  try {
    const file = path.join(folder, 'official.tflite');
    writeFileSync(file, bytes);
    return (await openModel(file)).source;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function openTest(test: QuantizationCase['tests'][number]): Promise<Dataset> {
  return openDataset(test.path, {
    ...(test.labels ? { labels: test.labels } : {}),
    ...(test.recordShape ? { recordShape: test.recordShape } : {}),
  });
}

/** So many samples, each class keeping its share, the same ones each time. */
async function spread(file: string, samples: number): Promise<Dataset> {
  const all = await openDataset(file);
  return samples >= all.count ? all : all.select(drawStratified(all.labels, samples, 0));
}

async function readInputs(data: Dataset, spec: PreprocessSpec): Promise<Float32Array> {
  const elements = spec.height * spec.width * spec.channels;
  const inputs = new Float32Array(data.count * elements);
  let at = 0;
  for await (const batch of data.batches({ batchSize: 50, spec })) {
    inputs.set(batch.inputs, at);
    at += batch.inputs.length;
  }
  return inputs;
}

async function runFloat(engine: Engine, network: Graph, inputs: Float32Array, count: number): Promise<Float32Array> {
  const batch = [20, 10, 5, 4, 2, 1].find((n) => count % n === 0) as number;
  const input = network.inputs[0] as string;
  const compiled = await engine.compile(setBatch(network, batch));
  const elements = (inputs.length / count) * batch;
  const outputs: Float32Array[] = [];
  for (let at = 0; at < inputs.length; at += elements) {
    const values = await compiled.run({ [input]: inputs.subarray(at, at + elements) });
    outputs.push((values[network.outputs[0] as string] as Float32Array).slice());
  }
  await compiled.dispose();
  return Float32Array.from(outputs.flatMap((o) => Array.from(o)));
}

/** Our integer executor, which agrees with TFLite-Micro byte for byte, runs both files. */
async function judge(
  graph: Graph,
  inputs: Float32Array,
  count: number,
  float: Float32Array,
  labels: Int32Array | undefined,
): Promise<Judged> {
  const from = quantOf(graph, graph.inputs[0] as string);
  const to = quantOf(graph, graph.outputs[0] as string);
  const codes = await runRecords(
    graph,
    Int8Array.from(inputs, (v) => quantizeToInt8(v, from)),
    count,
  );
  const real = Float32Array.from(codes, (q) => to.scale * (q - to.zeroPoint));
  let signal = 0;
  let error = 0;
  float.forEach((v, i) => {
    signal += v * v;
    error += (v - (real[i] as number)) ** 2;
  });
  return {
    outputSqnrDb: Number((10 * Math.log10(signal / error)).toFixed(2)),
    sameTop1: share(count, (i) => top1(real, i, count) === top1(float, i, count)),
    accuracy: labels ? share(count, (i) => top1(real, i, count) === labels[i]) : null,
  };
}

function quantOf(graph: Graph, id: string): { scale: number; zeroPoint: number } {
  const quant = tensorOf(graph, id).quant;
  return { scale: quant?.scale[0] as number, zeroPoint: quant?.zeroPoint[0] as number };
}

function top1(outputs: Float32Array, i: number, count: number): number {
  const classes = outputs.length / count;
  const row = outputs.subarray(i * classes, (i + 1) * classes);
  return row.indexOf(row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY));
}

function share(count: number, holds: (i: number) => boolean): number {
  let n = 0;
  for (let i = 0; i < count; i++) if (holds(i)) n++;
  return n / count;
}
