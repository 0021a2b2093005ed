import { fail } from './errors.js';

/** One step of a long job; `total` is absent while it is not known. */
export interface ProgressEvent {
  /** What is being done, e.g. `importance`. */
  readonly stage: string;
  readonly done: number;
  readonly total?: number;
  /** Unit of done and total, e.g. `images`. */
  readonly unit: string;
  /** How it goes, by name: `epoch`, `loss`, `accuracy` (0 … 1) … */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** What a long-running function gets from its caller: a way to report and a way to be stopped. Libraries never print. */
export interface RunContext {
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Something the user should know that is no error. */
  readonly onWarning?: (message: string) => void;
}

/** @throws IsplitError E_INTERRUPTED when the caller has asked to stop */
export function throwIfAborted(ctx: RunContext): void {
  if (ctx.signal?.aborted) fail('E_INTERRUPTED', 'stopped on request; nothing half-written was left behind');
}
