/**
 * What TFLite-Micro's CMSIS-NN kernels add: tensorflow/lite/micro/kernels/cmsis_nn of 2026-08-20, scratch sizes after
 * CMSIS-NN's arm_*_get_buffer_size functions of 2026-07-15. Ranges span the compilers where the library asks which one it is.
 */
import type { ByteRange, KernelUse, LibraryKernel, Operands, PrepareStep } from './tflm-kernels.js';
import { exactly } from './tflm-kernels.js';
import { alignUp, LIBRARY_OP_DATA } from './tflm-structs.js';
import { convolutionSizes, numberOption, type WindowSizes } from './tflm-window.js';

/** Instructions that CMSIS-NN is built for: none, DSP (ARM_MATH_DSP), Helium (ARM_MATH_MVEI). */
export type CmsisVariant = 'plain' | 'dsp' | 'mve';

export function chooseCmsisKernel(variant: CmsisVariant): LibraryKernel {
  return (operands, reference) => {
    const { operator, input } = operands;
    const quantized = input(operator.builtin === 'TRANSPOSE_CONV' ? 2 : 0).bytesPerElement === 1;
    const add = (opData: string, scratch: () => readonly PrepareStep[]): KernelUse => ({
      opData,
      prepare: [...reference.prepare, ...(quantized ? scratch() : [])],
    });
    switch (operator.builtin) {
      case 'CONV_2D':
      case 'DEPTHWISE_CONV_2D': {
        const opData = LIBRARY_OP_DATA.cmsisConv;
        // Unlike the reference kernels, these keep multipliers and shifts for integers only.
        if (!quantized) return { opData, prepare: reference.prepare.filter((step) => 'temporary' in step) };
        const scratch = operator.builtin === 'CONV_2D' ? convolution : depthwise;
        return add(opData, () => asked(scratch(variant, convolutionSizes(operands))));
      }
      case 'FULLY_CONNECTED':
        return add(LIBRARY_OP_DATA.cmsisFullyConnected, () => fullyConnected(variant, operands));
      case 'AVERAGE_POOL_2D': {
        const again: PrepareStep[] = [
          { temporary: operator.inputs[0] ?? -1 },
          { temporary: operator.outputs[0] ?? -1 },
        ];
        return add(LIBRARY_OP_DATA.cmsisPooling, () => [
          ...again,
          ...asked(exactly(variant === 'dsp' ? 4 * (input(0).dims[3] as number) : 0)),
        ]);
      }
      case 'MAX_POOL_2D':
        return add(LIBRARY_OP_DATA.cmsisPooling, () => []);
      case 'TRANSPOSE_CONV': {
        const prepare = reference.prepare.filter((step) => !('scratch' in step));
        const scratch = quantized ? transposeConvolution(variant, operands) : [];
        return { opData: LIBRARY_OP_DATA.cmsisTransposeConv, prepare: [...prepare, ...scratch] };
      }
      default:
        return reference;
    }
  };
}

/** Kernels ask only for buffers that have a size. */
function asked(scratch: ByteRange): PrepareStep[] {
  return scratch.high > 0 ? [{ scratch }] : [];
}

interface Filter {
  readonly height: number;
  readonly width: number;
}

/** arm_convolve_s8_get_buffer_size. */
function imageToColumns(variant: CmsisVariant, channels: number, filter: Filter): number {
  const columns = filter.width * filter.height * channels;
  return variant === 'mve' ? 4 * alignUp(columns, 16) : 4 * alignUp(columns, 4);
}

/** Two columns of int16, with Arm's own compiler only. */
const fastPointwise = (variant: CmsisVariant, channels: number): ByteRange => ({
  low: 0,
  high: variant === 'dsp' ? 4 * channels : 0,
});

/** arm_convolve_wrapper_s8_get_buffer_size. */
function convolution(variant: CmsisVariant, sizes: WindowSizes): ByteRange {
  const { input, filter, stride, dilation, pad } = sizes;
  const pointwise =
    filter.width === 1 &&
    filter.height === 1 &&
    pad.width === 0 &&
    pad.height === 0 &&
    dilation.width === 1 &&
    dilation.height === 1;
  if (pointwise) {
    return stride.width === 1 && stride.height === 1 ? fastPointwise(variant, input.channels) : exactly(0);
  }
  const isRow =
    input.height === 1 && dilation.width === 1 && filter.height === 1 && (stride.width * input.channels) % 4 === 0;
  if (isRow && variant === 'mve') return exactly(rowConvolution(sizes));
  return exactly(imageToColumns(variant, input.channels, filter));
}

/** arm_convolve_1_x_n_s8_get_buffer_size_mve. */
function rowConvolution({ input, filter, output, stride, pad }: WindowSizes): number {
  const odd = ((output.width - 1) * stride.width + filter.width - input.width) % 2;
  const steps = (columns: number): number => Math.max(1, Math.floor((columns + stride.width - 1) / stride.width));
  const right = pad.width + odd !== 0 ? steps(pad.width + odd) : 0;
  const left = pad.width !== 0 ? steps(pad.width) : 0;
  if (right + left > output.width) return imageToColumns('mve', input.channels, filter);
  const leftPad = pad.width * input.channels;
  const rightPad = odd ? right * input.channels : leftPad;
  const elements = filter.width * input.channels;
  return Math.max(elements + leftPad, elements - input.channels + rightPad);
}

/** arm_nnsupportfunctions.h CH_IN_BLOCK_MVE. */
const CHANNELS_PER_BLOCK_MVE = 124;

/** arm_depthwise_conv_wrapper_s8_get_buffer_size. */
function depthwise(variant: CmsisVariant, sizes: WindowSizes): ByteRange {
  const { input, filter, output, dilation, pad } = sizes;
  const optimised =
    input.channels === output.channels && dilation.width === 1 && dilation.height === 1
      ? exactly(optimisedDepthwise(variant, sizes))
      : exactly(0);
  if (variant !== 'mve') {
    const small = filter.width === 3 && filter.height === 3 && pad.height <= 1 && pad.width <= 1;
    return small ? exactly(0) : optimised;
  }
  if (input.channels !== 1 || output.channels <= 1) return optimised;
  // One input channel becomes a convolution: above 8 outputs with Arm's compiler, above 1 with others.
  const asConvolution = convolution(variant, sizes).high + output.channels * filter.height * filter.width;
  return output.channels > 8
    ? exactly(asConvolution)
    : { low: Math.min(optimised.low, asConvolution), high: Math.max(optimised.high, asConvolution) };
}

function optimisedDepthwise(variant: CmsisVariant, { input, filter }: WindowSizes): number {
  const area = filter.width * filter.height;
  if (variant === 'mve') return 4 * CHANNELS_PER_BLOCK_MVE * area;
  return variant === 'dsp' ? 2 * input.channels * area : 0;
}

/** fully_connected.cc Prepare; built for speed, as is the default, sums of weights stay in the arena. */
function fullyConnected(variant: CmsisVariant, { input, output }: Operands): PrepareStep[] {
  const weights = input(1);
  const depth = weights.dims.at(-1) as number;
  const outputs = output.dims.at(-1) as number;
  if (output.dims.length > 2 && depth % 4 === 0) {
    const perTensor: PrepareStep[] = weights.channels > 1 ? [] : [{ scratch: exactly(8 * outputs) }];
    return [...perTensor, ...asked(fastPointwise(variant, depth))];
  }
  return variant === 'mve' ? [{ persistentBytes: 4 * outputs }] : [];
}

/** arm_nnsupportfunctions.h REVERSE_TCOL_EFFICIENT_THRESHOLD. */
const REVERSE_ABOVE_CHANNELS = 16;

/** arm_transpose_conv_s8_get_buffer_size and …_get_reverse_conv_buffer_size: both are asked for, even when empty. */
function transposeConvolution(variant: CmsisVariant, { operator, input, output }: Operands): PrepareStep[] {
  const [outputs = 0, height = 0, width = 0, channels = 0] = input(1).dims;
  const strideHeight = numberOption(operator, 'stride_h', 1);
  const strideWidth = numberOption(operator, 'stride_w', 1);
  if (strideWidth <= 2 && strideHeight <= 2 && channels > REVERSE_ABOVE_CHANNELS) {
    return [
      { scratch: exactly(imageToColumns(variant, channels, { height, width })) },
      { scratch: exactly(channels * width * height * outputs) },
    ];
  }
  const columns = ((input(2).dims[2] as number) - 1) * strideWidth + Math.max(width, strideHeight);
  const rows = Math.max(height, strideHeight);
  return [{ scratch: exactly(4 * columns * (output.dims[3] as number) * rows) }, { scratch: exactly(0) }];
}
