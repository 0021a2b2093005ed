import { countMacs } from '../cost/cut-cost.js';
import { estimateCutLatency, type SplitWork } from '../cost/cut-latency.js';
import type { DeviceProfile, GatewayProfile } from '../devices/device-schema.js';
import type { LinkProfile } from '../devices/link-schema.js';
import type { MemoryFit } from '../devices/memory.js';
import type { SplitCosts } from './evaluation.js';

export interface DeployedOn {
  readonly device: DeviceProfile;
  readonly link: LinkProfile;
  readonly gateway: GatewayProfile;
  /** Where arena and weights live; absent: the device's fastest. */
  readonly memory?: MemoryFit | undefined;
}

/** Work, predicted time and the link's overhead of a split as it is, for its mean coded payload. */
export function measureSplitCosts(split: SplitWork, on: DeployedOn | undefined): SplitCosts {
  const headMacs = split.head ? countMacs(split.head) : 0;
  if (!on) return { headMacs, latencyUs: null, linkOverheadBytes: null };
  const { latencyUs, linkOverheadBytes } = estimateCutLatency(split, on, on.memory);
  return { headMacs, latencyUs, linkOverheadBytes };
}
