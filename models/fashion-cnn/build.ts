import { type Architecture, NetworkBuilder } from '../network-builder.js';

/** The demo network's architecture (train.py beside this file), without its dropout: three VGG blocks, the second convolution of each with batch norm. */
export const fashionCnn: Architecture = {
  id: 'fashion-cnn',
  source: 'models/fashion-cnn/train.py; blocks as in Simonyan and Zisserman, ICLR 2015',
  defaultInput: [28, 28, 1],
  smallestInput: 8,
  build(options) {
    const n = new NetworkBuilder('fashion-cnn', options);
    let x = n.input(options.inputShape);
    [16, 32, 64].forEach((filters, i) => {
      const block = i + 1;
      x = n.conv(`conv${block}_1`, x, filters, 3);
      x = n.convBn(`conv${block}_2`, x, filters, 3);
      x = n.maxPool(`pool${block}`, x, 2, 2);
    });
    x = n.dense('dense1', n.flatten('flatten', x), 64, 'relu');
    return n.softmax('predictions', n.dense('predictions/linear', x, options.classes));
  },
};
