import type * as tfjs from '@tensorflow/tfjs-core';
import { elementCount } from '../ir/graph.js';
import type { BatchNormAttrs } from './batch-norm.js';
import { checkBatchNorm, onnxAffine, onnxChannels } from './batch-statistics.js';
import { shapeError } from './checks.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor, unsupported } from './op-def.js';

/**
 * Gradient of batch_norm_training with respect to x: inputs x [N, …, C], mean, variance [C], dy as x, gamma [C], and the [2, C] of
 * batch_norm_sums → as x. With M values a channel: gamma / √(variance + epsilon) · (dy − Σdy / M − x̂ · Σ(dy · x̂) / M).
 * Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015, §3, solved for ∂ℓ/∂x.
 */
export const batchNormInputGrad: OpDef<BatchNormAttrs> = {
  kind: 'batch_norm_input_grad',
  summary: 'gradient of batch_norm_training with respect to its input',
  role: 'gradient',

  inferShape(inputs, attrs) {
    const sums = inputs[5]?.shape ?? [];
    const { shape, channels } = checkBatchNorm('batch_norm_input_grad', inputs.slice(0, 5), attrs, 5, [3]);
    if (inputs.length !== 6 || sums.length !== 2 || sums[0] !== 2 || sums[1] !== channels) {
      shapeError('batch_norm_input_grad', `input 5 must be [2,${channels}]`, inputs);
    }
    return [{ shape, dtype: 'float32' }];
  },
  macs: () => 0,

  reference(inputs, attrs) {
    const [x, mean, variance, dy, gamma, sums] = inputs.map((t) => t.data) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const channels = (inputs[1] as RefTensor).shape[0] as number;
    const perChannel = x.length / channels;
    return [
      x.map((v, i) => {
        const c = i % channels;
        const inverse = 1 / Math.sqrt((variance[c] as number) + attrs.epsilon);
        const normal = (v - (mean[c] as number)) * inverse;
        const common = ((sums[c] as number) + normal * (sums[channels + c] as number)) / perChannel;
        return (gamma[c] as number) * inverse * ((dy[i] as number) - common);
      }),
    ];
  },

  vjp: unsupported('second derivatives through batch statistics are not needed'),

  // dx = a · dy + b · x̂ + c per channel: two affine passes and a sum, which is less memory traffic than any other order tried.
  toOnnx(e, attrs) {
    const { shape } = e.inputType(0);
    const channels = shape.at(-1) as number;
    const [zero, one] = [onnxChannels(e, channels, 0), onnxChannels(e, channels, 1)];
    const [mean, variance] = [e.input(1), e.input(2)];
    const deviation = e.add('Sqrt', [e.add('Add', [variance, e.floats([], Float32Array.of(attrs.epsilon))])]);
    const a = e.add('Div', [e.input(4), deviation]);
    const share = e.floats([], Float32Array.of(-channels / elementCount(shape)));
    const [total, correlation] = e
      .addMulti('Split', [e.input(5), e.int64s([1, 1])], 2, { axis: { int: 0 } })
      .map((row) => e.add('Mul', [e.add('Mul', [e.add('Reshape', [row, e.int64s([channels])]), share]), a])) as [
      string,
      string,
    ];
    const direct = onnxAffine(e, e.input(3), { scale: a, shift: total, mean: zero, variance: one }, 0);
    const indirect = onnxAffine(e, e.input(0), { scale: correlation, shift: zero, mean, variance }, attrs.epsilon);
    return [e.add('Add', [direct, indirect])];
  },
  toTfjs(tf, inputs, attrs) {
    const [x, mean, variance, dy, gamma, sums] = inputs as readonly [
      tfjs.Tensor,
      tfjs.Tensor,
      tfjs.Tensor,
      tfjs.Tensor,
      tfjs.Tensor,
      tfjs.Tensor2D,
    ];
    const channels = sums.shape[1];
    const inverse = tf.rsqrt(tf.add(variance, attrs.epsilon));
    const normal = tf.mul(tf.sub(x, mean), inverse);
    const [total, correlation] = tf.unstack(tf.mul(sums, channels / x.size)) as [tfjs.Tensor, tfjs.Tensor];
    const rest = tf.sub(tf.sub(dy, total), tf.mul(normal, correlation));
    return [tf.mul(rest, tf.mul(gamma, inverse))];
  },
  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
