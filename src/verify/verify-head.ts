/** The head in every TensorFlow Lite runtime found, against our executor: end to end and op by op. */
import { createHash } from 'node:crypto';
import { type RunContext, throwIfAborted } from '../core/context.js';
import type { DeviceProfile } from '../devices/device-schema.js';
import { type Graph, type TypedArray, tensorOf } from '../ir/graph.js';
import { fuseActivation } from '../passes/fuse-activation.js';
import { prepareInt8 } from '../quantize/executor.js';
import { runRecords } from '../quantize/run-records.js';
import { listBoardKernels } from './board-kernels.js';
import { compareOutputs, countSameTop1 } from './compare-outputs.js';
import { describeFailure } from './describe-failure.js';
import { findKernelWarnings } from './kernel-warnings.js';
import {
  appendTrace,
  buildOneOpModels,
  generousArenaBytes,
  joinRecords,
  type OneOpModel,
  type TracedRecords,
} from './one-op-models.js';
import { RUNTIMES } from './runtimes/index.js';
import type { ModelRun, Runtime, RuntimeSession } from './runtimes/runtime.js';
import { bytesOf, outputLayout, type TensorLayout, tensorBytes, viewAs } from './tensor-bytes.js';
import type { OpComparison, RuntimeResult, VerifyReport } from './verify-report.js';

export interface VerifyOptions {
  /** With which the samples were drawn; only noted. */
  readonly seed: number;
  /** Whose kernels are listed as unverified and looked up for known bugs. */
  readonly device?: DeviceProfile;
  /** Kernel library of the device; default its first. */
  readonly kernelLibrary?: string;
  /** Default: all. */
  readonly runtimes?: readonly Runtime[];
  /** Samples of which each op is run alone; 0 = no comparison op by op. Default 4. */
  readonly opSamples?: number;
  /** Of our executor; default: one a processor core. */
  readonly threads?: number;
  /** Of one model in one runtime. Default 10 minutes. */
  readonly timeoutMs?: number;
}

const OP_SAMPLES = 4;
const TIMEOUT_MS = 600_000;

/** What every runtime is compared with. */
interface Expectation {
  readonly graph: Graph;
  readonly whole: ModelRun;
  readonly outputs: Uint8Array;
  readonly layout: readonly TensorLayout[];
  readonly ops: readonly { readonly alone: OneOpModel; readonly run: ModelRun; readonly outputs: Uint8Array }[];
}

/**
 * Runs a head in every runtime that is found.
 * @param head the .tflite file and the graph it was written from
 * @param samples `count` records of the head's int8 inputs, one after the other
 * @throws IsplitError E_INTERRUPTED; what a runtime does wrong stands in the report
 */
export async function verifyHead(
  head: { readonly bytes: Uint8Array; readonly graph: Graph },
  samples: Int8Array,
  count: number,
  options: VerifyOptions,
  ctx: RunContext = {},
): Promise<VerifyReport> {
  const expected = await computeExpectation(head, samples, count, options, ctx);
  const asked = options.runtimes ?? RUNTIMES;
  const runtimes: RuntimeResult[] = [];
  for (const [i, runtime] of asked.entries()) {
    ctx.onProgress?.({ stage: 'verify', done: i, total: asked.length, unit: 'runtimes' });
    runtimes.push(await askRuntime(runtime, expected, options.timeoutMs ?? TIMEOUT_MS, ctx));
  }
  ctx.onProgress?.({ stage: 'verify', done: asked.length, total: asked.length, unit: 'runtimes' });
  const { device, kernelLibrary } = options;
  if (device) runtimes.push(...listBoardKernels(device, kernelLibrary));
  return {
    schemaVersion: 1,
    headSha256: createHash('sha256').update(head.bytes).digest('hex'),
    samples: count,
    seed: options.seed,
    runtimes,
    warnings: device ? findKernelWarnings(expected.graph, device, kernelLibrary) : [],
    passed: passes(runtimes),
  };
}

/** Every reference runtime that ran gave equal bytes, and at least our executor did. */
function passes(runtimes: readonly RuntimeResult[]): boolean {
  const compared = runtimes.filter((row) => row.status === 'compared' && row.kernels === 'reference');
  return (
    compared.some((row) => row.id === 'executor') &&
    compared.every((row) => row.endToEnd !== null && row.endToEnd.equalBytes === row.endToEnd.bytes)
  );
}

/** Runs our executor once over all samples; the first of them also give the inputs of every op. */
async function computeExpectation(
  { bytes, graph }: { readonly bytes: Uint8Array; readonly graph: Graph },
  samples: Int8Array,
  count: number,
  { opSamples = OP_SAMPLES, threads }: VerifyOptions,
  ctx: RunContext,
): Promise<Expectation> {
  const recordBytes = graph.inputs.reduce((sum, id) => sum + tensorBytes(tensorOf(graph, id)), 0);
  if (samples.length !== recordBytes * count) {
    throw new RangeError(`${count} records of ${recordBytes} B are not ${samples.length} B`);
  }
  throwIfAborted(ctx);
  const outputs = await runRecords(graph, samples, count, { ...(threads === undefined ? {} : { threads }), ctx });
  // Nodes as the operators of a file: an activation of its own, as readers give it, is none.
  const fused = fuseActivation(graph);
  const tracedCount = Math.min(count, opSamples);
  const traced = tracedCount > 0 ? traceRecords(fused, bytesOf(samples), tracedCount, recordBytes) : undefined;
  return {
    graph: fused,
    whole: { model: bytes, inputs: bytesOf(samples), count, arenaBytes: generousArenaBytes(graph) },
    outputs: bytesOf(outputs),
    layout: outputLayout(graph),
    ops: traced ? buildOneOpModels(fused).map((alone) => expectOp(alone, traced, tracedCount)) : [],
  };
}

/** Every value of the network over the first records. */
function traceRecords(graph: Graph, samples: Uint8Array, count: number, recordBytes: number): TracedRecords {
  const program = prepareInt8(graph);
  const traced = new Map<string, Uint8Array[]>();
  for (let record = 0; record < count; record++) {
    const bytes = samples.slice(record * recordBytes, (record + 1) * recordBytes);
    appendTrace(traced, program.trace(splitRecord(graph, bytes)));
  }
  return traced;
}

function expectOp(alone: OneOpModel, traced: TracedRecords, count: number): Expectation['ops'][number] {
  const inputs = joinRecords(traced, alone.inputs, count);
  return {
    alone,
    run: { model: alone.model, inputs, count, arenaBytes: alone.arenaBytes },
    outputs: joinRecords(traced, alone.outputs, count),
  };
}

function splitRecord(graph: Graph, record: Uint8Array): TypedArray[] {
  let at = 0;
  return graph.inputs.map((id) => {
    const tensor = tensorOf(graph, id);
    const bytes = record.slice(at, at + tensorBytes(tensor));
    at += bytes.length;
    return viewAs(tensor.dtype, bytes);
  });
}

async function askRuntime(
  runtime: Runtime,
  expected: Expectation,
  timeoutMs: number,
  ctx: RunContext,
): Promise<RuntimeResult> {
  const { id, name, kernels, install } = runtime;
  const row = {
    id,
    name,
    kernels,
    version: null,
    install: null,
    samples: 0,
    endToEnd: null,
    sameTop1: null,
    ops: null,
  };
  const session = await runtime.open({ timeoutMs, ctx });
  if ('missing' in session) return { ...row, status: 'missing', reason: session.missing, install };
  try {
    const { version } = session;
    const outcome = await session.run(expected.whole);
    if ('failure' in outcome) return { ...row, version, status: 'failed', reason: describeFailure(outcome.failure) };
    if (outcome.outputs.length !== expected.outputs.length) {
      const reason = `gave ${outcome.outputs.length} B where the head has ${expected.outputs.length} B`;
      return { ...row, version, status: 'failed', reason };
    }
    const compared = id === 'executor' ? null : await compareOps(session, expected, ctx);
    const endToEnd = compareOutputs(expected.outputs, outcome.outputs, expected.layout);
    const defect =
      endToEnd.equalBytes < endToEnd.bytes ? findDefect(runtime, compared ?? [], expected.graph) : undefined;
    return {
      ...row,
      version,
      status: defect === undefined ? 'compared' : 'failed',
      reason: defect ?? firstOpFailure(compared),
      samples: expected.whole.count,
      endToEnd,
      sameTop1: countSameTop1(expected.outputs, outcome.outputs, expected.layout),
      ops: compared === null ? null : compared.flatMap((op) => (op.comparison ? [op.comparison] : [])),
    };
  } finally {
    session.close();
  }
}

interface ComparedOp {
  readonly op: Expectation['ops'][number];
  readonly comparison: OpComparison | undefined;
  readonly outputs: Uint8Array | undefined;
  readonly failure: string | undefined;
}

async function compareOps(session: RuntimeSession, expected: Expectation, ctx: RunContext): Promise<ComparedOp[]> {
  const compared: ComparedOp[] = [];
  for (const op of expected.ops) {
    throwIfAborted(ctx);
    const outcome = await session.run(op.run);
    const outputs = 'outputs' in outcome && outcome.outputs.length === op.outputs.length ? outcome.outputs : undefined;
    const { node, layout } = op.alone;
    compared.push({
      op,
      outputs,
      comparison: outputs && {
        node: node.outputs[0] ?? node.id,
        kind: node.kind,
        ...compareOutputs(op.outputs, outputs, layout),
      },
      failure: 'failure' in outcome ? outcome.failure : undefined,
    });
  }
  return compared;
}

/** The whole head ran, but an op alone did not: said, since it is missing in the list. */
function firstOpFailure(compared: readonly ComparedOp[] | null): string | null {
  const failed = compared?.filter((op) => op.failure !== undefined) ?? [];
  const first = failed[0];
  if (!first) return null;
  const more = failed.length > 1 ? ` and ${failed.length - 1} more` : '';
  return `"${first.op.alone.node.outputs[0]}"${more} could not be run alone: ${first.failure}`;
}

/** Why the runtime differs, when every op that differs alone does so by a defect it is known for. */
function findDefect(runtime: Runtime, compared: readonly ComparedOp[], graph: Graph): string | undefined {
  const differing = compared.filter(({ comparison }) => comparison && comparison.equalBytes < comparison.bytes);
  const explained = differing.map(({ op, outputs, comparison }) => {
    const difference = {
      node: op.alone.node,
      graph,
      outputs: outputs as Uint8Array,
      maxLsb: (comparison as OpComparison).maxLsb,
    };
    return runtime.defects?.find((defect) => defect.explains(difference));
  });
  const first = explained[0];
  if (!first || explained.includes(undefined)) return undefined;
  return `${first.message} ("${differing[0]?.op.alone.node.outputs[0]}")`;
}
