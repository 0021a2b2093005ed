import { writeTailOnnx } from '../converters/onnx/tail.js';
import { writeTfjsGraphModel } from '../converters/tfjs/write.js';
import type { WireInput } from '../converters/wire-tail.js';
import { findCutPoints } from '../src/analyze/cut-points.js';
import { createEngine } from '../src/engines/index.js';
import { BatchRunner } from '../src/evaluate/batch-runner.js';
import { type Graph, tensorOf } from '../src/ir/graph.js';
import { partitionGraph } from '../src/ir/partition.js';
import { findLogits } from '../src/passes/logits.js';
import { chooseInputQuantization } from '../src/preprocess/choose-input-quantization.js';
import { type InputQuantization, quantizeToInt8 } from '../src/preprocess/normalise.js';
import type { PreprocessOptions } from '../src/preprocess/options.js';
import { quantizeGraph } from '../src/quantize/quantize.js';
import { runRecords } from '../src/quantize/run-records.js';
import { choosePreprocess, demoPaths, openModel } from '../src/sdk.js';
import { type Backend, hasTfjsNode, runPythonTails, runTfjsTail } from '../test/formats/tail-runtimes.js';
import { oraclePython } from '../test/support/shared-data.js';
import type { Evidence } from './evidence.js';
import { readInputs } from './read-inputs.js';
import { missingSharedData, sharedData } from './shared-data.js';

interface TailModel {
  readonly name: string;
  readonly file: () => string;
  readonly training: () => string;
  readonly test: () => string;
  readonly options: PreprocessOptions;
}

const RESNET8: TailModel = {
  name: 'ic_resnet8',
  file: () => sharedData('models/mlperf-tiny/ic_resnet8.h5'),
  training: () => sharedData('datasets/cifar10/train_10000.bin.gz'),
  test: () => sharedData('datasets/cifar10/test_2000.bin.gz'),
  options: { inputRange: '0..255' },
};

export const FASHION_CNN: TailModel = {
  name: 'fashion-cnn',
  file: () => demoPaths().model,
  training: () => demoPaths().calibration,
  test: () => demoPaths().test,
  options: {},
};

/** A tail in one runtime against our engine on the float tail and the same dequantized wire values. */
export interface TailAgreement {
  readonly differentTop1: number;
  readonly largestDifference: number;
}

export interface TailRow {
  readonly model: string;
  readonly cut: string;
  readonly samples: number;
  readonly wireBytes: number;
  readonly runtimes: Readonly<Record<string, TailAgreement>>;
}

export interface TailOptions {
  /** Every n-th single-tensor cut, and both ends. */
  readonly every: number;
  readonly samples: number;
  readonly calibrationSamples: number;
  readonly backends: readonly Backend[];
  /** Python with onnxruntime; left out without one. */
  readonly python: string | undefined;
}

/** int8 wire tensors of every test sample at one cut, from the int8 head. */
interface WireSamples {
  readonly cut: string;
  readonly tail: Graph;
  readonly wire: readonly WireInput[];
  /** Per wire tensor. */
  readonly values: readonly Int8Array[];
}

const BATCH = 50;

/** Runs the tails behind the int8 heads of several cuts in plain onnxruntime and plain TensorFlow.js, and in our engines. */
export async function measureTails(
  model: TailModel,
  options: TailOptions,
  report: (line: string) => void,
): Promise<TailRow[]> {
  const cuts = await sendSamples(model, options);
  const expected: Float32Array[] = [];
  for (const cut of cuts) expected.push(await runInEngine('onnx', cut, options.samples));
  const rows = cuts.map((cut) => ({ cut, runtimes: {} as Record<string, TailAgreement> }));
  const compare = (runtime: string, i: number, got: Float32Array): void => {
    (rows[i] as (typeof rows)[number]).runtimes[runtime] = agreement(expected[i] as Float32Array, got, options.samples);
    report(`${model.name} ${cuts[i]?.cut}: ${runtime}`);
  };
  for (const [i, cut] of cuts.entries()) {
    compare('our engine tfjs-wasm', i, await runInEngine('tfjs-wasm', cut, options.samples));
    const files = writeTfjsGraphModel(cut.tail, cut.wire);
    for (const backend of options.backends) {
      compare(`TensorFlow.js on ${backend}`, i, await runTfjsTail(files, backend, cut.tail, cut.values, BATCH));
    }
  }
  if (options.python) {
    const jobs = cuts.map((cut) => ({ ...cut, model: writeTailOnnx(cut.tail, cut.wire), batch: BATCH }));
    runPythonTails(options.python, jobs).forEach((answer, i) => {
      compare(`onnxruntime ${answer.version} (Python)`, i, answer.values);
    });
  }
  return rows.map(({ cut, runtimes }) => ({
    model: model.name,
    cut: cut.cut,
    samples: options.samples,
    wireBytes: cut.values.reduce((sum, values) => sum + values.length / options.samples, 0),
    runtimes,
  }));
}

async function sendSamples(model: TailModel, options: TailOptions): Promise<WireSamples[]> {
  const opened = await openModel(model.file());
  const { network } = opened;
  const { spec } = choosePreprocess(opened, model.options);
  const input = chooseInputQuantization(spec);
  if (!input) throw new Error(`${model.name}: the input's quantization is not fixed by its preprocessing`);
  const calibration = await readInputs(model.training(), options.calibrationSamples, spec);
  const samples = Int8Array.from(await readInputs(model.test(), options.samples, spec), (v) =>
    quantizeToInt8(v, input),
  );
  const points = findCutPoints(network, findLogits(network).id).filter(({ tensors }) => tensors.length === 1);
  const chosen = points.filter((_, i) => i % options.every === 0).map(({ id }) => id);
  const [inputId, outputId] = [network.inputs[0] as string, network.outputs[0] as string];
  const sending: WireSamples[] = [
    { cut: 'input', tail: network, wire: [{ id: inputId, ...input }], values: [samples] },
  ];
  const engine = await createEngine('onnx');
  for (const id of [...chosen, outputId]) {
    const { head, tail } = partitionGraph(network, [id]);
    const { graph } = await quantizeGraph(
      {
        network: head,
        samples: async function* () {
          yield { count: options.calibrationSamples, inputs: calibration };
        },
        sampleCount: options.calibrationSamples,
        engine,
        input,
        perChannelDense: true,
      },
      {},
    );
    const sent = await runRecords(graph, samples, options.samples);
    const wire = [{ id, ...quantizationOf(graph, graph.outputs[0] as string) }];
    sending.push({ cut: id === outputId ? 'output' : id, tail, wire, values: [sent] });
  }
  return sending;
}

function quantizationOf(graph: Graph, id: string): InputQuantization {
  const { quant } = tensorOf(graph, id);
  return { scale: quant?.scale[0] as number, zeroPoint: quant?.zeroPoint[0] as number };
}

/** The float tail in an engine, fed with dequantized wire values. */
async function runInEngine(
  id: 'onnx' | 'tfjs-wasm',
  { tail, wire, values }: WireSamples,
  count: number,
): Promise<Float32Array> {
  const real = wire.map(({ scale, zeroPoint }, i) =>
    Float32Array.from(values[i] as Int8Array, (q) => Math.fround(scale) * (q - zeroPoint)),
  );
  if (tail.nodes.length === 0) return real[0] as Float32Array;
  const runner = await BatchRunner.create(await createEngine(id), tail);
  const [scores] = await runner.run(real, count);
  await runner.dispose();
  return scores as Float32Array;
}

function agreement(expected: Float32Array, got: Float32Array, samples: number): TailAgreement {
  if (got.length !== expected.length) throw new Error(`${got.length} scores instead of ${expected.length}`);
  const classes = expected.length / samples;
  let differentTop1 = 0;
  for (let i = 0; i < samples; i++) {
    if (largestAt(expected, i * classes, classes) !== largestAt(got, i * classes, classes)) differentTop1++;
  }
  const largestDifference = expected.reduce((m, v, i) => Math.max(m, Math.abs(v - (got[i] as number))), 0);
  return { differentTop1, largestDifference };
}

function largestAt(scores: Float32Array, from: number, count: number): number {
  let best = 0;
  for (let k = 1; k < count; k++) if ((scores[from + k] as number) > (scores[from + best] as number)) best = k;
  return best;
}

export const tails: Evidence = {
  name: 'tails',
  summary: 'tail.onnx in plain onnxruntime and tail-tfjs in plain TensorFlow.js: top-1 of 500 samples at several cuts',
  missing: () => missingSharedData() ?? (oraclePython() ? undefined : 'needs .venv with onnxruntime: run npm test'),
  async run(report) {
    const options: TailOptions = {
      every: 2,
      samples: 500,
      calibrationSamples: 100,
      backends: hasTfjsNode ? ['wasm', 'tensorflow'] : ['wasm'],
      python: oraclePython(),
    };
    const rows: TailRow[] = [];
    for (const model of [RESNET8, FASHION_CNN]) rows.push(...(await measureTails(model, options, report)));
    return {
      calibrationSamples: options.calibrationSamples,
      rows: rows.map((row) => ({ ...row, runtimes: roundDifferences(row.runtimes) })),
    };
  },
};

function roundDifferences(runtimes: TailRow['runtimes']): TailRow['runtimes'] {
  const entries = Object.entries(runtimes).map(([name, { differentTop1, largestDifference }]) => [
    name,
    { differentTop1, largestDifference: Number(largestDifference.toPrecision(2)) },
  ]);
  return Object.fromEntries(entries);
}
