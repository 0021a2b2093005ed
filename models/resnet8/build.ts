import { type Architecture, NetworkBuilder } from '../network-builder.js';

/** ResNet-8 of MLPerf Tiny's image classification. */
export const resnet8: Architecture = {
  id: 'resnet8',
  source: 'Banbury et al., "MLPerf Tiny Benchmark", NeurIPS Datasets and Benchmarks 2021',
  defaultInput: [32, 32, 3],
  smallestInput: 8,
  build(options) {
    const n = new NetworkBuilder('resnet8', options);
    let x = n.convBn('stem', n.input(options.inputShape), 16, 3);
    [16, 32, 64].forEach((filters, i) => {
      const name = `stack${i + 1}`;
      const stride = i === 0 ? 1 : 2;
      let y = n.convBn(`${name}_conv1`, x, filters, 3, { stride });
      y = n.convBn(`${name}_conv2`, y, filters, 3, { activation: 'none' });
      const shortcut = stride === 1 ? x : n.conv(`${name}_shortcut`, x, filters, 1, { stride, activation: 'none' });
      const sum = n.add(`${name}_add`, y, shortcut);
      x = n.graph.op('relu', [sum], {}, { id: `${name}_out` });
    });
    x = n.globalAveragePool('avg_pool', x);
    return n.softmax('predictions', n.dense('predictions/linear', x, options.classes));
  },
};
