import type * as tfjs from '@tensorflow/tfjs-core';
import { dims4, requireInputs, requireRank, shapeError } from './checks.js';
import { activationToOnnx, activationToTfjs, applyActivation, type Fusable } from './fused-activation.js';
import { prepareInt8Conv2d } from './int8-convolution.js';
import { LATER, type OpDef, type RefTensor } from './op-def.js';
import { openWindows, padSpatial, slideTap } from './taps.js';
import { activationToTfGraph, constantFloats, convolutionToTfGraph, firstAxisLast } from './tf-graph.js';
import { decodeConvolution } from './tflite-convolution.js';
import { computedType, convolutionInputs, convolutionOptions } from './tflite-encode.js';
import { type ConvAttrs, checkConv, classifyPads, onnxPads, windowOutput } from './window.js';
import { planWinograd, winogradToOnnx } from './winograd.js';

export interface Conv2dAttrs extends ConvAttrs, Fusable {}

/** Input [N, H, W, I], filter [O, kh, kw, I], optional bias [O] → [N, oh, ow, O]. */
export const conv2d: OpDef<Conv2dAttrs> = {
  kind: 'conv2d',
  summary: '2-D convolution, optional bias, explicit padding, strides, dilations',
  role: 'network',
  fusesActivation: true,
  learns: [1, 2],

  inferShape(inputs, attrs) {
    requireInputs('conv2d', inputs, 2, 3);
    checkConv('conv2d', attrs);
    const [n, h, w, c] = requireRank('conv2d', inputs, 0, 4) as [number, number, number, number];
    const [o, kh, kw, i] = requireRank('conv2d', inputs, 1, 4) as [number, number, number, number];
    if (c !== i) shapeError('conv2d', `the input has ${c} channels, the filter wants ${i}`, inputs);
    if (inputs[2] && (inputs[2].shape.length !== 1 || inputs[2].shape[0] !== o)) {
      shapeError('conv2d', `the bias must have ${o} values`, inputs);
    }
    const [top, bottom, left, right] = attrs.pads;
    const oh = windowOutput('conv2d', h, kh, attrs.strides[0], attrs.dilations[0], top + bottom);
    const ow = windowOutput('conv2d', w, kw, attrs.strides[1], attrs.dilations[1], left + right);
    return [{ shape: [n, oh, ow, o], dtype: (inputs[0] as { dtype: 'float32' }).dtype }];
  },

  macs(inputs, outputs) {
    const [, kh, kw, i] = dims4(inputs[1]);
    const [n, oh, ow, o] = dims4(outputs[0]);
    return n * oh * ow * o * kh * kw * i;
  },

  reference([x, filter, bias], attrs, [out]) {
    const [n, h, w, c] = dims4(x);
    const [o, kh, kw] = dims4(filter);
    const [, oh, ow] = dims4(out);
    const xs = (x as RefTensor).data;
    const fs = (filter as RefTensor).data;
    const y = new Float64Array(n * oh * ow * o);
    let at = 0;
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < oh; i++) {
        for (let j = 0; j < ow; j++) {
          for (let k = 0; k < o; k++) {
            let sum = bias ? (bias.data[k] as number) : 0;
            for (let p = 0; p < kh; p++) {
              const row = i * attrs.strides[0] - attrs.pads[0] + p * attrs.dilations[0];
              if (row < 0 || row >= h) continue;
              for (let q = 0; q < kw; q++) {
                const col = j * attrs.strides[1] - attrs.pads[2] + q * attrs.dilations[1];
                if (col < 0 || col >= w) continue;
                const xi = ((b * h + row) * w + col) * c;
                const fi = ((k * kh + p) * kw + q) * c;
                for (let m = 0; m < c; m++) sum += (xs[xi + m] as number) * (fs[fi + m] as number);
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
    const [, height, width] = dims4(sink.type(x));
    const [, kh, kw] = dims4(sink.type(filter));
    const { strides, pads, dilations } = attrs;
    return [
      needs[0]
        ? sink.op('conv2d_input_grad', [dy, filter], { strides, pads, dilations, inputSize: [height, width] })
        : undefined,
      needs[1] ? sink.op('conv2d_filter_grad', [x, dy], { strides, pads, dilations, kernelSize: [kh, kw] }) : undefined,
      needs[2] ? sink.op('sum', [dy], { axes: [0, 1, 2], keepDims: false }) : undefined,
    ];
  },

  toOnnx(e, attrs) {
    const [, kh, kw] = dims4(e.inputType(1));
    const bias = e.inputCount > 2 ? { bias: e.input(2) } : {};
    const plan = e.constant(1)
      ? undefined
      : planWinograd(attrs, [kh, kw], dims4(e.inputType(0)), dims4(e.outputType(0)));
    if (plan) {
      const y = winogradToOnnx(e, plan, e.input(0), e.input(1), bias);
      return [activationToOnnx(e, y, attrs.activation)];
    }
    const inputs = [e.input(0), e.input(1)];
    if (e.inputCount > 2) inputs.push(e.input(2));
    const y = e.add('Conv', inputs, {
      kernel_shape: { ints: [kh, kw] },
      strides: { ints: attrs.strides },
      dilations: { ints: attrs.dilations },
      pads: onnxPads(attrs.pads),
    });
    return [activationToOnnx(e, y, attrs.activation)];
  },

  toTfjs(tf, [x, filter, bias], attrs, [out]) {
    const [, h, w] = dims4(x);
    const [, kh, kw] = dims4(filter);
    const padding = classifyPads(attrs.pads, [h, w], [kh, kw], attrs.strides, attrs.dilations);
    const hwio = tf.transpose(filter as tfjs.Tensor4D, [1, 2, 3, 0]);
    const input = x as tfjs.Tensor4D;
    const strided = attrs.strides.some((s) => s > 1);
    let y: tfjs.Tensor4D;
    if (strided && attrs.dilations.some((d) => d > 1)) {
      // tfjs refuses strides with dilation: every stride-th position of the stride-1 result.
      const every = tf.conv2d(padSpatial(tf, input, attrs.pads), hwio, 1, 'valid', 'NHWC', [...attrs.dilations]);
      const [, oh, ow] = dims4(out);
      const windows = openWindows(tf, every, { pads: [0, 0, 0, 0], strides: attrs.strides }, [1, 1], [oh, ow]);
      y = slideTap(tf, windows, 0, 0);
    } else {
      const padded = padding === 'explicit' ? padSpatial(tf, input, attrs.pads) : input;
      y = tf.conv2d(padded, hwio, [...attrs.strides], padding === 'same' ? 'same' : 'valid', 'NHWC', [
        ...attrs.dilations,
      ]);
    }
    if (bias) y = tf.add(y, bias);
    return [activationToTfjs(tf, y, attrs.activation)];
  },

  toTfjsGraph(e, attrs) {
    const [o, kh, kw, c] = dims4(e.inputType(1));
    const hwio = firstAxisLast(constantFloats(e, 1, 'the filter'), o);
    const y = convolutionToTfGraph(e, 'Conv2D', e.floats('kernel', [kh, kw, c, o], hwio), [kh, kw], attrs);
    return [activationToTfGraph(e, y, attrs.activation)];
  },

  tflite: {
    decode: {
      CONV_2D: decodeConvolution('conv2d'),
    },
    encode: (e, attrs) => ({
      builtin: 'CONV_2D',
      version: computedType(e) === 'int8' ? 3 : 1,
      options: convolutionOptions(e, attrs),
      inputs: convolutionInputs(e, 0),
    }),
  },
  int8: { output: 'calibrated', weights: { input: 1, channelAxis: 0, bias: 2 }, prepare: prepareInt8Conv2d },
  emitC: LATER.emitC,
  edgeTpu: [
    {
      rule: 'dilation 1 in both directions, or a kernel of one row',
      check: (inputs, _outputs, attrs) => attrs.dilations.every((d) => d === 1) || inputs[1]?.shape[1] === 1,
    },
  ],
};
