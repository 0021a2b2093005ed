/**
 * Kernels a device's speed is stated for. They follow how the kernel libraries split the work, not the graph's op names:
 * the same convolution runs an order of magnitude slower per MAC when its rows are too short for the vector unit.
 */
export const KERNEL_KINDS = [
  'conv_1x1',
  'conv_kxk',
  'conv_kxk_thin',
  'depthwise',
  'transposed_conv',
  'fully_connected',
  'max_pool',
  'avg_pool',
  'mean',
  'add',
  'mul',
  'relu',
  'leaky_relu',
  'hard_swish',
  'logistic',
  'tanh',
  'softmax',
  'concat',
  'pad',
  'resize',
  'transpose',
  'quantize',
  'other',
] as const;

export type KernelKind = (typeof KERNEL_KINDS)[number];

/** What one unit of a kernel's work is, for the documentation and for whoever counts it. */
export const KERNEL_WORK: Readonly<Record<KernelKind, string>> = {
  conv_1x1: 'MACs, 1×1 convolution',
  conv_kxk: 'MACs, k×k convolution with at least 16 values in a filter row (kernel width × input channels)',
  conv_kxk_thin: 'MACs, k×k convolution with fewer than 16 values in a filter row: first layers on grey or RGB',
  depthwise: 'MACs, depthwise convolution',
  transposed_conv: 'MACs, transposed convolution',
  fully_connected: 'MACs, dense layer',
  max_pool: 'window reads (outputs × kernel area), max pooling',
  avg_pool: 'window reads (outputs × kernel area), average and global pooling',
  mean: 'input elements, mean over an axis',
  add: 'output elements, addition and subtraction with requantization',
  mul: 'output elements, multiplication with requantization',
  relu: 'output elements, a clamp that was not fused',
  leaky_relu: 'output elements, leaky ReLU and PReLU',
  hard_swish: 'output elements, hard-swish',
  logistic: 'output elements, sigmoid',
  tanh: 'output elements, tanh',
  softmax: 'output elements, softmax',
  concat: 'output elements, concatenation',
  pad: 'output elements, explicit padding',
  resize: 'output elements, nearest or bilinear resize',
  transpose: 'output elements, transpose',
  quantize: 'output elements, float to int8 and int8 to int8 requantization',
  other: 'output elements, anything else',
};

/** Kernels whose work is counted in multiply-accumulates (or window reads); the others count elements. */
export const MAC_KERNELS: ReadonlySet<KernelKind> = new Set<KernelKind>([
  'conv_1x1',
  'conv_kxk',
  'conv_kxk_thin',
  'depthwise',
  'transposed_conv',
  'fully_connected',
  'max_pool',
  'avg_pool',
]);
