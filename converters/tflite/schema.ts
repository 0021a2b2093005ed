/**
 * The part of the TFLite FlatBuffers schema that is read and written. Field ids, enum values and names are facts of
 * the format (schema version 3, TensorFlow 2.21); a test compares them with the ones TensorFlow ships.
 */

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Field ids of the tables. */
export const FIELDS = {
  Model: {
    version: 0,
    operator_codes: 1,
    subgraphs: 2,
    description: 3,
    buffers: 4,
    metadata: 6,
    signature_defs: 7,
    external_buffers: 9,
  },
  OperatorCode: { deprecated_builtin_code: 0, custom_code: 1, version: 2, builtin_code: 3 },
  SubGraph: { tensors: 0, inputs: 1, outputs: 2, operators: 3, name: 4 },
  Tensor: {
    shape: 0,
    type: 1,
    buffer: 2,
    name: 3,
    quantization: 4,
    is_variable: 5,
    sparsity: 6,
    shape_signature: 7,
    has_rank: 8,
    external_buffer: 10,
  },
  QuantizationParameters: { min: 0, max: 1, scale: 2, zero_point: 3, details_type: 4, quantized_dimension: 6 },
  Buffer: { data: 0, offset: 1, size: 2 },
  Operator: {
    opcode_index: 0,
    inputs: 1,
    outputs: 2,
    builtin_options_type: 3,
    builtin_options: 4,
    custom_options: 5,
  },
  Metadata: { name: 0, buffer: 1 },
  SignatureDef: { inputs: 0, outputs: 1, signature_key: 2, subgraph_index: 4 },
  TensorMap: { name: 0, tensor_index: 1 },
} as const;

/** The file identifier at byte 4. */
export const FILE_IDENTIFIER = 'TFL3';

/** Enum TensorType, by value. */
export const TENSOR_TYPES = words(`
  FLOAT32 FLOAT16 INT32 UINT8 INT64 STRING BOOL INT16 COMPLEX64 INT8 FLOAT64 COMPLEX128 UINT64 RESOURCE VARIANT
  UINT32 UINT16 INT4 BFLOAT16 INT2 UINT4
`);

/** Enum BuiltinOperator, by value. */
export const BUILTIN_OPERATORS = words(`
  ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
  FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION
  LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH
  CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
  BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
  BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
  ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE
  TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK
  LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD
  RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N
  GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
  NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
  PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE
  HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE
  ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU
  DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
  UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE
  STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
  STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE
  STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM
  STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT
  STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE
  STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW
  STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR
  REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
`);

/** Enum ActivationFunctionType, by value. */
export const ACTIVATIONS = words('NONE RELU RELU_N1_TO_1 RELU6 TANH SIGN_BIT');

/** Enum Padding, by value. */
export const PADDINGS = words('SAME VALID');

/** Enum FullyConnectedOptionsWeightsFormat, by value. */
export const WEIGHTS_FORMATS = words('DEFAULT SHUFFLED4x16INT8');

export type OptionType = 'int32' | 'float32' | 'bool' | 'int32s' | { readonly enumOf: readonly string[] };

export interface OptionField {
  readonly id: number;
  readonly type: OptionType;
  /** Value of an absent number; 0 unless stated. */
  readonly fallback?: number;
}

export interface OptionsTable {
  readonly name: string;
  /** Value of the union BuiltinOptions. */
  readonly union: number;
  readonly fields: Readonly<Record<string, OptionField>>;
}

const int32 = (id: number, fallback = 0): OptionField => ({ id, type: 'int32', fallback });
const bool = (id: number): OptionField => ({ id, type: 'bool' });
const activation = (id: number): OptionField => ({ id, type: { enumOf: ACTIVATIONS } });
const padding = (id: number): OptionField => ({ id, type: { enumOf: PADDINGS } });
const table = (name: string, union: number, fields: Readonly<Record<string, OptionField>> = {}): OptionsTable => ({
  name,
  union,
  fields,
});

const POOL_2D = table('Pool2DOptions', 5, {
  padding: padding(0),
  stride_w: int32(1),
  stride_h: int32(2),
  filter_width: int32(3),
  filter_height: int32(4),
  fused_activation_function: activation(5),
});
const REDUCER = table('ReducerOptions', 27, { keep_dims: bool(0) });

/** Options table of every builtin that may carry one and is read. Builtins absent here have no options. */
export const BUILTIN_OPTIONS: Readonly<Record<string, OptionsTable>> = {
  ADD: table('AddOptions', 11, { fused_activation_function: activation(0), pot_scale_int16: bool(1) }),
  AVERAGE_POOL_2D: POOL_2D,
  CONCATENATION: table('ConcatenationOptions', 10, { axis: int32(0), fused_activation_function: activation(1) }),
  CONV_2D: table('Conv2DOptions', 1, {
    padding: padding(0),
    stride_w: int32(1),
    stride_h: int32(2),
    fused_activation_function: activation(3),
    dilation_w_factor: int32(4, 1),
    dilation_h_factor: int32(5, 1),
  }),
  DEPTHWISE_CONV_2D: table('DepthwiseConv2DOptions', 2, {
    padding: padding(0),
    stride_w: int32(1),
    stride_h: int32(2),
    depth_multiplier: int32(3),
    fused_activation_function: activation(4),
    dilation_w_factor: int32(5, 1),
    dilation_h_factor: int32(6, 1),
  }),
  DEQUANTIZE: table('DequantizeOptions', 38),
  DIV: table('DivOptions', 29, { fused_activation_function: activation(0) }),
  EXPAND_DIMS: table('ExpandDimsOptions', 52),
  FULLY_CONNECTED: table('FullyConnectedOptions', 8, {
    fused_activation_function: activation(0),
    weights_format: { id: 1, type: { enumOf: WEIGHTS_FORMATS } },
    keep_num_dims: bool(2),
    asymmetric_quantize_inputs: bool(3),
  }),
  HARD_SWISH: table('HardSwishOptions', 91),
  LEAKY_RELU: table('LeakyReluOptions', 75, { alpha: { id: 0, type: 'float32' } }),
  MAX_POOL_2D: POOL_2D,
  MEAN: REDUCER,
  MUL: table('MulOptions', 21, { fused_activation_function: activation(0) }),
  PAD: table('PadOptions', 22),
  PADV2: table('PadV2Options', 43),
  PACK: table('PackOptions', 59, { values_count: int32(0), axis: int32(1) }),
  QUANTIZE: table('QuantizeOptions', 89),
  REDUCE_MAX: REDUCER,
  RESHAPE: table('ReshapeOptions', 17, { new_shape: { id: 0, type: 'int32s' } }),
  RESIZE_BILINEAR: table('ResizeBilinearOptions', 15, { align_corners: bool(2), half_pixel_centers: bool(3) }),
  RESIZE_NEAREST_NEIGHBOR: table('ResizeNearestNeighborOptions', 74, {
    align_corners: bool(0),
    half_pixel_centers: bool(1),
  }),
  SHAPE: table('ShapeOptions', 55),
  SOFTMAX: table('SoftmaxOptions', 9, { beta: { id: 0, type: 'float32' } }),
  SQUEEZE: table('SqueezeOptions', 30, { squeeze_dims: { id: 0, type: 'int32s' } }),
  STRIDED_SLICE: table('StridedSliceOptions', 32, {
    begin_mask: int32(0),
    end_mask: int32(1),
    ellipsis_mask: int32(2),
    new_axis_mask: int32(3),
    shrink_axis_mask: int32(4),
    offset: bool(5),
  }),
  SUB: table('SubOptions', 28, { fused_activation_function: activation(0), pot_scale_int16: bool(1) }),
  SUM: REDUCER,
  TRANSPOSE: table('TransposeOptions', 26),
  TRANSPOSE_CONV: table('TransposeConvOptions', 49, {
    padding: padding(0),
    stride_w: int32(1),
    stride_h: int32(2),
    fused_activation_function: activation(3),
  }),
};
