export type {
  DeviceProfile,
  EdgeTpuProfile,
  GatewayProfile,
  KernelCoefficient,
  KernelLibrary,
  MemoryRegion,
  MemoryUse,
  Placement,
  Radio,
} from './device-schema.js';
export { deviceSchema, gatewaySchema } from './device-schema.js';
export { JSON_SCHEMA_FILES } from './json-schema.js';
export { KERNEL_KINDS, KERNEL_WORK, type KernelKind, MAC_KERNELS } from './kernels.js';
export { type LinkLayer, type LinkProfile, linkSchema } from './link-schema.js';
export {
  listDevices,
  listGateways,
  listLinks,
  loadDevice,
  loadGateway,
  loadLink,
  parseDevice,
  parseLink,
} from './load.js';
export {
  checkMemory,
  listUsableRegions,
  type MemoryFit,
  type MemoryNeeds,
  type MemoryOptions,
  type MemoryReason,
  type UsableRam,
  type UsableRegion,
  usableFlash,
  usableRam,
} from './memory.js';
export { renderDevicesPage } from './page.js';
export { findUnsourcedNumbers, type Sourced } from './sourced.js';
