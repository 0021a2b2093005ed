/** What TFLite-Micro's allocator sees of a model: the input of the arena prediction. Filled from a .tflite file or from an int8 graph. */

export interface TflmTensor {
  readonly dims: readonly number[];
  readonly bytesPerElement: number;
  /** Lies in the model file: takes no arena for its data. */
  readonly constant: boolean;
  readonly variable: boolean;
  /** Scales of its quantization; 0 = none. */
  readonly channels: number;
}

export interface TflmOperator {
  readonly builtin: string;
  readonly options: Readonly<Record<string, number | string | boolean | readonly number[]>>;
  /** Places in `tensors`; −1 = absent. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** One subgraph, in the order of the file. */
export interface TflmModel {
  readonly tensors: readonly TflmTensor[];
  readonly operators: readonly TflmOperator[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}
