/** What element-wise ops of one input share. */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { Attrs, TensorType } from '../ir/graph.js';
import { requireInputs } from './checks.js';
import {
  type EdgeTpuConstraint,
  type GradientSink,
  type Hook,
  type Int8Support,
  LATER,
  type OnnxEmitter,
  type OpDef,
  type RefTensor,
  type Tfjs,
  type TfjsGraphEmitter,
  type TfliteDecode,
  type TfliteEncode,
  type TfliteOperator,
  type TfliteSink,
  type Unsupported,
  unsupported,
} from './op-def.js';

/** The parts in which element-wise ops of one input differ. */
export interface UnarySpec<A> {
  readonly kind: string;
  readonly summary: string;
  /** @throws IsplitError E_SHAPE */
  checkAttrs?(attrs: A): void;
  compute(value: number, attrs: A): number;
  /** Gradient at the input x from the gradient g at the output y. */
  gradient(sink: GradientSink, g: string, x: string, y: string, attrs: A): string;
  toOnnx(emitter: OnnxEmitter, x: string, attrs: A): string;
  toTfjs(tf: Tfjs, x: tfjs.Tensor, attrs: A): tfjs.Tensor;
  toTfjsGraph(emitter: TfjsGraphEmitter, x: string, attrs: A): string;
  readonly decode: Hook<Readonly<Record<string, TfliteDecode>>>;
  /** Default: `notInHeads`. */
  readonly encode?: Hook<TfliteEncode<A>>;
  /** Default: `notInHeads`. */
  readonly int8?: Hook<Int8Support<A>>;
  readonly edgeTpu: Hook<readonly EdgeTpuConstraint<A>[]>;
  /** For ops that no head will hold: why; default = they come later. */
  readonly notInHeads?: Unsupported;
}

const LEFT_OUT = unsupported('the op says nothing about it');

/** An op that maps every element of its only input on its own; shape and dtype stay. */
export function defineUnary<A = Attrs>(spec: UnarySpec<A>): OpDef<A> {
  return {
    kind: spec.kind,
    summary: spec.summary,
    role: 'network',
    inPlace: [0],
    inferShape(inputs, attrs) {
      requireInputs(spec.kind, inputs, 1);
      spec.checkAttrs?.(attrs);
      const { shape, dtype } = inputs[0] as TensorType;
      return [{ shape, dtype }];
    },
    macs: () => 0,
    reference: ([x], attrs) => [(x as RefTensor).data.map((v) => spec.compute(v, attrs))],
    vjp: (sink, { inputs, outputs, gradients, attrs }) => [
      spec.gradient(sink, gradients[0] as string, inputs[0] as string, outputs[0] as string, attrs),
    ],
    toOnnx: (e, attrs) => [spec.toOnnx(e, e.input(0), attrs)],
    toTfjs: (tf, [x], attrs) => [spec.toTfjs(tf, x as tfjs.Tensor, attrs)],
    toTfjsGraph: (e, attrs) => [spec.toTfjsGraph(e, e.input(0), attrs)],
    tflite: { decode: spec.decode, encode: spec.encode ?? spec.notInHeads ?? LEFT_OUT },
    int8: spec.int8 ?? spec.notInHeads ?? LEFT_OUT,
    emitC: spec.notInHeads ?? LATER.emitC,
    edgeTpu: spec.edgeTpu,
  };
}

/** Scalar constant in a gradient graph. */
export function scalarConstant(sink: GradientSink, value: number): string {
  return sink.constant([], Float32Array.of(value));
}

/** Scalar initializer. */
export function onnxScalar(e: OnnxEmitter, value: number): string {
  return e.floats([], Float32Array.of(value));
}

/** Id of input i of a TFLite operator, which must be there. */
export function inputId(op: TfliteOperator, sink: TfliteSink, i: number): string {
  return op.inputs[i]?.id ?? sink.refuse(`${op.builtin} lacks input ${i}`);
}

/** Ids of all inputs of a TFLite operator, none of which may be absent. */
export function inputIds(op: TfliteOperator, sink: TfliteSink): string[] {
  return op.inputs.map((_, i) => inputId(op, sink, i));
}

/** Decoder of a builtin with one input and no options. */
export function decodeUnary(kind: string): TfliteDecode {
  return (op, sink) => sink.emit(kind, [inputId(op, sink, 0)], {});
}
