import type * as tfjs from '@tensorflow/tfjs-core';
import type { DType, Tensor, TensorType } from '../ir/graph.js';
import { requireInputs, shapeError } from './checks.js';
import { prepareInt8Quantize } from './int8-moves.js';
import {
  LATER,
  type OnnxEmitter,
  type OpDef,
  type RefTensor,
  type TfliteEncoder,
  type TfliteOperator,
  type TfliteSink,
  unsupported,
} from './op-def.js';
import { inputIdsOf } from './tflite-encode.js';
import { inputId, onnxScalar, scalarConstant } from './unary.js';

export type QuantizedDType = 'int8' | 'uint8' | 'int16';

export interface QuantizeAttrs {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly dtype: QuantizedDType;
  /** Quantization of the input when it is itself quantized; both or neither. */
  readonly inputScale?: number;
  readonly inputZeroPoint?: number;
}

/** Smallest and largest value of a quantized dtype. */
export const QUANTIZED_RANGE: Readonly<Record<QuantizedDType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
};

/** TensorProto.DataType */
const ONNX_TYPE: Readonly<Record<QuantizedDType | 'float32', number>> = { float32: 1, uint8: 2, int8: 3, int16: 5 };

/**
 * round(x / scale) + zeroPoint, clamped; halves away from zero, the division in float32, as TFLite's AffineQuantize
 * does it. A quantized input is brought to its real value first.
 */
export const quantize: OpDef<QuantizeAttrs> = {
  kind: 'quantize',
  summary: 'real values to int8, uint8 or int16, or from one quantization to another',
  role: 'network',

  inferShape(inputs, attrs) {
    requireInputs('quantize', inputs, 1);
    const { shape, dtype } = inputs[0] as TensorType;
    if (!Object.hasOwn(QUANTIZED_RANGE, attrs.dtype)) shapeError('quantize', `cannot quantize to ${attrs.dtype}`);
    checkQuantization('quantize', attrs.dtype, attrs.scale, attrs.zeroPoint);
    if (dtype === 'float32' ? attrs.inputScale !== undefined : attrs.inputScale === undefined) {
      shapeError('quantize', 'inputScale and inputZeroPoint go with a quantized input', inputs);
    }
    if (dtype !== 'float32')
      checkQuantization('quantize', dtype, attrs.inputScale as number, attrs.inputZeroPoint as number);
    return [{ shape, dtype: attrs.dtype }];
  },
  macs: () => 0,
  reference([x], attrs) {
    const [min, max] = QUANTIZED_RANGE[attrs.dtype];
    const scale = Math.fround(attrs.scale);
    return [
      (x as RefTensor).data.map((v) => {
        const real = attrs.inputScale === undefined ? v : (v - (attrs.inputZeroPoint ?? 0)) * attrs.inputScale;
        const steps = Math.fround(Math.fround(real) / scale);
        const rounded = Math.sign(steps) * Math.round(Math.abs(steps));
        return Math.min(Math.max(rounded + attrs.zeroPoint, min), max);
      }),
    ];
  },
  /** Straight-through estimator: the slope 1 / scale inside the representable range, 0 outside. */
  vjp(sink, { inputs, attrs, gradients }) {
    const x = inputs[0] as string;
    const [min, max] = QUANTIZED_RANGE[attrs.dtype];
    if (attrs.inputScale !== undefined) return [undefined];
    const real = (q: number): string => scalarConstant(sink, (q - attrs.zeroPoint) * attrs.scale);
    const inside = sink.op('mul', [sink.op('greater', [x, real(min - 0.5)]), sink.op('greater', [real(max + 0.5), x])]);
    const slope = sink.op('mul', [inside, scalarConstant(sink, 1 / attrs.scale)]);
    return [sink.op('mul', [gradients[0] as string, slope])];
  },
  toOnnx(e, attrs) {
    // QuantizeLinear rounds halves to even; TFLite rounds them away from zero.
    const [min, max] = QUANTIZED_RANGE[attrs.dtype];
    const steps = e.add('Div', [realInput(e, attrs), onnxScalar(e, attrs.scale)]);
    const size = e.add('Abs', [steps]);
    const whole = e.add('Floor', [size]);
    const up = e.add('GreaterOrEqual', [e.add('Sub', [size, whole]), onnxScalar(e, 0.5)]);
    const rounded = e.add('Add', [whole, e.add('Cast', [up], { to: { int: ONNX_TYPE.float32 } })]);
    const signed = e.add('Mul', [rounded, e.add('Sign', [steps])]);
    const shifted = e.add('Add', [signed, onnxScalar(e, attrs.zeroPoint)]);
    const clamped = e.add('Clip', [shifted, onnxScalar(e, min), onnxScalar(e, max)]);
    return [e.add('Cast', [clamped], { to: { int: ONNX_TYPE[attrs.dtype] } })];
  },
  // tfjs has no 8-bit tensors: the integers are held as int32.
  toTfjs(tf, [x], attrs) {
    const [min, max] = QUANTIZED_RANGE[attrs.dtype];
    const input = tf.cast(x as tfjs.Tensor, 'float32');
    const real =
      attrs.inputScale === undefined ? input : tf.mul(tf.sub(input, attrs.inputZeroPoint ?? 0), attrs.inputScale);
    const steps = tf.div(real, attrs.scale);
    const size = tf.abs(steps);
    const whole = tf.floor(size);
    const rounded = tf.add(whole, tf.cast(tf.greaterEqual(tf.sub(size, whole), 0.5), 'float32'));
    const negative = tf.cast(tf.less(steps, 0), 'float32');
    const signed = tf.mul(rounded, tf.sub(1, tf.mul(negative, 2)));
    return [tf.cast(tf.clipByValue(tf.add(signed, attrs.zeroPoint), min, max), 'int32')];
  },
  toTfjsGraph: unsupported('tails are float32: their inputs are dequantized, nothing is quantized again'),
  tflite: {
    decode: {
      QUANTIZE(op, sink) {
        const output = op.outputs[0];
        const to = perTensorQuantization(op, sink, output);
        const dtype = output?.dtype as QuantizedDType;
        if (!Object.hasOwn(QUANTIZED_RANGE, dtype)) sink.refuse(`QUANTIZE to ${dtype}`);
        if (op.inputs[0]?.dtype === 'float32') return sink.emit('quantize', [inputId(op, sink, 0)], { ...to, dtype });
        const from = perTensorQuantization(op, sink, op.inputs[0]);
        sink.emit('quantize', [inputId(op, sink, 0)], {
          ...to,
          dtype,
          inputScale: from.scale,
          inputZeroPoint: from.zeroPoint,
        });
      },
    },
    encode(e, attrs) {
      requireQuantization(e, e.outputs[0], attrs.scale, attrs.zeroPoint);
      if (attrs.inputScale !== undefined) {
        requireQuantization(e, e.inputs[0], attrs.inputScale, attrs.inputZeroPoint as number);
      }
      const version = attrs.dtype === 'int16' ? 2 : 1;
      return { builtin: 'QUANTIZE', version, options: {}, inputs: inputIdsOf(e) };
    },
  },
  int8: { output: 'calibrated', prepare: prepareInt8Quantize },
  emitC: LATER.emitC,
  edgeTpu: [{ rule: 'from one quantization to another', check: ([x]) => x?.dtype !== 'float32' }],
};

/** @throws IsplitError E_SHAPE unless scale is positive and zeroPoint a value of the dtype */
export function checkQuantization(kind: string, dtype: DType, scale: number, zeroPoint: number): void {
  const range = QUANTIZED_RANGE[dtype as QuantizedDType];
  if (!range) shapeError(kind, `${dtype} is not a quantized dtype`);
  if (!(scale > 0) || !Number.isFinite(scale)) shapeError(kind, `scale must be positive and finite, got ${scale}`);
  if (!Number.isInteger(zeroPoint) || zeroPoint < range[0] || zeroPoint > range[1]) {
    shapeError(kind, `zero point ${zeroPoint} is outside ${range[0]}..${range[1]} of ${dtype}`);
  }
}

/** Scale and zero point of a tensor of a TFLite file. */
export function perTensorQuantization(
  op: TfliteOperator,
  sink: TfliteSink,
  tensor: Tensor | undefined,
): { scale: number; zeroPoint: number } {
  const quant = tensor?.quant;
  if (!quant) return sink.refuse(`${op.builtin} of a tensor without quantization`);
  if (quant.scale.length !== 1) return sink.refuse(`${op.builtin} per channel`);
  return { scale: quant.scale[0] as number, zeroPoint: quant.zeroPoint[0] as number };
}

/** The file states quantization on tensors only: the attributes must say the same. */
export function requireQuantization(
  encoder: TfliteEncoder,
  tensor: Tensor | undefined,
  scale: number,
  zeroPoint: number,
): void {
  const quant = tensor?.quant;
  const same = quant?.scale.length === 1 && quant.scale[0] === Math.fround(scale) && quant.zeroPoint[0] === zeroPoint;
  if (!same) encoder.refuse(`"${tensor?.id}" does not carry the scale ${scale} and zero point ${zeroPoint}`);
}

/** Input 0 as float32 real values. */
function realInput(e: OnnxEmitter, attrs: QuantizeAttrs): string {
  if (attrs.inputScale === undefined) return e.input(0);
  const float = e.add('Cast', [e.input(0)], { to: { int: ONNX_TYPE.float32 } });
  const centred = e.add('Sub', [float, onnxScalar(e, attrs.inputZeroPoint ?? 0)]);
  return e.add('Mul', [centred, onnxScalar(e, attrs.inputScale)]);
}
