import { countMacs } from '../cost/cut-cost.js';
import { listKernelWork } from '../cost/kernel-work.js';
import { deviceLatencyUs, encodeLatencyUs, tailLatencyUs } from '../cost/latency.js';
import { linkLatencyUs } from '../cost/link.js';
import type { DeviceProfile, GatewayProfile } from '../devices/device-schema.js';
import type { LinkProfile } from '../devices/link-schema.js';
import type { MemoryFit } from '../devices/memory.js';
import { elementCount, type Graph, tensorOf } from '../ir/graph.js';
import type { SplitCosts } from './evaluation.js';

export interface SplitParts {
  /** Float or int8, batch 1, the encoder of a bottleneck included; absent when the input is sent. */
  readonly head?: Graph | undefined;
  /** float32, the decoder included; absent when the scores are sent. */
  readonly tail?: Graph | undefined;
  /** Values that are encoded an inference. */
  readonly wireElements: number;
  /** Payload of one inference, mean. */
  readonly payloadBytes: number;
}

export interface DeployedOn {
  readonly device: DeviceProfile;
  readonly link: LinkProfile;
  readonly gateway: GatewayProfile;
  /** Where arena and weights live; absent: the device's fastest. */
  readonly memory?: MemoryFit | undefined;
}

/** Work, predicted time and the link's overhead of a split as it is, for its mean coded payload. */
export function measureSplitCosts(split: SplitParts, on: DeployedOn | undefined): SplitCosts {
  const headMacs = split.head ? countMacs(split.head) : 0;
  if (!on) return { headMacs, latencyUs: null, linkOverheadBytes: null };
  const payloadBytes = Math.ceil(split.payloadBytes);
  const arena = on.memory?.placements.arena;
  const weights = on.memory?.placements.weights;
  const placed = { ...(arena ? { arena } : {}), ...(weights ? { weights } : {}) };
  const headTime = deviceLatencyUs(split.head ? listKernelWork(split.head) : [], on.device, placed);
  const encode = encodeLatencyUs(split.wireElements, on.device, payloadBytes);
  const link = linkLatencyUs(payloadBytes, on.link);
  const tail = tailLatencyUs(split.tail ? listKernelWork(split.tail) : [], on.gateway);
  const head = headTime.latencyUs;
  const measured = (100 * headTime.measuredShare).toFixed(0);
  return {
    headMacs,
    latencyUs: {
      head,
      encode,
      link: link.latencyUs,
      tail,
      total: head + encode + link.latencyUs + tail,
      source: `estimate: ${headTime.library} ${headTime.libraryVersion}, ${measured} % of the head's time from measured kernels; sources in devices/${on.device.id}.json and devices/links/${on.link.id}.json`,
    },
    linkOverheadBytes: link.bytesOnAir - payloadBytes,
  };
}

/** Values of all outputs of a head, or of the input where there is none. */
export function countWireElements(graph: Graph, ids: readonly string[] = graph.outputs): number {
  return ids.reduce((sum, id) => sum + elementCount(tensorOf(graph, id).shape), 0);
}
