/** Trained bottlenecks: head in int8 by the integer executor, its codes entropy-coded, the tail behind them; accuracy on test pictures. */

import { collectActivations } from '../src/bottleneck/activations.js';
import type { BottleneckedNetwork, BottleneckSpec } from '../src/bottleneck/bottleneck.js';
import { wireScale } from '../src/bottleneck/bottleneck.js';
import { formatBottleneck, parseBottleneck } from '../src/bottleneck/spec.js';
import { type SettledTail, settleTail, trainBottleneck } from '../src/bottleneck/train-bottleneck.js';
import { type BottleneckRecipe, chooseRecipe, type RecipeName } from '../src/bottleneck/train-recipe.js';
import type { RunContext } from '../src/core/context.js';
import { countMacs } from '../src/cost/cut-cost.js';
import { openDataset } from '../src/data/open-dataset.js';
import { drawStratified, splitRoles } from '../src/data/roles.js';
import type { Engine } from '../src/engines/engine.js';
import { createEngine } from '../src/engines/index.js';
import { type Graph, tensorOf } from '../src/ir/graph.js';
import { partitionGraph } from '../src/ir/partition.js';
import { findLogits } from '../src/passes/logits.js';
import { removeDeadCode } from '../src/passes/remove-dead-code.js';
import { setBatch } from '../src/passes/set-batch.js';
import { chooseInputQuantization } from '../src/preprocess/choose-input-quantization.js';
import { type InputQuantization, quantizeToInt8 } from '../src/preprocess/normalise.js';
import { quantizeGraph } from '../src/quantize/quantize.js';
import { runRecords } from '../src/quantize/run-records.js';
import { choosePreprocess, demoPaths, openModel } from '../src/sdk.js';
import { loadTrainingSet, type TrainingSet } from '../src/train/training-set.js';
import type { Evidence } from './evidence.js';
import { missingSharedData, sharedData } from './shared-data.js';

/** A network, its data, and the bottlenecks that are put into it. */
export interface BottleneckCase {
  readonly name: string;
  readonly model: string;
  readonly training: string;
  readonly test: string;
  readonly options: object;
  readonly bottlenecks: readonly { readonly cut: string; readonly spec: string; readonly codedBytes: number }[];
}

export interface BottleneckRow {
  readonly cut: string;
  readonly spec: string;
  readonly headMacsShare: number;
  /** Codes without coding. */
  readonly packedBytes: number;
  /** Zero-order entropy of each channel of the test pictures' codes, mean a picture. */
  readonly entropyBytes: number;
  /** Validation pictures; wire and encoder quantized, head before the cut in simulated int8. */
  readonly validation: {
    readonly initial: number;
    readonly afterReconstruct: number;
    readonly afterFineTune: number;
    readonly afterSettle: number | null;
  };
  /** Test pictures: the head by the integer executor. */
  readonly accuracy: number;
  readonly epochs: { readonly reconstruct: number; readonly fineTune: number; readonly settle: number };
  readonly seconds: Readonly<Record<string, number>>;
}

const CALIBRATION_SAMPLES = 200;
const VALIDATION_SHARE = 0.1;

export function bottleneckCases(): readonly BottleneckCase[] {
  const demo = demoPaths();
  return [
    {
      name: 'ic_resnet8',
      model: sharedData('models/mlperf-tiny/ic_resnet8.h5'),
      training: sharedData('datasets/cifar10/train_10000.bin.gz'),
      test: sharedData('datasets/cifar10/test_2000.bin.gz'),
      options: { inputRange: '0..255' },
      // After the first stack, 45 % of the MACs at most; after the second stack it is 71 % before any encoder.
      bottlenecks: [
        { cut: 'activation_2', spec: 'conv1x1-s4-c28-b8', codedBytes: 850 },
        { cut: 'activation_2', spec: 'conv1x1-s4-c28-b4', codedBytes: 430 },
        { cut: 'activation_2', spec: 'conv1x1-s4-c24-b4', codedBytes: 220 },
        { cut: 'activation_2', spec: 'conv1x1-s4-c16-b4', codedBytes: 108 },
        { cut: 'activation_4', spec: 'conv1x1-s2-c24-b4', codedBytes: 430 },
      ],
    },
    {
      name: 'fashion-cnn',
      model: demo.model,
      training: demo.calibration,
      test: demo.test,
      options: {},
      bottlenecks: [
        { cut: 'pool1', spec: 'conv3x3-s2-c8-b4', codedBytes: 110 },
        { cut: 'pool1', spec: 'conv3x3-s2-c4-b4', codedBytes: 55 },
      ],
    },
  ];
}

/** What all bottlenecks of a case share. */
export interface PreparedCase {
  readonly engine: Engine;
  readonly network: Graph;
  readonly input: InputQuantization | undefined;
  readonly training: TrainingSet;
  readonly validation: TrainingSet;
  readonly test: TrainingSet;
  /** Accuracy of the whole float network on the test pictures. */
  readonly accuracy: number;
}

export async function prepareCase(row: BottleneckCase, engine: Engine, samples?: number): Promise<PreparedCase> {
  const model = await openModel(row.model);
  const { spec } = choosePreprocess(model, row.options);
  const all = await openDataset(row.training);
  const used = samples === undefined ? all : all.select(drawStratified(all.labels, samples, 0));
  const roles = splitRoles(used, 0, { validation: VALIDATION_SHARE });
  const [training, validation, test] = await Promise.all(
    [roles.train, roles.validation, await openDataset(row.test)].map((data) => loadTrainingSet(data, spec, {})),
  );
  const { network } = model;
  const whole = { engine, network, input: chooseInputQuantization(spec) };
  const sets = { training, validation, test } as Record<'training' | 'validation' | 'test', TrainingSet>;
  const logits = findLogits(network).id;
  const scores = await runBatches(engine, network, logits, sets.test.inputs, sets.test.count);
  return { ...whole, ...sets, accuracy: shareRight(scores, sets.test) };
}

/** @param recipe a name, or one of one's own */
export async function runBottleneck(
  prepared: PreparedCase,
  cut: string,
  spec: BottleneckSpec,
  recipe: RecipeName | BottleneckRecipe,
  ctx: RunContext = {},
  options: { readonly threads?: number; readonly codedBytes?: number } = {},
): Promise<BottleneckRow> {
  const { engine, network, training, validation, test, input } = prepared;
  const { threads, codedBytes } = options;
  const seconds: Record<string, number> = {};
  const timed = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await run();
    seconds[name] = Number(((performance.now() - started) / 1000).toFixed(1));
    return result;
  };
  const calibration = drawStratified(training.labels, CALIBRATION_SAMPLES, 0);
  const inputs = gather(training, calibration);
  const quantize = async (head: Graph, output?: InputQuantization): Promise<Graph> => {
    const request = {
      network: head,
      samples: async function* () {
        yield { count: calibration.length, inputs };
      },
      sampleCount: calibration.length,
      engine,
      perChannelDense: true,
      ...(input ? { input } : {}),
      ...(output ? { output } : {}),
      ...(threads === undefined ? {} : { threads }),
    };
    return (await quantizeGraph(request, ctx)).graph;
  };
  const shared = {
    network,
    cut,
    training,
    validation,
    engine,
    seed: 0,
    ...(threads === undefined ? {} : { threads }),
  };
  const used = typeof recipe === 'string' ? chooseRecipe(recipe, training) : recipe;
  const quantizedHead = used.trainHead
    ? undefined
    : await timed('quantize', () => quantize(partitionGraph(network, [cut]).head));
  const samples = async function* () {
    yield { count: calibration.length, inputs };
  };
  const initial = await timed('initialise', () => collectActivations(network, cut, samples(), { engine }, ctx));
  const trained = await timed('train', () =>
    trainBottleneck(
      {
        ...shared,
        spec,
        initial,
        recipe: used,
        ...(quantizedHead ? { quantizedHead } : {}),
        ...(codedBytes ? { codedBytes } : {}),
      },
      ctx,
    ),
  );
  const wire = { scale: wireScale(spec.bits), zeroPoint: -128 };
  const head = await timed('quantize again', () => quantize(trained.network.head, wire));
  const { settle } = used;
  let settled: SettledTail | undefined;
  if (settle) {
    const request = { ...shared, trained: trained.network, quantizedHead: head, recipe: { ...used, settle } };
    settled = await timed('settle', () => settleTail(request, ctx));
  }
  const codes = await timed('test head', () => runHead(head, test));
  const final = settled?.network ?? trained.network;
  const accuracy = await timed('test tail', () => judgeTail(engine, final, codes, test));
  return {
    cut,
    spec: formatBottleneck(spec),
    headMacsShare: Number((countMacs(final.head) / countMacs(network)).toFixed(4)),
    packedBytes: (codes.length * spec.bits) / 8 / test.count,
    entropyBytes: Number(entropyBytes(codes, spec.channels, test.count).toFixed(1)),
    validation: {
      initial: trained.validation.initial,
      afterReconstruct: trained.validation.afterReconstruct,
      afterFineTune: trained.validation.afterFineTune,
      afterSettle: settled?.validation.after ?? null,
    },
    accuracy,
    epochs: {
      reconstruct: trained.history.reconstruct.length,
      fineTune: trained.history.fineTune.length,
      settle: settled?.history.length ?? 0,
    },
    seconds,
  };
}

/** Codes 0 … 2^bits − 1 of all pictures, by the integer executor. */
async function runHead(head: Graph, { inputs, count }: TrainingSet): Promise<Uint8Array> {
  const { scale, zeroPoint } = quantOf(head, head.inputs[0] as string);
  const records = Int8Array.from(inputs, (v) => quantizeToInt8(v, { scale, zeroPoint }));
  return Uint8Array.from(await runRecords(head, records, count), (code) => (code as number) + 128);
}

async function judgeTail(
  engine: Engine,
  { tail, spec }: BottleneckedNetwork,
  codes: Uint8Array,
  test: TrainingSet,
): Promise<number> {
  const values = Float32Array.from(codes, (code) => code * wireScale(spec.bits));
  return shareRight(await runBatches(engine, tail, findLogits(tail).id, values, test.count), test);
}

/** Mean bytes a picture when each channel's codes are coded by how often each one occurs, no neighbours considered. */
export function entropyBytes(codes: Uint8Array, channels: number, count: number): number {
  let bits = 0;
  for (let c = 0; c < channels; c++) {
    const counts = new Float64Array(256);
    for (let i = c; i < codes.length; i += channels)
      counts[codes[i] as number] = (counts[codes[i] as number] as number) + 1;
    const total = codes.length / channels;
    for (const n of counts) if (n > 0) bits -= n * Math.log2(n / total);
  }
  return bits / 8 / count;
}

async function runBatches(
  engine: Engine,
  graph: Graph,
  output: string,
  inputs: Float32Array,
  count: number,
): Promise<Float32Array> {
  const batch = [50, 20, 10, 5, 4, 2, 1].find((n) => count % n === 0) as number;
  const compiled = await engine.compile(setBatch(removeDeadCode({ ...graph, outputs: [output] }), batch));
  const elements = (inputs.length / count) * batch;
  const rows: Float32Array[] = [];
  for (let at = 0; at < inputs.length; at += elements) {
    const values = await compiled.run({ [graph.inputs[0] as string]: inputs.subarray(at, at + elements) });
    rows.push((values[output] as Float32Array).slice());
  }
  await compiled.dispose();
  const all = new Float32Array(rows.reduce((n, r) => n + r.length, 0));
  rows.forEach((row, i) => {
    all.set(row, i * row.length);
  });
  return all;
}

function shareRight(scores: Float32Array, { labels, count }: TrainingSet): number {
  const classes = scores.length / count;
  let right = 0;
  for (let i = 0; i < count; i++) {
    const row = scores.subarray(i * classes, (i + 1) * classes);
    if (row.indexOf(row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)) === labels[i]) right++;
  }
  return right / count;
}

function gather(set: TrainingSet, places: Uint32Array): Float32Array {
  const elements = set.inputs.length / set.count;
  const inputs = new Float32Array(places.length * elements);
  places.forEach((place, i) => {
    inputs.set(set.inputs.subarray(place * elements, (place + 1) * elements), i * elements);
  });
  return inputs;
}

function quantOf(graph: Graph, id: string): InputQuantization {
  const { quant } = tensorOf(graph, id);
  return { scale: quant?.scale[0] as number, zeroPoint: quant?.zeroPoint[0] as number };
}

export const bottlenecks: Evidence = {
  name: 'bottlenecks',
  summary: 'trained bottlenecks: accuracy against coded bytes',
  missing: missingSharedData,
  async run(report) {
    const engine = await createEngine('onnx');
    const models: { name: string; accuracy: number; rows: BottleneckRow[] }[] = [];
    for (const row of bottleneckCases()) {
      const prepared = await prepareCase(row, engine);
      const rows: BottleneckRow[] = [];
      for (const { cut, spec, codedBytes } of row.bottlenecks) {
        report(`${row.name} ${cut} ${spec}, ${codedBytes} B`);
        rows.push(await runBottleneck(prepared, cut, parseBottleneck(spec), 'default', {}, { codedBytes }));
      }
      models.push({ name: row.name, accuracy: prepared.accuracy, rows });
    }
    return { models };
  },
};
