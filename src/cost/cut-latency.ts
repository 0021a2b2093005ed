import type { DeviceProfile, GatewayProfile } from '../devices/device-schema.js';
import type { LinkProfile } from '../devices/link-schema.js';
import type { MemoryFit } from '../devices/memory.js';
import type { CutCost } from './cut-cost.js';
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
  /** Joules an inference on the device; null when a part has no sourced power. */
  readonly energyJ: number | null;
}

/**
 * Predicted time of one inference split at a cut, as head + encode + link + tail, for the raw int8 wire tensor.
 * @param memory where arena and weights would live (slow memory costs time); absent or not fitting: the device's fastest
 */
export function estimateCutLatency(
  cost: CutCost,
  on: { readonly device: DeviceProfile; readonly link: LinkProfile; readonly gateway: GatewayProfile },
  memory?: MemoryFit,
): CutLatency {
  const arena = memory?.placements.arena;
  const weights = memory?.placements.weights;
  const headTime = deviceLatencyUs(listKernelWork(cost.head), on.device, {
    ...(arena ? { arena } : {}),
    ...(weights ? { weights } : {}),
  });
  const encode = encodeLatencyUs(cost.wireBytes, on.device);
  const linkTime = linkLatencyUs(cost.wireBytes, on.link);
  const tail = tailLatencyUs(listKernelWork(cost.tail), on.gateway);
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
    energyJ: energy && energy.missing.length === 0 ? energy.joules : null,
  };
}
