import type * as tfjs from '@tensorflow/tfjs-core';
import { elementCount, type Tensor, type TensorType } from '../ir/graph.js';
import { dims2, requireInputs, requireRank, shapeError } from './checks.js';
import { activationToOnnx, activationToTfjs, applyActivation, type Fusable } from './fused-activation.js';
import { prepareInt8Dense } from './int8-convolution.js';
import { LATER, type OpDef, type RefTensor } from './op-def.js';
import { activationToTfGraph, biasToTfGraph, constantFloats, firstAxisLast } from './tf-graph.js';
import { computedType, fusedActivationName, inputIdsOf } from './tflite-encode.js';

/** Input [..., I], weights [O, I], optional bias [O] → [..., O]. */
export const dense: OpDef<Fusable> = {
  kind: 'dense',
  summary: 'fully connected layer over the last axis, optional bias',
  role: 'network',
  fusesActivation: true,
  learns: [1, 2],

  inferShape(inputs) {
    requireInputs('dense', inputs, 2, 3);
    const x = inputs[0] as TensorType;
    const [o, i] = requireRank('dense', inputs, 1, 2) as [number, number];
    if (x.shape.length < 2 || x.shape.at(-1) !== i)
      shapeError('dense', `the last axis of the input must be ${i}`, inputs);
    if (inputs[2] && (inputs[2].shape.length !== 1 || inputs[2].shape[0] !== o)) {
      shapeError('dense', `the bias must have ${o} values`, inputs);
    }
    return [{ shape: [...x.shape.slice(0, -1), o], dtype: x.dtype }];
  },

  macs: (inputs, outputs) => elementCount((outputs[0] as TensorType).shape) * (inputs[1]?.shape[1] as number),

  reference([x, weights, bias], attrs) {
    const [o, c] = dims2(weights);
    const xs = (x as RefTensor).data;
    const ws = (weights as RefTensor).data;
    const rows = xs.length / c;
    const y = new Float64Array(rows * o);
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < o; k++) {
        let sum = bias ? (bias.data[k] as number) : 0;
        for (let m = 0; m < c; m++) sum += (xs[r * c + m] as number) * (ws[k * c + m] as number);
        y[r * o + k] = sum;
      }
    }
    return [applyActivation(y, attrs.activation)];
  },

  vjp(sink, { inputs, gradients, needs }) {
    const [x, weights] = inputs as [string, string];
    const dy = gradients[0] as string;
    const xShape = sink.type(x).shape;
    const [o, i] = dims2(sink.type(weights));
    const rows = elementCount(xShape) / i;
    const flat = (id: string, columns: number): string =>
      xShape.length === 2 ? id : sink.op('reshape', [id], { shape: [rows, columns] });
    const dy2 = flat(dy, o);
    let dx: string | undefined;
    if (needs[0]) {
      dx = sink.op('matmul', [dy2, weights], { transposeA: false, transposeB: false });
      if (xShape.length !== 2) dx = sink.op('reshape', [dx], { shape: xShape });
    }
    return [
      dx,
      needs[1] ? sink.op('matmul', [dy2, flat(x, i)], { transposeA: true, transposeB: false }) : undefined,
      needs[2] ? sink.op('sum', [dy2], { axes: [0], keepDims: false }) : undefined,
    ];
  },

  toOnnx(e, attrs) {
    const rank = e.inputType(0).shape.length;
    const x = e.toGraphLayout(e.input(0), rank);
    let y: string;
    if (rank === 2) {
      const inputs = e.inputCount > 2 ? [x, e.input(1), e.input(2)] : [x, e.input(1)];
      y = e.add('Gemm', inputs, { transB: { int: 1 } });
    } else {
      y = e.add('MatMul', [x, e.add('Transpose', [e.input(1)], { perm: { ints: [1, 0] } })]);
      if (e.inputCount > 2) y = e.add('Add', [y, e.input(2)]);
    }
    return [e.toPhysicalLayout(activationToOnnx(e, y, attrs.activation), rank)];
  },

  toTfjs(tf, [x, weights, bias], attrs) {
    const w = weights as tfjs.Tensor2D;
    const input = x as tfjs.Tensor;
    const flat = tf.reshape(input, [-1, w.shape[1]]) as tfjs.Tensor2D;
    let y: tfjs.Tensor = tf.matMul(flat, w, false, true);
    if (bias) y = tf.add(y, bias);
    return [activationToTfjs(tf, tf.reshape(y, [...input.shape.slice(0, -1), w.shape[0]]), attrs.activation)];
  },

  toTfjsGraph(e, attrs) {
    const [o, i] = dims2(e.inputType(1));
    const { shape } = e.inputType(0);
    const kernel = e.floats('kernel', [i, o], firstAxisLast(constantFloats(e, 1, 'the matrix'), o));
    const rows = shape.length === 2 ? e.input(0) : e.add('Reshape', [e.input(0), e.int32s('rows', [2], [-1, i])]);
    const plain = { transpose_a: { bool: false }, transpose_b: { bool: false } };
    const y = biasToTfGraph(e, e.add('MatMul', [rows, kernel], plain));
    const activated = activationToTfGraph(e, y, attrs.activation);
    if (shape.length === 2) return [activated];
    const back = [-1, ...shape.slice(1, -1), o];
    return [e.add('Reshape', [activated, e.int32s('shape', [back.length], back)])];
  },

  tflite: {
    decode: {
      FULLY_CONNECTED(op, sink) {
        const [x, weights, bias] = op.inputs;
        if (!x || !weights) return sink.refuse('FULLY_CONNECTED lacks its input or weights');
        if (op.options.weights_format !== 'DEFAULT') return sink.refuse(`weights format ${op.options.weights_format}`);
        const inputSize = weights.shape[1] as number;
        // TFLite flattens every leading axis; keep_num_dims keeps them.
        const flatten = x.shape.at(-1) !== inputSize || (!op.options.keep_num_dims && x.shape.length !== 2);
        const input = flatten ? sink.inner('reshape', [x.id], { shape: [-1, inputSize] }, 'flat') : x.id;
        sink.emitFused('dense', bias ? [input, weights.id, bias.id] : [input, weights.id], {});
      },
    },
    encode(e, attrs) {
      const int8 = computedType(e) === 'int8';
      const keeps = (e.inputs[0] as Tensor).shape.length > 2;
      const perChannel = int8 && ((e.inputs[1] as Tensor).quant?.scale.length ?? 1) > 1;
      return {
        builtin: 'FULLY_CONNECTED',
        // Runtimes before version 12 take int8 weights with a scale a channel without complaint and compute garbage.
        version: perChannel ? 12 : e.inputs.length === 2 ? 6 : keeps ? 5 : int8 ? 4 : 1,
        options: { fused_activation_function: fusedActivationName(attrs.activation), keep_num_dims: keeps },
        inputs: inputIdsOf(e),
      };
    },
  },
  int8: { output: 'calibrated', weights: { input: 1, channelAxis: 0, bias: 2 }, prepare: prepareInt8Dense },
  emitC: LATER.emitC,
  edgeTpu: [],
};
