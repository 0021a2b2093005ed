import { tfliteReader } from '../../converters/tflite/index.js';
import { readTflmModel } from '../../converters/tflite/tflm-model.js';
import { writeTflite } from '../../converters/tflite/write.js';
import type { WireTensor } from '../artifact/manifest.js';
import type { StageStore } from '../artifact/stage-store.js';
import type { RunContext } from '../core/context.js';
import { estimateCodeBytes } from '../cost/code-size.js';
import { countMacs } from '../cost/cut-cost.js';
import { chooseTflmTarget } from '../cost/runtime-arena.js';
import type { DeviceProfile } from '../devices/device-schema.js';
import type { Engine } from '../engines/engine.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import { planArena } from '../memory/plan-arena.js';
import { predictTflmArena } from '../memory/tflm-arena.js';
import type { InputQuantization } from '../preprocess/normalise.js';
import { quantizeGraph } from '../quantize/quantize.js';
import type { CalibrationBatch, QuantizationReport } from '../quantize/quantized-model.js';

/** Calibration samples and what identifies them. */
export interface CalibrationSource {
  readonly samples: () => AsyncIterable<CalibrationBatch>;
  readonly count: number;
  readonly data: { readonly name: string; readonly sha256: string };
}

export interface BuildHeadRequest {
  /** Float32 head, batch 1. */
  readonly head: Graph;
  readonly calibration: CalibrationSource;
  readonly input: InputQuantization | undefined;
  readonly perChannelDense: boolean;
  readonly engine: Engine;
  readonly threads?: number | undefined;
  readonly description: string;
  /** Given when the head ends with the network's classes. */
  readonly classNames?: readonly string[] | undefined;
  readonly device: DeviceProfile | undefined;
  readonly store: StageStore | undefined;
  /** Fixed quantization of the output: the codes of a bottleneck. */
  readonly output?: InputQuantization | undefined;
  /** Hash of weights that are not the model's own. */
  readonly weights?: string | undefined;
  /** Everything that the result depends on besides the head: model, samples, preprocessing, engine, version. */
  readonly storeInputs: unknown;
}

/** An int8 head as it goes to the device. */
export interface BuiltHead {
  /** head.tflite. */
  readonly bytes: Uint8Array;
  /** Read back from these bytes: what is run, compared and evaluated is what was written. */
  readonly graph: Graph;
  readonly report: QuantizationReport;
  readonly input: { readonly shape: readonly number[] } & InputQuantization;
  readonly wire: readonly WireTensor[];
  /** Payload of one inference, mean over samples where the codec makes them differ. */
  readonly wireBytes: number;
  readonly macs: number;
  readonly codeBytes: number;
  readonly operators: readonly string[];
  readonly arena: {
    readonly plannedBytes: number;
    /** What TFLite-Micro is predicted to report; null for a runtime that is not TFLite-Micro. */
    readonly tfliteMicroBytes: readonly [number, number] | null;
    /** What must be set aside so that it starts. */
    readonly neededBytes: number;
  };
}

/** What the stage store keeps beside the bytes. */
interface KeptHead {
  readonly report: QuantizationReport;
  readonly plannedBytes: number;
}

/**
 * Quantizes a head, writes it, reads it back and measures it.
 * @throws IsplitError E_HOOK_UNSUPPORTED, E_OP_UNSUPPORTED, E_QUANTIZE, E_DATA_EMPTY, E_ENGINE, E_INTERRUPTED
 */
export async function buildHead(request: BuildHeadRequest, ctx: RunContext): Promise<BuiltHead> {
  const { bytes, kept } = await quantizeAndWrite(request, ctx);
  const file = { name: 'head.tflite', bytes, sibling: () => Promise.reject(new Error('a head has no siblings')) };
  const { graph } = await tfliteReader.read(file, ctx);
  const [inputId] = graph.inputs as [string];
  const input = tensorOf(graph, inputId);
  const model = readTflmModel(bytes);
  const target = chooseTflmTarget(request.device);
  const predicted = target && predictTflmArena(model, target);
  const wire = describeWire(graph, request.head.outputs);
  return {
    bytes,
    graph,
    report: kept.report,
    input: { shape: input.shape.slice(1), ...quantizationOf(graph, inputId) },
    wire,
    wireBytes: wire.reduce((sum, tensor) => sum + tensor.bytes, 0),
    macs: countMacs(request.head),
    codeBytes: estimateCodeBytes(request.device).bytes,
    operators: [...new Set(model.operators.map(({ builtin }) => builtin))].sort(),
    arena: {
      plannedBytes: kept.plannedBytes,
      tfliteMicroBytes: predicted ? [predicted.lowBytes, predicted.highBytes] : null,
      neededBytes: predicted ? Math.max(predicted.highBytes, predicted.minimumBytes) : kept.plannedBytes,
    },
  };
}

async function quantizeAndWrite(
  request: BuildHeadRequest,
  ctx: RunContext,
): Promise<{ bytes: Uint8Array; kept: KeptHead }> {
  const { store } = request;
  const inputs = {
    request: request.storeInputs,
    outputs: request.head.outputs,
    input: request.input ?? null,
    ...(request.output ? { output: request.output } : {}),
    ...(request.weights === undefined ? {} : { weights: request.weights }),
    perChannelDense: request.perChannelDense,
    description: request.description,
    classNames: request.classNames ?? null,
  };
  const known = await store?.loadBytes('head', inputs);
  const knownText = await store?.load('quantize', inputs);
  if (known && knownText) return { bytes: known, kept: JSON.parse(knownText) as KeptHead };
  const quantized = await quantizeGraph(
    {
      network: request.head,
      samples: request.calibration.samples,
      sampleCount: request.calibration.count,
      engine: request.engine,
      perChannelDense: request.perChannelDense,
      ...(request.input ? { input: request.input } : {}),
      ...(request.output ? { output: request.output } : {}),
      ...(request.threads === undefined ? {} : { threads: request.threads }),
    },
    ctx,
  );
  const bytes = writeTflite(quantized.graph, {
    description: request.description,
    ...(request.classNames ? { classNames: request.classNames } : {}),
  });
  const kept = { report: quantized.report, plannedBytes: planArena(quantized.graph).arenaBytes };
  await store?.saveBytes('head', inputs, bytes);
  await store?.save('quantize', inputs, JSON.stringify(kept));
  return { bytes, kept };
}

/** @param ids names of the wire tensors: the network's, in the order of the file's outputs */
function describeWire(graph: Graph, ids: readonly string[]): WireTensor[] {
  return graph.outputs.map((output, i) => {
    const shape = tensorOf(graph, output).shape.slice(1);
    return {
      id: ids[i] as string,
      shape,
      dtype: 'int8',
      ...quantizationOf(graph, output),
      codec: { id: 'raw' },
      bits: 8,
      bytes: elementCount(shape),
    };
  });
}

function quantizationOf(graph: Graph, id: string): InputQuantization {
  const { quant } = tensorOf(graph, id);
  if (!quant) throw new Error(`"${id}" of an int8 graph has no quantization`);
  return { scale: quant.scale[0] as number, zeroPoint: quant.zeroPoint[0] as number };
}
