import type * as tfjs from '@tensorflow/tfjs-core';
import type { Tensor, TensorType } from '../ir/graph.js';
import { dims4, requireInputs, requireInts, requireRank, shapeError } from './checks.js';
import { activationToOnnx, activationToTfjs, applyActivation, type Fusable } from './fused-activation.js';
import { prepareInt8Conv2dTranspose } from './int8-convolution.js';
import { LATER, type OpDef, type RefTensor, type TfjsGraphEmitter } from './op-def.js';
import { cropSpatial, padSpatial, scatterProducts } from './taps.js';
import { activationToTfGraph, biasToTfGraph, constantFloats } from './tf-graph.js';
import { computedType, fusedActivationName, inputIdsOf } from './tflite-encode.js';
import {
  type ConvAttrs,
  checkConv,
  classifyPads,
  mirrorPads,
  onnxPads,
  outputPadding,
  type Pads,
  resolvePads,
  rotateToOnnx,
  windowOutput,
} from './window.js';

export interface Conv2dTransposeAttrs extends ConvAttrs, Fusable {
  /**
   * Height and width of the output. `pads` crop the full scatter; the convolution with these pads, strides and dilations
   * must lead from this size back to the input's.
   */
  readonly outputSize: readonly [number, number];
}

/** Input [N, h, w, I], filter [O, kh, kw, I], optional bias [O] → [N, H, W, O]: the adjoint of a convolution. */
export const conv2dTranspose: OpDef<Conv2dTransposeAttrs> = {
  kind: 'conv2d_transpose',
  summary: '2-D transposed convolution, optional bias, explicit cropping and output size, strides, dilations',
  role: 'network',
  fusesActivation: true,
  learns: [1, 2],

  inferShape(inputs, attrs) {
    const kind = 'conv2d_transpose';
    requireInputs(kind, inputs, 2, 3);
    checkConv(kind, attrs);
    requireInts(kind, 'outputSize', attrs.outputSize, 2, 1);
    const [n, h, w, c] = requireRank(kind, inputs, 0, 4) as [number, number, number, number];
    const [o, kh, kw, i] = requireRank(kind, inputs, 1, 4) as [number, number, number, number];
    if (c !== i) shapeError(kind, `the input has ${c} channels, the filter wants ${i}`, inputs);
    if (inputs[2] && (inputs[2].shape.length !== 1 || inputs[2].shape[0] !== o)) {
      shapeError(kind, `the bias must have ${o} values`, inputs);
    }
    const [height, width] = attrs.outputSize;
    const [top, bottom, left, right] = attrs.pads;
    const backH = windowOutput(kind, height, kh, attrs.strides[0], attrs.dilations[0], top + bottom);
    const backW = windowOutput(kind, width, kw, attrs.strides[1], attrs.dilations[1], left + right);
    if (backH !== h || backW !== w) {
      shapeError(kind, `an output of ${height}x${width} belongs to an input of ${backH}x${backW}`, inputs);
    }
    return [{ shape: [n, height, width, o], dtype: (inputs[0] as TensorType).dtype }];
  },

  macs(inputs) {
    const [n, h, w] = dims4(inputs[0]);
    const [o, kh, kw, i] = dims4(inputs[1]);
    return n * h * w * o * kh * kw * i;
  },

  reference([x, filter, bias], attrs) {
    const [n, h, w, c] = dims4(x);
    const [o, kh, kw] = dims4(filter);
    const [height, width] = attrs.outputSize;
    const xs = (x as RefTensor).data;
    const fs = (filter as RefTensor).data;
    const y = new Float64Array(n * height * width * o);
    if (bias) for (let at = 0; at < y.length; at++) y[at] = bias.data[at % o] as number;
    for (let b = 0; b < n; b++) {
      for (let i = 0; i < h; i++) {
        for (let j = 0; j < w; j++) {
          const xi = ((b * h + i) * w + j) * c;
          for (let p = 0; p < kh; p++) {
            const row = i * attrs.strides[0] - attrs.pads[0] + p * attrs.dilations[0];
            if (row < 0 || row >= height) continue;
            for (let q = 0; q < kw; q++) {
              const col = j * attrs.strides[1] - attrs.pads[2] + q * attrs.dilations[1];
              if (col < 0 || col >= width) continue;
              const yi = ((b * height + row) * width + col) * o;
              for (let k = 0; k < o; k++) {
                const fi = ((k * kh + p) * kw + q) * c;
                let sum = 0;
                for (let m = 0; m < c; m++) sum += (xs[xi + m] as number) * (fs[fi + m] as number);
                y[yi + k] = (y[yi + k] as number) + sum;
              }
            }
          }
        }
      }
    }
    return [applyActivation(y, attrs.activation)];
  },

  vjp(sink, { inputs, attrs, gradients, needs }) {
    const [x, filter] = inputs as [string, string];
    const dy = gradients[0] as string;
    const { strides, pads, dilations } = attrs;
    const conv = { strides, pads, dilations };
    const [, kh, kw] = dims4(sink.type(filter));
    // Both directions of the exchange of input and output channels.
    const exchange = (id: string): string => sink.op('transpose', [id], { perm: [3, 1, 2, 0] });
    return [
      needs[0] ? sink.op('conv2d', [dy, exchange(filter)], conv) : undefined,
      needs[1] ? exchange(sink.op('conv2d_filter_grad', [dy, x], { ...conv, kernelSize: [kh, kw] })) : undefined,
      needs[2] ? sink.op('sum', [dy], { axes: [0, 1, 2], keepDims: false }) : undefined,
    ];
  },

  toOnnx(e, attrs) {
    const [, h, w] = dims4(e.inputType(0));
    const [, kh, kw] = dims4(e.inputType(1));
    const bias = e.inputCount > 2 ? [e.input(2)] : [];
    const window = {
      kernel_shape: { ints: [kh, kw] },
      strides: { ints: attrs.strides },
      dilations: { ints: attrs.dilations },
    };
    const mirrored = mirrorPads(attrs, [kh, kw]);
    if (attrs.strides.every((s) => s === 1) && mirrored.every((p) => p >= 0)) {
      const rotated = rotateToOnnx(e, e.input(1), [kh, kw]);
      const y = e.add('Conv', [e.input(0), rotated, ...bias], { ...window, pads: onnxPads(mirrored) });
      return [activationToOnnx(e, y, attrs.activation)];
    }
    const filter = e.add('Transpose', [e.input(1)], { perm: { ints: [1, 0, 2, 3] } });
    const y = e.add('ConvTranspose', [e.input(0), filter, ...bias], {
      ...window,
      pads: onnxPads(attrs.pads),
      output_padding: { ints: outputPadding(attrs, attrs.outputSize, [h, w], [kh, kw]) },
    });
    return [activationToOnnx(e, y, attrs.activation)];
  },

  toTfjs(tf, [x, filter, bias], attrs) {
    const input = x as tfjs.Tensor4D;
    const f = filter as tfjs.Tensor4D;
    const [o, kh, kw, c] = f.shape;
    const [n] = input.shape;
    const [height, width] = attrs.outputSize;
    const [top, bottom, left, right] = attrs.pads;
    const size = [height + top + bottom, width + left + right] as const;
    const mirrored = mirrorPads(attrs, [kh, kw]);
    let y: tfjs.Tensor4D;
    if (attrs.strides.every((s) => s === 1) && mirrored.every((p) => p >= 0)) {
      const rotated = tf.transpose(tf.reverse(f, [1, 2]), [1, 2, 3, 0]) as tfjs.Tensor4D;
      y = tf.conv2d(padSpatial(tf, input, mirrored), rotated, 1, 'valid', 'NHWC', [...attrs.dilations]);
    } else {
      const full = attrs.dilations.every((d) => d === 1)
        ? tf.conv2dTranspose(
            input,
            tf.transpose(f, [1, 2, 0, 3]) as tfjs.Tensor4D,
            [n, ...size, o],
            [...attrs.strides],
            'valid',
          )
        : scatterProducts(
            tf,
            input,
            (p, q) => tf.transpose(tf.reshape(tf.slice4d(f, [0, p, q, 0], [o, 1, 1, c]), [o, c])) as tfjs.Tensor2D,
            [kh, kw],
            attrs,
            size,
          );
      y = cropSpatial(tf, full, attrs.pads, attrs.outputSize);
    }
    if (bias) y = tf.add(y, bias);
    return [activationToTfjs(tf, y, attrs.activation)];
  },

  toTfjsGraph(e, attrs) {
    if (attrs.dilations.some((d) => d !== 1)) e.refuse('TensorFlow.js has no dilated transposed convolution');
    const [o, kh, kw, c] = dims4(e.inputType(1));
    const [height, width] = attrs.outputSize;
    const [top, bottom, left, right] = attrs.pads;
    const hwoi = ohwiToHwoi(constantFloats(e, 1, 'the filter'), [o, kh, kw, c]);
    const filter = e.floats('kernel', [kh, kw, o, c], hwoi);
    const padding = classifyPads(attrs.pads, attrs.outputSize, [kh, kw], attrs.strides);
    // Any other cropping: all that the kernels reach, of which a part is taken.
    const full = padding === 'explicit' ? [height + top + bottom, width + left + right] : [height, width];
    const y = e.add('Conv2DBackpropInput', [sizeWithBatch(e, [...full, o]), filter, e.input(0)], {
      strides: { ints: [1, ...attrs.strides, 1] },
      dilations: { ints: [1, 1, 1, 1] },
      padding: { string: padding === 'same' ? 'SAME' : 'VALID' },
      data_format: { string: 'NHWC' },
    });
    const begin = [0, top, left, 0];
    const size = [-1, height, width, -1];
    const cropped =
      padding === 'explicit' ? e.add('Slice', [y, e.int32s('begin', [4], begin), e.int32s('size', [4], size)]) : y;
    return [activationToTfGraph(e, biasToTfGraph(e, cropped), attrs.activation)];
  },

  tflite: {
    decode: {
      // Inputs: output shape, filter, input, optional bias.
      TRANSPOSE_CONV(op, sink) {
        const [, filter, x, bias] = op.inputs;
        if (!x || !filter) return sink.refuse('TRANSPOSE_CONV lacks its input or filter');
        const [, height, width] = dims4(op.outputs[0]);
        const [, h, w] = dims4(x);
        const [, kh, kw] = dims4(filter);
        const strides: [number, number] = [op.options.stride_h as number, op.options.stride_w as number];
        const padding = op.options.padding === 'SAME' ? 'same' : 'valid';
        const pads = transposedPads(padding, [height, width], [h, w], [kh, kw], strides);
        sink.emitFused('conv2d_transpose', bias ? [x.id, filter.id, bias.id] : [x.id, filter.id], {
          strides,
          dilations: [1, 1],
          pads,
          outputSize: [height, width],
        });
      },
    },
    encode(e, attrs) {
      if (attrs.dilations.some((d) => d !== 1)) e.refuse(`dilations [${attrs.dilations}]`);
      const [, h, w] = dims4(e.inputs[0]);
      const [, kh, kw] = dims4(e.inputs[1]);
      const padding = (['same', 'valid'] as const).find((name) => {
        const pads = transposedPads(name, attrs.outputSize, [h, w], [kh, kw], attrs.strides);
        return pads.every((p, i) => p === attrs.pads[i]);
      });
      if (!padding) return e.refuse(`pads [${attrs.pads}] are neither SAME nor VALID`);
      const [input, filter, ...bias] = inputIdsOf(e);
      const fused = fusedActivationName(attrs.activation);
      const int8 = computedType(e) === 'int8';
      return {
        builtin: 'TRANSPOSE_CONV',
        version: fused !== 'NONE' ? 4 : bias.length > 0 ? 3 : int8 ? 2 : 1,
        options: {
          padding: padding === 'same' ? 'SAME' : 'VALID',
          stride_h: attrs.strides[0],
          stride_w: attrs.strides[1],
          fused_activation_function: fused,
        },
        inputs: [e.int32s('shape', [4], (e.outputs[0] as Tensor).shape), filter, input, ...bias],
      };
    },
  },
  int8: { output: 'calibrated', weights: { input: 1, channelAxis: 0, bias: 2 }, prepare: prepareInt8Conv2dTranspose },
  emitC: LATER.emitC,
  edgeTpu: [
    {
      rule: 'dilation 1 in both directions',
      check: (_inputs, _outputs, attrs) => attrs.dilations.every((d) => d === 1),
    },
  ],
};

/** Pads of TRANSPOSE_CONV: its padding is that of the convolution from the output (height × width) to the input (h × w). */
function transposedPads(
  padding: 'same' | 'valid',
  [height, width]: readonly [number, number],
  [h, w]: readonly [number, number],
  [kh, kw]: readonly [number, number],
  strides: readonly [number, number],
): Pads {
  const [top, , left] = resolvePads(padding, [height, width], [kh, kw], strides);
  const cropped = (full: number, before: number, size: number): number => Math.max(full - before - size, 0);
  return [top, cropped((h - 1) * strides[0] + kh, top, height), left, cropped((w - 1) * strides[1] + kw, left, width)];
}

/** [batch of input 0, …rest] as a value: the batch is open. */
function sizeWithBatch(e: TfjsGraphEmitter, rest: readonly number[]): string {
  const ints = { T: { type: 'DT_INT32' } } as const;
  const [from, to] = [e.int32s('first', [1], [0]), e.int32s('second', [1], [1])];
  const masks = ['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask'];
  const batch = e.add('StridedSlice', [e.add('Shape', [e.input(0)]), from, to, to], {
    ...ints,
    ...Object.fromEntries(masks.map((mask) => [mask, { int: 0 }])),
  });
  const inner = e.int32s('output_size', [rest.length], rest);
  return e.add('ConcatV2', [batch, inner, e.int32s('axis', [], [0])], { ...ints, N: { int: 2 } });
}

/** [out, kh, kw, in] → [kh, kw, out, in]. */
function ohwiToHwoi(data: Float32Array, [o, kh, kw, c]: readonly [number, number, number, number]): Float32Array {
  const y = new Float32Array(data.length);
  const taps = kh * kw;
  for (let k = 0; k < o; k++) {
    for (let t = 0; t < taps; t++) {
      const from = (k * taps + t) * c;
      y.set(data.subarray(from, from + c), (t * o + k) * c);
    }
  }
  return y;
}
