import { z } from 'zod';
import { KERNEL_KINDS } from './kernels.js';
import { sourced, sourcedBytes, sourcedPositive, sourcedUs, sourceText } from './sourced.js';

export const deviceId = z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, 'lower-case letters, digits, "-" and "."');

/** What a memory region may hold. */
export const MEMORY_USES = ['arena', 'weights', 'code', 'buffers'] as const;
export type MemoryUse = (typeof MEMORY_USES)[number];

/** What kind of memory a region is; the latency model charges for the slow ones. */
export const PLACEMENTS = ['internal-sram', 'psram', 'flash', 'sdram', 'tpu-sram', 'host-ram'] as const;
export type Placement = (typeof PLACEMENTS)[number];

/** Radio stacks that eat into a device's memory, and that a link needs. */
export const RADIOS = ['none', 'wifi', 'ble', '802.15.4', 'lora'] as const;
export type Radio = (typeof RADIOS)[number];

const freeMemory = z
  .strictObject({
    radio: z.enum(RADIOS).describe('the radio stack that is running'),
    freeBytes: sourcedBytes.describe('free in total once that stack is up with its default buffers'),
    largestFreeBlockBytes: sourcedBytes.describe('largest single allocation: the limit of an arena'),
  })
  .refine((free) => free.largestFreeBlockBytes.value <= free.freeBytes.value, {
    message: 'largestFreeBlockBytes exceeds freeBytes',
    path: ['largestFreeBlockBytes', 'value'],
  });

const memoryRegion = z
  .strictObject({
    name: z.string().min(1),
    placement: z.enum(PLACEMENTS),
    bytes: sourcedBytes,
    mayHold: z.array(z.enum(MEMORY_USES)).min(1),
    free: z
      .array(freeMemory)
      .min(1)
      .describe('one entry for each radio stack; the smallest stands for those not listed'),
  })
  .superRefine((region, context) => {
    for (const [i, free] of region.free.entries()) {
      if (free.freeBytes.value > region.bytes.value) {
        context.addIssue({
          code: 'custom',
          message: `freeBytes ${free.freeBytes.value} exceeds the region's ${region.bytes.value} bytes`,
          path: ['free', i, 'freeBytes', 'value'],
        });
      }
    }
  });

const kernelCoefficient = z
  .strictObject({
    macsPerCycle: z.number().positive().optional().describe('for kernels counted in MACs or window reads'),
    cyclesPerOutput: z
      .number()
      .nonnegative()
      .optional()
      .describe('added for every output element (requantization, loop)'),
    cyclesPerElement: z.number().positive().optional().describe('for kernels counted in elements'),
    measured: z.boolean().describe('false: derived or assumed; the source says how'),
    placement: z.enum(PLACEMENTS).describe('where arena and operands were when it was measured'),
    source: sourceText,
  })
  .refine((c) => (c.macsPerCycle === undefined) !== (c.cyclesPerElement === undefined), {
    message: 'give either macsPerCycle or cyclesPerElement',
  });

const kernelLibrary = z.strictObject({
  name: z.string().min(1).describe('e.g. esp-nn, cmsis-nn, tflite-micro-reference, generated-c'),
  version: z.string().min(1),
  runtime: z.string().min(1).describe('what calls the kernels, with its version'),
  codeBytes: sourcedBytes.describe('kernels and runtime: what the code of a head adds up to, for budgets that sum it'),
  overheadCyclesPerOp: sourcedUs.describe('dispatch cycles for each operator'),
  kernels: z
    .partialRecord(z.enum(KERNEL_KINDS), kernelCoefficient)
    .refine((kernels) => kernels.other !== undefined, { message: 'a coefficient for "other" is required' }),
});

const placementPenalty = z.strictObject({
  use: z.enum(['arena', 'weights']),
  placement: z.enum(PLACEMENTS),
  factor: z.number().min(1).describe('time is multiplied by it, relative to the placement of the coefficients'),
  estimate: z.boolean().optional(),
  source: sourceText,
});

const edgeTpu = z.strictObject({
  onChipBytes: sourcedBytes.describe('parameter cache that the compiler can use'),
  interface: z.enum(['pcie', 'usb3', 'usb2']),
  interfaceBytesPerSecond: sourcedPositive.describe('effective, host to Edge TPU'),
  macsPerSecond: sourcedPositive.describe('effective, not the peak'),
  overheadUs: sourcedUs.describe('fixed cost of one invocation'),
  unsupportedOps: z.array(z.string()).describe('ops that stay on the CPU and end the mapped part'),
  constraints: z.array(z.string()),
  source: sourceText,
});

const cpuCore = z.strictObject({
  name: z.string().min(1),
  count: z.number().int().positive(),
  clockHz: z.number().positive(),
  source: sourceText,
});

/** The schema of devices/<id>.json and of a user's own `--device ./board.json`. */
export const deviceSchema = z.strictObject({
  $schema: z.string().optional(),
  schemaVersion: z.literal(1),
  id: deviceId,
  name: z.string().min(1),
  aliases: z.array(deviceId),
  family: z
    .string()
    .min(1)
    .describe('boards of one family share a toolchain: esp32, coral-micro, coral-linux, emulator, …'),
  summary: z.string().min(1),
  cores: z.array(cpuCore).min(1).describe('the first entry runs the head, on one core'),
  toolchain: z.strictObject({
    template: z.string().min(1).describe('folder of firmware-templates/'),
    target: z.string().min(1).describe("the toolchain's own name of the chip"),
    perChannelDense: z.boolean().describe('whether its runtime handles per-channel fully connected weights'),
  }),
  memory: z.array(memoryRegion).min(1),
  reserves: z.strictObject({
    tasksBytes: sourcedBytes.describe('stacks of the inference and network tasks'),
    tlsBytes: sourcedBytes.describe('taken when the link is encrypted by TLS'),
    cameraBytes: sourcedBytes.describe('frame buffers, taken when the camera is used'),
    outboxBytes: sourcedBytes.describe('frames kept until they are answered'),
  }),
  flash: z.strictObject({
    totalBytes: sourcedBytes,
    appBytes: sourcedBytes.describe('what one application image may take'),
    baseFirmwareBytes: sourcedBytes.describe('network stack, runtime and kernels, without the model'),
  }),
  kernelLibraries: z.array(kernelLibrary).min(1).describe('the first one is the default'),
  placementPenalties: z.array(placementPenalty),
  encode: z.strictObject({
    cyclesPerElement: sourcedUs.describe('clamp and pack one int8 element into the wire codec'),
    cyclesPerByte: sourcedUs.describe('CRC-32 and copy of one payload byte'),
  }),
  edgeTpu: edgeTpu.optional(),
  energy: z
    .strictObject({
      cpuActiveWatts: sourcedPositive.optional(),
      radioTransmitWatts: sourcedPositive.optional(),
      radioReceiveWatts: sourcedPositive.optional(),
      edgeTpuActiveWatts: sourcedPositive.optional(),
    })
    .optional(),
  links: z.array(z.string().min(1)).min(1).describe('ids of the links the board can use'),
  defaultLink: z.string().min(1),
  flasher: z.strictObject({
    kind: z.enum(['esp-rom', 'coralmicro', 'copy', 'qemu', 'none']),
    note: z.string().min(1),
  }),
  notes: z.array(z.string()).optional(),
});

export type DeviceProfile = z.infer<typeof deviceSchema>;
export type MemoryRegion = DeviceProfile['memory'][number];
export type KernelLibrary = DeviceProfile['kernelLibraries'][number];
export type KernelCoefficient = NonNullable<KernelLibrary['kernels'][keyof KernelLibrary['kernels']]>;
export type EdgeTpuProfile = NonNullable<DeviceProfile['edgeTpu']>;

/** The schema of devices/gateways/<id>.json: the machine that runs the tail. */
export const gatewaySchema = z.strictObject({
  $schema: z.string().optional(),
  schemaVersion: z.literal(1),
  id: deviceId,
  name: z.string().min(1),
  aliases: z.array(deviceId),
  summary: z.string().min(1),
  engine: z.string().min(1),
  denseFlopsPerSecond: sourced(z.number().positive()).describe('convolutions and dense layers, 2 FLOP a MAC'),
  depthwiseFlopsPerSecond: sourced(z.number().positive()).describe('depthwise and tiny layers, bound by memory'),
  overheadUs: sourcedUs.describe('fixed cost of one request: receive, run call, answer'),
});
export type GatewayProfile = z.infer<typeof gatewaySchema>;
