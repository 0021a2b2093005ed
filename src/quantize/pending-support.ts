/** Stands in for int8 hooks that are not written yet; goes when the last one is. */
import type { Int8Support } from '../ops/op-def.js';

const prepare = (): never => {
  throw new Error('no integer kernel yet');
};
const calibrated: Int8Support<never> = { output: 'calibrated', prepare };
const asInputs: Int8Support<never> = { output: 'as-inputs', prepare };

export const PENDING_INT8: Readonly<Record<string, Int8Support<never>>> = {
  conv2d: { ...calibrated, weights: { input: 1, channelAxis: 0, bias: 2 } },
  conv2d_transpose: { ...calibrated, weights: { input: 1, channelAxis: 0, bias: 2 } },
  dense: { ...calibrated, weights: { input: 1, channelAxis: 0, bias: 2 } },
  depthwise_conv2d: { ...calibrated, weights: { input: 1, channelAxis: 3, bias: 2 } },
  add: calibrated,
  sub: calibrated,
  mul: calibrated,
  relu: calibrated,
  relu6: calibrated,
  leaky_relu: calibrated,
  hard_swish: calibrated,
  mean: calibrated,
  sum: calibrated,
  softmax: { output: { scale: 1 / 256, zeroPoint: -128 }, prepare },
  sigmoid: { output: { scale: 1 / 256, zeroPoint: -128 }, prepare },
  tanh: { output: { scale: 1 / 128, zeroPoint: 0 }, prepare },
  concat: asInputs,
  pad: asInputs,
  transpose: asInputs,
  reshape: asInputs,
  max_pool2d: asInputs,
  avg_pool2d: asInputs,
  reduce_max: asInputs,
  resize_nearest: asInputs,
  resize_bilinear: asInputs,
};
