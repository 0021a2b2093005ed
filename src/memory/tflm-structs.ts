/**
 * Sizes of the C++ structs that TFLite-Micro puts into its arena, from the layout of their fields: the same layout gives the
 * 64-bit size, which the wheel confirms, and the 32-bit one. Sources of 2026-08-20; file and symbol stand at each.
 *
 * A layout names the fields in order: `p` pointer, size_t or intptr_t, `w` 4 bytes, `h` 2, `b` 1, `d` 8-byte double, which
 * Arm, Xtensa and RISC-V align to 8 as x86-64 does. Spaces only group.
 */

export type PointerBytes = 4 | 8;

export interface StructSize {
  readonly bytes: number;
  readonly alignment: number;
}

export function structSize(layout: string, pointerBytes: PointerBytes): StructSize {
  const width: Record<string, number> = { p: pointerBytes, w: 4, h: 2, b: 1, d: 8 };
  let bytes = 0;
  let alignment = 1;
  for (const field of layout.replaceAll(' ', '')) {
    const size = width[field] as number;
    bytes = alignUp(bytes, size) + size;
    alignment = Math.max(alignment, size);
  }
  return { bytes: alignUp(bytes, alignment), alignment };
}

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

/** Bookkeeping of the allocator and the interpreter. */
export const ALLOCATOR_STRUCTS = {
  /** arena_allocator/single_arena_buffer_allocator.h: two bases with virtual functions. */
  arenaAllocator: 'pp ppppp p w',
  /** memory_planner/greedy_memory_planner.h. */
  greedyPlanner: 'p ww pppp ww p b',
  /** micro_allocator.h MicroAllocator. */
  microAllocator: 'ppppp b ppp',
  /** micro_allocator.cc MicroBuiltinDataAllocator. */
  builtinDataAllocator: 'pp',
  /** micro_allocator.h SubgraphAllocations; a build that reads compressed tensors has one pointer more. */
  subgraphAllocations: 'pp',
  subgraphAllocationsCompressed: 'ppp',
  /** c/common.h TfLiteEvalTensor. */
  evalTensor: 'ppw',
  /** c/common.h TfLiteTensor as built with TF_LITE_STATIC_MEMORY. */
  tensor: 'wp pp ww p ww b',
  /** c/common.h TfLiteAffineQuantization. */
  affineQuantization: 'pp w',
  /** micro_allocator.h NodeAndRegistration. */
  nodeAndRegistration: 'pppppp w p',
  /** micro_allocator.h internal::ScratchBufferRequest. */
  scratchRequest: 'p ww',
  scratchHandle: 'p',
  /** micro_allocation_info.h AllocationInfo. */
  allocationInfo: 'pp www b',
} as const;

/** memory_planner/greedy_memory_planner.h per_buffer_size: requirements, two sorted lists, list entry, offset. */
export const PLANNER_BYTES_PER_BUFFER = 16 + 4 + 4 + 12 + 4;

/** c/builtin_op_data.h: what the parsers of core/api/flatbuffer_conversions.cc allocate. Builtins absent here have no parameters. */
export const BUILTIN_PARAMETERS: Readonly<Record<string, string>> = {
  ADD: 'wb',
  AVERAGE_POOL_2D: 'www ww w wwww',
  CONCATENATION: 'ww',
  CONV_2D: 'www w ww w',
  DEPTHWISE_CONV_2D: 'www w w ww',
  DIV: 'w',
  FULLY_CONNECTED: 'ww bb w',
  LEAKY_RELU: 'w',
  MAX_POOL_2D: 'www ww w wwww',
  MEAN: 'b',
  MUL: 'w',
  PACK: 'ww',
  REDUCE_MAX: 'b',
  RESHAPE: 'wwwwwwww w',
  RESIZE_BILINEAR: 'bb',
  RESIZE_NEAREST_NEIGHBOR: 'bb',
  SHAPE: 'w',
  SOFTMAX: 'w',
  SQUEEZE: 'wwwwwwww w',
  STRIDED_SLICE: 'wwwww b',
  SUB: 'wb',
  SUM: 'b',
  TRANSPOSE_CONV: 'www w w',
};

const CONV = 'wwww www ww pp ww w';
const FULLY_CONNECTED = 'wwwwwwww w pp b';
const CONV_PARAMETERS = 'b hhhh hhhh www ww ww ww';

/** OpData of the reference kernels: kernels/<name>.h or .cc. */
export const OP_DATA = {
  /** conv.h OpDataConv, also of depthwise_conv.cc. */
  conv: CONV,
  convCompressed: `${CONV} ww`,
  /** fully_connected.h OpDataFullyConnected. */
  fullyConnected: FULLY_CONNECTED,
  fullyConnectedCompressed: `${FULLY_CONNECTED} ww`,
  /** transpose_conv.cc OpData: internal/types.h ConvParams, indices, multipliers and shifts. */
  transposeConv: `${CONV_PARAMETERS} ww pp`,
  transposeConvCompressed: `${CONV_PARAMETERS} w ww w pp`,
  /** pooling.h OpDataPooling. */
  pooling: 'wwww ww ww',
  /** internal/types.h SoftmaxParams. */
  softmax: 'd www ww ww p pp pp',
  /** add.h OpDataAdd. */
  add: 'b ww ww www ww www ww',
  /** sub.h OpDataSub. */
  sub: 'b ww ww www ww www',
  /** mul.h OpDataMul. */
  mul: 'ww ww w w w ww',
  /** concatenation.cc OpData. */
  concatenation: 'w pp w w w',
  concatenationCompressed: 'w pp w w w wwwwwwwwww',
  /** pad.h OpData. */
  pad: 'b wwwww b wwwww b w',
  /** reduce.h OpDataReduce. */
  reduce: 'wwwww wwww ww',
  /** quantize.h OpDataQuantizeReference. */
  quantize: 'wd ww w',
  /** dequantize.h DequantizeOpData. */
  dequantize: 'dw w www',
  /** internal/types.h HardSwishParams. */
  hardSwish: 'hhh w h w',
  /** logistic.h OpDataLogistic, tanh.cc OpData. */
  logistic: 'wwww',
  /** leaky_relu.h LeakyReluOpData. */
  leakyRelu: 'ww ww ww',
  /** activations.h ReluOpData, Relu6OpData. */
  relu: 'b ww wwww',
  relu6: 'ww',
  /** internal/types.h StridedSliceParams. */
  stridedSlice: 'b wwwww b wwwww b wwwww hhhhh b',
} as const;

/** OpData of kernel libraries: the reference kernel's and indices of scratch buffers. */
export const LIBRARY_OP_DATA = {
  /** esp-tflite-micro kernels/esp_nn/conv.cc, depthwise_conv.cc NodeData. */
  espConv: `${CONV} w`,
  /** esp_nn/softmax.cc NodeData. */
  espSoftmax: `${OP_DATA.softmax} w`,
  /** kernels/cmsis_nn/conv.cc, depthwise_conv.cc OpData. */
  cmsisConv: `${CONV} w`,
  /** cmsis_nn/fully_connected.cc OpData. */
  cmsisFullyConnected: `${FULLY_CONNECTED} ww p www`,
  /** cmsis_nn/pooling.cc OpData. */
  cmsisPooling: `${OP_DATA.pooling} w`,
  /** cmsis_nn/transpose_conv.cc OpData. */
  cmsisTransposeConv: `${CONV_PARAMETERS} www pp`,
} as const;
