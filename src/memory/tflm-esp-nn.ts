/**
 * What esp-tflite-micro 1.4.0 adds for ESP-NN: tensorflow/lite/micro/kernels/esp_nn. Scratch sizes follow esp-nn's
 * esp_nn_get_*_scratch_size functions at 1.2.3 and before 1.2.0; the component accepts either, so a range spans both.
 */
import type { ByteRange, KernelUse, LibraryKernel, PrepareStep } from './tflm-kernels.js';
import { exactly } from './tflm-kernels.js';
import { alignUp, LIBRARY_OP_DATA } from './tflm-structs.js';
import { convolutionSizes, numberOption, type WindowSizes } from './tflm-window.js';

/** Which of esp-nn's implementations is compiled: plain C for most chips, vector instructions for two. */
export type EspVariant = 'generic' | 'esp32s3' | 'esp32p4';

export function chooseEspKernel(variant: EspVariant): LibraryKernel {
  return (operands, reference) => {
    const { operator, input } = operands;
    const quantized = () => input(0).bytesPerElement === 1;
    switch (operator.builtin) {
      case 'CONV_2D':
        return withScratch(
          reference,
          LIBRARY_OP_DATA.espConv,
          quantized() && CONVOLUTION[variant](convolutionSizes(operands)),
        );
      case 'DEPTHWISE_CONV_2D': {
        const multiplier = numberOption(operator, 'depth_multiplier', 1);
        return withScratch(
          reference,
          LIBRARY_OP_DATA.espConv,
          quantized() && DEPTHWISE[variant](convolutionSizes(operands), multiplier),
        );
      }
      case 'SOFTMAX':
        // softmax.cc takes the second dimension for the width; all variants ask for 4 bytes of each.
        return withScratch(reference, LIBRARY_OP_DATA.espSoftmax, quantized() && exactly(4 * (input(0).dims[1] ?? 0)));
      default:
        return reference;
    }
  };
}

function withScratch(reference: KernelUse, opData: string, scratch: ByteRange | false): KernelUse {
  const request: PrepareStep[] = scratch && scratch.high > 0 ? [{ scratch }] : [];
  return { opData, prepare: [...reference.prepare, ...request] };
}

const between = (a: number, b: number): ByteRange => ({ low: Math.min(a, b), high: Math.max(a, b) });

const NO_SCRATCH = exactly(0);

const CONVOLUTION: Readonly<Record<EspVariant, (sizes: WindowSizes) => ByteRange>> = {
  generic: () => NO_SCRATCH,
  esp32s3: (sizes) => {
    const current = convolutionS3(sizes);
    // 1.2.0 to 1.2.2 left 32 bytes for alignment where 1.2.3 leaves 64.
    return between(Math.min(convolutionBefore120(sizes), current - 32), Math.max(convolutionBefore120(sizes), current));
  },
  esp32p4: (sizes) => between(convolutionBefore120(sizes), convolutionP4(sizes)),
};

const DEPTHWISE: Readonly<Record<EspVariant, (sizes: WindowSizes, multiplier: number) => ByteRange>> = {
  generic: () => NO_SCRATCH,
  esp32s3: (sizes, multiplier) => between(depthwiseBefore120(sizes, multiplier), depthwiseS3(sizes, multiplier)),
  esp32p4: () => NO_SCRATCH,
};

const isPadded = ({ pad }: WindowSizes): boolean => pad.width > 0 || pad.height > 0;

const isPointwise = (sizes: WindowSizes): boolean =>
  sizes.filter.width === 1 &&
  sizes.filter.height === 1 &&
  !isPadded(sizes) &&
  sizes.stride.width === 1 &&
  sizes.stride.height === 1;

/** Rearranged filter, input with whole groups of channels, and the transposed block of eight positions. */
function pointwise({ input, output }: WindowSizes): number {
  const channels = alignUp(input.channels, 8);
  const area = input.width * input.height;
  return (input.channels % 8 ? area * channels : 0) + channels * output.channels + (area < 8 ? 0 : 16 * channels);
}

const paddedInput = ({ input, pad }: WindowSizes): number =>
  (input.width + 2 * pad.width) * (input.height + 2 * pad.height) * input.channels;

const alignedFilter = ({ input, filter, output }: WindowSizes): number =>
  filter.width * filter.height * alignUp(input.channels, 16) * output.channels;

/** Both vector variants before 1.2.0. */
function convolutionBefore120(sizes: WindowSizes): number {
  if (isPointwise(sizes)) return pointwise(sizes) + 32;
  return (isPadded(sizes) ? paddedInput(sizes) : 0) + alignedFilter(sizes) + 32 + 4 * sizes.output.channels;
}

/** src/convolution/esp_nn_conv_esp32s3.c. */
function convolutionS3(sizes: WindowSizes): number {
  const { input, filter, output, stride } = sizes;
  const margin = 64;
  if (isPointwise(sizes)) return pointwise(sizes) + margin;
  const row = filter.width * input.channels;
  const window = row * filter.height;
  if (row < 16 && window >= 16) {
    const columns = alignUp(window, 16);
    return 4 * output.channels + 16 + output.channels * columns + 16 + columns + margin;
  }
  const right = Math.max(0, output.width * stride.width + filter.width - 1 - input.width);
  const bottom = Math.max(0, output.height * stride.height + filter.height - 1 - input.height);
  const border = right > 0 || bottom > 0 ? (input.width + right) * (input.height + bottom) * input.channels : 0;
  const rows = alignUp(row, 16) * filter.height * output.channels;
  return (
    (isPadded(sizes) ? paddedInput(sizes) : 0) + alignedFilter(sizes) + rows + border + margin + 4 * output.channels
  );
}

/** src/convolution/esp_nn_conv_esp32p4.c: inputs are tiled to this much of the first-level cache. */
const P4_TILE_BYTES = 32_768;

function convolutionP4(sizes: WindowSizes): number {
  const { input, filter, output, stride, pad } = sizes;
  const sums = 4 * output.channels;
  const margin = 32;
  if (isPointwise(sizes)) {
    return input.channels < 16 ? sums + 16 * output.channels + 32 + margin : pointwise(sizes) + margin;
  }
  const row = filter.width * input.channels;
  if (!isPadded(sizes) && row >= 16) return alignedFilter(sizes) + margin + sums;
  const window = row * filter.height;
  if (window >= 16) return sums + window + margin;
  const channels = alignUp(Math.floor((16 + filter.width - 1) / filter.width), 16);
  const widened = filter.width * filter.height * channels * output.channels;
  if (!isPadded(sizes)) return sums + widened + input.width * input.height * channels + margin;
  const whole = paddedInput(sizes);
  if (whole + sums <= P4_TILE_BYTES) return whole + alignedFilter(sizes) + margin + sums;
  const narrow = row < 16;
  const rowBytes = (input.width + 2 * pad.width) * (narrow ? channels : input.channels);
  const left = P4_TILE_BYTES - sums - (narrow ? widened : 0) - filter.height * rowBytes;
  const rows = left < 0 ? 1 : Math.min(output.height, Math.floor(left / (stride.height * rowBytes)) + 1);
  const tile = ((rows - 1) * stride.height + filter.height + 2 * pad.height) * rowBytes;
  return tile + (narrow ? widened : 0) + margin + sums;
}

/** Input and filter of a 3 × 3 depthwise convolution over groups of 16 channels. */
function depthwisePadding({ input, filter, output, stride, pad }: WindowSizes): { width: number; height: number } {
  if (pad.width > 0 || pad.height > 0) return { width: 2 * pad.width, height: 2 * pad.height };
  return {
    width: output.width * stride.width + filter.width - 1 - input.width,
    height: output.height * stride.height + filter.height - 1 - input.height,
  };
}

const is3By3 = ({ filter }: WindowSizes): boolean => filter.width === 3 && filter.height === 3;

function depthwiseBefore120(sizes: WindowSizes, multiplier: number): number {
  const { input, filter } = sizes;
  const filterBytes = filter.width * filter.height * input.channels * multiplier;
  const inputBytes = input.width * input.height * input.channels;
  if (multiplier === 1 && input.channels % 8 === 0 && is3By3(sizes)) {
    if (input.channels % 16 !== 0) return 2 * (filterBytes + inputBytes) + 16;
    const { width, height } = depthwisePadding(sizes);
    const padded = (input.width + width) * (input.height + height) * input.channels;
    return filterBytes + (width || height ? padded : 0) + 16;
  }
  return multiplier % 4 === 0 ? 2 * (filterBytes + inputBytes) + 16 : 32;
}

/** src/convolution/esp_nn_depthwise_conv_s8_esp32s3.c. */
function depthwiseS3(sizes: WindowSizes, multiplier: number): number {
  const { input, filter, output, stride, pad } = sizes;
  const { channels } = input;
  const filterBytes = filter.width * filter.height * channels * multiplier;
  const inputBytes = input.width * input.height * channels;
  if (multiplier === 1 && channels % 8 === 0) {
    if (!is3By3(sizes)) {
      const all = 2 * (filterBytes + inputBytes);
      return 32 + (all <= 48 * 1024 ? all : 2 * filterBytes + 2 * input.width * filter.height * channels);
    }
    if (channels % 16 === 0) {
      const { width, height } = depthwisePadding(sizes);
      if (!width && !height) return filterBytes + 16;
      const padded = (input.width + width) * (input.height + height) * channels;
      return filterBytes + 16 + (padded <= 40 * 1024 ? padded : (input.width + width) * filter.height * channels);
    }
    if (channels < 12) return 2 * (filterBytes + inputBytes) + 32;
    const whole = alignUp(channels, 16);
    const width = 2 * pad.width + Math.max(0, output.width * stride.width + 2 - input.width);
    const height = 2 * pad.height + Math.max(0, output.height * stride.height + 2 - input.height);
    return (
      9 * whole + (input.width + width) * (input.height + height) * whole + output.width * output.height * whole + 64
    );
  }
  if (multiplier === 1 && channels > 3) {
    const whole = alignUp(channels, 8);
    const afterFilter = alignUp(2 * filter.width * filter.height * whole, 16);
    const afterInput = alignUp(afterFilter + 2 * input.width * input.height * whole, 16);
    return alignUp(afterInput + output.width * output.height * whole, 16) + 12 * whole + 16;
  }
  return multiplier % 4 === 0 ? 2 * (filterBytes + inputBytes) + 32 : 32;
}
