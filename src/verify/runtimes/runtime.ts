import type { RunContext } from '../../core/context.js';
import type { Graph, Node } from '../../ir/graph.js';

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

/** A node run alone whose outputs differ from ours. */
export interface NodeDifference {
  readonly node: Node;
  readonly graph: Graph;
  /** The runtime's, as raw bytes. */
  readonly outputs: Uint8Array;
  readonly maxLsb: number;
}

/** A known defect of a runtime. */
export interface RuntimeDefect {
  /** What it does, as a predicate: `leaves out …`. */
  readonly message: string;
  explains(difference: NodeDifference): boolean;
}

/** A TensorFlow Lite runtime that a head can be compared with. */
export interface Runtime {
  readonly id: string;
  readonly name: string;
  /** `reference`: its kernels must agree with ours in every byte; `optimised`: they are known to differ in the last bit. */
  readonly kernels: 'reference' | 'optimised';
  /** What to type when it is missing. */
  readonly install: string;
  /** What it computes wrongly without saying so. */
  readonly defects?: readonly RuntimeDefect[];
  open(options: SessionOptions): Promise<Opened>;
}
