/** verify.json: which runtimes ran the head, and how many bytes agreed. */

/** Byte comparison of one tensor over all samples. */
export interface ByteComparison {
  readonly bytes: number;
  readonly equalBytes: number;
  /** Largest absolute difference of two int8 values. */
  readonly maxLsb: number;
}

/** One operator run alone, on our executor's inputs: kernels are compared without the errors of those before them. */
export interface OpComparison extends ByteComparison {
  readonly node: string;
  readonly kind: string;
}

/**
 * `compared`: ran; `missing`: could not be found, `install` says what to type; `failed`: refused, crashed or timed out, `reason` says how;
 * `unverified`: exists only on the board, `reason` says how to verify it there.
 */
export type RuntimeStatus = 'compared' | 'missing' | 'failed' | 'unverified';

export interface RuntimeResult {
  /** `executor`, `tflite-micro`, `node-tflite`, `tfjs-tflite-node`, `tfjs-tflite`, `litert`, `litert-reference`, `esp-nn`, `edgetpu`, … */
  readonly id: string;
  readonly name: string;
  readonly version: string | null;
  /** Which kernels ran; only `reference` ones claim equality of every byte. */
  readonly kernels: 'reference' | 'optimised';
  readonly status: RuntimeStatus;
  readonly reason: string | null;
  readonly install: string | null;
  readonly samples: number;
  readonly endToEnd: ByteComparison | null;
  /** Samples whose largest output value is at the same place. */
  readonly sameTop1: number | null;
  readonly ops: readonly OpComparison[] | null;
}

/** A pattern in the head with a bug known upstream in the kernels of the target. */
export interface KernelWarning {
  readonly kernelLibrary: string;
  /** e.g. `esp-nn#31`. */
  readonly upstream: string;
  readonly nodes: readonly string[];
  readonly message: string;
}

export interface VerifyReport {
  readonly schemaVersion: 1;
  readonly headSha256: string;
  readonly samples: number;
  readonly seed: number;
  readonly runtimes: readonly RuntimeResult[];
  readonly warnings: readonly KernelWarning[];
  /** Every reference runtime that ran gave equal bytes, and at least our executor ran. */
  readonly passed: boolean;
}
