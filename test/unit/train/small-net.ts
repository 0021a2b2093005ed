/** A network with every kind of parameter, small enough for finite differences in float64. */
import { createRandom, type Random } from '../../../src/core/random.js';
import { GraphBuilder } from '../../../src/ir/builder.js';
import { elementCount, type Graph, type Shape } from '../../../src/ir/graph.js';
import { SHAPES } from '../../../src/ops/index.js';
import { appendCrossEntropy } from '../../../src/train/losses.js';
import { trainableConstants } from '../../../src/train/trainable-constants.js';
import type { TrainingProblem } from '../../../src/train/training.js';

export const CLASSES = 3;
export const PICTURE = { height: 6, width: 6, channels: 2 } as const;

export function drawNormal(random: Random, shape: Shape, scale = 1): Float32Array {
  return Float32Array.from({ length: elementCount(shape) }, () => random.normal() * scale);
}

/** conv2d, batch norm, depthwise, a residual edge, transposed convolution, pooling and dense; inputs `x` and `labels`. */
export function smallNet(batch: number, seed = 3): Graph {
  const random = createRandom(seed);
  const b = new GraphBuilder('small', SHAPES);
  const weight = (id: string, shape: Shape, scale: number): string =>
    b.constant(id, shape, drawNormal(random, shape, scale));
  const window = { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] };
  const { height, width, channels } = PICTURE;
  const x = b.input('x', [batch, height, width, channels]);
  let y = b.op('conv2d', [x, weight('conv/w', [4, 3, 3, channels], 0.3), weight('conv/b', [4], 0.1)], window, {
    id: 'conv',
  });
  const ones = (id: string): string => b.constant(id, [4], Float32Array.of(1.1, 0.9, 1.2, 0.8));
  y = b.op(
    'batch_norm',
    [y, ones('norm/gamma'), weight('norm/beta', [4], 0.2), weight('norm/mean', [4], 0.2), ones('norm/variance')],
    { epsilon: 1e-3 },
    { id: 'norm' },
  );
  const skip = b.op('relu', [y], {}, { id: 'skip' });
  y = b.op('depthwise_conv2d', [skip, weight('dw/w', [1, 3, 3, 4], 0.4), weight('dw/b', [4], 0.1)], window, {
    id: 'dw',
  });
  y = b.op('relu6', [y], {}, { id: 'dw/relu6' });
  y = b.op('add', [y, skip], {}, { id: 'sum' });
  y = b.op('max_pool2d', [y], { kernelSize: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] }, { id: 'pool' });
  y = b.op(
    'conv2d_transpose',
    [y, weight('up/w', [3, 2, 2, 4], 0.4), weight('up/b', [3], 0.1)],
    { strides: [2, 2], dilations: [1, 1], pads: [0, 0, 0, 0], outputSize: [6, 6], activation: 'relu' },
    { id: 'up' },
  );
  y = b.op('mean', [y], { axes: [1, 2], keepDims: false }, { id: 'global' });
  y = b.op('dense', [y, weight('fc/w', [CLASSES, 3], 0.6), weight('fc/b', [CLASSES], 0.1)], {}, { id: 'logits' });
  return b.build([y]);
}

/** Cross entropy of the small network. */
export function smallProblem(batch: number, seed = 3): TrainingProblem {
  const net = smallNet(batch, seed);
  const b = new GraphBuilder('small-loss', SHAPES, net);
  const labels = b.input('labels', [batch, CLASSES]);
  const loss = appendCrossEntropy(b, 'logits', labels);
  return { graph: b.build([loss]), loss, parameters: trainableConstants(net), watch: ['logits'] };
}

/** Pictures whose class shows in their mean and slope, so that something can be learnt. */
export function smallSamples(count: number, seed = 5): { x: Float32Array; labels: Int32Array } {
  const random = createRandom(seed);
  const { height, width, channels } = PICTURE;
  const size = height * width * channels;
  const labels = Int32Array.from({ length: count }, () => random.int(CLASSES));
  const x = new Float32Array(count * size);
  labels.forEach((label, i) => {
    for (let k = 0; k < size; k++) {
      const column = Math.floor(k / channels) % width;
      const signal = label === 0 ? 0.5 : label === 1 ? -0.5 : (column - 2.5) * 0.4;
      x[i * size + k] = signal + 0.4 * random.normal();
    }
  });
  return { x, labels };
}
