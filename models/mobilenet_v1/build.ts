import { type Architecture, NetworkBuilder } from '../network-builder.js';

const BLOCKS = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
] as const;

/** MobileNetV1 with width multiplier 0.25. */
export const mobilenetV1: Architecture = {
  id: 'mobilenet_v1',
  source:
    'Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017; width 0.25',
  defaultInput: [96, 96, 3],
  smallestInput: 16,
  build(options) {
    const n = new NetworkBuilder('mobilenet_v1', options);
    const width = (filters: number): number => filters / 4;
    let x = n.convBn('conv1', n.input(options.inputShape), width(32), 3, { stride: 2, activation: 'relu6' });
    BLOCKS.forEach(([filters, stride], i) => {
      x = n.depthwiseBn(`conv_dw_${i + 1}`, x, 3, { stride, activation: 'relu6' });
      x = n.convBn(`conv_pw_${i + 1}`, x, width(filters), 1, { activation: 'relu6' });
    });
    x = n.globalAveragePool('global_average_pooling2d', x);
    return n.softmax('predictions', n.dense('predictions/linear', x, options.classes));
  },
};
