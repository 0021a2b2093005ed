/** What quantization is asked for and what it gives. Shapes are batch 1 unless said otherwise. */
import type { Engine } from '../engines/engine.js';
import type { Graph } from '../ir/graph.js';
import type { InputQuantization } from '../preprocess/normalise.js';

/** Calibration samples: `count` float32 network inputs one after the other. Training data only, never test data. */
export interface CalibrationBatch {
  readonly count: number;
  readonly inputs: Float32Array;
}

/** How the range of one activation is chosen. */
export const RANGE_METHODS = ['minmax', 'percentile', 'mse'] as const;
export type RangeMethod = (typeof RANGE_METHODS)[number];

export interface QuantizeRequest {
  /** Normalised float32 graph with batch 1: a head, or a whole network. Several outputs are allowed. */
  readonly network: Graph;
  /** Starts a new pass over the calibration samples each time it is called. */
  readonly samples: () => AsyncIterable<CalibrationBatch>;
  readonly sampleCount: number;
  readonly engine: Engine;
  readonly threads?: number;
  /** Fixes the input's quantization, so that u8 pixels become int8 by an offset; default: from the samples. */
  readonly input?: InputQuantization;
  /**
   * Fixes the output's quantization (a bottleneck's codes); the network must have one output, made by a fused clamp. Choices are
   * then made by the error of its real values before rounding; the report compares codes.
   */
  readonly output?: InputQuantization;
  /** Fully connected weights per output channel (new runtimes) or per tensor (old ones, which fail silently otherwise). */
  readonly perChannelDense: boolean;
  /** One method for all tensors; default `auto`: per tensor, the one with the smallest measured error on the samples. */
  readonly rangeMethod?: RangeMethod | 'auto';
  /** Cross-layer equalisation; default `auto`: kept when it lowers the measured output error. */
  readonly equalise?: boolean | 'auto';
  /** Bias correction; default `auto`: kept when it lowers the measured output error. */
  readonly correctBias?: boolean | 'auto';
}

/** How well one tensor survived: int8 executor against the float network on the calibration samples. */
export interface TensorError {
  readonly id: string;
  /** Kind of the op that makes it. */
  readonly kind: string;
  readonly scale: number;
  readonly zeroPoint: number;
  /** Real values seen, before quantization. */
  readonly min: number;
  readonly max: number;
  /** `minmax`, `percentile`, `mse`, or why there was no choice: `fixed` (by the op, or the output's by the request), `as-inputs`, `input`. */
  readonly method: RangeMethod | 'fixed' | 'as-inputs' | 'input';
  /** 10·log10(Σ float² / Σ (float − dequantized int8)²), everything before this tensor in int8 too; null when the error is 0. */
  readonly sqnrDb: number | null;
  /** Share of int8 values at −128 or 127 (fused clamps included). */
  readonly saturated: number;
}

export interface QuantizationReport {
  readonly samples: number;
  readonly perChannelDense: boolean;
  readonly equalised: boolean;
  readonly biasCorrected: boolean;
  /** In order of the graph. */
  readonly tensors: readonly TensorError[];
  /** Ids from worst SQNR on, at most five. */
  readonly worst: readonly string[];
  /** SQNR of the graph's output(s), dB. */
  readonly outputSqnrDb: number | null;
  readonly warnings: readonly string[];
}

export interface QuantizedModel {
  /** int8 activations and weights, int32 biases; every node is exactly one TFLite operator. Tensor ids of outputs are the network's. */
  readonly graph: Graph;
  /** The float graph it approximates (legalised, perhaps equalised): same node order and ids. */
  readonly float: Graph;
  readonly report: QuantizationReport;
}
