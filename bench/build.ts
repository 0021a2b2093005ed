import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeTflite } from '../converters/tflite/write.js';
import { createRandom } from '../src/core/random.js';
import { countMacs } from '../src/cost/cut-cost.js';
import { openDataset } from '../src/data/open-dataset.js';
import { createOnnxEngine } from '../src/engines/onnx.js';
import { elementCount, tensorOf } from '../src/ir/graph.js';
import { prepareInt8 } from '../src/quantize/executor.js';
import { quantizeGraph } from '../src/quantize/quantize.js';
import { choosePreprocess, openModel } from '../src/sdk.js';
import { type Bench, type BenchOptions, describeMachine, describeTimes, median, round } from './bench.js';
import { type BuildResult, renderBuild } from './build-table.js';
import { JsonChild } from './json-child.js';

/** What `build` takes by default. */
const CALIBRATION_SAMPLES = 128;
const CONVERSION = 'conversion';
const CONVERSION_RUNS = 5;
const THREADS = availableParallelism();
const INFERENCE_RUNS = 9;

/** Records a repetition: about a second each. */
const NETWORKS = [
  { name: 'ic_resnet8_int8', file: 'models/mlperf-tiny/ic_resnet8_int8.tflite', records: 10 },
  { name: 'person_detect', file: 'models/tflm/person_detect.tflite', records: 10 },
  { name: 'vww_96_int8', file: 'models/mlperf-tiny/vww_96_int8.tflite', records: 10 },
] as const;

const shared = path.resolve(process.env.ISPLIT_TEST_DATA ?? '../shared/data');
const local = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

export const buildBench: Bench = {
  summary: "quantize and export against TensorFlow's converter, int8 inference against TFLite-Micro",
  run: measure,
  render: (result) => renderBuild(result as BuildResult),
};

async function measure({ only, log }: BenchOptions): Promise<BuildResult> {
  if (!existsSync(path.join(shared, 'models')))
    throw new Error('needs the shared test data: set ISPLIT_TEST_DATA to its folder');
  const machine = describeMachine();
  const folder = mkdtempSync(path.join(tmpdir(), 'isplit-bench-'));
  const python = process.env.ISPLIT_PYTHON ?? '.venv/bin/python';
  const child = new JsonChild(python, [local('build_official.py')]);
  try {
    const inference: BuildResult['inference'][number][] = [];
    let tflm = '';
    for (const network of NETWORKS) {
      if (only && !only.includes(network.name)) continue;
      log(network.name);
      const { result, tflm: version } = await measureInference(child, folder, network, log);
      tflm = version;
      inference.push(result);
    }
    const wanted = !only || only.includes(CONVERSION);
    if (wanted) log(CONVERSION);
    const measured = wanted ? await measureConversion(child, folder, log) : undefined;
    return {
      machine,
      versions: { node: process.version, engine: measured?.engine ?? '', tensorflow: measured?.tensorflow ?? '', tflm },
      conversion: measured?.result ?? null,
      inference,
    };
  } finally {
    child.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Both start from the loaded network and the samples in memory, and end with the bytes of the file. */
async function measureConversion(
  child: JsonChild,
  folder: string,
  log: (line: string) => void,
): Promise<{ result: NonNullable<BuildResult['conversion']>; tensorflow: string; engine: string }> {
  const file = path.join(shared, 'models/mlperf-tiny/ic_resnet8.h5');
  const model = await openModel(file);
  const { spec } = choosePreprocess(model, { inputRange: '0..255' });
  const dataset = await openDataset(path.join(shared, 'datasets/cifar10'), {
    part: 'train',
    samples: CALIBRATION_SAMPLES,
  });
  const inputs = new Float32Array(CALIBRATION_SAMPLES * elementCount([32, 32, 3]));
  let at = 0;
  for await (const batch of dataset.batches({ batchSize: 64, spec })) {
    inputs.set(batch.inputs, at);
    at += batch.inputs.length;
  }
  const samples = path.join(folder, 'samples.f32');
  writeFileSync(samples, inputs);
  const { tensorflow } = await child.ask<{ tensorflow: string }>({
    do: 'load',
    model: file,
    samples,
    count: dataset.count,
  });
  const engine = await createOnnxEngine();
  const convert = async (): Promise<{ ms: number; bytes: number }> => {
    const start = performance.now();
    const { graph } = await quantizeGraph(
      {
        network: model.network,
        samples: async function* () {
          yield { count: dataset.count, inputs };
        },
        sampleCount: dataset.count,
        engine,
        threads: THREADS,
        input: { scale: 1, zeroPoint: -128 },
        perChannelDense: true,
      },
      {},
    );
    const bytes = writeTflite(graph).length;
    return { ms: performance.now() - start, bytes };
  };
  const official = (): Promise<{ ms: number; bytes: number }> => child.ask({ do: 'convert' });
  const { first, second, firstTimes, secondTimes } = await alternate(convert, official, CONVERSION_RUNS, log);
  return {
    tensorflow,
    engine: engine.description,
    result: {
      network: model.name,
      samples: dataset.count,
      threads: THREADS,
      ours: describeTimes(firstTimes),
      official: describeTimes(secondTimes),
      ratio: round(median(firstTimes.map((ms, i) => ms / (secondTimes[i] as number)))),
      oursBytes: first.bytes,
      officialBytes: second.bytes,
    },
  };
}

async function measureInference(
  child: JsonChild,
  folder: string,
  { name, file, records }: (typeof NETWORKS)[number],
  log: (line: string) => void,
): Promise<{ result: BuildResult['inference'][number]; tflm: string }> {
  const model = path.join(shared, file);
  const { source } = await openModel(model);
  const program = prepareInt8(source);
  const size = elementCount(tensorOf(source, source.inputs[0] as string).shape);
  const random = createRandom(1);
  const inputs = Int8Array.from({ length: records * size }, () => random.int(256) - 128);
  const inputsFile = path.join(folder, `${name}.bin`);
  writeFileSync(inputsFile, inputs);
  const { tflm } = await child.ask<{ tflm: string }>({ do: 'open', model, inputs: inputsFile, count: records });
  const ours = async (): Promise<{ ms: number; sha256: string }> => {
    const hash = createHash('sha256');
    let ms = 0;
    for (let i = 0; i < records; i++) {
      const record = inputs.subarray(i * size, (i + 1) * size);
      const start = performance.now();
      const outputs = program.run([record]);
      ms += performance.now() - start;
      for (const output of outputs) hash.update(output as Int8Array);
    }
    return { ms, sha256: hash.digest('hex') };
  };
  const theirs = (): Promise<{ ms: number; sha256: string }> => child.ask({ do: 'invoke' });
  const { first, second, firstTimes, secondTimes } = await alternate(ours, theirs, INFERENCE_RUNS, log);
  return {
    tflm,
    result: {
      network: name,
      records,
      macs: countMacs(source),
      ours: describeTimes(firstTimes),
      tflm: describeTimes(secondTimes),
      ratio: round(median(firstTimes.map((ms, i) => (secondTimes[i] as number) / ms))),
      sameBytes: first.sha256 === second.sha256,
    },
  };
}

/** One after the other, in changing order; the first run of each is a warm-up. */
async function alternate<A extends { ms: number }, B extends { ms: number }>(
  one: () => Promise<A>,
  other: () => Promise<B>,
  runs: number,
  log: (line: string) => void,
): Promise<{ first: A; second: B; firstTimes: number[]; secondTimes: number[] }> {
  let first = await one();
  let second = await other();
  const firstTimes: number[] = [];
  const secondTimes: number[] = [];
  for (let i = 0; i < runs; i++) {
    if (i % 2 === 0) {
      first = await one();
      second = await other();
    } else {
      second = await other();
      first = await one();
    }
    firstTimes.push(first.ms);
    secondTimes.push(second.ms);
    log(`  ${i + 1}/${runs}: ${round(first.ms)} ${round(second.ms)} ms`);
  }
  return { first, second, firstTimes, secondTimes };
}
