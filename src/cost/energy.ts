import type { DeviceProfile } from '../devices/index.js';

export interface EnergyEstimate {
  /** Joules of the parts whose power has a source. */
  readonly joules: number;
  readonly parts: { readonly cpu: number | null; readonly radio: number | null; readonly edgeTpu: number | null };
  /** Parts that took time but have no sourced power: the sum is a lower bound then. */
  readonly missing: readonly ('cpu' | 'radio' | 'edge-tpu')[];
  readonly sources: readonly string[];
}

/** How long each consumer works, in microseconds. */
export interface ActiveTimes {
  readonly cpuUs: number;
  readonly edgeTpuUs?: number;
  /** Time on air (transmit and per-packet time of the link), only for links over the device's radio. */
  readonly radioUs?: number;
}

/**
 * Energy of one inference on the device from sourced powers only: what has no source is not guessed but named.
 * @returns null when nothing has a source
 */
export function estimateEnergy(device: DeviceProfile, times: ActiveTimes): EnergyEstimate | null {
  const { energy } = device;
  if (energy === undefined) return null;
  const missing: ('cpu' | 'radio' | 'edge-tpu')[] = [];
  const sources: string[] = [];
  const part = (
    name: 'cpu' | 'radio' | 'edge-tpu',
    us: number,
    watts: { value: number; source: string } | undefined,
  ): number | null => {
    if (us === 0) return 0;
    if (watts === undefined) {
      missing.push(name);
      return null;
    }
    sources.push(watts.source);
    return us * 1e-6 * watts.value;
  };
  const parts = {
    cpu: part('cpu', times.cpuUs, energy.cpuActiveWatts),
    edgeTpu: part('edge-tpu', times.edgeTpuUs ?? 0, energy.edgeTpuActiveWatts),
    radio: part('radio', times.radioUs ?? 0, energy.radioTransmitWatts),
  };
  if (sources.length === 0) return null;
  return { joules: (parts.cpu ?? 0) + (parts.edgeTpu ?? 0) + (parts.radio ?? 0), parts, missing, sources };
}
