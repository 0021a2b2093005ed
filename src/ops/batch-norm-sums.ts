import type * as tfjs from '@tensorflow/tfjs-core';
import type { BatchNormAttrs } from './batch-norm.js';
import { checkBatchNorm, leadingAxes, onnxAffine, onnxChannels, sumPerChannel } from './batch-statistics.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor, unsupported } from './op-def.js';

/**
 * The sums of batch norm's gradient: inputs x [N, …, C], mean, variance [C], dy as x → [2, C], rows Σ dy (the gradient of beta) and
 * Σ dy · x̂ (that of gamma), with x̂ = (x − mean) / √(variance + epsilon). Both also go into the gradient of x.
 */
export const batchNormSums: OpDef<BatchNormAttrs> = {
  kind: 'batch_norm_sums',
  summary: 'gradients of beta and gamma of batch_norm_training, as two rows',
  role: 'gradient',

  inferShape(inputs, attrs) {
    const { channels } = checkBatchNorm('batch_norm_sums', inputs, attrs, 4, [3]);
    return [{ shape: [2, channels], dtype: 'float32' }];
  },
  macs: () => 0,

  reference(inputs, attrs) {
    const [x, mean, variance, dy] = inputs.map((t) => t.data) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const channels = (inputs[1] as RefTensor).shape[0] as number;
    const total = sumPerChannel(dy.length, channels, (i) => dy[i] as number);
    const correlation = sumPerChannel(dy.length, channels, (i) => {
      const c = i % channels;
      const normal = ((x[i] as number) - (mean[c] as number)) / Math.sqrt((variance[c] as number) + attrs.epsilon);
      return (dy[i] as number) * normal;
    });
    return [Float64Array.of(...total, ...correlation)];
  },

  vjp: unsupported('second derivatives through batch statistics are not needed'),

  toOnnx(e, attrs) {
    const rank = e.inputType(0).shape.length;
    const [, channels] = e.outputType(0).shape as [number, number];
    const normal = onnxAffine(
      e,
      e.input(0),
      {
        scale: onnxChannels(e, channels, 1),
        shift: onnxChannels(e, channels, 0),
        mean: e.input(1),
        variance: e.input(2),
      },
      attrs.epsilon,
    );
    const axes = e.int64s(leadingAxes(rank).map((a) => e.axis(rank, a)));
    const row = e.int64s([1, channels]);
    const sum = (value: string): string =>
      e.add('Reshape', [e.add('ReduceSum', [value, axes], { keepdims: { int: 0 } }), row]);
    return [e.add('Concat', [sum(e.input(3)), sum(e.add('Mul', [e.input(3), normal]))], { axis: { int: 0 } })];
  },
  toTfjs(tf, inputs, attrs) {
    const [x, mean, variance, dy] = inputs as readonly [tfjs.Tensor, tfjs.Tensor, tfjs.Tensor, tfjs.Tensor];
    const axes = leadingAxes(x.rank);
    const normal = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, attrs.epsilon)));
    return [tf.stack([tf.sum(dy, axes), tf.sum(tf.mul(dy, normal), axes)])];
  },
  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
