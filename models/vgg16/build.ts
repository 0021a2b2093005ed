import { type Architecture, NetworkBuilder } from '../network-builder.js';

const BLOCKS = [
  [64, 2],
  [128, 2],
  [256, 3],
  [512, 3],
  [512, 3],
] as const;

/**
 * VGG16 with layer names of Keras Applications, on request with batch norm after each convolution: without it the network hardly
 * learns from scratch. Below 128 pixels the two 4096-wide layers shrink to 512.
 */
export const vgg16: Architecture = {
  id: 'vgg16',
  source:
    'Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015, configuration D',
  defaultInput: [224, 224, 3],
  smallestInput: 32,
  build(options) {
    const n = new NetworkBuilder('vgg16', options);
    let x = n.input(options.inputShape);
    BLOCKS.forEach(([filters, layers], block) => {
      for (let i = 1; i <= layers; i++) {
        const name = `block${block + 1}_conv${i}`;
        x = options.batchNorm ? n.convBnInside(name, x, filters, 3) : n.conv(name, x, filters, 3);
      }
      x = n.maxPool(`block${block + 1}_pool`, x, 2, 2);
    });
    x = n.flatten('flatten', x);
    const units = Math.min(options.inputShape[0], options.inputShape[1]) < 128 ? 512 : 4096;
    x = n.dense('fc1', x, units, 'relu');
    x = n.dense('fc2', x, units, 'relu');
    return n.softmax('predictions', n.dense('predictions/linear', x, options.classes));
  },
};
