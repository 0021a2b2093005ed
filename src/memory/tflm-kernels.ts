import { fail } from '../core/errors.js';
import type { TflmModel, TflmOperator, TflmTensor } from './tflm-model.js';
import { OP_DATA } from './tflm-structs.js';

/** Bytes that are known only as a range have `low` < `high`. */
export interface ByteRange {
  readonly low: number;
  readonly high: number;
}

/** What a kernel's Prepare asks of the arena, in its order. */
export type PrepareStep =
  /** A TfLiteTensor for the time of Prepare: place in the model's tensors, −1 = absent input. */
  | { readonly temporary: number }
  /** Stays for the model's life. */
  | { readonly persistentBytes: number }
  /** Planned together with the activations, alive during this operator only. */
  | { readonly scratch: ByteRange };

export interface KernelUse {
  /** Layout (see tflm-structs.ts) of what Init allocates. */
  readonly opData?: string;
  readonly prepare: readonly PrepareStep[];
}

/** An operator with its operands at hand. */
export interface Operands {
  readonly operator: TflmOperator;
  readonly input: (i: number) => TflmTensor;
  readonly output: TflmTensor;
}

/** Scratch of an optimised kernel library for one operator, in the order of its requests; undefined = as the reference kernels. */
export type LibraryKernel = (operands: Operands, reference: KernelUse) => KernelUse;

const BYTES_PER_INT32 = 4;

export const exactly = (bytes: number): ByteRange => ({ low: bytes, high: bytes });

export function countElements(dims: readonly number[]): number {
  return dims.reduce((product, d) => product * d, 1);
}

export function operandsOf(model: TflmModel, operator: TflmOperator): Operands {
  const at = (index: number | undefined): TflmTensor => {
    const tensor = index === undefined ? undefined : model.tensors[index];
    if (!tensor) fail('E_INTERNAL', `operator ${operator.builtin} lacks an operand`, { builtin: operator.builtin });
    return tensor;
  };
  return { operator, input: (i) => at(operator.inputs[i]), output: at(operator.outputs[0]) };
}

/**
 * Memory that TFLite-Micro's reference kernel of an operator asks for: tensorflow/lite/micro/kernels, Init and Prepare, sources of 2026-08-20.
 * @throws IsplitError E_OP_UNSUPPORTED for builtins that no head contains
 */
export function referenceKernel(operands: Operands, compression: boolean): KernelUse {
  const { operator } = operands;
  const { inputs, outputs, builtin } = operator;
  const use = REFERENCE[builtin];
  if (!use) {
    fail(
      'E_OP_UNSUPPORTED',
      `memory of the TFLite operator ${builtin} is not known`,
      { builtin },
      'choose a cut before it',
    );
  }
  const input = (i: number): PrepareStep => ({ temporary: inputs[i] ?? -1 });
  const output: PrepareStep = { temporary: outputs[0] ?? -1 };
  return use({ ...operands, temporary: { input, output }, compression });
}

interface ReferenceArgs extends Operands {
  readonly temporary: { readonly input: (i: number) => PrepareStep; readonly output: PrepareStep };
  readonly compression: boolean;
}

/** Multiplier and shift of each channel. conv_common.cc ConvPrepare allocates them for float kernels too. */
const perChannel = (channels: number): PrepareStep[] => [
  { persistentBytes: channels * BYTES_PER_INT32 },
  { persistentBytes: channels * BYTES_PER_INT32 },
];

const isQuantized = (tensor: TflmTensor): boolean => tensor.bytesPerElement <= 2;

const convolution =
  (channelAxis: number) =>
  ({ input, temporary: t, compression }: ReferenceArgs): KernelUse => ({
    opData: compression ? OP_DATA.convCompressed : OP_DATA.conv,
    prepare: [
      t.output,
      t.input(0),
      t.input(1),
      ...perChannel(input(1).dims[channelAxis] ?? 0),
      t.input(0),
      t.input(1),
      t.input(2),
      t.output,
    ],
  });

const oneInput =
  (opData?: string) =>
  ({ temporary: t }: ReferenceArgs): KernelUse => ({ ...(opData && { opData }), prepare: [t.input(0), t.output] });

const twoInputs =
  (opData?: string) =>
  ({ temporary: t }: ReferenceArgs): KernelUse => ({
    ...(opData && { opData }),
    prepare: [t.input(0), t.input(1), t.output],
  });

/** reduce_common.cc PrepareMeanOrSumHelper: accumulators, index of the input, resolved axes. */
const meanOrSum = ({ input, output, temporary: t }: ReferenceArgs): KernelUse => ({
  opData: OP_DATA.reduce,
  prepare: [
    t.input(0),
    t.output,
    t.input(1),
    ...(isQuantized(input(0)) ? [{ scratch: exactly(BYTES_PER_INT32 * countElements(output.dims)) }] : []),
    { scratch: exactly(BYTES_PER_INT32 * input(0).dims.length) },
    { scratch: exactly(BYTES_PER_INT32 * countElements(input(1).dims)) },
    t.input(0),
    t.input(1),
    ...(input(0).bytesPerElement === 1 ? [t.output] : []),
  ],
});

const REFERENCE: Readonly<Record<string, (args: ReferenceArgs) => KernelUse>> = {
  ADD: twoInputs(OP_DATA.add),
  AVERAGE_POOL_2D: oneInput(OP_DATA.pooling),
  CONCATENATION: ({ operator, temporary: t, compression }) => ({
    opData: compression ? OP_DATA.concatenationCompressed : OP_DATA.concatenation,
    prepare: [t.input(0), t.output, ...operator.inputs.map((_, i) => t.input(i))],
  }),
  CONV_2D: convolution(0),
  DEPTHWISE_CONV_2D: convolution(3),
  DEQUANTIZE: oneInput(OP_DATA.dequantize),
  EXPAND_DIMS: twoInputs(),
  FULLY_CONNECTED: ({ input, temporary: t, compression }) => {
    const { channels } = input(1);
    return {
      opData: compression ? OP_DATA.fullyConnectedCompressed : OP_DATA.fullyConnected,
      prepare: [
        t.input(0),
        t.input(1),
        t.input(2),
        t.output,
        // fully_connected_common.cc CalculateOpDataFullyConnected: only for weights with more than one scale.
        ...(isQuantized(input(0)) && channels > 1 ? perChannel(channels) : []),
      ],
    };
  },
  HARD_SWISH: oneInput(OP_DATA.hardSwish),
  LEAKY_RELU: oneInput(OP_DATA.leakyRelu),
  LOGISTIC: oneInput(OP_DATA.logistic),
  MAX_POOL_2D: oneInput(OP_DATA.pooling),
  MEAN: meanOrSum,
  MUL: twoInputs(OP_DATA.mul),
  PAD: twoInputs(OP_DATA.pad),
  PADV2: ({ temporary: t }) => ({ opData: OP_DATA.pad, prepare: [t.input(0), t.input(1), t.input(2), t.output] }),
  QUANTIZE: oneInput(OP_DATA.quantize),
  REDUCE_MAX: ({ input, temporary: t }) => ({
    opData: OP_DATA.reduce,
    prepare: [
      t.input(0),
      t.input(1),
      ...(input(0).bytesPerElement === 1 ? [t.output] : []),
      t.input(0),
      t.output,
      t.input(1),
      { scratch: exactly(BYTES_PER_INT32 * input(0).dims.length) },
      { scratch: exactly(BYTES_PER_INT32 * countElements(input(1).dims)) },
    ],
  }),
  RELU: oneInput(OP_DATA.relu),
  RELU6: ({ temporary: t }) => ({ opData: OP_DATA.relu6, prepare: [t.input(0)] }),
  RESHAPE: oneInput(),
  RESIZE_BILINEAR: twoInputs(),
  RESIZE_NEAREST_NEIGHBOR: twoInputs(),
  SOFTMAX: oneInput(OP_DATA.softmax),
  SQUEEZE: oneInput(),
  STRIDED_SLICE: ({ temporary: t }) => ({
    opData: OP_DATA.stridedSlice,
    prepare: [t.input(0), t.input(1), t.input(2), t.input(3), t.output],
  }),
  SUB: twoInputs(OP_DATA.sub),
  SUM: meanOrSum,
  TANH: ({ temporary: t }) => ({ opData: OP_DATA.logistic, prepare: [t.input(0), t.input(0), t.output] }),
  TRANSPOSE: twoInputs(),
  TRANSPOSE_CONV: ({ input, output, temporary: t, compression }) => {
    const accumulatorBytes = input(2).bytesPerElement === 1 ? 4 : 8;
    return {
      opData: compression ? OP_DATA.transposeConvCompressed : OP_DATA.transposeConv,
      prepare: [
        t.output,
        t.input(2),
        t.input(1),
        ...perChannel(input(1).dims[0] ?? 0),
        ...(isQuantized(input(2))
          ? [
              { scratch: exactly(accumulatorBytes * countElements(output.dims)) },
              t.input(2),
              t.input(1),
              t.input(3),
              t.output,
            ]
          : []),
      ],
    };
  },
};
