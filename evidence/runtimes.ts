import { writeTflite } from '../converters/tflite/write.js';
import { openDataset } from '../src/data/open-dataset.js';
import { createEngine } from '../src/engines/index.js';
import { type Graph, tensorOf } from '../src/ir/graph.js';
import { chooseInputQuantization } from '../src/preprocess/choose-input-quantization.js';
import { type InputQuantization, quantizeToInt8 } from '../src/preprocess/normalise.js';
import type { PreprocessOptions } from '../src/preprocess/options.js';
import { quantizeGraph } from '../src/quantize/quantize.js';
import type { CalibrationBatch } from '../src/quantize/quantized-model.js';
import { choosePreprocess, demoPaths, openModel } from '../src/sdk.js';
import { RUNTIMES } from '../src/verify/runtimes/index.js';
import type { Runtime, RuntimeSession } from '../src/verify/runtimes/runtime.js';
import { verifyHead } from '../src/verify/verify-head.js';
import type { RuntimeResult } from '../src/verify/verify-report.js';
import { ARENA_MODELS, openHeads } from './arena.js';
import type { Evidence } from './evidence.js';
import { missingSharedData, sharedData } from './shared-data.js';

/** What the networks are calibrated on and compared with. */
const PICTURES: Readonly<Record<string, () => { data: string; options: PreprocessOptions }>> = {
  ic_resnet8: () => ({ data: sharedData('datasets/cifar10/train_10000.bin.gz'), options: { inputRange: '0..255' } }),
  'fashion-cnn': () => ({ data: demoPaths().calibration, options: {} }),
  vww_96: () => ({
    data: sharedData('datasets/tiny-imagenet-200/train_4000.tar.gz'),
    options: { inputRange: '0..1', resize: 'bilinear' },
  }),
  mobilenet_v1_025_224: () => ({
    data: sharedData('datasets/tiny-imagenet-200/train_4000.tar.gz'),
    options: { inputRange: '-1..1', resize: 'bilinear' },
  }),
};

const CALIBRATION_SAMPLES = 32;

export interface OpDifference {
  readonly node: string;
  readonly kind: string;
  readonly maxLsb: number;
}

/** One head in one runtime. */
export interface HeadAgreement {
  readonly status: RuntimeResult['status'];
  readonly reason: string | null;
  readonly bytes: number;
  readonly equalBytes: number;
  readonly maxLsb: number;
  readonly sameTop1: number;
  /** Ops run alone, and the one that differs most. */
  readonly ops: number;
  readonly worstOp: OpDifference | null;
  /** Ops that differ by more than one least significant bit. */
  readonly exceptions: readonly OpDifference[];
}

export interface HeadRow {
  readonly model: string;
  readonly cut: string;
  readonly samples: number;
  readonly runtimes: Readonly<Record<string, HeadAgreement>>;
}

export interface AgreementOptions {
  /** 1 = every single-tensor cut. */
  readonly every: number;
  /** Pictures that a head is run on, and how many of them each op is run on alone. */
  readonly samples: number;
  readonly opSamples: number;
}

/** Quantizes the head at every single-tensor cut and runs it in every runtime that is here. */
export async function measureAgreement(
  models: readonly string[],
  options: AgreementOptions,
  report: (line: string) => void,
): Promise<{ runtimes: Record<string, string>; heads: HeadRow[] }> {
  const engine = await createEngine('onnx');
  const runtimes = RUNTIMES.map(keepOpen);
  const versions: Record<string, string> = {};
  const heads: HeadRow[] = [];
  try {
    for (const model of models) {
      const { batch, input } = await loadPictures(model);
      for (const { cut, head } of await openHeads(model, options.every)) {
        const request = {
          network: head,
          samples: async function* () {
            yield batch;
          },
          sampleCount: batch.count,
          engine,
          ...(input ? { input } : {}),
          // The oldest runtime knows fully connected weights with one scale only.
          perChannelDense: false,
          // How ranges are chosen changes numbers, not kernels; the search for the best takes long at so many cuts.
          rangeMethod: 'minmax' as const,
          equalise: false,
          correctBias: false,
        };
        const { graph } = await quantizeGraph(request, {});
        const verified = await verifyHead(
          { bytes: writeTflite(graph), graph },
          quantizeSamples(graph, batch, options.samples),
          options.samples,
          { seed: 0, opSamples: options.opSamples, runtimes },
        );
        for (const { id, name, version } of verified.runtimes) versions[id] = version ? `${name} ${version}` : name;
        heads.push({ model, cut, samples: options.samples, runtimes: summarise(verified.runtimes) });
        report(describe(heads.at(-1) as HeadRow));
      }
    }
  } finally {
    for (const runtime of runtimes) runtime.end();
  }
  return { runtimes: versions, heads };
}

/** A runtime that stays loaded from head to head. */
function keepOpen(runtime: Runtime): Runtime & { end(): void } {
  let kept: RuntimeSession | undefined;
  return {
    ...runtime,
    async open(options) {
      if (!kept) {
        const opened = await runtime.open(options);
        if ('missing' in opened) return opened;
        kept = opened;
      }
      const session = kept;
      return { version: session.version, run: (run) => session.run(run), close: () => {} };
    },
    end: () => kept?.close(),
  };
}

async function loadPictures(model: string): Promise<{ batch: CalibrationBatch; input: InputQuantization | undefined }> {
  const { data, options } = (PICTURES[model] as () => { data: string; options: PreprocessOptions })();
  const { spec } = choosePreprocess(await openModel((ARENA_MODELS[model] as () => string)()), options);
  const dataset = await openDataset(data, { samples: CALIBRATION_SAMPLES, labelsRequired: false });
  for await (const { inputs, count } of dataset.batches({ batchSize: CALIBRATION_SAMPLES, spec })) {
    return { batch: { count, inputs }, input: chooseInputQuantization(spec) };
  }
  throw new Error(`no pictures in ${data}`);
}

/** The first pictures as the head's int8 input. */
function quantizeSamples(head: Graph, batch: CalibrationBatch, count: number): Int8Array {
  const { quant } = tensorOf(head, head.inputs[0] as string);
  const quantization = { scale: quant?.scale[0] as number, zeroPoint: quant?.zeroPoint[0] as number };
  const values = batch.inputs.subarray(0, (count * batch.inputs.length) / batch.count);
  return Int8Array.from(values, (value) => quantizeToInt8(value, quantization));
}

function summarise(results: readonly RuntimeResult[]): Record<string, HeadAgreement> {
  return Object.fromEntries(
    results.map(({ id, status, reason, endToEnd, sameTop1, ops }) => {
      const different = (ops ?? [])
        .map(({ node, kind, maxLsb }) => ({ node, kind, maxLsb }))
        .filter((op) => op.maxLsb > 0);
      const worstOp = different.toSorted((a, b) => b.maxLsb - a.maxLsb)[0] ?? null;
      return [
        id,
        {
          status,
          reason,
          bytes: endToEnd?.bytes ?? 0,
          equalBytes: endToEnd?.equalBytes ?? 0,
          maxLsb: endToEnd?.maxLsb ?? 0,
          sameTop1: sameTop1 ?? 0,
          ops: ops?.length ?? 0,
          worstOp,
          exceptions: different.filter((op) => op.maxLsb > 1),
        },
      ];
    }),
  );
}

function describe({ model, cut, runtimes }: HeadRow): string {
  const each = Object.entries(runtimes).map(([id, { status, bytes, equalBytes, maxLsb, worstOp }]) => {
    if (status !== 'compared') return `${id} ${status}`;
    return equalBytes === bytes ? `${id} equal` : `${id} ≤ ${maxLsb} LSB (one op ≤ ${worstOp?.maxLsb ?? 0})`;
  });
  return `${model} at ${cut}: ${each.join(', ')}`;
}

/** Every single-tensor cut of four networks in every TFLite runtime: equal bytes, end to end and op by op. */
export const runtimes: Evidence = {
  name: 'runtimes',
  summary: 'heads at every single-tensor cut of four networks in every TFLite runtime, byte by byte',
  missing: missingSharedData,
  async run(report) {
    const options = { every: 1, samples: 4, opSamples: 2 };
    const measured = await measureAgreement(Object.keys(ARENA_MODELS), options, report);
    return { calibrationSamples: CALIBRATION_SAMPLES, ...options, ...measured };
  },
};
