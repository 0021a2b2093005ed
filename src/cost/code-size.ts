import type { DeviceProfile } from '../devices/device-schema.js';

export interface CodeEstimate {
  readonly bytes: number;
  readonly source: string;
}

/** Without a device: TFLite-Micro's reference kernels. */
const REFERENCE: CodeEstimate = {
  bytes: 41_600,
  source: 'person_detect with TFLite-Micro reference kernels on Cortex-M7, -O2, linked size (measured)',
};

/**
 * Code that a head brings along: interpreter and kernels, without the network stack. An estimate: it was measured for one
 * mix of operators, others differ by a few kilobytes.
 */
export function estimateCodeBytes(device?: DeviceProfile): CodeEstimate {
  const code = device?.kernelLibraries[0]?.codeBytes;
  return code ? { bytes: code.value, source: code.source } : REFERENCE;
}
