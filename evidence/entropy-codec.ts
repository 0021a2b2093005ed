import { findCutPoints } from '../src/analyze/cut-points.js';
import { createEngine } from '../src/engines/index.js';
import { elementCount, tensorOf } from '../src/ir/graph.js';
import { partitionGraph } from '../src/ir/partition.js';
import { findLogits } from '../src/passes/logits.js';
import { chooseInputQuantization } from '../src/preprocess/choose-input-quantization.js';
import { quantizeToInt8 } from '../src/preprocess/normalise.js';
import { quantizeGraph } from '../src/quantize/quantize.js';
import type { QuantizeRequest } from '../src/quantize/quantized-model.js';
import { runRecords } from '../src/quantize/run-records.js';
import { choosePreprocess, demoPaths, openModel } from '../src/sdk.js';
import type { WireBits } from '../src/wire/codecs/codec.js';
import { createCodec } from '../src/wire/codecs/create-codec.js';
import { deviceTableBytes, learnRansTables } from '../src/wire/codecs/learn-rans-tables.js';
import type { Evidence } from './evidence.js';
import { readInputs } from './read-inputs.js';
import { missingSharedData, sharedData } from './shared-data.js';

/** A network, its data, and the single-tensor cuts whose activations are coded. */
export interface EntropyCase {
  readonly name: string;
  readonly model: () => string;
  readonly training: () => string;
  readonly test: () => string;
  readonly options: object;
  readonly cuts: readonly string[];
}

export const ENTROPY_CASES: readonly EntropyCase[] = [
  {
    name: 'ic_resnet8',
    model: () => sharedData('models/mlperf-tiny/ic_resnet8.h5'),
    training: () => sharedData('datasets/cifar10/train_10000.bin.gz'),
    test: () => sharedData('datasets/cifar10/test_2000.bin.gz'),
    options: { inputRange: '0..255' },
    cuts: ['activation_2', 'activation_4', 'activation_6'],
  },
  {
    name: 'fashion-cnn',
    model: () => demoPaths().model,
    training: () => demoPaths().calibration,
    test: () => demoPaths().test,
    options: {},
    cuts: ['pool1', 'pool2', 'conv3_2_relu'],
  },
];

/** Payloads at one cut, means over the test samples, in bytes. */
export interface EntropyRow {
  readonly model: string;
  readonly cut: string;
  readonly shape: readonly number[];
  readonly bits: WireBits;
  readonly packedBytes: number;
  /** Zero-order entropy per channel of the test samples themselves. */
  readonly entropyBytes: number;
  /** Whole payloads: check and rounding included. */
  readonly payloadBytes: number;
  readonly largestPayloadBytes: number;
  readonly ratio: number;
  readonly tables: number;
  readonly tableBytes: number;
  readonly precision: number;
}

export interface EntropyOptions {
  readonly calibrationSamples: number;
  /** Codes are learnt on so many training samples … */
  readonly trainingSamples: number;
  /** … and sent of so many test samples. */
  readonly testSamples: number;
  readonly cuts?: number;
  /** Quicker ways to quantize the heads. */
  readonly quantize?: Partial<QuantizeRequest>;
}

export const WIDTHS = [8, 4, 2] as const;

/**
 * Payloads of real activations: tables learnt on training samples, bytes and entropy of test samples. For 4 and 2 bits the codes
 * of the int8 head are scaled as a bottleneck's clamp does it: the largest 1 % of the training codes become the largest code.
 */
export async function measureEntropy(
  subject: EntropyCase,
  options: EntropyOptions,
  report: (line: string) => void,
): Promise<EntropyRow[]> {
  const rows: EntropyRow[] = [];
  for await (const { cut, shape, learnt, sent } of runHeads(subject, options)) {
    for (const bits of WIDTHS) {
      rows.push({ model: subject.name, cut, ...codeSamples(shape, learnt, sent, bits, options) });
      report(`${subject.name} ${cut} ${bits} bit: ${rows.at(-1)?.ratio.toFixed(4)}`);
    }
  }
  return rows;
}

/** Codes of the int8 head at one cut, samples one after the other. */
export interface HeadCodes {
  readonly cut: string;
  readonly shape: readonly number[];
  /** Of training and of test samples. */
  readonly learnt: Uint8Array;
  readonly sent: Uint8Array;
}

export async function* runHeads(subject: EntropyCase, options: EntropyOptions): AsyncGenerator<HeadCodes> {
  const opened = await openModel(subject.model());
  const { network } = opened;
  const { spec } = choosePreprocess(opened, subject.options);
  const input = chooseInputQuantization(spec);
  if (!input) throw new Error(`${subject.name}: the input's quantization is not fixed by its preprocessing`);
  const toInt8 = (values: Float32Array): Int8Array => Int8Array.from(values, (v) => quantizeToInt8(v, input));
  const training = await readInputs(subject.training(), options.trainingSamples, spec);
  const sampleSize = training.length / options.trainingSamples;
  const calibration = training.subarray(0, options.calibrationSamples * sampleSize);
  const test = toInt8(await readInputs(subject.test(), options.testSamples, spec));
  const engine = await createEngine('onnx');
  const known = findCutPoints(network, findLogits(network).id).map(({ id }) => id);
  for (const cut of subject.cuts.slice(0, options.cuts)) {
    if (!known.includes(cut)) throw new Error(`${subject.name} has no cut ${cut}: ${known.join(', ')}`);
    const { graph } = await quantizeGraph(
      {
        network: partitionGraph(network, [cut]).head,
        samples: async function* () {
          yield { count: options.calibrationSamples, inputs: calibration };
        },
        sampleCount: options.calibrationSamples,
        engine,
        input,
        perChannelDense: true,
        ...options.quantize,
      },
      {},
    );
    yield {
      cut,
      shape: tensorOf(graph, graph.outputs[0] as string).shape.slice(1),
      learnt: codesOf(await runRecords(graph, toInt8(training), options.trainingSamples)),
      sent: codesOf(await runRecords(graph, test, options.testSamples)),
    };
  }
}

function codeSamples(
  shape: readonly number[],
  learnt: Uint8Array,
  sent: Uint8Array,
  bits: WireBits,
  { trainingSamples, testSamples }: EntropyOptions,
): Omit<EntropyRow, 'model' | 'cut'> {
  const size = elementCount(shape);
  const largest = bits === 8 ? 255 : Math.max(1, learnt.toSorted()[Math.floor(0.99 * (learnt.length - 1))] as number);
  const top = 2 ** bits - 1;
  const narrow = (codes: Uint8Array): Uint8Array =>
    codes.map((code) => Math.min(top, Math.round((code * top) / largest)));
  const spec = learnRansTables({ codes: narrow(learnt), count: trainingSamples, shape, bits });
  const codec = createCodec(spec, shape);
  const test = narrow(sent);
  const lengths: number[] = [];
  for (let i = 0; i < testSamples; i++) {
    const codes = test.subarray(i * size, (i + 1) * size);
    const payload = codec.encode(codes);
    if (Buffer.compare(codec.decode(payload), codes) !== 0) throw new Error('a payload came back changed');
    lengths.push(payload.length);
  }
  const payloadBytes = lengths.reduce((a, b) => a + b, 0) / testSamples;
  const entropyBytes = zeroOrderBytes(test, shape.at(-1) as number) / testSamples;
  return {
    shape,
    bits,
    packedBytes: codec.maxBytes,
    entropyBytes: rounded(entropyBytes, 2),
    payloadBytes: rounded(payloadBytes, 2),
    largestPayloadBytes: Math.max(...lengths),
    ratio: rounded(payloadBytes / entropyBytes, 4),
    tables: spec.tables.length,
    tableBytes: deviceTableBytes(spec),
    precision: spec.precision,
  };
}

/** −Σ p·log2 p of every channel's own codes, in bytes. Apart from the codec's own arithmetic. */
export function zeroOrderBytes(codes: Uint8Array, channels: number): number {
  let bits = 0;
  const perChannel = codes.length / channels;
  for (let c = 0; c < channels; c++) {
    const counts = new Map<number, number>();
    for (let i = c; i < codes.length; i += channels) {
      const code = codes[i] as number;
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    for (const n of counts.values()) bits -= n * Math.log2(n / perChannel);
  }
  return bits / 8;
}

function codesOf(values: Int8Array): Uint8Array {
  return Uint8Array.from(values, (v) => v + 128);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

export const entropyCodec: Evidence = {
  name: 'entropy-codec',
  summary: 'coded bytes of real activations against their zero-order entropy per channel',
  missing: missingSharedData,
  async run(report) {
    const options = { calibrationSamples: 40, trainingSamples: 200, testSamples: 200 };
    const rows: EntropyRow[] = [];
    for (const subject of ENTROPY_CASES) rows.push(...(await measureEntropy(subject, options, report)));
    return { ...options, rows };
  },
};
