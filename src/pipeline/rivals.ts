/** What a split is compared with that has to be built first: the same cut without a bottleneck, and the whole network on the device. */
import type { RunContext } from '../core/context.js';
import { formatBytes } from '../core/units.js';
import { listKernelWork } from '../cost/kernel-work.js';
import { deviceLatencyUs } from '../cost/latency.js';
import { checkMemory } from '../devices/memory.js';
import type { BaselineRequest, OnDevice } from '../evaluate/baselines/baseline-request.js';
import type { SplitUnderTest } from '../evaluate/evaluate-split.js';
import type { Graph } from '../ir/graph.js';
import { partitionGraph } from '../ir/partition.js';
import type { PreprocessSpec } from '../preprocess/spec.js';
import { isInt8Refusal } from '../quantize/int8-refusals.js';
import type { Deployment } from './analyze.js';
import type { BuiltHead } from './build-head.js';

export interface RivalRequest {
  /** Whole float32 network, batch 1. */
  readonly network: Graph;
  readonly preprocessing: PreprocessSpec;
  /** Tensors of the cut when a bottleneck stands there; absent: the split sends the raw values itself. */
  readonly bottleneckAt?: readonly string[] | undefined;
  /** False when the split is the whole network on the device. */
  readonly wholeNetwork: boolean;
  readonly deployment: Deployment | undefined;
  /** Makes a float head int8. */
  readonly buildHead: (head: Graph) => Promise<BuiltHead>;
}

/**
 * A network that the int8 path refuses has no such rivals: a warning says so.
 * @throws IsplitError what quantizing throws otherwise
 */
export async function buildRivals(
  request: RivalRequest,
  ctx: RunContext,
): Promise<Pick<BaselineRequest, 'raw' | 'onDevice'>> {
  const { bottleneckAt, network, wholeNetwork } = request;
  const raw = bottleneckAt && (await buildRaw(request, bottleneckAt, ctx));
  const whole = wholeNetwork ? await buildUnlessRefused(request, network, 'everything on the device', ctx) : undefined;
  return { ...(raw ? { raw } : {}), ...(whole ? { onDevice: describeOnDevice(request, whole) } : {}) };
}

async function buildRaw(
  request: RivalRequest,
  tensors: readonly string[],
  ctx: RunContext,
): Promise<SplitUnderTest | undefined> {
  const { head, tail } = partitionGraph(request.network, tensors);
  const built = await buildUnlessRefused(request, head, 'the cut without a bottleneck', ctx);
  return built && { ...asSplit(built, request.preprocessing), tail };
}

function describeOnDevice({ deployment, preprocessing }: RivalRequest, built: BuiltHead): OnDevice {
  const arenaBytes = built.arena.neededBytes;
  const weightBytes = built.bytes.length;
  const memory = deployment && checkMemory(deployment.device, { arenaBytes, weightBytes }, { link: deployment.link });
  const arena = memory?.placements.arena;
  const weights = memory?.placements.weights;
  const placed = { ...(arena ? { arena } : {}), ...(weights ? { weights } : {}) };
  const works = deployment && listKernelWork(built.graph);
  return {
    split: asSplit(built, preprocessing),
    fits: memory?.fits ?? null,
    size: `weights ${formatBytes(weightBytes)}, RAM ${formatBytes(arenaBytes)}`,
    latencyUs: works && deployment ? deviceLatencyUs(works, deployment.device, placed).latencyUs : null,
  };
}

function asSplit(built: BuiltHead, preprocessing: PreprocessSpec): SplitUnderTest {
  return { splitId: '', head: built.graph, wire: built.wire, input: built.input, preprocessing };
}

async function buildUnlessRefused(
  { buildHead }: RivalRequest,
  head: Graph,
  what: string,
  ctx: RunContext,
): Promise<BuiltHead | undefined> {
  try {
    return await buildHead(head);
  } catch (error) {
    if (!isInt8Refusal(error)) throw error;
    ctx.onWarning?.(`${what} is no baseline: ${error.message}`);
    return undefined;
  }
}
