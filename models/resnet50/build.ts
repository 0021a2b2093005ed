import { type Architecture, NetworkBuilder } from '../network-builder.js';

const STAGES = [
  [64, 3, 1],
  [128, 4, 2],
  [256, 6, 2],
  [512, 3, 2],
] as const;

/** ResNet-50, version 1 (stride in the first 1×1 convolution), with layer names of Keras Applications. */
export const resnet50: Architecture = {
  id: 'resnet50',
  source: 'He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1',
  defaultInput: [224, 224, 3],
  smallestInput: 16,
  build(options) {
    const n = new NetworkBuilder('resnet50', options);
    let x = n.convBn('conv1', n.input(options.inputShape), 64, 7, { stride: 2, padding: 3 });
    x = n.maxPool('pool1_pool', x, 3, 2, 1);
    STAGES.forEach(([filters, blocks, stride], stage) => {
      for (let i = 1; i <= blocks; i++) {
        const name = `conv${stage + 2}_block${i}`;
        const s = i === 1 ? stride : 1;
        const shortcut = i === 1 ? n.convBn(`${name}_0`, x, 4 * filters, 1, { stride: s, activation: 'none' }) : x;
        let y = n.convBn(`${name}_1`, x, filters, 1, { stride: s });
        y = n.convBn(`${name}_2`, y, filters, 3);
        y = n.convBn(`${name}_3`, y, 4 * filters, 1, { activation: 'none' });
        const sum = n.add(`${name}_add`, shortcut, y);
        x = n.graph.op('relu', [sum], {}, { id: `${name}_out` });
      }
    });
    x = n.globalAveragePool('avg_pool', x);
    return n.softmax('predictions', n.dense('predictions/linear', x, options.classes));
  },
};
