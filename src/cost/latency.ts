import {
  type DeviceProfile,
  type EdgeTpuProfile,
  type GatewayProfile,
  type KernelKind,
  type KernelLibrary,
  MAC_KERNELS,
  type Placement,
} from '../devices/index.js';

/** One operator's work as the latency model sees it. */
export interface KernelWork {
  readonly kernel: KernelKind;
  /** Multiply-accumulates; window reads for pooling; 0 for kernels counted in elements. */
  readonly macs: number;
  /** Elements that the kernel's own unit counts (see KERNEL_WORK): output elements, input elements for mean. */
  readonly elements: number;
  readonly outputElements: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** Weights and biases read. */
  readonly weightBytes: number;
  /** False when the Edge TPU cannot take the op; default true. Ignored on devices without one. */
  readonly edgeTpuMappable?: boolean;
  /** Layer name, for reports. */
  readonly name?: string;
}

/**
 * The kernel a convolution runs on. ESP-NN's vector kernels want 16 values in a filter row; below that (first layers on
 * grey or RGB pictures) they fall back to a far slower path. (esp_nn_conv_esp32s3.c, dispatch on filter_wd · channels.)
 */
export function convolutionKernel(conv: {
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly inputChannels: number;
}): 'conv_1x1' | 'conv_kxk' | 'conv_kxk_thin' {
  if (conv.kernelHeight === 1 && conv.kernelWidth === 1) return 'conv_1x1';
  return conv.kernelWidth * conv.inputChannels < 16 ? 'conv_kxk_thin' : 'conv_kxk';
}

export interface DeviceLatencyOptions {
  /** Name of a kernel library of the profile; default its first. */
  readonly library?: string;
  /** Where the arena lives (checkMemory says); default internal RAM, the reference. */
  readonly arena?: Placement;
  /** Where the weights live; default flash, the reference. */
  readonly weights?: Placement;
  /** Use the Edge TPU when the device has one; default true. */
  readonly edgeTpu?: boolean;
}

export interface KernelTime {
  readonly name: string;
  readonly kernel: KernelKind;
  readonly us: number;
  readonly on: 'cpu' | 'edge-tpu';
  /** False when the coefficient behind it is derived or assumed. */
  readonly measured: boolean;
}

export interface DeviceLatency {
  readonly latencyUs: number;
  /** Predicted, never timed on this device: always an estimate. */
  readonly source: 'estimate';
  readonly library: string;
  readonly libraryVersion: string;
  readonly placements: { readonly arena: Placement; readonly weights: Placement };
  /** Product of the penalties of both placements; kernels measured in that very memory are not charged again. */
  readonly placementFactor: number;
  /** Share of the time whose coefficients were measured on the device's own kernels, 0 to 1. */
  readonly measuredShare: number;
  readonly kernels: readonly KernelTime[];
}

function selectLibrary(device: DeviceProfile, name: string | undefined): KernelLibrary {
  const library = name === undefined ? device.kernelLibraries[0] : device.kernelLibraries.find((l) => l.name === name);
  if (library === undefined) {
    throw new RangeError(
      `${device.id} has no kernel library ${name}: ${device.kernelLibraries.map((l) => l.name).join(', ')}`,
    );
  }
  return library;
}

/** CPU cycles of one operator, dispatch included, whether its coefficient was measured, and with operands in which memory. */
export function kernelCycles(
  work: KernelWork,
  library: KernelLibrary,
): { cycles: number; measured: boolean; placement: Placement } {
  const stated = library.kernels[work.kernel];
  const coefficient = stated ?? library.kernels.other;
  if (coefficient === undefined) throw new RangeError(`${library.name} has no coefficient for "other"`);
  const perOutput = (coefficient.cyclesPerOutput ?? 0) * work.outputElements;
  let cycles: number;
  if (coefficient.macsPerCycle !== undefined) cycles = work.macs / coefficient.macsPerCycle + perOutput;
  else {
    // A MAC kernel without its own coefficient is charged the generic loop for every MAC: too slow rather than too fast.
    const units = stated === undefined && MAC_KERNELS.has(work.kernel) ? work.macs : work.elements;
    cycles = units * (coefficient.cyclesPerElement ?? 0) + perOutput;
  }
  return {
    cycles: cycles + library.overheadCyclesPerOp.value,
    measured: stated?.measured ?? false,
    placement: coefficient.placement,
  };
}

/** Factor for a placement other than the reference; 1 when the profile states none. */
function penalty(device: DeviceProfile, use: 'arena' | 'weights', placement: Placement): number {
  return device.placementPenalties.find((p) => p.use === use && p.placement === placement)?.factor ?? 1;
}

/**
 * Time of a head on a device, kernel by kernel. A list in execution order.
 *
 * cycles = macs / macsPerCycle + outputs · cyclesPerOutput + dispatch, or elements · cyclesPerElement + dispatch; times the
 * placement penalties; over the clock of the first core. With an Edge TPU the longest mappable prefix runs there in one
 * invocation (the compiler maps until the first op it cannot take) and the rest on the CPU.
 *
 * Against published times of person_detect: within 20 % on ESP32-S3 and ESP32-P4, whose coefficients come from single
 * kernels; on ESP32 and ESP32-C3 the coefficients are derived from that very figure.
 */
export function deviceLatencyUs(
  works: readonly KernelWork[],
  device: DeviceProfile,
  options: DeviceLatencyOptions = {},
): DeviceLatency {
  const library = selectLibrary(device, options.library);
  const [core] = device.cores;
  if (core === undefined) throw new RangeError(`${device.id} lists no core`);
  const arena = options.arena ?? referenceArena(device);
  const weights = options.weights ?? 'flash';
  const weightFactor = penalty(device, 'weights', weights);
  const arenaFactor = penalty(device, 'arena', arena);
  const tpu = options.edgeTpu === false ? undefined : device.edgeTpu;
  const mapped = tpu === undefined ? 0 : countMappedPrefix(works);

  const kernels: KernelTime[] = [];
  if (tpu !== undefined && mapped > 0) kernels.push(...edgeTpuTimes(works.slice(0, mapped), tpu));
  for (const work of works.slice(mapped)) {
    const { cycles, measured, placement } = kernelCycles(work, library);
    // A coefficient taken in slow memory holds that slowness already; it is not made faster for a better placement.
    const factor = weightFactor * (placement === arena ? 1 : arenaFactor);
    const us = (cycles * factor * 1e6) / core.clockHz;
    kernels.push({ name: work.name ?? work.kernel, kernel: work.kernel, us, on: 'cpu', measured });
  }
  const latencyUs = kernels.reduce((sum, k) => sum + k.us, 0);
  const measuredUs = kernels.reduce((sum, k) => sum + (k.measured ? k.us : 0), 0);
  return {
    latencyUs,
    source: 'estimate',
    library: library.name,
    libraryVersion: library.version,
    placements: { arena, weights },
    placementFactor: weightFactor * arenaFactor,
    measuredShare: latencyUs === 0 ? 0 : measuredUs / latencyUs,
    kernels,
  };
}

function referenceArena(device: DeviceProfile): Placement {
  const holds = device.memory.filter((region) => region.mayHold.includes('arena')).map((region) => region.placement);
  return holds.includes('internal-sram') ? 'internal-sram' : (holds[0] ?? 'internal-sram');
}

/** Operators before the first that the Edge TPU cannot take. */
function countMappedPrefix(works: readonly KernelWork[]): number {
  const first = works.findIndex((work) => work.edgeTpuMappable === false);
  return first === -1 ? works.length : first;
}

/** One invocation: fixed cost, arithmetic, input and output over the interface, weights beyond the on-chip cache streamed. */
function edgeTpuTimes(works: readonly KernelWork[], tpu: EdgeTpuProfile): KernelTime[] {
  const weightBytes = works.reduce((sum, w) => sum + w.weightBytes, 0);
  const streamedBytes = Math.max(0, weightBytes - tpu.onChipBytes.value);
  const transferBytes = (works[0]?.inputBytes ?? 0) + (works[works.length - 1]?.outputBytes ?? 0) + streamedBytes;
  const sharedUs = tpu.overheadUs.value + (transferBytes * 1e6) / tpu.interfaceBytesPerSecond.value;
  const macs = works.reduce((sum, w) => sum + w.macs, 0);
  return works.map((work) => ({
    name: work.name ?? work.kernel,
    kernel: work.kernel,
    us: (work.macs * 1e6) / tpu.macsPerSecond.value + sharedUs * (macs === 0 ? 1 / works.length : work.macs / macs),
    on: 'edge-tpu' as const,
    measured: false,
  }));
}

/**
 * Time to turn the wire tensor into a frame on the device: pack every element, checksum and copy every payload byte.
 * @param elements int8 elements of the wire tensor
 * @param payloadBytes bytes after packing; default one a element
 */
export function encodeLatencyUs(elements: number, device: DeviceProfile, payloadBytes = elements): number {
  const clockHz = device.cores[0]?.clockHz;
  if (clockHz === undefined) throw new RangeError(`${device.id} lists no core`);
  const { cyclesPerElement, cyclesPerByte } = device.encode;
  return ((elements * cyclesPerElement.value + payloadBytes * cyclesPerByte.value) * 1e6) / clockHz;
}

/**
 * Time of the tail on a gateway: 2 FLOP a MAC at the gateway's dense or depthwise rate, plus its fixed cost. A tail
 * without work (everything on the device) still costs the fixed part only when a frame is sent at all.
 */
export function tailLatencyUs(works: readonly KernelWork[], gateway: GatewayProfile): number {
  let us = gateway.overheadUs.value;
  for (const work of works) {
    const slow = work.kernel === 'depthwise' || !MAC_KERNELS.has(work.kernel);
    const flopsPerSecond = slow ? gateway.depthwiseFlopsPerSecond.value : gateway.denseFlopsPerSecond.value;
    const flops = MAC_KERNELS.has(work.kernel) ? 2 * work.macs : 2 * work.elements;
    us += (flops * 1e6) / flopsPerSecond;
  }
  return us;
}
