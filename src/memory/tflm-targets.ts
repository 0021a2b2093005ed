import { chooseCmsisKernel } from './tflm-cmsis-nn.js';
import { chooseEspKernel } from './tflm-esp-nn.js';
import type { LibraryKernel } from './tflm-kernels.js';
import type { PointerBytes } from './tflm-structs.js';

/** A build of TFLite-Micro: what decides the bytes that its allocator hands out. */
export interface TflmTarget {
  readonly id: string;
  readonly name: string;
  readonly pointerBytes: PointerBytes;
  /** Built with support for compressed tensors (USE_TFLM_COMPRESSION). */
  readonly compression: boolean;
  /** Layouts of the allocator that records; they stand in for the plain ones. */
  readonly recorder?: { readonly arenaAllocator: string; readonly microAllocator: string };
  /** Operator parameters whose layout differs from BUILTIN_PARAMETERS in this version. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly library?: LibraryKernel;
  /** What the figures were read from or checked against. */
  readonly source: string;
}

const SOURCES = 'tflite-micro, sources of 2026-08-20';

const microcontroller = (id: string, name: string, source: string, library?: LibraryKernel): TflmTarget => ({
  id,
  name,
  pointerBytes: 4,
  compression: false,
  ...(library && { library }),
  source,
});

const espNn = (id: string, chips: string, variant: Parameters<typeof chooseEspKernel>[0]): TflmTarget =>
  microcontroller(
    id,
    `esp-tflite-micro with ESP-NN on ${chips}`,
    'esp-tflite-micro 1.4.0; scratch: esp-nn 1.2.3 and the revision before 1.2.0, as a range where they differ',
    chooseEspKernel(variant),
  );

export const TFLM_TARGETS = {
  /** The build whose figures the sources give directly. */
  'x86-64': {
    id: 'x86-64',
    name: 'reference kernels, 64-bit',
    pointerBytes: 8,
    compression: false,
    source: SOURCES,
  },
  /** PyPI tflite-micro 0.dev20261023: reads compressed tensors, records allocations, and is newer than the sources. */
  wheel: {
    id: 'wheel',
    name: 'tflite-micro from PyPI',
    pointerBytes: 8,
    compression: true,
    recorder: {
      // recording_single_arena_buffer_allocator.h, recording_micro_allocator.h: one record of three sizes for each of eight kinds.
      arenaAllocator: 'pp ppppp p w pppp',
      microAllocator: `ppppp b ppp p ${'ppp '.repeat(8)}`,
    },
    // Measured: 32 bytes at a multiple of 8 for each fully connected operator; in the sources 16.
    parameters: { FULLY_CONNECTED: 'ww bb w pp' },
    source: `${SOURCES}; tflite-micro 0.dev20261023182759 from PyPI, measured`,
  },
  reference: microcontroller('reference', 'reference kernels, 32-bit', SOURCES),
  'esp-nn': espNn('esp-nn', 'ESP32, S2, C3 and C6', 'generic'),
  'esp-nn-s3': espNn('esp-nn-s3', 'ESP32-S3', 'esp32s3'),
  'esp-nn-p4': espNn('esp-nn-p4', 'ESP32-P4', 'esp32p4'),
  'cmsis-nn-dsp': microcontroller(
    'cmsis-nn-dsp',
    'CMSIS-NN with DSP instructions (Cortex-M4, M7, M33)',
    `${SOURCES}; scratch: CMSIS-NN of 2026-07-15`,
    chooseCmsisKernel('dsp'),
  ),
  'cmsis-nn-mve': microcontroller(
    'cmsis-nn-mve',
    'CMSIS-NN with Helium (Cortex-M55, M85)',
    `${SOURCES}; scratch: CMSIS-NN of 2026-07-15`,
    chooseCmsisKernel('mve'),
  ),
  'cmsis-nn': microcontroller(
    'cmsis-nn',
    'CMSIS-NN without vector instructions (Cortex-M0, M3)',
    `${SOURCES}; scratch: CMSIS-NN of 2026-07-15`,
    chooseCmsisKernel('plain'),
  ),
} as const satisfies Readonly<Record<string, TflmTarget>>;
