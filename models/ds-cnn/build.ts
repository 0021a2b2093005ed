import { type Architecture, NetworkBuilder } from '../network-builder.js';

/** DS-CNN (small), as in MLPerf Tiny's keyword spotting: one convolution, four depthwise-separable blocks of 64 channels. */
export const dsCnn: Architecture = {
  id: 'ds-cnn',
  source: 'Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", 2017; MLPerf Tiny reference',
  defaultInput: [49, 10, 1],
  smallestInput: 4,
  build(options) {
    const n = new NetworkBuilder('ds-cnn', options);
    let x = n.convBn('conv1', n.input(options.inputShape), 64, [10, 4], { stride: [2, 2] });
    for (let i = 1; i <= 4; i++) {
      x = n.depthwiseBn(`dw${i}`, x, 3);
      x = n.convBn(`pw${i}`, x, 64, 1);
    }
    x = n.globalAveragePool('avg_pool', x);
    return n.softmax('predictions', n.dense('predictions/linear', x, options.classes));
  },
};
