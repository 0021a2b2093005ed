import { type Architecture, NetworkBuilder } from '../network-builder.js';

/** [expansion, channels, repeats, stride of the first] */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** MobileNetV2 with width multiplier 0.35: inverted residuals with linear bottlenecks. */
export const mobilenetV2: Architecture = {
  id: 'mobilenet_v2',
  source: 'Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, table 2; width 0.35',
  defaultInput: [96, 96, 3],
  smallestInput: 16,
  build(options) {
    const n = new NetworkBuilder('mobilenet_v2', options);
    let x = n.convBn('Conv1', n.input(options.inputShape), width(32), 3, { stride: 2, activation: 'relu6' });
    let block = 0;
    for (const [expansion, channels, repeats, stride] of STAGES) {
      for (let i = 0; i < repeats; i++) {
        const name = `block_${block++}`;
        const from = x;
        const inChannels = n.graph.type(x).shape[3] as number;
        let y = x;
        if (expansion > 1) y = n.convBn(`${name}_expand`, y, inChannels * expansion, 1, { activation: 'relu6' });
        y = n.depthwiseBn(`${name}_depthwise`, y, 3, { stride: i === 0 ? stride : 1, activation: 'relu6' });
        y = n.convBn(`${name}_project`, y, width(channels), 1, { activation: 'none' });
        const residual = (i > 0 || stride === 1) && inChannels === width(channels);
        x = residual ? n.add(`${name}_add`, from, y) : y;
      }
    }
    x = n.convBn('Conv_1', x, 1280, 1, { activation: 'relu6' });
    x = n.globalAveragePool('global_average_pooling2d', x);
    return n.softmax('predictions', n.dense('predictions/linear', x, options.classes));
  },
};

/** Channels at width 0.35, rounded to a multiple of 8 and never below 90 % of the exact value. */
function width(channels: number): number {
  const exact = channels * 0.35;
  const rounded = Math.max(8, Math.floor((exact + 4) / 8) * 8);
  return rounded < 0.9 * exact ? rounded + 8 : rounded;
}
