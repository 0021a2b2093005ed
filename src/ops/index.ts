/** The op registry: one line an op. */
import { fail } from '../core/errors.js';
import type { ShapeTable } from '../ir/builder.js';
import type { Attrs } from '../ir/graph.js';
import { abs } from './abs.js';
import { add } from './add.js';
import { avgPool2d } from './avg-pool2d.js';
import { avgPool2dGrad } from './avg-pool2d-grad.js';
import { batchNorm } from './batch-norm.js';
import { batchNormInputGrad } from './batch-norm-input-grad.js';
import { batchNormSums } from './batch-norm-sums.js';
import { batchNormTraining } from './batch-norm-training.js';
import { broadcastTo } from './broadcast-to.js';
import { concat } from './concat.js';
import { conv2d } from './conv2d.js';
import { conv2dFilterGrad } from './conv2d-filter-grad.js';
import { conv2dInputGrad } from './conv2d-input-grad.js';
import { conv2dTranspose } from './conv2d-transpose.js';
import { dense } from './dense.js';
import { depthwiseConv2d } from './depthwise-conv2d.js';
import { depthwiseConv2dFilterGrad } from './depthwise-conv2d-filter-grad.js';
import { depthwiseConv2dInputGrad } from './depthwise-conv2d-input-grad.js';
import { dequantize } from './dequantize.js';
import { div } from './div.js';
import { exp } from './exp.js';
import { gradCam } from './grad-cam.js';
import { greater } from './greater.js';
import { hardSwish } from './hard-swish.js';
import { identity } from './identity.js';
import { leakyRelu } from './leaky-relu.js';
import { log } from './log.js';
import { matmul } from './matmul.js';
import { maxPool2d } from './max-pool2d.js';
import { maxPool2dGrad } from './max-pool2d-grad.js';
import { mean } from './mean.js';
import { mul } from './mul.js';
import type { OpDef } from './op-def.js';
import { pad } from './pad.js';
import { quantize } from './quantize.js';
import { reduceMax } from './reduce-max.js';
import { relu } from './relu.js';
import { relu6 } from './relu6.js';
import { reshape } from './reshape.js';
import { resizeBilinear } from './resize-bilinear.js';
import { resizeBilinearGrad } from './resize-bilinear-grad.js';
import { resizeNearest } from './resize-nearest.js';
import { resizeNearestGrad } from './resize-nearest-grad.js';
import { round } from './round.js';
import { sigmoid } from './sigmoid.js';
import { slice } from './slice.js';
import { softmax } from './softmax.js';
import { sqrt } from './sqrt.js';
import { stopGradient } from './stop-gradient.js';
import { sub } from './sub.js';
import { sum } from './sum.js';
import { tanh } from './tanh.js';
import { transpose } from './transpose.js';

export const OPS = {
  abs,
  add,
  avg_pool2d: avgPool2d,
  avg_pool2d_grad: avgPool2dGrad,
  batch_norm: batchNorm,
  batch_norm_input_grad: batchNormInputGrad,
  batch_norm_sums: batchNormSums,
  batch_norm_training: batchNormTraining,
  broadcast_to: broadcastTo,
  concat,
  conv2d,
  conv2d_filter_grad: conv2dFilterGrad,
  conv2d_input_grad: conv2dInputGrad,
  conv2d_transpose: conv2dTranspose,
  dense,
  depthwise_conv2d: depthwiseConv2d,
  depthwise_conv2d_filter_grad: depthwiseConv2dFilterGrad,
  depthwise_conv2d_input_grad: depthwiseConv2dInputGrad,
  dequantize,
  div,
  exp,
  grad_cam: gradCam,
  greater,
  hard_swish: hardSwish,
  identity,
  leaky_relu: leakyRelu,
  log,
  matmul,
  max_pool2d: maxPool2d,
  max_pool2d_grad: maxPool2dGrad,
  mean,
  mul,
  pad,
  quantize,
  reduce_max: reduceMax,
  relu,
  relu6,
  reshape,
  resize_bilinear: resizeBilinear,
  resize_bilinear_grad: resizeBilinearGrad,
  resize_nearest: resizeNearest,
  resize_nearest_grad: resizeNearestGrad,
  round,
  sigmoid,
  slice,
  softmax,
  sqrt,
  stop_gradient: stopGradient,
  sub,
  sum,
  tanh,
  transpose,
} as const;

export type OpKind = keyof typeof OPS;

/** Attributes of a kind. */
export type AttrsOf<K extends OpKind> = (typeof OPS)[K] extends OpDef<infer A> ? A : never;

/** Definition of a kind, with its attributes untyped: what graph walkers use. @throws IsplitError E_OP_UNSUPPORTED */
export function opDef(kind: string): OpDef {
  const def = (OPS as unknown as Readonly<Record<string, OpDef>>)[kind];
  if (def === undefined || !Object.hasOwn(OPS, kind)) fail('E_OP_UNSUPPORTED', `unknown op kind "${kind}"`, { kind });
  return def;
}

/** The registry as `ir` sees it. */
export const SHAPES: ShapeTable = {
  has: (kind) => Object.hasOwn(OPS, kind),
  inferShape: (kind, inputs, attrs: Attrs) => opDef(kind).inferShape(inputs, attrs),
};
