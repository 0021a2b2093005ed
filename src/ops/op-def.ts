/**
 * The contract of an op. One file per op exports one OpDef; everything that is known about the op stands there.
 * Hooks see emitters and sinks only through the interfaces of this file; converters and engines implement them.
 */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { Attrs, QuantParams, Shape, Tensor, TensorType, TypedArray } from '../ir/graph.js';

/** A hook that does not exist, and why. */
export interface Unsupported {
  readonly unsupported: string;
}

export function unsupported(why: string): Unsupported {
  return { unsupported: why };
}

export type Hook<T> = T | Unsupported;

export function isUnsupported(hook: object): hook is Unsupported {
  return 'unsupported' in hook;
}

/** A value in the reference implementation: row-major float64 in the graph's own (NHWC) layout. */
export interface RefTensor {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** Adds gradient nodes to a graph under construction. */
export interface GradientSink {
  type(id: string): TensorType;
  op(kind: string, inputs: readonly string[], attrs?: Attrs): string;
  constant(shape: Shape, data: Float32Array): string;
}

export interface VjpArgs<A> {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: A;
  /** Gradient of each output; undefined = no gradient arrives there. At least one is defined. */
  readonly gradients: readonly (string | undefined)[];
  /** Which inputs need a gradient; the hook returns undefined for the others and computes nothing for them. */
  readonly needs: readonly boolean[];
}

export type OnnxAttr =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly string: string };

/**
 * Emits ONNX (opset 18) nodes for one op. Values are *physical*: every rank-4 tensor is stored with its axes permuted
 * [0, 3, 1, 2] (an NHWC activation is NCHW, an OHWI filter is OIHW, a 1HWC depthwise filter is 1CHW); all other ranks are stored as they are. Layout changes
 * thus happen once, at the graph's inputs and outputs.
 */
export interface OnnxEmitter {
  /** Physical value name of input i. */
  input(i: number): string;
  inputType(i: number): Tensor;
  readonly inputCount: number;
  outputType(i: number): Tensor;
  /** Data of input i in graph layout when it is a constant. */
  constant(i: number): TypedArray | undefined;
  /** Adds a node with one output and returns the value name. */
  add(opType: string, inputs: readonly string[], attrs?: Readonly<Record<string, OnnxAttr>>): string;
  /** Adds a node with several outputs. */
  addMulti(
    opType: string,
    inputs: readonly string[],
    outputCount: number,
    attrs?: Readonly<Record<string, OnnxAttr>>,
  ): string[];
  /** Float32 initializer, dims and data as ONNX wants them. */
  floats(dims: Shape, data: Float32Array): string;
  /** The same, one initializer for equal values: onnxruntime then sees that equal nodes are equal and computes them once. For small data. */
  sharedFloats(dims: Shape, data: Float32Array): string;
  /** Int64 initializer of rank 1 (shapes, axes, pads). */
  int64s(values: readonly number[]): string;
  /** Physical axis of a graph axis of a tensor of this rank. Negative axes are allowed. */
  axis(rank: number, axis: number): number;
  /** Value in graph layout (a Transpose for rank 4, else the value itself). */
  toGraphLayout(value: string, rank: number): string;
  /** Inverse of toGraphLayout. */
  toPhysicalLayout(value: string, rank: number): string;
  /** Physical value of input i broadcast-ready against a tensor of rank `rank` (numpy rules in graph layout). */
  broadcastInput(i: number, rank: number): string;
}

/** An attribute of a TensorFlow node. */
export type TfAttr =
  | Exclude<OnnxAttr, { readonly floats: readonly number[] }>
  | { readonly bool: boolean }
  | { readonly type: 'DT_FLOAT' | 'DT_INT32' };

/**
 * Emits the TensorFlow nodes of one op into a TF.js graph-model. Values are NHWC, as ours; the batch is open, so what is
 * written may not depend on the first dimension of an activation. Attribute `T` is DT_FLOAT unless it is given.
 */
export interface TfjsGraphEmitter {
  /** Node name of input i; constants are written when first asked for. */
  input(i: number): string;
  inputType(i: number): Tensor;
  readonly inputCount: number;
  outputType(i: number): Tensor;
  /** Adds a node with one output and returns its name. */
  add(op: string, inputs: readonly string[], attrs?: Readonly<Record<string, TfAttr>>): string;
  /** Float32 constant of this node; `suffix` names it. */
  floats(suffix: string, shape: Shape, data: Float32Array): string;
  /** Int32 constant; shape [] for a scalar. */
  int32s(suffix: string, shape: Shape, values: readonly number[]): string;
  /** Ends the writing with a coded refusal: TensorFlow.js has no nodes for this one. */
  refuse(why: string): never;
}

export type Tfjs = typeof tfjs;

/** One operator of a TFLite file, as the reader hands it to `tflite.decode`. */
export interface TfliteOperator {
  /** Builtin operator name as in the schema, e.g. `CONV_2D`. */
  readonly builtin: string;
  readonly version: number;
  /** Fields of the builtin options table by schema name (`stride_w`, `padding`, …); enums as their schema names. Defaults filled in. */
  readonly options: Readonly<Record<string, number | string | boolean | readonly number[]>>;
  /** Input tensors; undefined where the file says −1 (absent optional input). */
  readonly inputs: readonly (Tensor | undefined)[];
  readonly outputs: readonly Tensor[];
}

/** Receives the nodes that one TFLite operator decodes to. */
export interface TfliteSink {
  /** Adds a node that computes output `output` of the operator (ids, types and quantization are the file's). */
  emit(kind: string, inputs: readonly string[], attrs: Attrs, output?: number): void;
  /** Adds a node with an inner value; its id is the operator's output id + `/` + suffix; quantization as output 0. */
  inner(kind: string, inputs: readonly string[], attrs: Attrs, suffix: string): string;
  constant(suffix: string, shape: Shape, data: Float32Array): string;
  /** Emits `kind` followed by the operator's fused activation (option `fused_activation_function`), if any. */
  emitFused(kind: string, inputs: readonly string[], attrs: Attrs): void;
  /** Ends the decoding of this operator with a coded refusal. */
  refuse(why: string): never;
}

export type TfliteDecode = (op: TfliteOperator, sink: TfliteSink) => void;

/** One operator of a TFLite file to be written, as `tflite.encode` describes it. The outputs are the node's. */
export interface TfliteOperatorSpec {
  /** Builtin operator name as in the schema. */
  readonly builtin: string;
  /** Lowest version whose semantics these operands need: old runtimes refuse newer ones. */
  readonly version: number;
  /** Fields of the builtin options table by schema name; enums by their schema names. Absent fields keep the schema's defaults. */
  readonly options: Readonly<Record<string, number | string | boolean | readonly number[]>>;
  /** Tensor ids; undefined is written as −1 (absent optional input). */
  readonly inputs: readonly (string | undefined)[];
}

/** What `tflite.encode` sees of the node that is written. */
export interface TfliteEncoder {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Adds an int32 constant (axes, paddings, a new shape) and returns its tensor id. */
  int32s(suffix: string, shape: Shape, values: readonly number[]): string;
  /** Adds any other constant and returns its tensor id. */
  constant(suffix: string, value: Omit<Tensor, 'id'> & { readonly data: TypedArray }): string;
  /** Ends the writing with a coded refusal: this node has no single TFLite operator (a legalising pass should have split it). */
  refuse(why: string): never;
}

/** Encodes one node as exactly one operator: heads keep nodes and operators one to one. */
export type TfliteEncode<A> = (encoder: TfliteEncoder, attrs: A) => TfliteOperatorSpec;

/** Operands of a node in an integer graph: constants carry data, int8 tensors their quantization. */
export interface Int8Operands<A> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attrs: A;
}

/** A prepared node: reads and writes whole tensors (constants included in `inputs`), allocates nothing, never aliases input and output. */
export type Int8Kernel = (inputs: readonly TypedArray[], outputs: readonly TypedArray[]) => void;

/** Integer execution of an op with the arithmetic of TFLite-Micro's reference kernels, and what the quantizer must know of it. */
export interface Int8Support<A> {
  /**
   * Quantization of the output. `calibrated`: from the values seen; `as-inputs`: the data inputs' own, which then must agree
   * among themselves (pooling, reshape, concat, …); else the fixed one that TFLite's kernels demand (softmax, sigmoid, tanh).
   */
  readonly output: 'calibrated' | 'as-inputs' | { readonly scale: number; readonly zeroPoint: number };
  /** Operands that are weights when constant: int8 per channel along `channelAxis` (symmetric), and the int32 bias operand. */
  readonly weights?: { readonly input: number; readonly channelAxis: number; readonly bias: number };
  /** Computes everything that depends on constants alone (multipliers, shifts, tables, rearranged weights) and returns the kernel. */
  prepare(operands: Int8Operands<A>): Int8Kernel;
}

/** An activation's way through an op that can carry it fused. */
export type FusedActivation = 'none' | 'relu' | 'relu6';

/**
 * Everything about one op. `A` is the type of its attributes.
 * Float semantics are TFLite's; `reference` is the ground truth for the other hooks.
 */
export interface OpDef<A = Attrs> {
  readonly kind: string;
  /** One line for docs/supported-ops.md. */
  readonly summary: string;
  /** `network` ops come from models; `gradient` ops are made by autodiff, analysis and training. */
  readonly role: 'network' | 'gradient';
  /** True when the fuse-activation pass may set `attrs.activation` (none | relu | relu6); all hooks then honour it. */
  readonly fusesActivation?: boolean;
  /** Input index whose buffer the (first) output may reuse, in a planner's arena: element-wise ops. */
  readonly inPlace?: readonly number[];
  /** Inputs that training learns where they are constants: weights, biases, gamma and beta. */
  readonly learns?: readonly number[];

  /** @throws IsplitError E_SHAPE with values when inputs or attributes do not fit */
  inferShape(inputs: readonly TensorType[], attrs: A): TensorType[];
  /** Multiply-accumulates of one run with these types (whole batch). Ops without multiply-accumulate return 0. */
  macs(inputs: readonly TensorType[], outputs: readonly TensorType[], attrs: A): number;
  /** Plain float64 loops. */
  readonly reference: Hook<(inputs: readonly RefTensor[], attrs: A, outputs: readonly TensorType[]) => Float64Array[]>;
  /** Gradients with respect to the inputs, as nodes. */
  readonly vjp: Hook<(sink: GradientSink, args: VjpArgs<A>) => (string | undefined)[]>;
  /** Emits nodes and returns the physical value of each output. */
  readonly toOnnx: Hook<(emitter: OnnxEmitter, attrs: A) => string[]>;
  /** Runs eagerly on any tfjs backend; the caller wraps it in tf.tidy. NHWC. Returns one tensor per output. */
  readonly toTfjs: Hook<
    (tf: Tfjs, inputs: readonly tfjs.Tensor[], attrs: A, outputs: readonly TensorType[]) => tfjs.Tensor[]
  >;
  /** Emits TensorFlow nodes and returns the name of each output, for tails that run in TF.js without us. */
  readonly toTfjsGraph: Hook<(emitter: TfjsGraphEmitter, attrs: A) => string[]>;
  readonly tflite: {
    /** TFLite builtin name → decoder, for every builtin that becomes this op. */
    readonly decode: Hook<Readonly<Record<string, TfliteDecode>>>;
    readonly encode: Hook<TfliteEncode<A>>;
  };
  /** Integer kernel with TFLite-Micro's arithmetic. */
  readonly int8: Hook<Int8Support<A>>;
  /** Plain C99. */
  readonly emitC: Hook<object>;
  /** Constraints of the Edge TPU compiler; an empty list = always mapped. Each returns the reason it is not mapped. */
  readonly edgeTpu: Hook<readonly EdgeTpuConstraint<A>[]>;
}

export interface EdgeTpuConstraint<A> {
  readonly rule: string;
  check(inputs: readonly TensorType[], outputs: readonly TensorType[], attrs: A): boolean;
}

/** Quantization is carried by tensors, not by attributes; re-exported for decoders. */
export type { QuantParams };

/** Reasons shared by the hooks that later work fills in. */
export const LATER = {
  emitC: unsupported('plain C comes with `codegen`'),
} as const;

export const GRADIENT_ONLY = unsupported('appears in gradient and analysis graphs only, never in a head or a tail');
