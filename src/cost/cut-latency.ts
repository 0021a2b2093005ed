import type { DeviceProfile, GatewayProfile } from '../devices/device-schema.js';
import type { LinkProfile } from '../devices/link-schema.js';
import type { MemoryFit } from '../devices/memory.js';
import type { Graph } from '../ir/graph.js';
import { estimateEnergy } from './energy.js';
import { listKernelWork } from './kernel-work.js';
import { deviceLatencyUs, encodeLatencyUs, tailLatencyUs } from './latency.js';
import { linkLatencyUs } from './link.js';

export interface CutLatency {
  /** Microseconds; total is their sum: one frame at a time, nothing overlaps. */
  readonly latencyUs: {
    readonly head: number;
    readonly encode: number;
    readonly link: number;
    readonly tail: number;
    readonly total: number;
    readonly source: string;
  };
  /** Every byte of every packet, beside the payload. */
  readonly linkOverheadBytes: number;
  /** Joules an inference on the device; null when a part has no sourced power. */
  readonly energyJ: number | null;
}

/** What takes time in a split. */
export interface SplitWork {
  /** Float or int8, batch 1, the encoder of a bottleneck included; absent when the input is sent. */
  readonly head?: Graph | undefined;
  /** float32, the decoder included; absent when the scores are sent. */
  readonly tail?: Graph | undefined;
  /** Values that the device encodes. */
  readonly wireElements: number;
  /** Payload of one inference; a mean is rounded up. */
  readonly wireBytes: number;
}

/**
 * Predicted time of one inference of a split, as head + encode + link + tail.
 * @param memory where arena and weights would live (slow memory costs time); absent or not fitting: the device's fastest
 */
export function estimateCutLatency(
  work: SplitWork,
  on: { readonly device: DeviceProfile; readonly link: LinkProfile; readonly gateway: GatewayProfile },
  memory?: MemoryFit,
): CutLatency {
  const arena = memory?.placements.arena;
  const weights = memory?.placements.weights;
  const headTime = deviceLatencyUs(work.head ? listKernelWork(work.head) : [], on.device, {
    ...(arena ? { arena } : {}),
    ...(weights ? { weights } : {}),
  });
  const wireBytes = Math.ceil(work.wireBytes);
  const encode = encodeLatencyUs(work.wireElements, on.device, wireBytes);
  const linkTime = linkLatencyUs(wireBytes, on.link);
  const tail = tailLatencyUs(work.tail ? listKernelWork(work.tail) : [], on.gateway);
  const head = headTime.latencyUs;
  const edgeTpuUs = headTime.kernels.reduce((us, k) => us + (k.on === 'edge-tpu' ? k.us : 0), 0);
  const energy = estimateEnergy(on.device, {
    cpuUs: head - edgeTpuUs + encode,
    edgeTpuUs,
    ...(on.link.radio === 'none' ? {} : { radioUs: linkTime.breakdown.transmitUs + linkTime.breakdown.perPacketUs }),
  });
  return {
    latencyUs: {
      head,
      encode,
      link: linkTime.latencyUs,
      tail,
      total: head + encode + linkTime.latencyUs + tail,
      source: `estimate: ${headTime.library} ${headTime.libraryVersion}, ${(100 * headTime.measuredShare).toFixed(0)} % of the head's time from measured kernels; arena in ${headTime.placements.arena}; sources in devices/${on.device.id}.json and devices/links/${on.link.id}.json`,
    },
    linkOverheadBytes: linkTime.bytesOnAir - wireBytes,
    energyJ: energy && energy.missing.length === 0 ? energy.joules : null,
  };
}
