import type * as tfjs from '@tensorflow/tfjs-core';
import { elementCount, type Tensor, type TensorType } from '../ir/graph.js';
import { requireInputs } from './checks.js';
import { prepareInt8Dequantize } from './int8-moves.js';
import { LATER, type OpDef, type RefTensor, unsupported } from './op-def.js';
import { checkQuantization, perTensorQuantization, requireQuantization } from './quantize.js';
import { computedType, inputIdsOf } from './tflite-encode.js';
import { inputId, onnxScalar, scalarConstant } from './unary.js';

export interface DequantizeAttrs {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** scale · (q − zeroPoint), as float32. */
export const dequantize: OpDef<DequantizeAttrs> = {
  kind: 'dequantize',
  summary: 'int8, uint8 or int16 to real values',
  role: 'network',

  inferShape(inputs, attrs) {
    requireInputs('dequantize', inputs, 1);
    const { shape, dtype } = inputs[0] as TensorType;
    checkQuantization('dequantize', dtype, attrs.scale, attrs.zeroPoint);
    return [{ shape, dtype: 'float32' }];
  },
  macs: () => 0,
  reference: ([x], attrs) => {
    const scale = Math.fround(attrs.scale);
    return [(x as RefTensor).data.map((q) => scale * (q - attrs.zeroPoint))];
  },
  vjp: (sink, { attrs, gradients }) => [sink.op('mul', [gradients[0] as string, scalarConstant(sink, attrs.scale)])],
  toOnnx(e, attrs) {
    const float = e.add('Cast', [e.input(0)], { to: { int: ONNX_FLOAT } });
    const centred = e.add('Sub', [float, onnxScalar(e, attrs.zeroPoint)]);
    return [e.add('Mul', [centred, onnxScalar(e, attrs.scale)])];
  },
  toTfjs: (tf, [x], attrs) => [tf.mul(tf.sub(tf.cast(x as tfjs.Tensor, 'float32'), attrs.zeroPoint), attrs.scale)],
  toTfjsGraph(e, attrs) {
    // TF.js holds 8-bit integers as int32.
    const types = { SrcT: { type: 'DT_INT32' }, DstT: { type: 'DT_FLOAT' } } as const;
    const float = e.add('Cast', [e.input(0)], types);
    const centred = e.add('Sub', [float, e.floats('zero_point', [], Float32Array.of(attrs.zeroPoint))]);
    return [e.add('Mul', [centred, e.floats('scale', [], Float32Array.of(attrs.scale))])];
  },
  tflite: {
    decode: {
      DEQUANTIZE(op, sink) {
        const x = op.inputs[0];
        if (x?.data && x.quant) {
          return sink.emit('identity', [sink.constant('values', x.shape, dequantizeConstant(x))], {});
        }
        sink.emit('dequantize', [inputId(op, sink, 0)], perTensorQuantization(op, sink, x));
      },
    },
    encode(e, attrs) {
      requireQuantization(e, e.inputs[0], attrs.scale, attrs.zeroPoint);
      const type = computedType(e);
      const version = type === 'int16' ? 3 : type === 'int8' ? 2 : 1;
      return { builtin: 'DEQUANTIZE', version, options: {}, inputs: inputIdsOf(e) };
    },
  },
  int8: { output: 'calibrated', prepare: prepareInt8Dequantize },
  emitC: LATER.emitC,
  edgeTpu: unsupported('the Edge TPU compiler leaves DEQUANTIZE to the host'),
};

/** TensorProto.DataType.FLOAT */
const ONNX_FLOAT = 1;

/** Real values of a quantized constant, per tensor or per channel. */
function dequantizeConstant(x: Tensor): Float32Array {
  const { scale, zeroPoint, axis } = x.quant as NonNullable<Tensor['quant']>;
  const inner = elementCount(x.shape.slice(axis + 1));
  return Float32Array.from(x.data as ArrayLike<number>, (q, i) => {
    const c = scale.length === 1 ? 0 : Math.floor(i / inner) % scale.length;
    return (scale[c] as number) * (q - (zeroPoint[c] as number));
  });
}
