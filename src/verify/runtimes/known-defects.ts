/** What old runtimes are known to compute wrongly without saying so: such a difference is theirs, not the head's. */
import { type Graph, type Node, type Tensor, tensorOf } from '../../ir/graph.js';
import type { RuntimeDefect } from './runtime.js';

/** TFLite before per-channel FULLY_CONNECTED (operator version 12). */
export const perChannelDense: RuntimeDefect = {
  message: 'gives the zero point, since it does not know fully connected weights with a scale per channel',
  explains({ node, graph, outputs }) {
    if (node.kind !== 'dense') return false;
    const scales = tensorOf(graph, node.inputs[1] as string).quant?.scale.length ?? 0;
    const zeroPoint = outputOf(graph, node).quant?.zeroPoint[0] ?? 0;
    return scales > 1 && outputs.every((byte) => byte === (zeroPoint & 0xff));
  },
};

/** TFLite 2.2's optimised int8 depthwise convolution clamps to int8 and not to the activation's range. */
export const depthwiseActivation: RuntimeDefect = {
  message: 'leaves out the activation of int8 depthwise convolutions',
  explains({ node, graph }) {
    if (node.kind !== 'depthwise_conv2d') return false;
    const { scale, zeroPoint } = outputOf(graph, node).quant ?? {};
    const activation = node.attrs.activation;
    if (!scale || !zeroPoint || (activation !== 'relu' && activation !== 'relu6')) return false;
    const low = zeroPoint[0] as number;
    const high = activation === 'relu6' ? low + 6 / (scale[0] as number) : 127;
    // A clamp at the ends of int8 happens anyway.
    return low > -128 || Math.round(high) < 127;
  },
};

/**
 * TFLite 2.2's int8 MEAN, measured against exact means: it rounds up where the dimensions go (all of 1 280 values), and is off
 * by one now and then where they stay (6 of 1 280), as reference_integer_ops::Mean rounds before and after dividing.
 */
export const meanRoundedUp: RuntimeDefect = {
  message: 'rounds means up, off by one',
  explains: ({ node, maxLsb }) => node.kind === 'mean' && maxLsb === 1,
};

function outputOf(graph: Graph, node: Node): Tensor {
  return tensorOf(graph, node.outputs[0] as string);
}
