import type { DeviceProfile } from '../devices/device-schema.js';
import type { Graph } from '../ir/graph.js';
import { describeGraphForTflm } from '../memory/describe-graph.js';
import { predictTflmArena, TFLM_TARGETS, type TflmTarget } from '../memory/tflm-arena.js';
import type { TflmModel } from '../memory/tflm-model.js';
import { legaliseTflite } from '../passes/legalise-tflite.js';
import { isInt8Refusal } from '../quantize/int8-refusals.js';

/** Which build of TFLite-Micro a board runs; its scratch buffers differ. Without a board: reference kernels. Undefined when it runs another runtime. */
export function chooseTflmTarget(device: DeviceProfile | undefined): TflmTarget | undefined {
  const library = device?.kernelLibraries[0]?.name;
  const chip = device?.toolchain.target;
  switch (library) {
    case undefined:
    case 'tflite-micro-reference':
      return TFLM_TARGETS.reference;
    case 'esp-nn':
      if (chip === 'esp32s3') return TFLM_TARGETS['esp-nn-s3'];
      return chip === 'esp32p4' ? TFLM_TARGETS['esp-nn-p4'] : TFLM_TARGETS['esp-nn'];
    case 'cmsis-nn':
      // The boards in the catalogue have a Cortex-M7.
      return TFLM_TARGETS['cmsis-nn-dsp'];
    default:
      return undefined;
  }
}

/**
 * Arena that a board's TFLite-Micro must be given to start a head, foreseen before the head is quantized. Bytes; where
 * scratch is known as a range only, its upper end.
 * @param head float32, batch 1
 * @returns undefined when the board runs another runtime, or when TFLite cannot express the head
 */
export function foreseeArenaBytes(head: Graph, device: DeviceProfile | undefined): number | undefined {
  return arenaForeseer(head)(device);
}

/** foreseeArenaBytes of one head on many boards: the head is looked at once. */
export function arenaForeseer(head: Graph): (device: DeviceProfile | undefined) => number | undefined {
  const models = new Map<boolean, TflmModel | undefined>();
  return (device) => {
    const target = chooseTflmTarget(device);
    if (!target) return undefined;
    const perChannelDense = device?.toolchain.perChannelDense ?? true;
    if (!models.has(perChannelDense)) models.set(perChannelDense, describeHead(head, perChannelDense));
    const model = models.get(perChannelDense);
    if (!model) return undefined;
    const { highBytes, minimumBytes } = predictTflmArena(model, target);
    return Math.max(highBytes, minimumBytes);
  };
}

/** Whether a head can be built is said when it is built; here only its size is asked for. */
function describeHead(head: Graph, perChannelDense: boolean): TflmModel | undefined {
  try {
    return describeGraphForTflm(legaliseTflite(head), { perChannelDense });
  } catch (error) {
    if (isInt8Refusal(error)) return undefined;
    throw error;
  }
}
