import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorType } from '../ir/graph.js';
import { requireInputs, shapeError } from './checks.js';
import { type GradientSink, type OnnxEmitter, type OpDef, type RefTensor, unsupported } from './op-def.js';
import { constantFloats } from './tf-graph.js';
import { onnxScalar, scalarConstant } from './unary.js';

export interface BatchNormAttrs {
  readonly epsilon: number;
}

const FOLDED = unsupported('folded into its neighbours before a head is compiled');

/** Inference-mode batch normalisation over the last axis; inputs x, gamma, beta, mean, variance (all but x [C]). */
export const batchNorm: OpDef<BatchNormAttrs> = {
  kind: 'batch_norm',
  summary: 'batch normalisation with fixed statistics, over the last axis',
  role: 'network',
  inPlace: [0],
  learns: [1, 2],

  inferShape(inputs, attrs) {
    requireInputs('batch_norm', inputs, 5);
    const { shape, dtype } = inputs[0] as TensorType;
    const channels = shape.at(-1);
    if (inputs.slice(1).some((t) => t.shape.length !== 1 || t.shape[0] !== channels)) {
      shapeError('batch_norm', `gamma, beta, mean and variance must have ${channels} values`, inputs);
    }
    if (!(attrs.epsilon >= 0)) shapeError('batch_norm', `attribute epsilon must not be negative, got ${attrs.epsilon}`);
    return [{ shape, dtype }];
  },
  macs: () => 0,
  reference(inputs, attrs) {
    const [x, gamma, beta, mean, variance] = inputs.map((t) => t.data) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const channels = (inputs[1] as RefTensor).shape[0] as number;
    return [
      x.map((v, i) => {
        const c = i % channels;
        const normal = (v - (mean[c] as number)) / Math.sqrt((variance[c] as number) + attrs.epsilon);
        return (gamma[c] as number) * normal + (beta[c] as number);
      }),
    ];
  },

  vjp(sink, { inputs, attrs, gradients, needs }) {
    const [x, gamma, , mean, variance] = inputs as [string, string, string, string, string];
    const g = gradients[0] as string;
    const rank = sink.type(x).shape.length;
    const axes = Array.from({ length: rank - 1 }, (_, i) => i);
    const perChannel = (id: string): string =>
      axes.length === 0 ? id : sink.op('sum', [id], { axes, keepDims: false });
    const inverse = inverseDeviation(sink, variance, attrs.epsilon);
    const scale = needs[0] || needs[3] || needs[4] ? sink.op('mul', [gamma, inverse]) : '';
    const total = needs[2] || needs[3] ? perChannel(g) : '';
    // Σ g · (x − mean) · inverse, the gradient of gamma; that of the variance is a multiple of it.
    const correlation =
      needs[1] || needs[4] ? sink.op('mul', [perChannel(sink.op('mul', [g, sink.op('sub', [x, mean])])), inverse]) : '';
    const times = (id: string, factor: number): string => sink.op('mul', [id, scalarConstant(sink, factor)]);
    return [
      needs[0] ? sink.op('mul', [g, scale]) : undefined,
      needs[1] ? correlation : undefined,
      needs[2] ? total : undefined,
      needs[3] ? times(sink.op('mul', [total, scale]), -1) : undefined,
      needs[4] ? times(sink.op('mul', [sink.op('mul', [correlation, scale]), inverse]), -0.5) : undefined,
    ];
  },

  toOnnx(e, attrs) {
    const rank = e.inputType(0).shape.length;
    // ONNX normalises axis 1, which is where the channels of rank 2 and (physically) rank 4 are.
    if (rank !== 2 && rank !== 4) return [scaleAndShift(e, attrs.epsilon)];
    const inputs = Array.from({ length: 5 }, (_, i) => e.input(i));
    return [e.add('BatchNormalization', inputs, { epsilon: { float: attrs.epsilon } })];
  },
  toTfjs(tf, inputs, attrs) {
    const [x, gamma, beta, mean, variance] = inputs as readonly [
      tfjs.Tensor,
      tfjs.Tensor1D,
      tfjs.Tensor1D,
      tfjs.Tensor1D,
      tfjs.Tensor1D,
    ];
    // tf.batchNorm takes ranks 2 to 4 only and cpu and wasm differ in it; five plain ops are the same everywhere.
    const scale = tf.mul(gamma, tf.rsqrt(tf.add(variance, attrs.epsilon)));
    return [tf.add(tf.mul(tf.sub(x, mean), scale), beta)];
  },
  toTfjsGraph(e, attrs) {
    const [gamma, variance] = [constantFloats(e, 1, 'gamma'), constantFloats(e, 4, 'the variance')];
    const scale = gamma.map((g, c) => g / Math.sqrt((variance[c] as number) + attrs.epsilon));
    const centred = e.add('Sub', [e.input(0), e.input(3)]);
    return [e.add('AddV2', [e.add('Mul', [centred, e.floats('scale', [scale.length], scale)]), e.input(2)])];
  },
  tflite: { decode: unsupported('TFLite has no batch normalisation; converters fold it'), encode: FOLDED },
  int8: FOLDED,
  emitC: FOLDED,
  edgeTpu: FOLDED,
};

/** 1 / √(variance + epsilon). */
function inverseDeviation(sink: GradientSink, variance: string, epsilon: number): string {
  const deviation = sink.op('sqrt', [sink.op('add', [variance, scalarConstant(sink, epsilon)])]);
  return sink.op('div', [scalarConstant(sink, 1), deviation]);
}

function scaleAndShift(e: OnnxEmitter, epsilon: number): string {
  const deviation = e.add('Sqrt', [e.add('Add', [e.input(4), onnxScalar(e, epsilon)])]);
  const centred = e.add('Sub', [e.input(0), e.input(3)]);
  return e.add('Add', [e.add('Mul', [centred, e.add('Div', [e.input(1), deviation])]), e.input(2)]);
}
