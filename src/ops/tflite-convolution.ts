/** What CONV_2D and DEPTHWISE_CONV_2D of TFLite share: the operands, and options that become explicit window attributes. */
import { dims4 } from './checks.js';
import type { TfliteDecode, TfliteOperator } from './op-def.js';
import { resolvePads } from './window.js';

/** Decoder of a convolution: input, filter and optional bias, then the fused activation. */
export function decodeConvolution(kind: 'conv2d' | 'depthwise_conv2d'): TfliteDecode {
  return (op, sink) => {
    const [x, filter, bias] = op.inputs;
    if (!x || !filter) return sink.refuse(`${op.builtin} lacks its input or filter`);
    sink.emitFused(kind, bias ? [x.id, filter.id, bias.id] : [x.id, filter.id], readWindow(op));
  };
}

/** Window attributes of CONV_2D and DEPTHWISE_CONV_2D, whose filters both have height and width at axes 1 and 2. */
function readWindow(op: TfliteOperator): {
  strides: [number, number];
  dilations: [number, number];
  pads: [number, number, number, number];
} {
  const o = op.options;
  const [, h, w] = dims4(op.inputs[0]);
  const [, kh, kw] = dims4(op.inputs[1]);
  const strides: [number, number] = [o.stride_h as number, o.stride_w as number];
  const dilations: [number, number] = [o.dilation_h_factor as number, o.dilation_w_factor as number];
  return {
    strides,
    dilations,
    pads: resolvePads(o.padding === 'SAME' ? 'same' : 'valid', [h, w], [kh, kw], strides, dilations),
  };
}
