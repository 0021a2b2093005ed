import { unsupported } from './op-def.js';
import { decodeUnary, defineUnary } from './unary.js';

/**
 * Nearest integer, halves to the even one. Its gradient is the straight-through estimator: as if it were the identity.
 * Source of the estimator: Bengio, Léonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for
 * Conditional Computation", arXiv:1308.3432, 2013, §4.
 */
export const round = defineUnary({
  kind: 'round',
  summary: 'nearest integer, halves to even; its gradient passes straight through',
  compute(v) {
    const down = Math.floor(v);
    const rest = v - down;
    if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
    return down % 2 === 0 ? down : down + 1;
  },
  gradient: (_sink, g) => g,
  toOnnx: (e, x) => e.add('Round', [x]),
  toTfjs: (tf, x) => tf.round(x),
  toTfjsGraph: (e, x) => e.add('Round', [x]),
  decode: { ROUND: decodeUnary('round') },
  edgeTpu: unsupported('the Edge TPU compiler does not list ROUND'),
  notInHeads: unsupported('runs in the float tail and in training graphs; heads do not use it'),
});
