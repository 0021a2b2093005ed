import type { DeviceProfile } from '../devices/device-schema.js';

export interface CodeEstimate {
  readonly bytes: number;
  readonly source: string;
}

/**
 * Code that a head brings along: interpreter and kernels, without the network stack. Measured by linking TFLite-Micro's
 * person_detect (convolution, depthwise, pool, reshape, softmax); other op mixes differ by a few kilobytes, hence an estimate.
 */
const MEASURED: Readonly<Record<string, CodeEstimate>> = {
  'cmsis-nn': { bytes: 77_200, source: 'TFLite-Micro with CMSIS-NN on Cortex-M7, -O2, linked size (measured)' },
  rv32: { bytes: 47_200, source: 'TFLite-Micro reference kernels on RV32, -O2, linked size (measured)' },
  reference: { bytes: 41_600, source: 'TFLite-Micro reference kernels on Cortex-M7, -O2, linked size (measured)' },
};

/** Code estimate for a device; without one, TFLite-Micro's reference kernels. */
export function estimateCodeBytes(device?: DeviceProfile): CodeEstimate {
  const library = device?.kernelLibraries[0]?.name.toLowerCase() ?? '';
  if (library.includes('cmsis')) return MEASURED['cmsis-nn'] as CodeEstimate;
  if (device?.family.startsWith('esp32') || /rv32|riscv/.test(device?.id ?? '')) return MEASURED.rv32 as CodeEstimate;
  return MEASURED.reference as CodeEstimate;
}
