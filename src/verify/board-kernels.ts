/** Kernels that exist only on the board: what no runtime here can say anything about. */
import type { DeviceProfile, KernelLibrary } from '../devices/device-schema.js';
import type { RuntimeResult } from './verify-report.js';

/** Kernel libraries that are not the portable code which TFLite-Micro's wheel runs. */
const BOARD_LIBRARIES: Readonly<Record<string, string>> = {
  'esp-nn': 'ESP-NN',
  'cmsis-nn': 'CMSIS-NN',
  'tflite-cpu': 'TFLite with optimised kernels',
};

/** The device's kernel library of this name, else its default one. */
export function kernelLibraryOf(device: DeviceProfile, name?: string): KernelLibrary {
  const library = device.kernelLibraries.find((row) => row.name === name) ?? device.kernelLibraries[0];
  if (!library) throw new Error(`device ${device.id} has no kernel library`);
  return library;
}

/** One row for each thing that computes on the board only. */
export function listBoardKernels(device: DeviceProfile, libraryName?: string): RuntimeResult[] {
  const library = kernelLibraryOf(device, libraryName);
  const rows: RuntimeResult[] = [];
  const label = BOARD_LIBRARIES[library.name];
  if (label) rows.push(unverified(library.name, `${label} on ${device.id}`, library.version));
  if (device.edgeTpu) rows.push(unverified('edgetpu', `Edge TPU on ${device.id}`, null));
  return rows;
}

function unverified(id: string, name: string, version: string | null): RuntimeResult {
  return {
    id,
    name,
    version,
    kernels: 'optimised',
    status: 'unverified',
    reason: 'runs on the board only; selftest.bin lets it prove itself there',
    install: null,
    samples: 0,
    endToEnd: null,
    sameTop1: null,
    ops: null,
  };
}
