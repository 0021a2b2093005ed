import type * as tfjs from '@tensorflow/tfjs-core';
import type { BatchNormAttrs } from './batch-norm.js';
import { checkBatchNorm, leadingAxes, referenceMoments } from './batch-statistics.js';
import { GRADIENT_ONLY, type OpDef, type RefTensor } from './op-def.js';

/**
 * Batch normalisation as in training: inputs x [N, …, C], gamma, beta [C]; outputs y, and the mean and the biased variance [C] of
 * this batch over all axes but the last. Only y is differentiated; the statistics are for moving averages.
 * Source: Ioffe and Szegedy, "Batch Normalization", ICML 2015, algorithm 1.
 */
export const batchNormTraining: OpDef<BatchNormAttrs> = {
  kind: 'batch_norm_training',
  summary: 'batch normalisation with the statistics of the batch, which it also returns',
  role: 'gradient',
  learns: [1, 2],

  inferShape(inputs, attrs) {
    const { shape, channels } = checkBatchNorm('batch_norm_training', inputs, attrs, 3);
    const statistics = { shape: [channels], dtype: 'float32' } as const;
    return [{ shape, dtype: 'float32' }, statistics, statistics];
  },
  macs: () => 0,

  reference([x, gamma, beta], attrs) {
    const [g, b] = [(gamma as RefTensor).data, (beta as RefTensor).data];
    const { mean, variance } = referenceMoments(x as RefTensor);
    const scale = g.map((v, c) => v / Math.sqrt((variance[c] as number) + attrs.epsilon));
    const y = (x as RefTensor).data.map((v, i) => {
      const c = i % g.length;
      return (v - (mean[c] as number)) * (scale[c] as number) + (b[c] as number);
    });
    return [y, mean, variance];
  },

  vjp(sink, { inputs: [x, gamma], outputs: [, mean, variance], attrs, gradients, needs }) {
    const [g] = gradients;
    if (g === undefined) return needs.map(() => undefined);
    const inner = [x, mean, variance, g] as string[];
    const sums = sink.op('batch_norm_sums', inner, { epsilon: attrs.epsilon });
    const [, channels] = sink.type(sums).shape as [number, number];
    const row = (i: number): string =>
      sink.op('reshape', [sink.op('slice', [sums], { begin: [i, 0], size: [1, channels] })], { shape: [channels] });
    return [
      needs[0]
        ? sink.op('batch_norm_input_grad', [...inner, gamma as string, sums], { epsilon: attrs.epsilon })
        : undefined,
      needs[1] ? row(1) : undefined,
      needs[2] ? row(0) : undefined,
    ];
  },

  // One kernel does it in two passes over x. Momentum 0 makes its "running" statistics those of the batch. It writes them over the
  // buffers of inputs 3 and 4, whatever they are, so each gets values of its own that no one else reads and no optimiser folds.
  toOnnx(e, attrs) {
    const { shape } = e.inputType(0);
    const ones = shape.map(() => 1);
    const box = [shape.map(() => 0), ones.with(1, shape.at(-1) as number)];
    const first = e.add('Slice', [e.input(0), ...box.map((values) => e.int64s(values))]);
    const scratch = e.add('Reshape', [first, e.int64s([shape.at(-1) as number])]);
    const inputs = [e.input(0), e.input(1), e.input(2), e.add('Neg', [scratch]), e.add('Abs', [scratch])];
    return e.addMulti('BatchNormalization', inputs, 3, {
      epsilon: { float: attrs.epsilon },
      momentum: { float: 0 },
      training_mode: { int: 1 },
    });
  },
  toTfjs(tf, inputs, attrs) {
    const [x, gamma, beta] = inputs as readonly [tfjs.Tensor, tfjs.Tensor, tfjs.Tensor];
    const axes = leadingAxes(x.rank);
    const mean = tf.mean(x, axes);
    const centred = tf.sub(x, mean);
    const variance = tf.mean(tf.square(centred), axes);
    const scale = tf.mul(gamma, tf.rsqrt(tf.add(variance, attrs.epsilon)));
    return [tf.add(tf.mul(centred, scale), beta), mean, variance];
  },
  toTfjsGraph: GRADIENT_ONLY,
  tflite: { decode: GRADIENT_ONLY, encode: GRADIENT_ONLY },
  int8: GRADIENT_ONLY,
  emitC: GRADIENT_ONLY,
  edgeTpu: GRADIENT_ONLY,
};
