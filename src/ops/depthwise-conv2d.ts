import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorType } from '../ir/graph.js';
import { dims4, requireInputs, requireRank, shapeError } from './checks.js';
import type { Conv2dAttrs } from './conv2d.js';
import { activationToOnnx, activationToTfjs, applyActivation } from './fused-activation.js';
import { prepareInt8DepthwiseConv2d } from './int8-convolution.js';
import { LATER, type OpDef, type RefTensor, type Tfjs } from './op-def.js';
import { openWindows, padSpatial, slideTap } from './taps.js';
import { activationToTfGraph, constantFloats, convolutionToTfGraph } from './tf-graph.js';
import { decodeConvolution } from './tflite-convolution.js';
import { computedType, convolutionInputs, convolutionOptions } from './tflite-encode.js';
import { type ConvAttrs, checkConv, onnxPads, windowOutput } from './window.js';

/** Input [N, H, W, C], filter [1, kh, kw, C·m], optional bias [C·m] → [N, oh, ow, C·m]; output c·m + q reads input channel c. */
export const depthwiseConv2d: OpDef<Conv2dAttrs> = {
  kind: 'depthwise_conv2d',
  summary: '2-D depthwise convolution with channel multiplier, optional bias, explicit padding, strides, dilations',
  role: 'network',
  fusesActivation: true,
  learns: [1, 2],

  inferShape(inputs, attrs) {
    const kind = 'depthwise_conv2d';
    requireInputs(kind, inputs, 2, 3);
    checkConv(kind, attrs);
    const [n, h, w, c] = requireRank(kind, inputs, 0, 4) as [number, number, number, number];
    const [one, kh, kw, o] = requireRank(kind, inputs, 1, 4) as [number, number, number, number];
    if (one !== 1) shapeError(kind, `the filter's first dimension must be 1, got ${one}`, inputs);
    if (o % c !== 0) shapeError(kind, `${o} filter channels are no multiple of ${c} input channels`, inputs);
    if (inputs[2] && (inputs[2].shape.length !== 1 || inputs[2].shape[0] !== o)) {
      shapeError(kind, `the bias must have ${o} values`, inputs);
    }
    const [top, bottom, left, right] = attrs.pads;
    const oh = windowOutput(kind, h, kh, attrs.strides[0], attrs.dilations[0], top + bottom);
    const ow = windowOutput(kind, w, kw, attrs.strides[1], attrs.dilations[1], left + right);
    return [{ shape: [n, oh, ow, o], dtype: (inputs[0] as TensorType).dtype }];
  },

  macs(inputs, outputs) {
    const [, kh, kw] = dims4(inputs[1]);
    const [n, oh, ow, o] = dims4(outputs[0]);
    return n * oh * ow * o * kh * kw;
  },

  reference([x, filter, bias], attrs, [out]) {
    const [n, h, w, c] = dims4(x);
    const [, kh, kw, o] = dims4(filter);
    const [, oh, ow] = dims4(out);
    const m = o / c;
    const xs = (x as RefTensor).data;
    const fs = (filter as RefTensor).data;
    const y = new Float64Array(n * oh * ow * o);
    let at = 0;
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < oh; i++) {
        for (let j = 0; j < ow; j++) {
          for (let k = 0; k < o; k++) {
            const channel = Math.floor(k / m);
            let sum = bias ? (bias.data[k] as number) : 0;
            for (let p = 0; p < kh; p++) {
              const row = i * attrs.strides[0] - attrs.pads[0] + p * attrs.dilations[0];
              if (row < 0 || row >= h) continue;
              for (let q = 0; q < kw; q++) {
                const col = j * attrs.strides[1] - attrs.pads[2] + q * attrs.dilations[1];
                if (col < 0 || col >= w) continue;
                sum += (xs[((b * h + row) * w + col) * c + channel] as number) * (fs[(p * kw + q) * o + k] as number);
              }
            }
            y[at++] = sum;
          }
        }
      }
    }
    return [applyActivation(y, attrs.activation)];
  },

  vjp(sink, { inputs, attrs, gradients, needs }) {
    const dy = gradients[0] as string;
    const [x, filter] = inputs as [string, string];
    const [, height, width, c] = dims4(sink.type(x));
    const [, kh, kw, o] = dims4(sink.type(filter));
    const { strides, pads, dilations } = attrs;
    const conv = { strides, pads, dilations };
    return [
      needs[0]
        ? sink.op('depthwise_conv2d_input_grad', [dy, filter], {
            ...conv,
            inputSize: [height, width],
            multiplier: o / c,
          })
        : undefined,
      needs[1] ? sink.op('depthwise_conv2d_filter_grad', [x, dy], { ...conv, kernelSize: [kh, kw] }) : undefined,
      needs[2] ? sink.op('sum', [dy], { axes: [0, 1, 2], keepDims: false }) : undefined,
    ];
  },

  toOnnx(e, attrs) {
    const [, , , c] = dims4(e.inputType(0));
    const [, kh, kw, o] = dims4(e.inputType(1));
    // Physical [1, C·m, kh, kw] and ONNX's [C·m, 1, kh, kw] have the same order of elements.
    const inputs = [e.input(0), e.add('Reshape', [e.input(1), e.int64s([o, 1, kh, kw])])];
    if (e.inputCount > 2) inputs.push(e.input(2));
    const y = e.add('Conv', inputs, {
      kernel_shape: { ints: [kh, kw] },
      strides: { ints: attrs.strides },
      dilations: { ints: attrs.dilations },
      pads: onnxPads(attrs.pads),
      group: { int: c },
    });
    return [activationToOnnx(e, y, attrs.activation)];
  },

  toTfjs(tf, [x, filter, bias], attrs) {
    const [, , , c] = dims4(x);
    const [, kh, kw, o] = dims4(filter);
    const hwim = tf.reshape(filter as tfjs.Tensor, [kh, kw, c, o / c]) as tfjs.Tensor4D;
    let y = depthwiseToTfjs(tf, padSpatial(tf, x as tfjs.Tensor4D, attrs.pads), hwim, attrs);
    if (bias) y = tf.add(y, bias);
    return [activationToTfjs(tf, y, attrs.activation)];
  },

  toTfjsGraph(e, attrs) {
    const [, , , c] = dims4(e.inputType(0));
    const [, kh, kw, o] = dims4(e.inputType(1));
    const filter = e.floats('kernel', [kh, kw, c, o / c], constantFloats(e, 1, 'the filter'));
    const y = convolutionToTfGraph(e, 'DepthwiseConv2dNative', filter, [kh, kw], attrs);
    return [activationToTfGraph(e, y, attrs.activation)];
  },

  tflite: {
    decode: {
      DEPTHWISE_CONV_2D: decodeConvolution('depthwise_conv2d'),
    },
    encode(e, attrs) {
      const [, , , channels] = dims4(e.inputs[0]);
      const [, , , filters] = dims4(e.inputs[1]);
      const dilated = attrs.dilations.some((d) => d !== 1);
      return {
        builtin: 'DEPTHWISE_CONV_2D',
        version: computedType(e) === 'int8' ? 3 : dilated ? 2 : 1,
        options: { ...convolutionOptions(e, attrs), depth_multiplier: filters / channels },
        inputs: convolutionInputs(e, 3),
      };
    },
  },
  int8: { output: 'calibrated', weights: { input: 1, channelAxis: 3, bias: 2 }, prepare: prepareInt8DepthwiseConv2d },
  emitC: LATER.emitC,
  edgeTpu: [
    {
      rule: 'dilation 1 in both directions',
      check: (_inputs, _outputs, attrs) => attrs.dilations.every((d) => d === 1),
    },
  ],
};

/**
 * Depthwise convolution of an already padded input with a [kh, kw, C, m] filter. TensorFlow's kernel (tfjs-node) wants
 * equal strides and tfjs refuses dilation with strides: those are composed from slices.
 */
export function depthwiseToTfjs(
  tf: Tfjs,
  padded: tfjs.Tensor4D,
  filter: tfjs.Tensor4D,
  { strides, dilations }: Pick<ConvAttrs, 'strides' | 'dilations'>,
): tfjs.Tensor4D {
  if (strides[0] === strides[1] && dilations.every((d) => d === 1)) {
    return tf.depthwiseConv2d(padded, filter, [...strides], 'valid');
  }
  const [n, h, w, c] = padded.shape;
  const [kh, kw, , m] = filter.shape;
  const oh = Math.floor((h - (kh - 1) * dilations[0] - 1) / strides[0]) + 1;
  const ow = Math.floor((w - (kw - 1) * dilations[1] - 1) / strides[1]) + 1;
  const extent = [(kh - 1) * dilations[0] + 1, (kw - 1) * dilations[1] + 1] as const;
  const windows = openWindows(tf, padded, { pads: [0, 0, 0, 0], strides }, extent, [oh, ow]);
  let sum: tfjs.Tensor | undefined;
  for (let p = 0; p < kh; p++) {
    for (let q = 0; q < kw; q++) {
      const values = slideTap(tf, windows, p * dilations[0], q * dilations[1]);
      const weights = tf.reshape(tf.slice4d(filter, [p, q, 0, 0], [1, 1, c, m]), [c, m]);
      const part = tf.mul(tf.reshape(values, [n * oh * ow, c, 1]), weights);
      sum = sum ? tf.add(sum, part) : part;
    }
  }
  return tf.reshape(sum as tfjs.Tensor, [n, oh, ow, c * m]) as tfjs.Tensor4D;
}
