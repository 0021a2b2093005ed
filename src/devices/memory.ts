import { formatCount } from '../core/units.js';
import type { DeviceProfile, MemoryRegion, MemoryUse, Placement } from './device-schema.js';
import type { LinkProfile } from './link-schema.js';

/** What besides the model takes memory on the device. */
export interface MemoryOptions {
  /** The link in use; without one the device's most demanding listed radio is assumed and TLS is not. */
  readonly link?: Pick<LinkProfile, 'radio' | 'secure' | 'deviceStackBytes'>;
  /** Whether the camera's frame buffers live on the device; default false. */
  readonly camera?: boolean;
}

export interface ReserveTaken {
  readonly name: 'tasks' | 'link' | 'tls' | 'camera' | 'outbox';
  readonly bytes: number;
}

/** What a region offers once the radio stack is up and the reserves are taken. */
export interface UsableRegion {
  readonly name: string;
  readonly placement: Placement;
  readonly mayHold: readonly MemoryUse[];
  readonly totalBytes: number;
  /** Free before the reserves. */
  readonly freeBeforeReservesBytes: number;
  readonly reservedBytes: number;
  readonly freeBytes: number;
  readonly largestBlockBytes: number;
  /** Whether the free total is derived or assumed rather than measured or documented. */
  readonly freeIsEstimate: boolean;
  readonly blockIsEstimate: boolean;
  readonly source: string;
}

export interface UsableRam {
  /** The fastest region that may hold the arena. */
  readonly freeBytes: number;
  readonly largestBlockBytes: number;
  readonly reserves: readonly ReserveTaken[];
  readonly reservedBytes: number;
  /** Regions that may hold the arena or buffers, fastest first. */
  readonly regions: readonly UsableRegion[];
}

const SPEED_ORDER: readonly Placement[] = ['internal-sram', 'tpu-sram', 'host-ram', 'sdram', 'psram', 'flash'];

/** The free memory of a region under a radio stack; the smallest entry stands for a stack that is not listed. */
function freeUnder(region: MemoryRegion, radio: string | undefined): MemoryRegion['free'][number] {
  const listed = region.free.find((free) => free.radio === radio);
  if (listed !== undefined) return listed;
  const [first, ...rest] = region.free;
  if (first === undefined) throw new RangeError(`region ${region.name} lists no free memory`);
  return rest.reduce((least, free) => (free.freeBytes.value < least.freeBytes.value ? free : least), first);
}

function listReserves(device: DeviceProfile, options: MemoryOptions): ReserveTaken[] {
  const reserves: ReserveTaken[] = [
    { name: 'tasks', bytes: device.reserves.tasksBytes.value },
    { name: 'outbox', bytes: device.reserves.outboxBytes.value },
  ];
  if (options.link !== undefined && options.link.deviceStackBytes.value > 0) {
    reserves.push({ name: 'link', bytes: options.link.deviceStackBytes.value });
  }
  if (options.link?.secure) reserves.push({ name: 'tls', bytes: device.reserves.tlsBytes.value });
  if (options.camera) reserves.push({ name: 'camera', bytes: device.reserves.cameraBytes.value });
  return reserves;
}

/** Regions after radio and reserves; the reserves come out of the first region in the file that may hold buffers. */
export function listUsableRegions(device: DeviceProfile, options: MemoryOptions = {}): readonly UsableRegion[] {
  const reserved = listReserves(device, options).reduce((sum, r) => sum + r.bytes, 0);
  const bufferRegion = device.memory.find((region) => region.mayHold.includes('buffers'));
  return device.memory
    .map((region): UsableRegion => {
      const free = freeUnder(region, options.link?.radio);
      const reservedBytes = region === bufferRegion ? reserved : 0;
      const freeBytes = Math.max(0, free.freeBytes.value - reservedBytes);
      return {
        name: region.name,
        placement: region.placement,
        mayHold: region.mayHold,
        totalBytes: region.bytes.value,
        freeBeforeReservesBytes: free.freeBytes.value,
        reservedBytes,
        freeBytes,
        // Reserves are many small blocks that fill the gaps first; they bite into the largest block only at the end.
        largestBlockBytes: Math.min(free.largestFreeBlockBytes.value, freeBytes),
        freeIsEstimate: free.freeBytes.estimate === true,
        blockIsEstimate: free.largestFreeBlockBytes.estimate === true,
        source: `${free.freeBytes.source}; largest block: ${free.largestFreeBlockBytes.source}`,
      };
    })
    .sort((a, b) => SPEED_ORDER.indexOf(a.placement) - SPEED_ORDER.indexOf(b.placement));
}

/** RAM for the arena once the radio stack is up and the reserves are taken. Sizes in bytes. */
export function usableRam(device: DeviceProfile, options: MemoryOptions = {}): UsableRam {
  const regions = listUsableRegions(device, options).filter(
    (r) => r.mayHold.includes('arena') || r.mayHold.includes('buffers'),
  );
  const fastest = regions.find((r) => r.mayHold.includes('arena'));
  const reserves = listReserves(device, options);
  return {
    freeBytes: fastest?.freeBytes ?? 0,
    largestBlockBytes: fastest?.largestBlockBytes ?? 0,
    reserves,
    reservedBytes: reserves.reduce((sum, r) => sum + r.bytes, 0),
    regions,
  };
}

/** Flash for the model: what an application image may take, less the firmware around the model. Bytes. */
export function usableFlash(device: DeviceProfile): { appBytes: number; baseFirmwareBytes: number; freeBytes: number } {
  const appBytes = device.flash.appBytes.value;
  const baseFirmwareBytes = device.flash.baseFirmwareBytes.value;
  return { appBytes, baseFirmwareBytes, freeBytes: Math.max(0, appBytes - baseFirmwareBytes) };
}

/** What a head needs on the device, in bytes. */
export interface MemoryNeeds {
  /** One contiguous block. */
  readonly arenaBytes: number;
  /** Weights and biases of the head; kept in flash and read in place. */
  readonly weightBytes: number;
  /** Code for the head alone (generated C); 0 when the kernels are in the base firmware. */
  readonly codeBytes?: number;
  /** Input, wire and other buffers beside the arena. */
  readonly bufferBytes?: number;
}

export type MemoryReasonCode = 'arena-block' | 'ram-total' | 'flash';

/** Why something does not fit; the shape of `reasons` in analysis.json. */
export interface MemoryReason {
  readonly code: MemoryReasonCode;
  readonly needs: number;
  readonly has: number;
  readonly unit: 'B';
  readonly message: string;
}

export interface MemoryFit {
  readonly fits: boolean;
  readonly reasons: readonly MemoryReason[];
  /** Where arena and weights would live; null when they fit nowhere. */
  readonly placements: { readonly arena: Placement | null; readonly weights: Placement | null };
  readonly arenaRegion: UsableRegion | null;
}

/**
 * Whether a head fits: its arena in one free block of the fastest region that has one, arena and buffers together in that
 * region's free total, weights and code in flash. All violations are reported, with what is needed and what there is.
 */
export function checkMemory(device: DeviceProfile, needs: MemoryNeeds, options: MemoryOptions = {}): MemoryFit {
  const ram = listUsableRegions(device, options).filter((r) => r.mayHold.includes('arena'));
  const bufferBytes = needs.bufferBytes ?? 0;
  const ramNeeded = needs.arenaBytes + bufferBytes;
  const reasons: MemoryReason[] = [];

  const region = ram.find((r) => r.largestBlockBytes >= needs.arenaBytes && r.freeBytes >= ramNeeded) ?? null;
  if (region === null) {
    const byBlock = ram.reduce((best, r) => Math.max(best, r.largestBlockBytes), 0);
    const byTotal = ram.reduce((best, r) => Math.max(best, r.freeBytes), 0);
    if (byBlock < needs.arenaBytes) {
      reasons.push({
        code: 'arena-block',
        needs: needs.arenaBytes,
        has: byBlock,
        unit: 'B',
        message: `needs ${formatCount(needs.arenaBytes)} B of arena, largest free block ${formatCount(byBlock)} B`,
      });
    }
    if (byTotal < ramNeeded || reasons.length === 0) {
      reasons.push({
        code: 'ram-total',
        needs: ramNeeded,
        has: byTotal,
        unit: 'B',
        message: `needs ${formatCount(ramNeeded)} B of RAM (arena and buffers), ${formatCount(byTotal)} B free`,
      });
    }
  }

  const flash = usableFlash(device);
  const flashNeeded = needs.weightBytes + (needs.codeBytes ?? 0);
  if (flashNeeded > flash.freeBytes) {
    reasons.push({
      code: 'flash',
      needs: flashNeeded,
      has: flash.freeBytes,
      unit: 'B',
      message: `needs ${formatCount(flashNeeded)} B of flash for weights and code, ${formatCount(flash.freeBytes)} B left beside the firmware`,
    });
  }
  const weightRegion = listUsableRegions(device, options)
    .filter((r) => r.mayHold.includes('weights'))
    .find((r) => r.placement === 'flash');
  return {
    fits: reasons.length === 0,
    reasons,
    placements: {
      arena: region?.placement ?? null,
      weights: flashNeeded > flash.freeBytes ? null : (weightRegion?.placement ?? region?.placement ?? null),
    },
    arenaRegion: region,
  };
}
