import type { RunContext } from '../../core/context.js';

/** A model and what it is to run on. */
export interface ModelRun {
  /** A .tflite file. */
  readonly model: Uint8Array;
  /** `count` records, each the model's input tensors one after the other as raw bytes; empty = zeros. */
  readonly inputs: Uint8Array;
  readonly count: number;
  /** Arena for runtimes that are given their memory. */
  readonly arenaBytes: number;
}

/** `outputs`: `count` records of the output tensors' bytes. `failure`: the runtime refused, crashed or was too slow, in words. */
export type RunOutcome = { readonly outputs: Uint8Array } | { readonly failure: string };

/** A runtime that is loaded. It survives its own crashes: the next run starts it again. */
export interface RuntimeSession {
  readonly version: string | null;
  /** @throws IsplitError E_INTERRUPTED when the caller has asked to stop; what the runtime does wrong is an outcome */
  run(run: ModelRun): Promise<RunOutcome>;
  close(): void;
}

export interface SessionOptions {
  /** Of one run. */
  readonly timeoutMs: number;
  readonly ctx: RunContext;
}

export type Opened = RuntimeSession | { readonly missing: string };

/** A TensorFlow Lite runtime that a head can be compared with. */
export interface Runtime {
  readonly id: string;
  readonly name: string;
  /** `reference`: its kernels must agree with ours in every byte; `optimised`: they are known to differ in the last bit. */
  readonly kernels: 'reference' | 'optimised';
  /** What to type when it is missing. */
  readonly install: string;
  /** Knows fully connected weights with a scale per channel; one that does not gives the zero point without a word. */
  readonly perChannelDense: boolean;
  open(options: SessionOptions): Promise<Opened>;
}
